"""Digits as events, in INFO, and as tones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.calls import ALICE, BOB, Call, Ladder, assert_healthy, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, stream

from sip_ci.findings import Severity

EVENTS = "{codecs} {number}\r\na=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-15"


def events(number: int = 101, codecs: str = "RTP/AVP 0") -> str:
    return EVENTS.format(codecs=codecs, number=number)


def called(offer: str, answer: str) -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=f"m=audio 40000 {offer}"))
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=f"m=audio 42000 {answer}"))
    call.ack(invite, 1.03)
    return ladder, call


def ended(ladder: Ladder, call: Call) -> Ladder:
    call.respond(call.bye(11.0), 200, 11.02)
    return ladder


def pressed(number: int) -> Sent:
    sent = stream(ALICE_MEDIA, BOB_MEDIA, 480, ssrc=1)
    kinds, timestamp = sent.payload_type.copy(), sent.timestamp.copy()
    for place in (100, 200, 300):
        kinds[place : place + 8] = number
        timestamp[place : place + 8] = timestamp[place]
    return replace(sent, payload_type=kinds, timestamp=timestamp)


def back() -> Sent:
    return stream(BOB_MEDIA, ALICE_MEDIA, 480, ssrc=2, timestamp=9_999_999)


def info(call: Call, time: float, status: int = 200) -> None:
    body = b"Signal=5\r\nDuration=160\r\n"
    call.respond(call.request("INFO", time, "Content-Type: application/dtmf-relay", body=body), status, time + 0.02)


@pytest.mark.parametrize(("status", "told"), [(200, False), (415, True), (501, True), (481, False)])
def test_digits_in_info_that_are_refused(status: int, told: bool) -> None:
    ladder, call = called("RTP/AVP 0", "RTP/AVP 0")
    info(call, 3.0, status)
    finding = ended(ladder, call).findings().get("dtmf-info-rejected")
    assert (finding is not None) is told
    assert finding is None or finding.severity is Severity.MEDIUM


def test_events_that_are_not_answered_are_low() -> None:
    ladder = ended(*called(events(), "RTP/AVP 0"))
    assert ladder.findings()["dtmf-not-negotiated"].severity is Severity.LOW
    assert_healthy(ladder)


def test_events_that_are_answered_or_not_offered() -> None:
    for offer, answer in ((events(), events()), ("RTP/AVP 0", "RTP/AVP 0")):
        found = ended(*called(offer, answer)).findings()
        assert not [check for check in found if check.startswith("dtmf-")]


def test_a_codec_that_distorts_tones() -> None:
    findings = ended(*called(events(codecs="RTP/AVP 18 0"), "RTP/AVP 18")).findings()
    assert findings["dtmf-inband-lowbitrate"].severity is Severity.MEDIUM
    assert "dtmf-not-negotiated" not in findings
    findings = ended(*called(events(codecs="RTP/AVP 18 0"), "RTP/AVP 18 0")).findings()
    assert "dtmf-inband-lowbitrate" not in findings


@pytest.mark.parametrize(("rate", "told"), [(8000, True), (48000, False)])
def test_the_clock_of_events_beside_opus(rate: int, told: bool) -> None:
    media = f"RTP/AVP 111 101\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/{rate}"
    ladder = ended(*called(media, media))
    finding = ladder.findings().get("dtmf-clock-mismatch")
    assert (finding is not None) is told
    assert_healthy(ladder)


def test_events_with_the_number_of_the_wrong_side() -> None:
    ladder = ended(*called(events(96), events(101)))
    finding = carry(ladder, pressed(96), back()).findings()["dtmf-pt-mismatch"]
    assert finding.severity is Severity.HIGH
    assert "96" in finding.title


def test_events_with_the_number_of_the_receiver_are_healthy() -> None:
    assert_healthy(carry(ended(*called(events(96), events(101))), pressed(101), back()))


def test_a_key_that_counts_twice() -> None:
    ladder, call = called(events(), events())
    begins = stream(ALICE_MEDIA, BOB_MEDIA, 480).time
    for place in (100, 200, 300):
        info(call, float(begins[place]) + 0.1)
    finding = carry(ended(ladder, call), pressed(101), back()).findings()["dtmf-duplicate-method"]
    assert finding.severity is Severity.MEDIUM
    assert "3" in finding.title


def test_digits_by_one_method_are_healthy() -> None:
    ladder, call = called(events(), events())
    for time in np.arange(2.0, 8.0, 2.0).tolist():
        info(call, time)
    plain = stream(ALICE_MEDIA, BOB_MEDIA, 480, ssrc=1)
    assert "dtmf-duplicate-method" not in carry(ended(ladder, call), plain, back()).findings()
