"""Where media goes after a re-INVITE moved it."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, stream

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

MOVED = Endpoint(ALICE.host, 40_500)
CHECK = "media-old-target"


def moved(*sent: Sent, status: int = 200, media: str = "m=audio 40500 RTP/AVP 0 8") -> Ladder:
    """A call of 30 s, in which the caller moves its audio to port 40500 after 10 s."""
    ladder = Ladder()
    call = ladder.call()
    call.established()
    change = call.request("INVITE", 10.0, body=sdp(ALICE, version=2, media=media))
    answer = sdp(BOB, 42_000, version=2) if status == 200 else None
    call.respond(change, status, 10.05, body=answer)
    call.ack(change, 10.1)
    call.respond(call.bye(30.0), 200, 30.02)
    return carry(ladder, *sent)


def to_callee(source: Endpoint, start: float, packets: int) -> Sent:
    return stream(source, BOB_MEDIA, packets, start=start, ssrc=1)


def to_caller(destination: Endpoint, start: float, packets: int) -> Sent:
    return stream(BOB_MEDIA, destination, packets, start=start, ssrc=2)


def test_packets_that_go_on_to_the_old_port() -> None:
    ladder = moved(to_callee(ALICE_MEDIA, 1.1, 440), to_callee(MOVED, 10.1, 990), to_caller(ALICE_MEDIA, 1.1, 1440))
    finding = ladder.findings()[CHECK]
    assert finding.severity is Severity.HIGH
    assert "caller" in finding.title
    assert str(MOVED) in finding.title
    assert finding.evidence[1].frame is not None


def test_a_side_that_moved_in_words_only_is_low() -> None:
    ladder = moved(to_callee(ALICE_MEDIA, 1.1, 1440), to_caller(ALICE_MEDIA, 1.1, 1440))
    assert ladder.findings()[CHECK].severity is Severity.LOW


def test_packets_that_follow_are_healthy() -> None:
    assert_healthy(
        moved(
            to_callee(ALICE_MEDIA, 1.1, 440), to_callee(MOVED, 10.1, 990),
            to_caller(ALICE_MEDIA, 1.1, 470), to_caller(MOVED, 10.6, 960),
        )
    )  # fmt: skip


def test_packets_for_both_while_the_move_settles_are_healthy() -> None:
    ladder = moved(
        to_callee(ALICE_MEDIA, 1.1, 440), to_callee(MOVED, 10.1, 990),
        to_caller(ALICE_MEDIA, 1.1, 520), to_caller(MOVED, 11.5, 900),
    )  # fmt: skip
    assert CHECK not in ladder.findings()


def test_a_refused_move_changes_nothing() -> None:
    ladder = moved(to_callee(ALICE_MEDIA, 1.1, 1440), to_caller(ALICE_MEDIA, 1.1, 1440), status=488)
    assert CHECK not in ladder.findings()


def test_a_hold_on_another_port_is_not_judged() -> None:
    ladder = moved(
        to_callee(MOVED, 10.1, 990),
        to_caller(ALICE_MEDIA, 1.1, 1440),
        media="m=audio 40500 RTP/AVP 0 8\r\na=sendonly",
    )
    assert CHECK not in ladder.findings()


def test_candidates_decide_where_there_are_any() -> None:
    candidate = "a=candidate:1 1 UDP 2130706431 192.0.2.10 40500 typ host"
    ladder = moved(
        to_callee(MOVED, 10.1, 990),
        to_caller(ALICE_MEDIA, 1.1, 1440),
        media=f"m=audio 40500 RTP/AVP 0 8\r\n{candidate}",
    )
    assert CHECK not in ladder.findings()
