from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from tests.support.packets import ALICE, BOB, Frame, ethernet, pcap, rtp, sip_request, udp_packet

from sip_ci.trace.capture.records import CHUNK
from sip_ci.trace.limits import Limits
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind

FRAME = ethernet(udp_packet(ALICE, BOB, sip_request()))


def test_truncated_at_every_offset_keeps_the_whole_records() -> None:
    content = pcap([FRAME, FRAME])
    record = 16 + len(FRAME)
    for size in range(4, len(content)):
        trace = read_trace(content[:size], "x")
        whole = max(size - 24, 0) // record
        assert len(trace.messages) == whole, size
        cut = size < 24 or (size - 24) % record
        assert bool(trace.notices) == bool(cut), size


def test_a_record_longer_than_allowed_ends_the_reading() -> None:
    content = bytearray(pcap([FRAME, FRAME, FRAME]))
    struct.pack_into("<I", content, 24 + 16 + len(FRAME) + 8, 0x7FFFFFFF)
    trace = read_trace(bytes(content), "x")
    assert len(trace.messages) == 1
    assert [(notice.kind, notice.position.frame) for notice in trace.notices] == [(NoticeKind.MALFORMED_BLOCK, 2)]


def test_nanoseconds_reach_the_media_table() -> None:
    frame = Frame(ethernet(udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(1))), 1_700_000_000.25)
    trace = read_trace(pcap([frame], nanoseconds=True), "x")
    assert trace.media.time_ns.tolist() == [1_700_000_000_250_000_000]


def test_zero_length_records_count_as_packets() -> None:
    trace = read_trace(pcap([b"", FRAME, b""]), "x")
    assert trace.facts.packets == 3
    assert [message.observation.position.frame for message in trace.messages] == [2]


@pytest.mark.parametrize("zeros", [16, 32, 40, 5_000_000])
def test_zeros_where_records_should_be_are_damage_and_no_packets(zeros: int) -> None:
    trace = read_trace(pcap([FRAME]) + bytes(zeros), "x")
    assert len(trace.messages) == 1
    assert trace.facts.packets == 1
    assert trace.facts.clock_steps == 0
    assert [(notice.kind, notice.position.frame) for notice in trace.notices] == [(NoticeKind.MALFORMED_BLOCK, 2)]


def test_zeros_are_found_wherever_a_piece_of_the_file_ends() -> None:
    # A header of the same length, whose frame fills the first piece up to each byte of the first blank record.
    for left in range(34):
        filling = Frame(FRAME + bytes(CHUNK - 24 - 16 - len(FRAME) - left), 1_700_000_000.0)
        trace = read_trace(pcap([filling]) + bytes(100_000), "x", Limits(packet_bytes=2 * CHUNK))
        assert trace.facts.packets == 1
        assert [notice.kind for notice in trace.notices] == [NoticeKind.MALFORMED_BLOCK]


def test_one_blank_record_among_others_is_a_packet() -> None:
    content = pcap([FRAME, FRAME])
    end = 24 + 16 + len(FRAME)
    trace = read_trace(content[:end] + bytes(16) + content[end:], "x")
    assert trace.facts.packets == 3
    assert not trace.notices


def test_a_bomb_of_zeros_is_damage() -> None:
    trace = read_trace(gzip.compress(pcap([FRAME]) + bytes(30_000_000)), "x")
    assert trace.facts.packets == 1
    assert NoticeKind.MALFORMED_BLOCK in {notice.kind for notice in trace.notices}


def test_patched_libpcap_with_longer_record_headers() -> None:
    head = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)
    record = struct.pack("<IIII", 1_700_000_000, 0, len(FRAME), len(FRAME)) + bytes(8) + FRAME
    assert len(read_trace(head + record + record, "x").messages) == 2


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "unit", "more"),
    [
        (0xA1B2C3D4, 10**6, 0),
        (0xA1B23C4D, 10**9, 0),
        (0xA1B2CD34, 10**6, 0),
        (0x1C0001AB, 10**6, 4),
        (0x1C0001AC, 10**6, 4),
        (0x1C0001AC, 10**9, 4),
    ],
    ids=["usual", "nanoseconds", "patched", "ixia-software", "ixia-hardware", "ixia-hardware-nanoseconds"],
)
def test_every_flavour_in_either_byte_order(order: str, magic: int, unit: int, more: int) -> None:
    record_more = bytes(8 if magic == 0xA1B2CD34 else 0)
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1) + bytes(more)
    frame = ethernet(udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(1)))
    records = [
        struct.pack(order + "IIII", 1_700_000_000, number * unit // 40, len(frame), len(frame)) + record_more + frame
        for number in range(40)
    ]
    trace = read_trace(head + b"".join(records), "x")
    assert trace.media.time_ns.tolist() == [1_700_000_000 * 10**9 + number * 25_000_000 for number in range(40)]
    assert trace.notices == ()
    cut = read_trace(head + b"".join(records)[:-1], "x")
    assert len(cut.media) == 39
    assert [notice.kind for notice in cut.notices] == [NoticeKind.TRUNCATED_FILE]


def test_a_record_that_claims_the_most_that_32_bits_hold() -> None:
    lie = struct.pack("<IIII", 1_700_000_000, 0, 0xFFFFFFFF, 0xFFFFFFFF) + FRAME * 100
    trace = read_trace(pcap([FRAME] * 20) + lie, "x")
    assert trace.facts.packets == 20
    assert [notice.kind for notice in trace.notices] == [NoticeKind.MALFORMED_BLOCK]


def test_a_file_that_is_being_written_gives_what_is_whole(tmp_path: Path) -> None:
    content = pcap([FRAME] * 100)
    path = tmp_path / "growing.pcap"
    with path.open("wb", buffering=0) as file:
        for end in (24 + 16, 24 + 16 + len(FRAME), len(content) // 2, len(content)):
            file.write(content[file.tell() : end])
            whole = (end - 24) // (16 + len(FRAME))
            assert read_trace(path, "x").facts.packets == whole


def test_link_type_with_frame_check_bits() -> None:
    content = bytearray(pcap([FRAME]))
    struct.pack_into("<I", content, 20, 0x24000001)
    assert len(read_trace(bytes(content), "x").messages) == 1


@pytest.mark.parametrize("count", [1, 30_000])
def test_packets_are_numbered_across_chunks(count: int) -> None:
    frame = ethernet(udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(1)))
    trace = read_trace(pcap([frame] * count + [FRAME]), "x")
    assert trace.facts.packets == count + 1
    assert trace.messages[0].observation.position.frame == count + 1
    assert trace.media.frame[-1] == count
