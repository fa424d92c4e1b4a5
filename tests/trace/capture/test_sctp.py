from __future__ import annotations

import itertools

import pytest
from tests.support.packets import ALICE, BOB, ethernet, fragments_v4, ipv4, ipv6, pcap, sctp, sctp_data, sip_request
from tests.trace.capture.agreement import agrees_with_tshark

from sip_ci.trace.limits import Limits
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

MESSAGE = sip_request("INVITE", body=b"a=x\r\n" * 60)
PARTS = [MESSAGE[start : start + 200] for start in range(0, len(MESSAGE), 200)]


def packet(*chunks: bytes, tag: int = 99) -> bytes:
    return ethernet(ipv4(ALICE[0], BOB[0], 132, sctp(5060, 5061, *chunks, tag=tag)))


def fragments(first: int = 100, parts: list[bytes] | None = None) -> list[bytes]:
    parts = PARTS if parts is None else parts
    return [
        sctp_data(first + place, part, begin=place == 0, end=place == len(parts) - 1)
        for place, part in enumerate(parts)
    ]


def read(*frames: bytes, limits: Limits | None = None) -> Trace:
    return read_trace(pcap(frames), "x", limits)


def test_a_message_in_a_chunk() -> None:
    message = read(packet(sctp_data(1, sip_request()))).messages[0]
    assert message.raw == sip_request()
    assert message.observation.transport is Transport.SCTP
    assert message.observation.source == Endpoint(ALICE[0], 5060)
    assert message.observation.destination == Endpoint(BOB[0], 5061)


def test_ipv6() -> None:
    frame = ethernet(ipv6("2001:db8::1", "2001:db8::2", 132, sctp(5060, 5060, sctp_data(1, sip_request()))))
    assert len(read(frame).messages) == 1


def test_several_chunks_of_a_packet() -> None:
    others = bytes([3, 0, 0, 16]) + bytes(12)
    frame = packet(others, *(sctp_data(number, sip_request(call_id=str(number))) for number in range(3)))
    assert [message.call_id for message in read(frame).messages] == ["0", "1", "2"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(PARTS)))))
def test_fragments_in_any_order(order: tuple[int, ...]) -> None:
    chunks = fragments()
    trace = read(*(packet(chunks[place]) for place in order))
    assert [message.raw for message in trace.messages] == [MESSAGE]
    assert trace.notices == ()


def test_sequence_numbers_that_wrap() -> None:
    assert [item.raw for item in read(*map(packet, fragments(0xFFFFFFFE))).messages] == [MESSAGE]


def test_what_is_sent_again_counts_once() -> None:
    chunks = fragments()
    whole = sctp_data(50, sip_request())
    trace = read(*map(packet, [whole, whole, *chunks, *chunks]))
    assert [message.raw for message in trace.messages] == [sip_request(), MESSAGE]


def test_messages_side_by_side() -> None:
    one, two = fragments(100), fragments(100 + len(PARTS))
    mixed = [chunk for pair in zip(one, two, strict=True) for chunk in pair]
    assert [message.raw for message in read(*map(packet, mixed)).messages] == [MESSAGE, MESSAGE]


def test_associations_do_not_mix() -> None:
    one, two = fragments(), fragments()
    frames = [packet(chunk, tag=tag) for pair in zip(one, two, strict=True) for tag, chunk in enumerate(pair, 1)]
    assert [message.raw for message in read(*frames).messages] == [MESSAGE, MESSAGE]


def test_unordered_messages() -> None:
    assert len(read(packet(sctp_data(9, sip_request(), unordered=True))).messages) == 1


def test_a_missing_fragment_is_told() -> None:
    chunks = fragments()
    del chunks[1]
    trace = read(*map(packet, chunks))
    assert trace.messages == ()
    assert [notice.kind for notice in trace.notices] == [NoticeKind.MISSING_FRAGMENTS]


def test_a_packet_in_ip_fragments() -> None:
    whole = sctp(5060, 5060, sctp_data(1, MESSAGE))
    frames = [
        ethernet(ipv4(ALICE[0], BOB[0], 132, whole[start : start + 400], offset=start, more=start + 400 < len(whole)))
        for start in range(0, len(whole), 400)
    ]
    assert [message.raw for message in read(*frames).messages] == [MESSAGE]
    assert fragments_v4(ALICE, BOB, MESSAGE, 400)


def test_the_snap_length_cuts() -> None:
    frame = packet(sctp_data(1, MESSAGE))
    trace = read(frame[:300])
    assert trace.messages[0].fidelity is Fidelity.TRUNCATED


def test_other_users_of_sctp_are_no_news() -> None:
    trace = read(packet(sctp_data(1, b"\x01\x00\x00\x14" + bytes(40))), packet(bytes([1, 0, 0, 20]) + bytes(16)))
    assert trace.messages == ()
    assert trace.notices == ()


def test_truncated_at_any_byte() -> None:
    whole = sctp(5060, 5060, sctp_data(1, b"x" * 30), sctp_data(2, b"y" * 30))
    frames = [ethernet(ipv4(ALICE[0], BOB[0], 132, whole[:size])) for size in range(len(whole))]
    assert read(*frames).facts.packets == len(frames)


def test_fragments_without_end_are_bounded() -> None:
    frames = [packet(sctp_data(number, b"x" * 1000, begin=number == 0, end=False)) for number in range(200)]
    trace = read(*frames, limits=Limits(message_bytes=20_000, flow_bytes=20_000))
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}


@pytest.mark.tshark
def test_tshark_agrees() -> None:
    frames = [packet(sctp_data(1, sip_request(call_id="a")), sctp_data(2, sip_request(call_id="b")))]
    frames += [packet(chunk) for chunk in fragments()]
    agrees_with_tshark(pcap(frames), messages=3)
