"""What a trace can and cannot show (policies F1 to F5)."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, START, Ladder

from sip_ci.findings import Confidence
from sip_ci.trace.observation import Clock, Endpoint, Transport
from sip_ci.trace.trace import Notice, NoticeKind, TraceOrigin


def test_silence_means_something_only_while_the_trace_goes_on() -> None:
    ladder = Ladder()
    ladder.call().invite(0.0)
    seen = ladder.end(10.0).model().seen

    assert seen.would_show(START, 10.0)
    assert not seen.would_show(START, 10.5)
    assert not seen.would_show(None, 0.0)
    assert (seen.starts, seen.ends) == (START, START + 10.0)


def test_without_times_silence_means_nothing() -> None:
    ladder = Ladder(origin=TraceOrigin.TEXT, clock=Clock.ORDINAL)
    ladder.call().answered()
    seen = ladder.model().seen

    assert not seen.timed
    assert seen.window_after(0.0) is None


@pytest.mark.parametrize(("origin", "answered", "seen"), [
    (TraceOrigin.CAPTURE, False, False), (TraceOrigin.CAPTURE, True, True), (TraceOrigin.LOG, False, True),
])  # fmt: skip
def test_a_capture_shows_the_other_direction_if_anything_came_that_way(
    origin: TraceOrigin, answered: bool, seen: bool
) -> None:
    ladder = Ladder(origin=origin)
    call = ladder.call()
    invite = call.invite(0.0)
    if answered:
        call.respond(invite, 100, 0.1)
    model = ladder.end(60.0).model()

    assert model.seen.sees_reverse(model.messages[0]) is seen


def test_any_packet_counts_not_only_sip() -> None:
    ladder = Ladder().know(host_pairs=frozenset({(BOB.host, ALICE.host)}))
    ladder.call().invite(0.0)
    model = ladder.model()

    assert model.seen.sees_reverse(model.messages[0])
    assert model.seen.ever_sends(BOB.host)
    assert not model.seen.ever_sends("192.0.2.99")


def test_a_capture_that_lost_packets_says_so() -> None:
    assert not Ladder().model().seen.lossy
    assert Ladder().know(dropped_packets=3).model().seen.lossy
    ladder = Ladder()
    ladder.notices = (Notice(NoticeKind.TCP_GAP, "bytes are missing"),)
    assert ladder.model().seen.lossy


@pytest.mark.parametrize(
    ("address", "receiver", "sender", "confidence"),
    [
        ("10.1.1.1", "198.51.100.20", "192.0.2.10", Confidence.CERTAIN),
        ("100.64.0.9", "198.51.100.20", "192.0.2.10", Confidence.CERTAIN),
        ("10.1.1.1", "10.9.9.9", "10.8.8.8", Confidence.POSSIBLE),
        ("172.17.0.2", "10.9.9.9", "10.8.8.8", Confidence.LIKELY),
        ("10.8.8.8", "10.9.9.9", "10.8.8.8", None),
        ("10.5.5.77", "10.9.9.9", "10.8.8.8", None),
        ("198.51.100.1", "198.51.100.20", "192.0.2.10", None),
        ("10.1.1.1", "pbx.example.com", "192.0.2.10", None),
        ("10.1.1.1", "127.0.0.1", "127.0.0.1", None),
    ],
)
def test_which_private_addresses_a_receiver_cannot_reach(
    address: str, receiver: str, sender: str, confidence: Confidence | None
) -> None:
    ladder = Ladder()
    ladder.call(Endpoint("10.5.5.5", 5060), Endpoint("10.9.9.9", 5060)).invite(0.0)

    assert ladder.model().seen.unreachable_for(address, receiver, sender) is confidence


def test_only_datagrams_are_sent_again_by_sip_itself() -> None:
    seen = Ladder().model().seen

    assert seen.retransmits(Transport.UDP)
    assert seen.retransmits(Transport.UNKNOWN)
    assert not seen.retransmits(Transport.TLS)
