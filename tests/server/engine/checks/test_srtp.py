"""Keys of SRTP in session descriptions."""

from __future__ import annotations

import base64

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Transport

NEAR, FAR = Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060)


def key(number: int, size: int = 30) -> str:
    return base64.b64encode(bytes((number * 37 + place * 11) % 256 for place in range(size))).decode()


def crypto(number: int, tag: int = 1, suite: str = "AES_CM_128_HMAC_SHA1_80", size: int = 30) -> str:
    return f"a=crypto:{tag} {suite} inline:{key(number, size)}"


def secured(
    offered: str, answered: str | None, *, transport: Transport = Transport.TLS,
    ends: tuple[Endpoint, ...] = (ALICE, BOB), profiles: tuple[str, str] = ("RTP/SAVP", "RTP/SAVP"),
) -> Ladder:  # fmt: skip
    ladder = Ladder(transport=transport)
    call = ladder.call(*ends)
    invite = call.invite(0.0, offer=sdp(ends[0], media=f"m=audio 40000 {profiles[0]} 0\r\n{offered}"))
    if answered is not None:
        call.respond(invite, 200, 1.0, body=sdp(ends[-1], media=f"m=audio 42000 {profiles[1]} 0\r\n{answered}"))
        call.ack(invite, 1.03)
    return ladder


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP, Transport.WS])
def test_the_key_is_readable(transport: Transport) -> None:
    finding = secured(crypto(1), crypto(2), transport=transport).findings()["sdes-key-in-clear"]
    assert finding.severity is Severity.MEDIUM
    assert key(1) not in finding.evidence[0].text


def test_the_key_is_readable_in_a_lab() -> None:
    finding = secured(crypto(1), crypto(2), transport=Transport.UDP, ends=(NEAR, FAR)).findings()["sdes-key-in-clear"]
    assert finding.severity is Severity.LOW


@pytest.mark.parametrize("transport", [Transport.TLS, Transport.WSS, Transport.UNKNOWN])
def test_the_key_is_protected(transport: Transport) -> None:
    assert "sdes-key-in-clear" not in secured(crypto(1), crypto(2), transport=transport).findings()


def test_one_host_and_switched_off_media() -> None:
    local = (NEAR, Endpoint(NEAR.host, 5080))
    assert "sdes-key-in-clear" not in secured(crypto(1), None, transport=Transport.UDP, ends=local).findings()
    ladder = Ladder()
    ladder.call().invite(0.0, offer=sdp(ALICE, media=f"m=audio 0 RTP/SAVP 0\r\n{crypto(1)}"))
    assert "sdes-key-in-clear" not in ladder.findings()


@pytest.mark.parametrize(
    ("answered", "severity"),
    [
        (crypto(2, tag=3), Severity.MEDIUM),
        (crypto(2, tag=3, suite="AES_256_CM_HMAC_SHA1_80", size=46), Severity.HIGH),
        (crypto(2, tag=2), Severity.HIGH),
        (f"{crypto(2)}\r\n{crypto(2, tag=2, suite='AES_CM_128_HMAC_SHA1_32')}", Severity.LOW),
    ],
    ids=["tag", "suite", "tag of another suite", "two lines"],
)
def test_the_answer_does_not_fit(answered: str, severity: Severity) -> None:
    offer = f"{crypto(1)}\r\n{crypto(1, tag=2, suite='AES_CM_128_HMAC_SHA1_32')}"
    assert secured(offer, answered).findings()["sdes-crypto-mismatch"].severity is severity


def test_the_answer_fits() -> None:
    offer = f"{crypto(1)}\r\n{crypto(1, tag=2, suite='AES_CM_128_HMAC_SHA1_32')}"
    for answer in (crypto(2), crypto(2, tag=2, suite="AES_CM_128_HMAC_SHA1_32"), crypto(2) + "|2^31|1:1"):
        found = secured(offer, answer).findings()
        assert not {"sdes-crypto-mismatch", "sdes-key-malformed", "sdes-key-reuse", "srtp-no-keys"} & set(found)


def test_a_key_of_the_wrong_length() -> None:
    finding = secured(crypto(1, size=16), None).findings()["sdes-key-malformed"]
    assert (finding.severity, "16 bytes" in finding.title) == (Severity.HIGH, True)
    masked = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:XXXXXXXXXX"
    assert "sdes-key-malformed" not in secured(masked, None).findings()
    assert "sdes-key-malformed" not in secured("a=crypto:1 OWN_SUITE inline:AAAA", None).findings()


def test_one_key_for_both_directions() -> None:
    finding = secured(crypto(1), crypto(1)).findings()["sdes-key-reuse"]
    assert finding.severity is Severity.MEDIUM
    lab = secured(crypto(1), crypto(1), ends=(NEAR, FAR)).findings()["sdes-key-reuse"]
    assert lab.severity is Severity.LOW


def test_one_key_for_two_calls() -> None:
    ladder = Ladder(transport=Transport.TLS)
    for time, callee in ((0.0, BOB), (300.0, PROXY)):
        call = ladder.call(ALICE, callee, caller_tag=f"a{time}", callee=f"user{callee.host}")
        body = sdp(ALICE, 40_000 + int(time), media=f"m=audio 40000 RTP/SAVP 0\r\n{crypto(1)}")
        call.respond(call.invite(time, offer=body), 486, time + 1.0)
    assert ladder.findings()["sdes-key-reuse"].severity is Severity.LOW


def test_a_description_that_is_sent_again_is_no_reuse() -> None:
    ladder = Ladder(transport=Transport.TLS)
    call = ladder.call(ALICE, PROXY, BOB)
    offer = sdp(ALICE, media=f"m=audio 40000 RTP/SAVP 0\r\n{crypto(1)}")
    invite = call.invite(0.0, offer=offer)
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=f"m=audio 42000 RTP/SAVP 0\r\n{crypto(2)}"))
    call.ack(invite, 1.1)
    again = call.request("INVITE", 9.0, body=offer)
    call.respond(again, 200, 9.1, body=sdp(BOB, media=f"m=audio 42000 RTP/SAVP 0\r\n{crypto(2)}"))
    assert "sdes-key-reuse" not in ladder.findings()


def test_srtp_without_any_key() -> None:
    finding = secured("a=sendrecv", None).findings()["srtp-no-keys"]
    assert finding.severity is Severity.HIGH
    for line in ("a=key-mgmt:mikey AQAFgM0XflABAAAA", "a=fingerprint:sha-256 AA:BB", "a=zrtp-hash:1.10 abc"):
        assert "srtp-no-keys" not in secured(line, None).findings()


def test_optional_encryption_is_not_used() -> None:
    finding = secured(crypto(1), "a=sendrecv", profiles=("RTP/AVP", "RTP/AVP")).findings()["srtp-fallback"]
    assert finding.severity is Severity.MEDIUM
    both = secured(crypto(1), crypto(2), profiles=("RTP/AVP", "RTP/AVP"))
    assert "srtp-fallback" not in both.findings()


def test_a_second_try_in_the_clear() -> None:
    ladder = Ladder(transport=Transport.TLS)
    call = ladder.call(NEAR, FAR)
    first = call.invite(0.0, offer=sdp(NEAR, media=f"m=audio 40000 RTP/SAVP 0\r\n{crypto(1)}"))
    call.respond(first, 488, 0.1)
    call.ack(first, 0.15)
    second = call.invite(0.5)
    call.respond(second, 200, 1.0)
    call.ack(second, 1.1)
    assert ladder.findings()["srtp-fallback"].severity is Severity.LOW


def test_a_refused_call_alone_is_no_fallback() -> None:
    ladder = Ladder(transport=Transport.TLS)
    call = ladder.call()
    call.respond(call.invite(0.0, offer=sdp(ALICE, media=f"m=audio 40000 RTP/SAVP 0\r\n{crypto(1)}")), 488, 0.1)
    assert "srtp-fallback" not in ladder.findings()
