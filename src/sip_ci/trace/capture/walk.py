"""Finds where the records of a buffer begin: each says how long it is, so one leads to the next."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

_ALIKE = 8
"""Records of one length in a row after which more of them are looked for all at once."""
_AT_ONCE = 64
"""Records that are walked over between two looks at whether they are alike."""
_FIRST_GUESS = 64


def record_offsets(
    data: bytes, position: int, size: int, *, order: str, length_at: int, header: int
) -> tuple[npt.NDArray[np.int64], int]:
    """The offset of every record that begins at or after `position` and ends at or before `size`.

    A record is `header` bytes and as many more as the 32-bit number in `order` (`<` or `>`) at `length_at` says.
    Returns the offsets, and the offset behind the last whole record. Lengths are believed as they are: the caller looks
    at them afterwards, and gives up what follows a lie. Records of one length in a row, as a codec makes them, are
    verified with one comparison of all.
    """
    length_of = struct.Struct(order + "I").unpack_from
    kind = np.dtype(order + "u4")
    parts: list[npt.NDArray[np.int64]] = []
    # The loop steps from one length to the next, and does nothing else: it is what limits reading most.
    where = position + length_at
    last = size - header + length_at
    while where <= last:
        places: list[int] = []
        append = places.append
        for _ in range(_AT_ONCE):
            if where > last:
                break
            append(where)
            where += header + length_of(data, where)[0]
        if where > size + length_at:
            where = places.pop()
            parts.append(np.array(places, np.int64))
            break
        parts.append(np.array(places, np.int64))
        stride = where - places[-1]
        if len(places) == _AT_ONCE and places[-1] - places[-_ALIKE] == (_ALIKE - 1) * stride:
            count = _same_lengths(data, where - length_at, size, kind, length_at, stride - header, stride)
            parts.append(where + np.arange(count, dtype=np.int64) * stride)
            where += count * stride
    offsets = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    return offsets - length_at, where - length_at


def block_offsets(
    data: bytes, position: int, size: int, *, order: str, kind: int, shortest: int, longest: int
) -> tuple[npt.NDArray[np.int64], int]:
    """The offset of every block of one kind that follows at `position` without another kind between, up to `size`.

    A block begins with two 32-bit numbers, its kind and its whole length in bytes, a multiple of four. Returns the
    offsets, and the offset where something else begins: another block, one of another length than allowed, or one
    that is not whole.
    """
    head_of = struct.Struct(order + "II").unpack_from
    pair = np.dtype(order + "u8")
    parts: list[npt.NDArray[np.int64]] = []
    offsets: list[int] = []
    append = offsets.append
    last = size - 12
    before = -1
    alike = 0
    while position <= last:
        found, length = head_of(data, position)
        if found != kind or length < shortest or length > longest or length & 3 or position + length > size:
            break
        append(position)
        position += length
        if length != before:
            before = length
            alike = 0
            continue
        alike += 1
        if alike >= _ALIKE:
            alike = 0
            both = kind | length << 32 if order == "<" else kind << 32 | length
            count = _same_lengths(data, position, size, pair, 0, both, length)
            if count:
                parts.append(np.array(offsets, np.int64))
                parts.append(position + np.arange(count, dtype=np.int64) * length)
                offsets.clear()
                position += count * length
    parts.append(np.array(offsets, np.int64))
    return (np.concatenate(parts) if len(parts) > 1 else parts[0]), position


def _same_lengths(
    data: bytes, position: int, size: int, kind: np.dtype[Any], length_at: int, length: int, stride: int
) -> int:
    """How many whole records with the same number, of type `kind`, at `length_at` follow in a row.

    Looked for in stretches that double, so that what is looked at in vain is never more than what was found.
    """
    possible = (size - position) // stride
    found = 0
    guess = _FIRST_GUESS
    while found < possible:
        wanted = min(guess, possible - found)
        where = position + found * stride + length_at
        lengths: npt.NDArray[Any] = np.ndarray(wanted, kind, data, where, (stride,))
        other = lengths != length
        first = int(other.argmax())
        if other[first]:
            return found + first
        found += wanted
        guess *= 2
    return found
