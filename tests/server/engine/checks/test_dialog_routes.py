"""The order of the route set, and the transport of the remote target."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, SECOND_PROXY, Call, Ladder, Sent

from sip_ci.findings import Severity
from sip_ci.trace.observation import Transport

WAY = (ALICE, PROXY, SECOND_PROXY, BOB)
IN_ORDER = f"Route: <sip:{SECOND_PROXY};lr>, <sip:{PROXY};lr>"
"""What the callee takes: the Record-Routes of the INVITE as they stand."""
REVERSED = f"Route: <sip:{PROXY};lr>, <sip:{SECOND_PROXY};lr>"


def hung_up(route: str, *, by_callee: bool, status: int | None = None) -> Ladder:
    """A call over two proxies, ended by a BYE with this Route."""
    ladder = Ladder()
    call = ladder.call(*WAY, record_route=True)
    call.established()
    ends = (BOB, SECOND_PROXY) if by_callee else (ALICE, PROXY)
    bye = call.request("BYE", 10.0, route, by_callee=by_callee, way=ends)
    if status is not None:
        call.respond(bye, status, 10.1)
    else:
        ladder.again(bye, 10.5, 11.5, 13.5, 17.5)
    return ladder.end(60.0)


@pytest.mark.parametrize("status", [None, 404, 483])
def test_a_callee_that_reverses_the_route(status: int | None) -> None:
    findings = hung_up(REVERSED, by_callee=True, status=status).findings()
    finding = findings["route-set-reversed"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert finding.evidence[1].text.startswith("Route:")
    assert all(not one.root for check, one in findings.items() if check in ("bye-no-response", "bye-rejected"))


def test_a_caller_that_does_not_reverse_the_route() -> None:
    assert hung_up(IN_ORDER, by_callee=False, status=404).findings()["route-set-reversed"].root


@pytest.mark.parametrize(
    ("route", "by_callee", "status"),
    [(IN_ORDER, True, 200), (REVERSED, False, 200), (IN_ORDER, True, None), (REVERSED, True, 200)],
    ids=["callee", "caller", "right-and-lost", "wrong-and-taken"],
)
def test_routes_that_are_right_or_do_no_harm(route: str, by_callee: bool, status: int | None) -> None:
    assert "route-set-reversed" not in hung_up(route, by_callee=by_callee, status=status).findings()


@pytest.mark.parametrize(
    ("route", "again", "expected"),
    [(IN_ORDER, (1.5, 2.5, 4.5), True), (REVERSED, (1.5, 2.5, 4.5), False), (IN_ORDER, (), False)],
    ids=["wrong-and-lost", "right-and-lost", "wrong-and-taken"],
)
def test_an_ack_that_takes_the_wrong_proxy_first(route: str, again: tuple[float, ...], expected: bool) -> None:
    ladder = Ladder()
    call = ladder.call(*WAY, record_route=True)
    invite = call.invite(0.0)
    success = call.respond(invite, 200, 1.0)
    call.ack(invite, 1.03, hops=(0,))
    for packet in ladder.packets:
        if packet.raw.startswith(b"ACK"):
            lines = [line for line in packet.raw.split(b"\r\n") if not line.startswith(b"Route:")]
            lines[0] = lines[0].replace(b"sip:bob@", b"sip:")
            packet.raw = b"\r\n".join([lines[0], route.encode(), *lines[1:]])
    ladder.again(success, *again)
    findings = ladder.end(60.0).findings()

    assert ("route-set-reversed" in findings and findings["route-set-reversed"].root) is expected
    if expected:
        assert not findings["ack-missing-2xx"].root


def test_two_entries_of_one_proxy_have_no_wrong_order() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    twice = f"Record-Route: <sip:{PROXY};r2=on;lr>, <sip:{PROXY};transport=tcp;r2=on;lr>"
    call.respond(invite, 200, 1.0, twice)
    call.ack(invite, 1.03)
    bye = call.bye(10.0)
    call.respond(bye, 404, 10.1)

    assert "route-set-reversed" not in ladder.end(60.0).findings()


def over_tls(contact: str) -> tuple[Ladder, Call, Sent, Sent]:
    """A call over TLS that is answered with this Contact."""
    ladder = Ladder(transport=Transport.TLS)
    call = ladder.call()
    invite = call.invite(0.0)
    success = call.respond(invite, 200, 1.0, f"Contact: <{contact}>")
    return ladder, call, invite, success


def test_an_ack_over_udp_to_a_contact_with_tls() -> None:
    ladder, call, invite, success = over_tls(f"sip:bob@{BOB};transport=tls")
    ladder.again(success, 1.5, 2.5, 4.5, 8.5)
    ack = call.ack(invite, 1.03)
    ack.packets[0].transport = Transport.UDP
    findings = ladder.end(60.0).findings()
    finding = findings["request-wrong-transport"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert "transport=tls" in finding.title
    assert not findings["ack-ignored"].root


def test_a_bye_over_udp_that_was_taken_is_low() -> None:
    ladder, call, invite, _ = over_tls(f"sip:bob@{BOB};transport=tls")
    call.ack(invite, 1.03)
    bye = call.bye(10.0)
    bye.packets[0].transport = Transport.UDP
    answer = call.respond(bye, 200, 10.02)
    answer.packets[0].transport = Transport.UDP

    assert ladder.end(60.0).findings()["request-wrong-transport"].severity is Severity.LOW


@pytest.mark.parametrize("contact", [f"sip:bob@{BOB};transport=tls", f"sip:bob@{BOB}", f"sip:bob@{BOB};transport=udp"])
def test_requests_over_the_transport_of_the_contact(contact: str) -> None:
    ladder, call, invite, _ = over_tls(contact)
    call.ack(invite, 1.03)
    call.respond(call.bye(10.0), 200, 10.02)

    assert "request-wrong-transport" not in ladder.end(60.0).findings()


def test_udp_to_a_route_is_the_routes_affair() -> None:
    ladder, call, invite, _ = over_tls(f"sip:bob@{BOB};transport=tls")
    ack = call.ack(invite, 1.03, f"Route: <sip:{PROXY};lr>")
    ack.packets[0].transport = Transport.UDP

    assert "request-wrong-transport" not in ladder.end(60.0).findings()
