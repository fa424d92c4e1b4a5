"""DTLS-SRTP handshakes that fail, and certificates that nobody announced."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, START, Ladder, sdp
from tests.support.certificates import certificate

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.tls import ClientHello, DtlsHandshake, ServerHello, TlsAlert, TlsOutcome
from sip_ci_server.engine.checks.dtls import fingerprints_of

NEAR, FAR = Endpoint(ALICE.host, 40_000), Endpoint(BOB.host, 42_000)
HEARD = frozenset({(BOB.host, ALICE.host)})
OWN, FOREIGN = certificate(subject="WebRTC", issuer="WebRTC"), certificate(subject="other", issuer="other")
HELLO = ClientHello(START + 2.0, 9, (0xFEFD,), (0xC02B,), "", (), bytes(32))


def handshake(outcome: TlsOutcome = TlsOutcome.ESTABLISHED, **fields: object) -> DtlsHandshake:
    item = DtlsHandshake(
        NEAR, FAR, START + 2.0, 9, outcome, HELLO, ServerHello(START + 2.1, 10, 0xFEFD, 0xC02B, ""), 1,
        srtp_profiles=(1,),
    )  # fmt: skip
    return replace(item, **fields)  # type: ignore[arg-type]


def findings(*items: DtlsHandshake, fingerprint: str = "", seconds: float = 40.0) -> dict[str, WireFinding]:
    ladder = Ladder()
    call = ladder.call()
    lines = f"m=audio 42000 UDP/TLS/RTP/SAVP 0\r\na=fingerprint:{fingerprint}" if fingerprint else ""
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, body=sdp(BOB, 42_000, media=lines))
    call.ack(invite, 1.1)
    found = ladder.know(dtls=items, host_pairs=HEARD).end(seconds).findings()
    return {check: finding for check, finding in found.items() if check.startswith("dtls")}


def announced(function: str, shown: bytes = OWN.encoded) -> str:
    return f"{function} {hashlib.new(function.replace('-', '').lower(), shown).digest().hex(':').upper()}"


def test_a_healthy_handshake_is_silent() -> None:
    assert findings(handshake(certificates=(OWN,)), fingerprint=announced("sha-256")) == {}


def test_an_alert() -> None:
    alert = TlsAlert(START + 2.2, 12, True, True, 42)
    found = findings(handshake(TlsOutcome.REFUSED, alerts=(alert,)))["dtls-handshake-failed"]
    assert found.severity is Severity.CRITICAL
    assert "bad_certificate" in found.title
    assert [proof.frame for proof in found.evidence] == [9, 12]


@pytest.mark.parametrize("outcome", [TlsOutcome.UNANSWERED, TlsOutcome.UNFINISHED])
def test_a_handshake_that_is_never_over(outcome: TlsOutcome) -> None:
    stuck = handshake(outcome, client_hellos=5)
    assert "dtls-handshake-failed" in findings(stuck)
    assert findings(stuck, seconds=8.0) == {}, "the capture ended too early"
    once = findings(replace(stuck, client_hellos=1))
    assert bool(once) is (outcome is TlsOutcome.UNFINISHED), "a client that does not ask again wants no answer"
    assert findings(replace(stuck, server=Endpoint("198.51.100.77", 9))) == {}, "that direction is not captured"
    assert findings(replace(stuck, srtp_profiles=())) == {}, "DTLS of another program"
    other = handshake(client=Endpoint(ALICE.host, 40_002))
    assert findings(stuck, other) == {}, "a pair of addresses that ICE did not choose"


@pytest.mark.parametrize("function", ["sha-1", "SHA-256", "sha-384", "sha-512"])
def test_fingerprints(function: str) -> None:
    value = announced(function)
    assert value.lower() in fingerprints_of(OWN)
    assert findings(handshake(certificates=(OWN,)), fingerprint=value) == {}
    found = findings(handshake(certificates=(FOREIGN,)), fingerprint=value)["dtls-fingerprint-mismatch"]
    assert found.severity is Severity.CRITICAL
    assert found.evidence[0].text.startswith("a=fingerprint:")


def test_fingerprints_that_cannot_be_compared() -> None:
    foreign = handshake(certificates=(FOREIGN,))
    assert list(findings(foreign, fingerprint="md2 00:11")) == ["dtls-fingerprint-malformed"]
    assert findings(foreign) == {}
    relayed = replace(foreign, server=Endpoint("198.51.100.99", 42_000))
    assert findings(relayed, fingerprint=announced("sha-256")) == {}
