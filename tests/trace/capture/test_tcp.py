from __future__ import annotations

import itertools
import random

import pytest
from tests.support.packets import (
    ACK,
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    FIN,
    RST,
    SYN,
    Frame,
    ethernet,
    pcap,
    sip_request,
    sip_response,
    tcp_packet,
)

from sip_ci.trace.limits import Limits
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, TcpEventKind, Trace

START = 0xFFFFFF00
"""Sequence numbers wrap early on."""

INVITE = sip_request("INVITE", "1@x", body=b"a=x\r\n" * 30)
BYE = sip_request("BYE", "2@x")
STREAM = INVITE + b"\r\n\r\n" + BYE


def segments(stream: bytes, size: int, start: int = START) -> list[bytes]:
    return [
        ethernet(tcp_packet(ALICE, BOB, start + place, stream[place : place + size]))
        for place in range(0, len(stream), size)
    ]


def read(frames: list[bytes], limits: Limits | None = None) -> Trace:
    return read_trace(pcap(frames), "x", limits)


def raws(trace: Trace) -> list[bytes]:
    return [message.raw for message in trace.messages]


@pytest.mark.parametrize("size", [1, 7, 100, 536, 5000])
def test_messages_over_segments_and_segments_of_messages(size: int) -> None:
    trace = read(segments(STREAM, size))
    assert raws(trace) == [INVITE, BYE]
    assert trace.notices == ()
    seen = trace.messages[0].observation
    assert (seen.transport, seen.source, seen.destination) == (Transport.TCP, Endpoint(*ALICE), Endpoint(*BOB))
    # A message was there when its last byte came.
    assert seen.position.frame == -(-len(INVITE) // size)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_behind_the_first(order: tuple[int, ...]) -> None:
    first, *rest = segments(STREAM, -(-len(STREAM) // 5))
    trace = read([first, *(rest[place] for place in order)])
    assert raws(trace) == [INVITE, BYE]
    assert trace.notices == ()


def test_retransmissions_and_overlaps() -> None:
    plain = segments(STREAM, 100)
    wide = [ethernet(tcp_packet(ALICE, BOB, START + 50, STREAM[50:350]))]
    assert raws(read(plain[:2] + plain[:2] + wide + plain + plain)) == [INVITE, BYE]


def test_every_segment_twice() -> None:
    doubled = [frame for frame in segments(STREAM, 90) for _ in range(2)]
    assert raws(read(doubled)) == [INVITE, BYE]


def test_a_gap_costs_the_message_and_is_told() -> None:
    frames = segments(BYE + INVITE + BYE, 100)
    del frames[5]
    trace = read(frames)
    assert BYE in raws(trace)
    assert raws(trace)[-1] == BYE
    assert INVITE not in raws(trace)
    assert NoticeKind.TCP_GAP in {notice.kind for notice in trace.notices}


def test_a_message_whose_end_is_missing_is_kept_as_truncated() -> None:
    frames = segments(INVITE, 100)[:-1]
    trace = read(frames)
    assert [message.fidelity for message in trace.messages] == [Fidelity.TRUNCATED]
    assert INVITE.startswith(trace.messages[0].raw)


def test_a_capture_that_starts_inside_a_message() -> None:
    trace = read(segments(STREAM, 100)[3:])
    assert raws(trace) == [BYE]


def test_snap_length_in_a_stream() -> None:
    frame = segments(INVITE + BYE, 5000)[0]
    cut = Frame(frame[:200], 1.0, wire=len(frame))
    following = Frame(ethernet(tcp_packet(ALICE, BOB, START + len(INVITE + BYE), BYE)), 2.0)
    trace = read_trace(pcap([cut, following]), "x")
    assert trace.messages[-1].raw == BYE
    assert trace.messages[-1].fidelity is Fidelity.EXACT


def test_both_directions_and_ipv6() -> None:
    frames = [
        ethernet(tcp_packet(ALICE6, BOB6, 1, BYE)),
        ethernet(tcp_packet(BOB6, ALICE6, 1, sip_response(method="BYE", call_id="2@x"))),
    ]
    trace = read(frames)
    assert [message.is_request for message in trace.messages] == [True, False]
    assert trace.messages[1].observation.source == Endpoint(*BOB6)


def test_ports_used_again_by_a_new_connection() -> None:
    frames = [
        ethernet(tcp_packet(ALICE, BOB, 1000, flags=SYN)), ethernet(tcp_packet(ALICE, BOB, 1001, INVITE)),
        ethernet(tcp_packet(ALICE, BOB, 9_000_000, flags=SYN)), ethernet(tcp_packet(ALICE, BOB, 9_000_001, BYE)),
    ]  # fmt: skip
    assert raws(read(frames)) == [INVITE, BYE]


def test_a_repeated_syn_changes_nothing() -> None:
    syn = ethernet(tcp_packet(ALICE, BOB, START, flags=SYN))
    assert raws(read([syn, syn, *segments(STREAM, 100, START + 1)])) == [INVITE, BYE]


def test_a_far_jump_is_another_stream() -> None:
    frames = segments(INVITE, 5000) + segments(BYE, 5000, START + (1 << 30))
    assert raws(read(frames)) == [INVITE, BYE]


def test_events() -> None:
    frames = [
        ethernet(tcp_packet(ALICE, BOB, 1, flags=SYN)), ethernet(tcp_packet(BOB, ALICE, 1, flags=SYN | ACK)),
        ethernet(tcp_packet(ALICE, BOB, 2, flags=FIN | ACK)), ethernet(tcp_packet(BOB, ALICE, 2, flags=RST)),
    ]  # fmt: skip
    events = read(frames).facts.tcp_events
    assert [event.kind for event in events] == [
        TcpEventKind.SYN, TcpEventKind.SYN_ACK, TcpEventKind.FIN, TcpEventKind.RST,
    ]  # fmt: skip
    assert [event.frame for event in events] == [1, 2, 3, 4]
    assert events[1].source == Endpoint(*BOB)


@pytest.mark.parametrize(("port", "kept"), [(5061, 1), (8443, 0)])
def test_events_of_other_connections_are_left_out_of_large_captures(port: int, kept: int) -> None:
    server = ("198.51.100.2", port)
    filling = [ethernet(b"", ethertype=0x0806)] * 10_001
    trace = read([ethernet(tcp_packet(("192.0.2.1", 40_000), server, 1, flags=SYN)), *filling])
    assert len(trace.facts.tcp_events) == kept


def test_tls_is_named_with_client_and_server() -> None:
    client, server = ("192.0.2.1", 40_000), ("198.51.100.2", 5061)
    hello = b"\x16\x03\x01\x00\x50\x01" + bytes(75)
    answer = b"\x16\x03\x03\x00\x50\x02" + bytes(75)
    frames = [ethernet(tcp_packet(server, client, 1, answer)), ethernet(tcp_packet(client, server, 1, hello))]
    for order in (frames, frames[::-1]):
        trace = read(order)
        assert trace.facts.tls_connections == ((Endpoint(*client), Endpoint(*server)),)
        assert trace.messages == ()


def test_http_on_a_sip_port_is_no_sip() -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert read([ethernet(tcp_packet(ALICE, BOB, 1, request))]).messages == ()


def test_sip_on_any_port() -> None:
    trace = read([ethernet(tcp_packet(("192.0.2.1", 33_333), ("192.0.2.2", 6060), 1, BYE))])
    assert raws(trace) == [BYE]


def test_what_is_held_is_bounded() -> None:
    """A hole at the start of a long stream: the reader gives the hole up, not its memory."""
    stream = BYE * 4000
    frames = segments(stream, 1000)
    del frames[1]
    trace = read(frames, Limits(flow_bytes=50_000))
    assert len(trace.messages) > 3900
    assert NoticeKind.TCP_GAP in {notice.kind for notice in trace.notices}


def test_all_connections_together_are_bounded() -> None:
    frames = [ethernet(tcp_packet(("192.0.2.1", 1024 + number), BOB, 1, INVITE[:-10])) for number in range(500)]
    trace = read(frames, Limits(reassembly_bytes=20_000))
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}


def test_the_number_of_connections_is_bounded() -> None:
    frames = [ethernet(tcp_packet(("192.0.2.1", 1024 + number), BOB, 1, BYE)) for number in range(50)]
    trace = read(frames, Limits(tcp_flows=10))
    assert len(trace.messages) == 50
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}


def test_shuffled_lossless_streams_come_out_whole() -> None:
    generator = random.Random(3261)
    for _ in range(20):
        frames = segments(STREAM * 5, generator.choice([60, 333, 1400]))
        rest = frames[1:]
        generator.shuffle(rest)
        assert raws(read([frames[0], *rest])) == [INVITE, BYE] * 5


def test_of_two_versions_of_a_byte_the_first_counts() -> None:
    short, long = (ethernet(tcp_packet(ALICE, BOB, START, b"X" * size)) for size in (100, 200))
    first, *rest = segments(INVITE + BYE, 100)
    assert raws(read([first, short, *rest])) == [INVITE, BYE]
    assert raws(read([first, rest[0], long, *rest])) == [INVITE, BYE]


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_data_in_a_syn(copies: int) -> None:
    syn = ethernet(tcp_packet(ALICE, BOB, START, BYE, SYN))
    assert raws(read([syn] * copies + segments(INVITE, 100, START + 1 + len(BYE)))) == [BYE, INVITE]


def test_probes_of_tcps_keep_alive() -> None:
    probe = ethernet(tcp_packet(ALICE, BOB, START - 1, b"\0"))
    assert raws(read([probe, *segments(BYE, 5000)])) == [BYE]
    later = ethernet(tcp_packet(ALICE, BOB, START + len(BYE) - 1, b"\0"))
    assert raws(read([*segments(BYE, 5000), later, later, *segments(INVITE, 5000, START + len(BYE))])) == [BYE, INVITE]


@pytest.mark.parametrize("flag", [FIN, RST])
def test_an_end_inside_a_message(flag: int) -> None:
    whole = segments(INVITE, 100)
    end = ethernet(tcp_packet(ALICE, BOB, START + 100 * (len(whole) - 1), flags=flag | ACK))
    again = [ethernet(tcp_packet(ALICE, BOB, 77, flags=SYN)), *segments(BYE, 100, 78)]
    trace = read([*whole[:-1], end, *again])
    assert [message.fidelity for message in trace.messages] == [Fidelity.TRUNCATED, Fidelity.EXACT]
    assert INVITE.startswith(trace.messages[0].raw)
