"""Registrations over time: storms, flapping, and ways that lead nowhere."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint

LAB = (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060))
INSIDE = "192.168.1.50"


def _many(path: tuple[Endpoint, Endpoint], spacing: float, users: int = 10, tool: bool = False) -> WireFinding | None:
    ladder = Ladder()
    for number in range(25):
        call = ladder.call(*path, callee=f"user{number % users}", caller="sipp" if tool else "alice")
        call.respond(call.request("REGISTER", number * spacing, inside=False), 200, number * spacing + 0.01)
    return ladder.end(200.0).findings().get("reg-storm")


def test_a_storm() -> None:
    finding = _many((ALICE, BOB), 0.02)
    assert finding is not None
    assert finding.severity is Severity.MEDIUM


@pytest.mark.parametrize(("path", "tool"), [(LAB, False), ((ALICE, BOB), True)])
def test_a_load_test_is_noted(path: tuple[Endpoint, Endpoint], tool: bool) -> None:
    finding = _many(path, 0.02, tool=tool)
    assert finding is not None
    assert finding.severity is Severity.INFO


def test_registrations_spread_over_time() -> None:
    assert _many((ALICE, BOB), 2.0) is None


def test_one_impatient_client() -> None:
    assert _many((ALICE, BOB), 1.0, users=1) is not None


@pytest.mark.parametrize(("turns", "found"), [(2, False), (4, True)])
def test_a_client_that_comes_and_goes(turns: int, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    for number in range(turns):
        line = "Expires: 0" if number % 2 else "Expires: 600"
        call.respond(call.request("REGISTER", 10.0 * number, line, inside=False), 200, 10.0 * number + 0.1)

    assert ("reg-unregister-flap" in ladder.end(200.0).findings()) is found


# -- ways that lead nowhere -----------------------------------------------------------------------------------------

FLOW = f'Contact: <sip:bob@{INSIDE}>;reg-id=1;+sip.instance="<urn:uuid:1>"'


def _called(ladder: Ladder, target: Endpoint, answered: bool) -> dict[str, WireFinding]:
    call = ladder.call(PROXY, target, uri=f"sip:bob@{INSIDE}")
    invite = call.invite(100.0)
    if answered:
        call.respond(invite, 200, 100.1)
        call.ack(invite, 100.2)
    ladder.know(host_pairs=frozenset({(target.host, PROXY.host)}))
    return ladder.end(200.0).findings()


def _registered(*lines: str, answer: tuple[str, ...] = (), path: tuple[Endpoint, ...] = (ALICE, PROXY)) -> Ladder:
    ladder = Ladder()
    call = ladder.call(*path, caller="bob", callee="bob")
    hops = (len(path) - 2,)
    request = call.request("REGISTER", 0.0, *lines, inside=False, hops=hops)
    call.respond(request, 200, 0.1, f"Contact: <sip:bob@{INSIDE}>;expires=600", *answer, hops=hops)
    return ladder


def test_a_flow_that_is_not_used() -> None:
    ladder = _registered(FLOW, "Supported: path, outbound")
    finding = _called(ladder, Endpoint("203.0.113.77", 5060), answered=False)["reg-outbound-flow-broken"]

    assert finding.severity.at_least(Severity.MEDIUM)


def test_a_registrar_that_knows_no_flows_is_noted() -> None:
    findings = _called(_registered(FLOW, "Supported: outbound"), ALICE, answered=True)

    assert findings["reg-outbound-flow-broken"].severity is Severity.INFO


def test_a_flow_that_is_used() -> None:
    ladder = _registered(FLOW, "Supported: outbound", answer=("Require: outbound",))

    assert "reg-outbound-flow-broken" not in _called(ladder, ALICE, answered=True)


@pytest.mark.parametrize(
    ("lines", "answered", "found"), [((), False, True), (("Path: <sip:edge;lr>",), False, False), ((), True, False)]
)
def test_a_call_past_the_edge_proxy(lines: tuple[str, ...], answered: bool, found: bool) -> None:
    ladder = _registered(f"Contact: <sip:bob@{INSIDE}>", *lines, path=(ALICE, BOB, PROXY))

    assert ("reg-path-missing" in _called(ladder, Endpoint(INSIDE, 5060), answered)) is found
