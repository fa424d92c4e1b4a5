"""Requests of a dialog that leave for another place than its routes and Contacts say."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Call, Ladder, Sent, assert_healthy

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Transport


def _past_the_route(*, answered: bool = False, to: Endpoint = BOB) -> Ladder:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    call.established()
    bye = call.request("BYE", 10.0, f"Route: <sip:{PROXY};lr>", way=(ALICE, to))
    for packet in bye.packets:
        packet.raw = packet.raw.replace(f"BYE sip:bob@{to}".encode(), f"BYE sip:bob@{BOB}".encode())
    if answered:
        call.respond(bye, 200, 10.02)
    return ladder.end(60.0)


@pytest.mark.parametrize(("answered", "severity"), [(False, Severity.HIGH), (True, Severity.LOW)])
def test_a_request_that_is_sent_past_its_route(answered: bool, severity: Severity) -> None:
    finding = _past_the_route(answered=answered).findings()["route-not-followed"]

    assert finding.severity is severity
    assert str(PROXY) in finding.detail


def test_an_outbound_proxy_of_the_client_is_none() -> None:
    assert "route-not-followed" not in _past_the_route(to=CAROL).findings()


def test_a_request_that_follows_its_route() -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, BOB, record_route=True).answered()

    assert "route-not-followed" not in ladder.end(60.0).findings()


def _answered_with(contact: str, *sends: float) -> dict[str, object]:
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call()
    invite = call.invite(0.0)
    answer = call.respond(invite, 200, 1.0, f"Contact: <{contact}>")
    ladder.again(answer, *sends)
    ack = call.ack(invite, 1.05, way=(ALICE, Endpoint(BOB.host, 7070)))
    ladder.again(ack, *(time + 0.05 for time in sends))
    return dict(ladder.end(60.0).findings())


def test_a_contact_of_another_listener() -> None:
    findings = _answered_with(f"sip:bob@{BOB.host}:7070", 1.5, 2.5, 4.5)

    assert findings["contact-other-listener"].severity is Severity.HIGH  # type: ignore[attr-defined]
    assert not findings.keys() & {"ack-ignored", "ack-missing-2xx"}


def test_another_listener_where_the_ack_arrives() -> None:
    assert "contact-other-listener" not in _answered_with(f"sip:bob@{BOB.host}:7070")


def test_the_contact_of_the_listener_that_took_the_call() -> None:
    findings = _answered_with(f"sip:bob@{BOB};transport=tcp", 1.5, 2.5, 4.5)

    assert "contact-other-listener" not in findings


def test_a_contact_without_the_transport_of_the_call() -> None:
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call()
    ladder.again(call.respond(call.invite(0.0), 200, 1.0), 1.5, 2.5, 4.5)
    findings = ladder.end(60.0).findings()

    assert "contact-other-listener" not in findings
    assert "ack-missing-2xx" in findings


def _called_over_tls(contact: str, *, answered: bool = False) -> Ladder:
    """A call over TLS whose callee hangs up by UDP, at the address in the caller's Contact."""
    ladder = Ladder(transport=Transport.TLS)
    call = ladder.call()
    call.established()
    for packet in ladder.packets:
        if packet.raw.startswith(b"INVITE"):
            lines = packet.raw.split(b"\r\n")
            packet.raw = b"\r\n".join(
                f"Contact: <{contact}>".encode() if line.startswith(b"Contact:") else line for line in lines
            )
    ladder.transport = Transport.UDP
    bye = call.request("BYE", 10.0, by_callee=True)
    if answered:
        call.respond(bye, 200, 10.1)
    else:
        ladder.again(bye, 10.5, 11.5, 13.5, 17.5)
    return ladder.end(60.0)


def test_a_caller_on_tls_that_names_its_plain_listener() -> None:
    findings = _called_over_tls(f"sip:alice@{ALICE.host}:5060").findings()

    assert findings["contact-other-listener"].severity is Severity.HIGH
    assert findings["contact-other-listener"].root
    assert not findings["bye-no-response"].root


def test_a_caller_on_tls_that_listens_to_udp_as_well() -> None:
    assert "contact-other-listener" not in _called_over_tls(f"sip:alice@{ALICE.host}:5060", answered=True).findings()


def test_a_caller_on_tls_that_says_so() -> None:
    contact = f"sip:alice@{ALICE.host}:5060;transport=tls"
    assert "contact-other-listener" not in _called_over_tls(contact).findings()


def _recorded(port: int, status: int) -> Ladder:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    call.established()
    bye = call.bye(10.0)
    call.respond(bye, status, 10.05)
    for packet in ladder.packets:
        packet.raw = packet.raw.replace(f"<sip:{PROXY};lr>".encode(), f"<sip:{PROXY.host}:{port};lr>".encode())
    return ladder.end(60.0)


def test_a_recorded_port_that_is_not_the_one_in_via() -> None:
    finding = _recorded(5080, 481).findings()["record-route-other-port"]

    assert finding.severity.at_least(Severity.MEDIUM)


@pytest.mark.parametrize(("port", "status"), [(5080, 200), (5060, 481)])
def test_a_recorded_port_that_works_or_is_right(port: int, status: int) -> None:
    assert "record-route-other-port" not in _recorded(port, status).findings()


def _forked(contact: Endpoint, status: int) -> tuple[Ladder, Call, Sent]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    call.respond(invite, 180, 0.1, to_tag="b0")
    call.respond(
        invite, 180, 0.3, "Require: 100rel", "RSeq: 1", f"Contact: <sip:bob@{CAROL}>", to_tag="b1"
    )  # fmt: skip
    prack = call.request("PRACK", 0.32, "RAck: 1 1 INVITE", to_tag="b1")
    for packet in prack.packets:
        packet.raw = packet.raw.replace(f"PRACK sip:bob@{BOB}".encode(), f"PRACK sip:bob@{contact}".encode())
    call.respond(prack, status, 0.35)
    return ladder.end(60.0), call, invite


def test_a_prack_for_another_fork() -> None:
    ladder, _, _ = _forked(Endpoint("203.0.113.77", 5060), 481)
    findings = ladder.findings()

    assert findings["prack-wrong-target"].severity is Severity.HIGH
    assert "rack-mismatch" not in findings


def test_a_prack_for_the_contact_of_its_response() -> None:
    ladder, _, _ = _forked(CAROL, 200)

    assert "prack-wrong-target" not in ladder.findings()


def test_a_healthy_call_over_two_proxies() -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, CAROL, BOB, record_route=True).answered()

    assert_healthy(ladder.end(60.0))
