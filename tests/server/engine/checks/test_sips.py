"""SIPS URIs, and SIP over WebSockets."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Transport


def called(uri: str, transport: Transport, *, ends: tuple[Endpoint, ...] = (ALICE, BOB), contact: str = "") -> Ladder:
    ladder = Ladder(transport=transport)
    call = ladder.call(*ends, uri=uri)
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, *([f"Contact: <{contact}>"] if contact else []))
    call.ack(invite, 1.03)
    return ladder


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_a_sips_uri_without_tls(transport: Transport) -> None:
    finding = called("sips:bob@example.com", transport).findings()["sips-downgraded"]
    assert finding.severity is Severity.HIGH
    lab = called("sips:bob@example.com", transport, ends=(Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060)))
    assert lab.findings()["sips-downgraded"].severity is Severity.LOW


def test_the_contact_that_answers_is_not_sips() -> None:
    ladder = called("sips:bob@example.com", Transport.TLS, contact="sip:bob@198.51.100.20")
    assert ladder.findings()["sips-downgraded"].severity is Severity.MEDIUM


def test_sips_over_tls_and_sip_over_anything() -> None:
    right = called("sips:bob@example.com", Transport.TLS, contact="sips:bob@198.51.100.20")
    assert "sips-downgraded" not in right.findings()
    assert "sips-downgraded" not in called("sip:bob@example.com", Transport.UDP).findings()
    local = (Endpoint("192.0.2.10", 5060), Endpoint("192.0.2.10", 5070))
    assert "sips-downgraded" not in called("sips:bob@example.com", Transport.TCP, ends=local).findings()


def test_the_parameter_of_tls_is_context() -> None:
    ladder = Ladder(transport=Transport.TLS)
    ladder.call().invite(0.0, "Contact: <sip:alice@192.0.2.10;transport=tls>")
    assert ladder.findings()["tls-transport-param"].severity is Severity.INFO
    ladder = Ladder(transport=Transport.TLS)
    ladder.call().invite(0.0, "Contact: <sip:alice@192.0.2.10;transport=tcp>")
    assert "tls-transport-param" not in ladder.findings()


@pytest.mark.parametrize(
    ("transport", "via", "severity"),
    [
        (Transport.WSS, "WS", Severity.LOW),
        (Transport.WS, "TCP", Severity.LOW),
        (Transport.WS, "WSS", Severity.INFO),
        (Transport.WSS, "WSS", None),
        (Transport.UDP, "WSS", None),
    ],
)
def test_the_via_of_a_web_socket(transport: Transport, via: str, severity: Severity | None) -> None:
    ladder = Ladder(transport=transport)
    ladder.call().invite(0.0, f"Via: SIP/2.0/{via} d3f4.invalid;branch=z9hG4bKx")
    finding = ladder.findings().get("ws-via-mismatch")
    assert (finding.severity if finding else None) is severity


def to_browser(status: int, transport: Transport = Transport.UDP) -> Ladder:
    ladder = Ladder(transport=transport)
    call = ladder.call(ALICE, PROXY, uri="sip:q7x@d3f4.invalid;transport=ws")
    invite = call.invite(0.0)
    call.respond(invite, status, 0.5)
    call.ack(invite, 0.6)
    return ladder


def test_an_address_that_does_not_exist() -> None:
    finding = to_browser(478).findings()["ws-contact-invalid-routing"]
    assert finding.severity is Severity.MEDIUM
    assert "d3f4.invalid" in finding.evidence[0].text


def test_the_server_found_the_connection() -> None:
    for status in (200, 404, 480, 486, 603):
        assert "ws-contact-invalid-routing" not in to_browser(status).findings()
    assert "ws-contact-invalid-routing" not in to_browser(480, Transport.WSS).findings()
