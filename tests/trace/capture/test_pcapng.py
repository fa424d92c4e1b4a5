from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from tests.support.packets import (
    ALICE,
    BOB,
    LINK_RAW,
    block,
    enhanced_packet,
    ethernet,
    interface,
    interface_statistics,
    obsolete_packet,
    pcapng,
    rtp,
    section,
    simple_packet,
    sip_request,
    udp_packet,
)

from sip_ci.trace.capture.pcapng import PcapngReader
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind

PACKET = udp_packet(ALICE, BOB, sip_request())
FRAME = ethernet(PACKET)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "expected"),
    [
        (None, None, 1_700_000_000_500_000, 1_700_000_000.5),
        (9, None, 1_700_000_000_500_000_000, 1_700_000_000.5),
        (3, None, 1_700_000_000_500, 1_700_000_000.5),
        (0x80 | 10, None, 1_700_000_000 * 1024 + 512, 1_700_000_000.5),
        (6, 1_600_000_000, 100_000_000_500_000, 1_700_000_000.5),
    ],
)
def test_times(order: str, resolution: int | None, offset: int | None, ticks: int, expected: float) -> None:
    content = section(order) + interface(order=order, resolution=resolution, offset=offset)
    trace = read_trace(content + enhanced_packet(FRAME, ticks, order=order), "x")
    assert trace.messages[0].observation.time == pytest.approx(expected, abs=1e-6)


def test_several_interfaces_with_their_own_link_layers_and_clocks() -> None:
    content = (
        section() + interface() + interface(LINK_RAW, resolution=9)
        + enhanced_packet(PACKET, 1_700_000_001_000_000_000, interface_id=1)
        + enhanced_packet(FRAME, 1_700_000_000_000_000, interface_id=0)
    )  # fmt: skip
    trace = read_trace(content, "x")
    assert [message.observation.position.frame for message in trace.messages] == [2, 1]
    assert [message.observation.time for message in trace.messages] == [1_700_000_000.0, 1_700_000_001.0]


def test_sections_of_both_byte_orders() -> None:
    one = section("<") + interface(order="<") + enhanced_packet(FRAME, 1_700_000_000_000_000, order="<")
    two = (
        section(">") + interface(LINK_RAW, order=">") + enhanced_packet(PACKET, 1_700_000_001_000_000, order=">")
        + interface_statistics(3, order=">")
    )  # fmt: skip
    trace = read_trace(one + interface_statistics(2) + two, "x")
    assert [message.observation.position.frame for message in trace.messages] == [1, 2]
    assert trace.facts.dropped_packets == 5
    assert trace.notices == ()


def test_the_last_statistics_of_an_interface_count() -> None:
    content = section() + interface() + interface_statistics(2) + interface_statistics(7)
    assert read_trace(content, "x").facts.dropped_packets == 7


def test_simple_and_obsolete_packet_blocks_and_unknown_ones() -> None:
    content = (
        section() + interface() + obsolete_packet(FRAME, 1_700_000_000_000_000) + block(0x0BAD, b"secret" * 9)
        + simple_packet(FRAME) + block(10, bytes(100)) + enhanced_packet(FRAME, 1_700_000_002_000_000)
    )  # fmt: skip
    trace = read_trace(content, "x")
    assert [message.observation.position.frame for message in trace.messages] == [1, 2, 3]
    assert trace.facts.packets == 3


def test_simple_packets_stop_at_the_snap_length() -> None:
    content = section() + interface(snap_length=100) + block(3, struct.pack("<I", len(FRAME)) + FRAME[:100])
    trace = read_trace(content, "x")
    assert trace.facts.truncated_packets == 1


def test_truncated_at_every_offset_keeps_the_whole_blocks() -> None:
    content = pcapng([FRAME, FRAME])
    head = len(section() + interface())
    record = len(enhanced_packet(FRAME, 0))
    for size in range(4, len(content)):
        trace = read_trace(content[:size], "x")
        assert len(trace.messages) == max(size - head, 0) // record, size


@pytest.mark.parametrize("length", [0, 4, 8, 13, 0x7FFFFFF0])
def test_a_lying_block_length_ends_the_reading(length: int) -> None:
    content = bytearray(pcapng([FRAME]) + enhanced_packet(FRAME, 0))
    struct.pack_into("<I", content, len(pcapng([FRAME])) + 4, length)
    trace = read_trace(bytes(content), "x")
    assert len(trace.messages) == 1
    assert [notice.kind for notice in trace.notices] == [NoticeKind.MALFORMED_BLOCK]


def test_a_packet_of_an_unknown_interface_costs_only_itself() -> None:
    content = section() + interface() + enhanced_packet(FRAME, 0, interface_id=9) + enhanced_packet(FRAME, 1)
    trace = read_trace(content, "x")
    assert len(trace.messages) == 1
    assert [notice.kind for notice in trace.notices] == [NoticeKind.MALFORMED_BLOCK]


def test_a_captured_length_beyond_the_block_costs_only_the_packet() -> None:
    bad = bytearray(enhanced_packet(FRAME, 0))
    struct.pack_into("<I", bad, 20, len(FRAME) + 100)
    trace = read_trace(section() + interface() + bytes(bad) + enhanced_packet(FRAME, 1), "x")
    assert len(trace.messages) == 1


def test_the_first_malformed_packet_is_named_among_many() -> None:
    good = [enhanced_packet(FRAME, number) for number in range(30)]
    bad = enhanced_packet(FRAME, 0, interface_id=1)
    trace = read_trace(section() + interface() + b"".join(good) + bad * 3 + b"".join(good) + bad, "x")
    assert trace.facts.packets == 60
    assert [(notice.kind, notice.position.frame, notice.count) for notice in trace.notices] == [
        (NoticeKind.MALFORMED_BLOCK, 31, 4)
    ]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "resolution", [0, 3, 6, 9, 12, 0x80, 0x80 | 10, 0x80 | 20, 0x80 | 33, 0x80 | 40, 30, 0x80 | 64]
)
@pytest.mark.parametrize("offset", [None, 5, -3_000])
def test_times_of_many_packets_are_those_of_whole_numbers(order: str, resolution: int, offset: int | None) -> None:
    per_second = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    random = np.random.default_rng(resolution)
    ticks = [int(tick) for tick in random.integers(0, min(2**63, 2_000_000_000 * per_second), 50)]
    frame = ethernet(udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(1)))
    content = section(order) + interface(order=order, resolution=resolution, offset=offset)
    content += b"".join(enhanced_packet(frame, tick, order=order) for tick in ticks)
    expected = [tick * 10**9 // per_second + (offset or 0) * 10**9 for tick in ticks]
    assert read_trace(content, "x").media.time_ns.tolist() == expected


def test_a_time_beyond_64_bits_is_that_of_the_packet_before() -> None:
    frame = ethernet(udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(1)))
    packets = [enhanced_packet(frame, ticks) for ticks in (10, 2**64 - 1, 20)]
    trace = read_trace(section() + interface(resolution=3) + b"".join(packets), "x")
    assert trace.media.time_ns.tolist() == [10_000_000, 10_000_000, 20_000_000]


def test_interfaces_and_kinds_of_blocks_that_alternate() -> None:
    frames = [ethernet(udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(number))) for number in range(60)]
    blocks = []
    for number, frame in enumerate(frames):
        if number % 3 == 0:
            blocks.append(enhanced_packet(frame, number * 1000, interface_id=1))
        elif number % 7 == 0:
            blocks.append(simple_packet(frame))
        else:
            blocks.append(enhanced_packet(frame, number, interface_id=0))
    content = section() + interface(resolution=6) + interface(resolution=9) + b"".join(blocks)
    trace = read_trace(content, "x")
    assert trace.media.sequence.tolist() == list(range(60))
    assert trace.media.frame.tolist() == list(range(1, 61))
    expected = []
    for number in range(60):
        simple = number % 3 and number % 7 == 0
        expected.append(expected[-1] if simple else number * 1000)
    assert trace.media.time_ns.tolist() == expected


@pytest.mark.parametrize("order", ["<", ">"])
def test_secrets_of_tls_are_kept(order: str) -> None:
    log = b"CLIENT_RANDOM " + b"00" * 32 + b" " + b"11" * 48 + b"\n"
    other = block(10, struct.pack(order + "II", 0x57474B4C, 4) + b"wire", order)
    tls = block(10, struct.pack(order + "II", 0x544C534B, len(log)) + log, order)
    content = section(order) + other + tls + interface(order=order) + enhanced_packet(FRAME, 1, order=order)
    notices = NoticeLog()
    reader = PcapngReader(InputStream(io.BytesIO(content), Limits(), notices), Limits(), notices)
    assert sum(len(batch) for batch in reader.batches()) == 1
    assert reader.secrets == [log]
