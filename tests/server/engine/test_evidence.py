"""Evidence shows its line and place, and nothing that a stranger could use."""

from __future__ import annotations

import pytest
from tests.support.messages import message_of, request

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Fidelity, Observation, Position, Transport
from sip_ci_server.engine.checks.registry import Proof, at, at_header
from sip_ci_server.engine.evidence import LINE_LENGTH, MASK, evidence_of, without_secrets


def placed(raw: bytes, position: Position) -> SipMessage:
    ends = Endpoint("192.0.2.1", 5060), Endpoint("2001:db8::2", 5060)
    return SipMessage(raw, Observation(17.5, *ends, Transport.UDP, position), Fidelity.EXACT, 3)


def test_a_message_is_shown_by_its_start_line() -> None:
    shown = evidence_of(at(placed(request(method="INVITE"), Position(frame=9)), "why"))
    assert (shown.message, shown.frame, shown.line, shown.time, shown.why) == (3, 9, None, 17.5, "why")
    assert shown.text == "INVITE sip:bob@example.com SIP/2.0"
    assert shown.summary == "192.0.2.1:5060 -> [2001:db8::2]:5060 INVITE"


def test_a_header_is_shown_at_its_line_of_the_text() -> None:
    message = placed(request("Warning: 399 x 'y'"), Position(line=100))
    shown = evidence_of(at_header(message, "warning", "why"))
    assert shown.text == "Warning: 399 x 'y'"
    assert shown.line == 100 + message.raw[: message.raw.index(b"Warning")].count(b"\n")


def test_a_header_that_is_not_there_is_shown_by_the_start_line() -> None:
    shown = evidence_of(at_header(message_of(request()), "warning", "why"))
    assert shown.text.startswith("OPTIONS")


def test_what_is_no_message() -> None:
    shown = evidence_of(Proof("counted", text="x" * 1000, frame=4, time=1.0))
    assert (shown.message, shown.frame, shown.time, len(shown.text)) == (None, 4, 1.0, LINE_LENGTH)


def test_a_long_line_is_cut() -> None:
    shown = evidence_of(at_header(message_of(request("Subject: " + "y" * 5000)), "subject", "why"))
    assert len(shown.text) == LINE_LENGTH


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ('Authorization: Digest username="bob", realm="r", nonce="SECRET", response="SECRET"', 'username="bob"'),
        ("Proxy-Authorization: Digest nonce=SECRET,response=SECRET,cnonce=SECRET", "Proxy-Authorization"),
        ('authorization : Digest response = "SECRET"', "Digest"),
        ('WWW-Authenticate: Digest realm="r", nonce="SECRET", opaque="SECRET"', 'realm="r"'),
        ('Authentication-Info: nextnonce="SECRET", rspauth="SECRET"', "Authentication-Info"),
        ("Authorization: Basic SECRET", "Authorization"),
        ("Authorization: Bearer SECRETdigest", "Authorization"),
        ('Authorization: Digest response="SECRET', "Digest"),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20|1:4", "AES_CM_128_HMAC_SHA1_80"),
        ("a=ice-pwd:SECRET", "a=ice-pwd"),
        ("k=clear:SECRET", "k="),
        ("Contact: <sip:bob:SECRET@192.0.2.1:5060>", "sip:bob:"),
        ("INVITE sips:bob:SECRET@example.com SIP/2.0", "INVITE"),
    ],
)
def test_secrets_are_masked(line: str, kept: str) -> None:
    shown = without_secrets(line)
    assert "SECRET" not in shown
    assert MASK in shown
    assert kept in shown


@pytest.mark.parametrize(
    "line",
    [
        "INVITE sip:bob@example.com:5061 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1",
        "Contact: <sip:192.0.2.1:5060;transport=udp>, <sip:bob@192.0.2.2:5062>",
        "a=fingerprint:sha-256 AA:BB",
        "a=ice-ufrag:abcd",
        "Route: <sip:192.0.2.1:5060;lr>,<sip:a@b>",
        "m=audio 40000 RTP/AVP 0",
        "",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert without_secrets(line) == line


def test_a_password_in_the_start_line_is_masked_in_evidence() -> None:
    raw = request(method="INVITE").replace(b"INVITE sip:bob@", b"INVITE sip:bob:SECRET@")
    assert "SECRET" not in evidence_of(at(message_of(raw), "why")).text
