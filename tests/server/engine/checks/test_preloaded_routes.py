"""Routes of registered clients: Path taken for the way out, and a Service-Route that is over."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, PROXY, SECOND_PROXY, Call, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

PATH = "Path: <sip:term@203.0.113.5;lr>"
SERVICE = "Service-Route: <sip:orig@203.0.113.5;lr>"
OWN = "To: <sip:alice@example.com>"


def _register(ladder: Ladder, time: float, *lines: str, registrar: Endpoint = PROXY) -> None:
    call = ladder.call(ALICE, registrar)
    request = call.request("REGISTER", time, OWN, "Contact: <sip:alice@192.0.2.10>", inside=False)
    call.respond(request, 200, time + 0.1, *lines)


def _invite(ladder: Ladder, time: float, *routes: str, status: int = 480) -> Call:
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(time, *(f"Route: <{route}>" for route in routes), hops=(0,))
    call.respond(invite, status, time + 0.2, hops=(0,))
    call.ack(invite, time + 0.3, hops=(0,))
    return call


def test_a_path_that_is_taken_for_the_route() -> None:
    ladder = Ladder()
    _register(ladder, 0.0, PATH, SERVICE)
    _invite(ladder, 5.0, "sip:orig@203.0.113.5;lr", "sip:term@203.0.113.5;lr")
    found = ladder.end(60.0).findings()
    finding = found["route-path-used"]

    assert finding.severity.at_least(Severity.MEDIUM)
    assert finding.root
    assert "sip:term@203.0.113.5" in finding.detail
    assert finding.evidence[1].text.startswith("Route:")
    assert not found["final-480"].root


def test_it_is_low_where_the_call_was_answered() -> None:
    ladder = Ladder()
    _register(ladder, 0.0, PATH, SERVICE)
    _invite(ladder, 5.0, "sip:term@203.0.113.5;lr", status=200)

    assert ladder.end(60.0).findings()["route-path-used"].severity is Severity.LOW


def test_the_service_route_alone_is_right() -> None:
    ladder = Ladder()
    _register(ladder, 0.0, PATH, SERVICE)
    _invite(ladder, 5.0, "sip:orig@203.0.113.5;lr")

    assert "route-path-used" not in ladder.end(60.0).findings()


def test_a_path_that_is_the_service_route_as_well() -> None:
    ladder = Ladder()
    _register(ladder, 0.0, "Path: <sip:203.0.113.5;lr>", "Service-Route: <sip:203.0.113.5;lr>")
    _invite(ladder, 5.0, "sip:203.0.113.5;lr")

    assert "route-path-used" not in ladder.end(60.0).findings()


def test_a_service_route_that_the_next_registration_cleared() -> None:
    ladder = Ladder()
    _register(ladder, 0.0, "Service-Route: <sip:203.0.113.6;lr>", registrar=SECOND_PROXY)
    _register(ladder, 5.0)
    _invite(ladder, 8.0, "sip:203.0.113.6;lr")
    finding = ladder.end(60.0).findings()["route-preload-stale"]

    assert finding.severity.at_least(Severity.MEDIUM)
    assert finding.root
    assert "203.0.113.6" in finding.detail


def test_a_service_route_that_still_holds_and_one_of_another_server() -> None:
    ladder = Ladder()
    _register(ladder, 0.0, "Service-Route: <sip:203.0.113.6;lr>", registrar=SECOND_PROXY)
    _register(ladder, 5.0, "Service-Route: <sip:203.0.113.6;lr>")
    _invite(ladder, 8.0, "sip:203.0.113.6;lr")

    assert "route-preload-stale" not in ladder.end(60.0).findings()


def test_a_call_over_the_server_that_gave_the_route_is_right_though_another_gave_none() -> None:
    ladder = Ladder()
    _register(ladder, 0.0, "Service-Route: <sip:203.0.113.5;lr>")
    _register(ladder, 5.0, registrar=SECOND_PROXY)
    _invite(ladder, 8.0, "sip:203.0.113.5;lr")

    assert "route-preload-stale" not in ladder.end(60.0).findings()
