from __future__ import annotations

import pytest
from tests.support.packets import (
    ALICE,
    BOB,
    Frame,
    ethernet,
    ipv4,
    pcap,
    rtp,
    sip_request,
    sip_response,
    tcp_packet,
    udp_packet,
)

from sip_ci.trace.limits import Limits
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind


def test_messages_are_in_order_of_time_and_numbered() -> None:
    late = Frame(ethernet(udp_packet(ALICE, BOB, sip_request(call_id="late@x"))), 20.0)
    early = Frame(ethernet(udp_packet(ALICE, BOB, sip_request(call_id="early@x"))), 10.0)
    also = Frame(ethernet(udp_packet(BOB, ALICE, sip_response(call_id="late@x"))), 20.0)
    trace = read_trace(pcap([late, early, also]), "x")
    assert [(message.index, message.call_id, message.is_request) for message in trace.messages] == [
        (0, "early@x", True), (1, "late@x", True), (2, "late@x", False),
    ]  # fmt: skip


def test_messages_of_udp_and_tcp_are_sorted_together() -> None:
    frames = [
        Frame(ethernet(tcp_packet(ALICE, BOB, 1, sip_request(call_id="1@x"))), 1.0),
        Frame(ethernet(udp_packet(ALICE, BOB, sip_request(call_id="2@x"))), 2.0),
        Frame(ethernet(tcp_packet(ALICE, BOB, 1 + len(sip_request(call_id="1@x")), sip_request(call_id="3@x"))), 3.0),
    ]
    assert [message.call_id for message in read_trace(pcap(frames), "x").messages] == ["1@x", "2@x", "3@x"]


def test_times_cover_packets_of_every_kind() -> None:
    frames = [
        Frame(ethernet(bytes(28), ethertype=0x0806), 5.0),
        Frame(ethernet(udp_packet(ALICE, BOB, sip_request())), 7.0),
        Frame(ethernet(ipv4("192.0.2.9", "192.0.2.8", 99, b"x")), 9.5),
    ]
    facts = read_trace(pcap(frames), "x").facts
    assert (facts.packets, facts.first_time, facts.last_time) == (3, 5.0, 9.5)
    assert facts.host_pairs == {(ALICE[0], BOB[0]), ("192.0.2.9", "192.0.2.8")}


@pytest.mark.parametrize(
    ("times", "steps"), [([1, 2, 3], 0), ([10, 9.5, 11], 0), ([10, 5, 11], 1), ([10, 5, 11, 4], 2)]
)
def test_clock_steps(times: list[float], steps: int) -> None:
    frame = ethernet(udp_packet(ALICE, BOB, sip_request()))
    assert read_trace(pcap([Frame(frame, time) for time in times]), "x").facts.clock_steps == steps


def test_a_capture_without_packets() -> None:
    trace = read_trace(pcap([]), "x")
    assert (trace.format, trace.messages, trace.facts.packets) == ("pcap", (), 0)
    assert trace.facts.first_time is None
    assert len(trace.media) == 0


def test_host_pairs_are_bounded() -> None:
    frames = [ethernet(udp_packet((f"10.0.{n // 250}.{n % 250}", 4000), BOB, rtp(1))) for n in range(1000)]
    trace = read_trace(pcap(frames), "x", Limits(host_pairs=100))
    assert len(trace.facts.host_pairs) <= 100
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}


def test_messages_leave_no_media_rows() -> None:
    frames = [ethernet(udp_packet(ALICE, BOB, payload)) for payload in (sip_request(), rtp(1), sip_request(), b"hello")]
    trace = read_trace(pcap(frames), "x")
    assert trace.media.frame.tolist() == [2]
    assert [message.observation.position.frame for message in trace.messages] == [1, 3]
