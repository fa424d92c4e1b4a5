"""When audio flows, from the answer to the BYE."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, stream

from sip_ci.findings import Severity
from sip_ci_server.engine.media_promises import spans_of


def there(packets: int, start: float = 1.1, **options: object) -> Sent:
    return stream(ALICE_MEDIA, BOB_MEDIA, packets, start=start, **{"ssrc": 1, **options})  # type: ignore[arg-type]


def back(packets: int, start: float = 1.1) -> Sent:
    return stream(BOB_MEDIA, ALICE_MEDIA, packets, start=start, ssrc=2, timestamp=9_999_999)


def called(*sent: Sent, talk: float = 20.0) -> Ladder:
    ladder = Ladder()
    ladder.call().answered(talk=talk)
    return carry(ladder, *sent)


AUDIO = "m=audio {} RTP/AVP 0 8\r\na={}"


def held() -> Ladder:
    """A call of 30 s: on hold by the caller from 10 to 20 s."""
    ladder = Ladder()
    call = ladder.call()
    call.established()
    for version, time, mine, theirs in ((2, 10.0, "sendonly", "recvonly"), (3, 20.0, "sendrecv", "sendrecv")):
        change = call.request("INVITE", time, body=sdp(ALICE, version=version, media=AUDIO.format(40000, mine)))
        call.respond(change, 200, time + 0.05, body=sdp(BOB, version=version, media=AUDIO.format(42000, theirs)))
        call.ack(change, time + 0.1)
    call.respond(call.bye(30.0), 200, 30.02)
    return ladder


def test_spans_of_a_call_with_a_hold() -> None:
    model = carry(held(), there(1440)).model()
    (session,) = model.sessions
    spans = spans_of(session, model)
    assert [(span.to_caller, span.to_callee) for span in spans] == [(True, True), (False, True), (True, True)]
    assert [round(span.seconds) for span in spans] == [9, 10, 10]
    assert (spans[0].first, spans[-1].last) == (True, True)


@pytest.mark.parametrize(("start", "severity"), [(1.8, Severity.LOW), (4.0, Severity.MEDIUM)])
def test_audio_that_begins_late(start: float, severity: Severity) -> None:
    finding = called(there(900), back(800, start)).findings()["media-late"]
    assert finding.severity is severity
    assert "caller" in finding.title


def test_a_side_that_waits_for_the_other_is_healthy() -> None:
    # Nobody speaks at once: nothing says that media was lost.
    assert_healthy(called(there(800, 4.0), back(800, 4.1)))


def test_silence_suppression_is_not_late() -> None:
    first, second = back(60, 4.0), stream(
        BOB_MEDIA, ALICE_MEDIA, 100, start=15.0, ssrc=2, sequence=1060, timestamp=9_999_999 + 88_000
    )  # fmt: skip
    assert "media-late" not in called(there(950), first.then(second)).findings()


def test_audio_that_stops_is_low() -> None:
    ladder = called(there(990), back(400))
    assert ladder.findings()["media-stopped-early"].severity is Severity.LOW
    assert_healthy(ladder)


def test_a_hold_until_the_end_is_no_stop() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    change = call.request("INVITE", 8.0, body=sdp(ALICE, version=2, media=AUDIO.format(40000, "sendonly")))
    call.respond(change, 200, 8.05, body=sdp(BOB, version=2, media=AUDIO.format(42000, "recvonly")))
    call.ack(change, 8.1)
    call.respond(call.bye(21.0), 200, 21.02)
    assert "media-stopped-early" not in carry(ladder, there(990), back(345)).findings()


def test_a_leak_after_the_bye_is_low() -> None:
    finding = called(there(1400), back(990)).findings()["media-after-bye"]
    assert finding.severity is Severity.LOW
    assert "callee" in finding.title


def test_packets_in_flight_are_no_leak() -> None:
    assert "media-after-bye" not in called(there(1050), back(990)).findings()


def test_a_hold_of_ten_seconds_is_healthy() -> None:
    quiet, after = back(445), stream(
        BOB_MEDIA, ALICE_MEDIA, 490, start=20.1, ssrc=2, sequence=30_000, timestamp=5
    )  # fmt: skip
    assert_healthy(carry(held(), there(1440), quiet.then(after)))


def test_two_sources_in_a_transfer_are_healthy() -> None:
    second = stream(BOB_MEDIA, ALICE_MEDIA, 490, start=20.1, ssrc=3, timestamp=5)
    assert_healthy(carry(held(), there(1440), back(445), second))


def resumed(packets: int) -> Sent:
    return stream(BOB_MEDIA, ALICE_MEDIA, packets, start=20.1, ssrc=2, sequence=30_000, timestamp=5)


def test_one_way_after_a_hold() -> None:
    finding = carry(held(), there(1440), back(445)).findings()["media-one-way"]
    assert finding.severity is Severity.CRITICAL
    assert "caller" in finding.title
    assert "media-one-way" not in carry(held(), there(1440), back(445).then(resumed(490))).findings()


def test_a_recording_that_ended_before_the_hold_is_not_one_way() -> None:
    assert "media-one-way" not in carry(held(), there(1440), back(300)).findings()
