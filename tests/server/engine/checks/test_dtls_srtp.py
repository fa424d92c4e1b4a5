"""Fingerprints and roles of DTLS-SRTP, and media that share a port."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import TraceOrigin

PRINT = "a=fingerprint:sha-256 AA:BB:CC"
WEB = "m=audio {port} UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n{lines}"


def negotiated(offered: str, answered: str, *, session: str = "", transport: Transport = Transport.WSS) -> Ladder:
    """A call of these lines below an audio over DTLS; `session` stands above the media of both sides."""
    ladder = Ladder(transport=transport)
    call = ladder.call()

    def body(end: object, port: int, lines: str) -> bytes:
        text = sdp(end, media=WEB.format(port=port, lines=lines))  # type: ignore[arg-type]
        return text.replace(b"t=0 0\r\n", f"t=0 0\r\n{session}\r\n".encode()) if session else text

    invite = call.invite(0.0, offer=body(ALICE, 40_000, offered))
    call.respond(invite, 200, 1.0, body=body(BOB, 42_000, answered))
    call.ack(invite, 1.03)
    return ladder


def test_no_fingerprint() -> None:
    finding = negotiated("a=setup:actpass", f"{PRINT}\r\na=setup:active").findings()["dtls-fingerprint-missing"]
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence[0].text == "m=audio 40000 UDP/TLS/RTP/SAVPF 0"


@pytest.mark.parametrize(("lines", "severity"), [("a=sendrecv", Severity.LOW), ("a=setup:actpass", Severity.CRITICAL)])
def test_an_excerpt_is_low(lines: str, severity: Severity) -> None:
    ladder = Ladder(transport=Transport.WSS, origin=TraceOrigin.TEXT)
    call = ladder.call()
    offer = f"m=audio 40000 UDP/TLS/RTP/SAVPF 18\r\n{lines}"
    call.respond(call.invite(0.0, offer=sdp(ALICE, media=offer)), 488, 0.5)
    findings = ladder.findings()
    assert findings["dtls-fingerprint-missing"].severity is severity
    assert findings["webrtc-rtcp-mux-missing"].severity is (Severity.LOW if "send" in lines else Severity.MEDIUM)


def test_the_fingerprint_of_the_session_and_of_a_bundle() -> None:
    assert "dtls-fingerprint-missing" not in negotiated("a=setup:actpass", "a=setup:active", session=PRINT).findings()
    bundled = f"a=mid:0\r\n{PRINT}\r\na=setup:actpass\r\nm=video 40000 UDP/TLS/RTP/SAVPF 34\r\na=mid:1"
    ladder = negotiated(bundled, bundled.replace("actpass", "active"), session="a=group:BUNDLE 0 1")
    assert "dtls-fingerprint-missing" not in ladder.findings()


BYTES = [f"{number * 7 % 256:02X}" for number in range(32)]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("sha-256 " + ":".join(BYTES[:31]), "31 bytes instead of the 32"),
        ("sha-1 " + ":".join(BYTES), "32 bytes instead of the 20"),
        ("sha-256 " + "".join(BYTES), "hexadecimal"),
        ("md5 " + ":".join(BYTES[:16]), "MD5"),
        ("sha-256", "not a hash function and its value"),
    ],
)
def test_a_fingerprint_that_cannot_be_one(value: str, fault: str) -> None:
    finding = negotiated(f"a=fingerprint:{value}\r\na=setup:actpass", "").findings()["dtls-fingerprint-malformed"]
    assert finding.severity is Severity.HIGH
    assert fault in finding.title
    assert finding.evidence[0].text == f"a=fingerprint:{value}"


@pytest.mark.parametrize(
    "lines",
    [
        "a=fingerprint:sha-256 " + ":".join(BYTES),
        "a=fingerprint:SHA-256 " + ":".join(BYTES).lower(),
        "a=fingerprint:sha-1 " + ":".join(BYTES[:20]),
        "a=fingerprint:sha-256 XX:XX:XX",
        "a=fingerprint:sha3-256 " + ":".join(BYTES[:10]),
        "a=fingerprint:md5 " + ":".join(BYTES[:16]) + "\r\na=fingerprint:sha-256 " + ":".join(BYTES),
    ],
    ids=["sound", "lower case", "sha-1", "masked", "unknown hash", "another one is sound"],
)
def test_fingerprints_that_can_be_used(lines: str) -> None:
    sound = "a=fingerprint:sha-256 " + ":".join(BYTES)
    ladder = negotiated(f"{lines}\r\na=setup:actpass", f"{sound}\r\na=setup:active")
    assert "dtls-fingerprint-malformed" not in ladder.findings()


@pytest.mark.parametrize(
    ("offered", "answered", "severity"),
    [
        ("actpass", "actpass", Severity.HIGH),
        ("active", "active", Severity.HIGH),
        ("passive", "passive", Severity.HIGH),
        ("actpass", "", Severity.MEDIUM),
        ("actpass", "active", None),
        ("actpass", "passive", None),
        ("active", "passive", None),
        ("passive", "active", None),
        ("actpass", "holdconn", None),
    ],
)
def test_roles(offered: str, answered: str, severity: Severity | None) -> None:
    ladder = negotiated(
        f"{PRINT}\r\na=setup:{offered}", PRINT + (f"\r\na=setup:{answered}" if answered else "")
    )  # fmt: skip
    finding = ladder.findings().get("dtls-setup-conflict")
    assert (finding.severity if finding else None) is severity


def test_tcp_media_without_dtls_has_roles_of_its_own() -> None:
    ladder = Ladder()
    call = ladder.call()
    media = "m=application {} TCP/BFCP *\r\na=setup:actpass"
    invite = call.invite(0.0, offer=sdp(ALICE, media=media.format(40_000)))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=media.format(42_000)))
    assert "dtls-setup-conflict" not in ladder.findings()


def renegotiated(*, by_callee: bool, answered: str, lines: str = "", port: int = 42_000) -> Ladder:
    """A call in which Bob is the client of DTLS, and a later offer; its answerer says `answered`."""
    ladder = Ladder(transport=Transport.WSS)
    call = ladder.call()
    sound = "a=fingerprint:sha-256 " + ":".join(BYTES)

    def body(end: object, at: int, setup: str, more: str = "") -> bytes:
        text = f"{sound}\r\na=setup:{setup}" + (f"\r\n{more}" if more else "")
        return sdp(end, media=WEB.format(port=at, lines=text))  # type: ignore[arg-type]

    invite = call.invite(0.0, offer=body(ALICE, 40_000, "actpass"))
    call.respond(invite, 200, 1.0, body=body(BOB, 42_000, "active"))
    call.ack(invite, 1.03)
    ends = ((BOB, port), (ALICE, 40_000)) if by_callee else ((ALICE, 40_000), (BOB, port))
    again = call.request("INVITE", 5.0, body=body(*ends[0], "actpass"), by_callee=by_callee)
    call.respond(again, 200, 5.1, body=body(*ends[1], answered, lines))
    call.ack(again, 5.2)
    return ladder


@pytest.mark.parametrize(("by_callee", "answered"), [(False, "passive"), (True, "active")])
def test_roles_that_turn_round(by_callee: bool, answered: str) -> None:
    finding = renegotiated(by_callee=by_callee, answered=answered).findings()["dtls-role-changed"]
    assert finding.severity is Severity.MEDIUM
    assert finding.evidence[-1].text == f"a=setup:{answered}"


@pytest.mark.parametrize(("by_callee", "answered"), [(False, "active"), (True, "passive")])
def test_roles_that_stay(by_callee: bool, answered: str) -> None:
    assert "dtls-role-changed" not in renegotiated(by_callee=by_callee, answered=answered).findings()


def test_another_port_or_ice_may_have_other_roles() -> None:
    assert "dtls-role-changed" not in renegotiated(by_callee=False, answered="passive", port=42_010).findings()
    restarted = renegotiated(by_callee=False, answered="passive", lines="a=ice-ufrag:other")
    assert "dtls-role-changed" not in restarted.findings()
