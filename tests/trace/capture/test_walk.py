"""Where records begin, against a loop that looks at one after the other."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from sip_ci.trace.capture.walk import block_offsets, record_offsets


def lengths(seed: int) -> list[int]:
    """Lengths as captures have them: some at random, and some many times in a row."""
    random = np.random.default_rng(seed)
    found: list[int] = []
    while len(found) < 3_000:
        found += [int(random.integers(0, 300))] * int(random.choice([1, 1, 1, 2, 7, 8, 9, 10, 73, 600]))
    return found


def records(sizes: list[int], order: str, header: int) -> bytes:
    return b"".join(struct.pack(order + "II", 7, size) + bytes(header - 8) + b"\xff" * size for size in sizes)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("header", [16, 24])
@pytest.mark.parametrize("seed", range(4))
def test_records_of_any_length(order: str, header: int, seed: int) -> None:
    sizes = lengths(seed)
    data = records(sizes, order, header)
    begins = np.cumsum([0] + [header + size for size in sizes])
    offsets, end = record_offsets(data, 0, len(data), order=order, length_at=4, header=header)
    assert offsets.tolist() == begins[:-1].tolist()
    assert end == len(data)


@pytest.mark.parametrize("header", [16, 24])
def test_a_buffer_that_ends_anywhere_gives_the_whole_records(header: int) -> None:
    sizes = [5, 0, *[3] * 30, 9]
    data = records(sizes, "<", header)
    begins = np.cumsum([0] + [header + size for size in sizes])
    for size in range(len(data) + 1):
        whole = int((begins[1:] <= size).sum())
        offsets, end = record_offsets(data + b"\xff" * 8, 0, size, order="<", length_at=4, header=header)
        assert (offsets.tolist(), end) == (begins[:whole].tolist(), begins[whole])


def test_a_start_behind_the_first_record() -> None:
    data = records([1, 2, 3], "<", 16)
    offsets, end = record_offsets(data, 17, len(data), order="<", length_at=4, header=16)
    assert (offsets.tolist(), end) == ([17, 35], len(data))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("seed", range(4))
def test_blocks_of_one_kind(order: str, seed: int) -> None:
    sizes = [32 + size * 4 for size in lengths(seed)]
    data = b"".join(struct.pack(order + "II", 6, size) + b"\xff" * (size - 8) for size in sizes)
    begins = np.cumsum([0, *sizes])
    other = struct.pack(order + "II", 5, 32) + bytes(24)
    offsets, end = block_offsets(data + other, 0, len(data) + 32, order=order, kind=6, shortest=32, longest=4_096)
    assert offsets.tolist() == begins[:-1].tolist()
    assert end == len(data)


@pytest.mark.parametrize(("kind", "length"), [(6, 28), (6, 33), (6, 5_000), (6, 0), (3, 40), (0, 0)])
def test_what_is_no_such_block_ends_the_row(kind: int, length: int) -> None:
    good = struct.pack("<II", 6, 40) + bytes(32)
    data = good * 30 + struct.pack("<II", kind, length) + bytes(8_000)
    offsets, end = block_offsets(data, 0, len(data), order="<", kind=6, shortest=32, longest=4_096)
    assert (len(offsets), end) == (30, 30 * 40)
