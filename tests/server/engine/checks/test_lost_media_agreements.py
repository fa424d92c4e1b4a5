"""Agreements on media that break: offers without an answer, media without a codec, SRTP that a new offer drops."""

from __future__ import annotations

import base64

import pytest
from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Transport


def _key(number: int) -> str:
    key = base64.b64encode(bytes((number * 37 + place * 11) % 256 for place in range(30))).decode()
    return f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}"


def _prack(answer: bytes) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    call.respond(invite, 183, 0.1, "Require: 100rel", "RSeq: 1")
    prack = call.request("PRACK", 0.12, "RAck: 1 1 INVITE", body=sdp(ALICE, version=2))
    call.respond(prack, 200, 0.15, body=answer)
    cancel = call.cancel(invite, 2.0)
    call.respond(cancel, 200, 2.01)
    call.respond(invite, 487, 2.02)
    call.ack(invite, 2.03)
    return ladder.end(60.0)


def test_an_offer_in_prack_that_is_not_answered() -> None:
    finding = _prack(b"").findings()["sdp-answer-missing"]

    assert finding.severity is Severity.HIGH
    assert finding.title.startswith("PRACK")


def test_an_offer_in_prack_that_is_answered() -> None:
    assert "sdp-answer-missing" not in _prack(sdp(BOB, 42_000, version=2)).findings()


def test_an_update_whose_offer_is_not_answered() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    update = call.request("UPDATE", 5.0, body=sdp(ALICE, version=2))
    call.respond(update, 200, 5.05)

    assert ladder.end(60.0).findings()["sdp-answer-missing"].title.startswith("UPDATE")


def test_an_update_without_an_offer_needs_no_answer() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    update = call.request("UPDATE", 5.0)
    call.respond(update, 200, 5.05)

    assert "sdp-answer-missing" not in ladder.end(60.0).findings()


def _glare(first: str, second: str) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    one = call.request(first, 5.0, body=sdp(ALICE, version=2))
    two = call.request(second, 5.02, body=sdp(BOB, version=3), by_callee=True)
    call.respond(two, 200, 5.05, body=sdp(ALICE, version=3))
    if second == "INVITE":
        call.ack(two, 5.06)
    call.respond(one, 491, 5.1)
    return ladder.end(60.0)


def test_a_reinvite_that_is_accepted_while_an_update_is_pending() -> None:
    assert _glare("UPDATE", "INVITE").findings()["glare-answered"].severity is Severity.MEDIUM


def test_an_update_while_an_invite_is_open_is_no_glare() -> None:
    assert "glare-answered" not in _glare("INVITE", "UPDATE").findings()


@pytest.mark.parametrize("media", ["m=audio 40000 RTP/AVP", "m=audio 40000 RTP/AVP "])
def test_a_medium_without_any_format(media: str) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=media))
    call.ack(invite, 1.03)
    findings = ladder.end(60.0).findings()

    assert findings["sdp-format-missing"].severity is Severity.HIGH
    assert "sdp-no-common-codec" not in findings


def test_a_medium_with_a_format() -> None:
    ladder = Ladder()
    ladder.call().answered()

    assert "sdp-format-missing" not in ladder.end(60.0).findings()


def _offered_later(media: str) -> Ladder:
    ladder = Ladder(transport=Transport.TLS)
    call = ladder.call()
    secure = "m=audio {} RTP/SAVP 0\r\n{}"
    invite = call.invite(0.0, offer=sdp(ALICE, media=secure.format(40_000, _key(1))))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=secure.format(42_000, _key(2))))
    call.ack(invite, 1.03)
    change = call.request("INVITE", 9.0)
    call.respond(change, 200, 9.05, body=sdp(BOB, version=2, media=media))
    call.ack(change, 9.06, body=sdp(ALICE, version=2, media=media.replace("42000", "0")))
    return ladder.end(60.0)


def test_a_new_offer_that_drops_srtp() -> None:
    finding = _offered_later("m=audio 42000 RTP/AVP 0").findings()["srtp-fallback"]

    assert finding.severity.at_least(Severity.MEDIUM)
    assert finding.root


@pytest.mark.parametrize("media", [f"m=audio 42000 RTP/SAVP 0\r\n{_key(3)}", "m=image 42000 udptl t38"])
def test_a_new_offer_that_keeps_srtp_or_is_of_another_kind(media: str) -> None:
    assert "srtp-fallback" not in _offered_later(media).findings()
