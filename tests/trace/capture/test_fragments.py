from __future__ import annotations

import itertools

import pytest
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    Frame,
    ethernet,
    fragments_v4,
    fragments_v6,
    ipv4,
    pcap,
    rtp,
    sip_request,
)

from sip_ci.trace.limits import Limits
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

MESSAGE = sip_request("INVITE", body=b"a=x\r\n" * 40)


def read(packets: list[bytes], limits: Limits | None = None) -> Trace:
    return read_trace(pcap([ethernet(packet) for packet in packets]), "x", limits)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("version", [4, 6])
def test_any_order(order: tuple[int, ...], version: int) -> None:
    make, ends = (fragments_v4, (ALICE, BOB)) if version == 4 else (fragments_v6, (ALICE6, BOB6))
    parts = make(*ends, MESSAGE, 200)
    assert len(parts) == 3
    trace = read([parts[place] for place in order])
    assert [message.raw for message in trace.messages] == [MESSAGE]
    seen = trace.messages[0].observation
    assert (seen.fragments, seen.position.frame) == (3, 3)
    assert seen.source is not None
    assert seen.source.port == 5060
    assert trace.notices == ()


def test_every_fragment_captured_twice_is_no_loss() -> None:
    parts = fragments_v4(ALICE, BOB, MESSAGE, 200)
    interleaved = read([part for part in parts for _ in range(2)])
    assert [message.raw for message in interleaved.messages] == [MESSAGE]
    assert interleaved.notices == ()
    assert [message.raw for message in read(parts + parts).messages] == [MESSAGE, MESSAGE]


def test_a_missing_fragment_is_told() -> None:
    parts = fragments_v4(ALICE, BOB, MESSAGE, 200)
    for missing in range(3):
        trace = read(parts[:missing] + parts[missing + 1 :])
        assert trace.messages == ()
        assert [notice.kind for notice in trace.notices] == [NoticeKind.MISSING_FRAGMENTS]


def test_fragments_of_different_datagrams_do_not_mix() -> None:
    one, two = sip_request(call_id="1" * 300), sip_request(call_id="2" * 300)
    first, second = fragments_v4(ALICE, BOB, one, 400, ip_id=1), fragments_v4(ALICE, BOB, two, 400, ip_id=2)
    mixed = [part for pair in zip(first, second, strict=True) for part in pair]
    assert [message.raw for message in read(mixed).messages] == [one, two]


def test_overlapping_fragments_give_one_bounded_result() -> None:
    wide, narrow = fragments_v4(ALICE, BOB, MESSAGE, 400), fragments_v4(ALICE, BOB, MESSAGE, 200)
    trace = read([wide[0], narrow[1], narrow[2], wide[1]])
    assert trace.messages[0].raw == MESSAGE


def test_where_fragments_contradict_one_another_the_first_wins() -> None:
    first, second = fragments_v4(ALICE, BOB, MESSAGE, 400)
    other = fragments_v4(ALICE, BOB, MESSAGE.replace(b"alice", b"mallo"), 200)
    trace = read([first, other[1], other[0], second])
    assert [message.raw for message in trace.messages] == [MESSAGE]
    assert trace.messages[0].observation.fragments == 2
    assert [notice.kind for notice in trace.notices] == [NoticeKind.MALFORMED_PACKET]


def test_fragments_of_the_least_size() -> None:
    parts = fragments_v4(ALICE, BOB, MESSAGE, 8)
    trace = read(parts[::-1])
    assert [message.raw for message in trace.messages] == [MESSAGE]
    assert trace.messages[0].observation.fragments == len(parts)


def test_the_largest_datagram() -> None:
    message = sip_request(body=b"x" * 64_000)
    assert [item.raw for item in read(fragments_v4(ALICE, BOB, message, 1480)).messages] == [message]


def test_offsets_beyond_any_datagram_are_told() -> None:
    packet = ipv4(ALICE[0], BOB[0], 17, bytes(100), offset=65_528)
    assert {notice.kind for notice in read([packet]).notices} >= {NoticeKind.MALFORMED_PACKET}


def test_many_fragments_of_one_byte_far_out_cost_little_memory() -> None:
    packets = [ipv4(ALICE[0], BOB[0], 17, b"x", ip_id=number, offset=65_520) for number in range(2000)]
    trace = read(packets, Limits(reassembly_bytes=1 << 20))
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}


def test_an_old_half_does_not_meet_a_new_one() -> None:
    parts = fragments_v4(ALICE, BOB, MESSAGE, 400)
    late = [Frame(ethernet(parts[0]), 1000.0), Frame(ethernet(parts[1]), 2000.0)]
    trace = read_trace(pcap(late), "x")
    assert trace.messages == ()
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.MISSING_FRAGMENTS, 2)]


def test_fragments_cut_by_the_snap_length() -> None:
    parts = [ethernet(part) for part in fragments_v4(ALICE, BOB, MESSAGE, 400)]
    trace = read_trace(pcap([Frame(parts[0][:100], 1.0, wire=len(parts[0])), Frame(parts[1], 1.0)]), "x")
    assert trace.messages == ()
    assert {notice.kind for notice in trace.notices} == {NoticeKind.MISSING_FRAGMENTS, NoticeKind.SNAPLEN}


def test_incomplete_datagrams_are_bounded() -> None:
    first_only = [fragments_v4(ALICE, BOB, bytes(1200), 1000, ip_id=number)[0] for number in range(200)]
    trace = read(first_only, Limits(reassembly_bytes=20_000))
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}


def test_fragmented_media_stays_in_the_order_of_capture() -> None:
    left, right = ("192.0.2.1", 4000), ("192.0.2.2", 4002)
    parts = fragments_v4(left, right, rtp(1), 104) + fragments_v4(left, right, rtp(2), 104, ip_id=8)
    table = read(parts).media
    assert table.kind.tolist() == [MediaKind.RTP, MediaKind.RTP]
    assert table.sequence.tolist() == [1, 2]
    assert table.frame.tolist() == [2, 4]
