"""Registrations of flows: what the client says, and what the registrar answers."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding

INSTANCE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
SUPPORTED = "Supported: path, outbound, gruu"
REQUIRED = "Require: outbound"


def registered(
    contact: str, *lines: str, status: int = 200, answer: tuple[str, ...] = (), proxy: bool = False
) -> dict[str, WireFinding]:
    ladder = Ladder()
    call = ladder.call(*((ALICE, PROXY, BOB) if proxy else (ALICE, BOB)))
    contact = f"Contact: <sip:alice@{ALICE}>{contact}"
    register = call.request("REGISTER", 0.0, contact, *lines, inside=False)
    call.respond(register, status, 0.1, contact + ";expires=600", *answer)
    return ladder.end(10.0).findings()


@pytest.mark.parametrize(
    ("contact", "supported", "severity"),
    [
        (f";reg-id=1{INSTANCE}", SUPPORTED, None),
        (INSTANCE, "Supported: gruu", None),
        (";reg-id=1", SUPPORTED, Severity.LOW),
        (f";reg-id=0{INSTANCE}", SUPPORTED, Severity.LOW),
        (f";reg-id=2147483648{INSTANCE}", SUPPORTED, Severity.LOW),
        (f";reg-id=1{INSTANCE}", "Supported: path", Severity.LOW),
        (f";reg-id=1{INSTANCE}", "Supported: outbound", Severity.INFO),
    ],
)
def test_what_a_client_says_of_its_flow(contact: str, supported: str, severity: Severity | None) -> None:
    finding = registered(contact, supported).get("reg-outbound-incomplete")

    assert (finding.severity if finding else None) is severity


@pytest.mark.parametrize(
    ("contact", "status", "answer", "found"),
    [
        (f";reg-id=1{INSTANCE}", 200, (REQUIRED,), False),
        (f";reg-id=1{INSTANCE}", 439, (), False),
        (INSTANCE, 200, (), False),
        (INSTANCE, 200, (REQUIRED,), True),
        (INSTANCE, 439, (), True),
    ],
)
def test_what_a_registrar_answers(contact: str, status: int, answer: tuple[str, ...], found: bool) -> None:
    findings = registered(contact, SUPPORTED, status=status, answer=answer)

    assert ("reg-outbound-misanswered" in findings) is found


@pytest.mark.parametrize(
    ("path", "found"), [(f"Path: <sip:{PROXY};lr;ob>", False), (f"Path: <sip:{PROXY};lr>", True), ("X-Any: 1", True)]
)
def test_a_flow_over_a_proxy_needs_ob(path: str, found: bool) -> None:
    findings = registered(f";reg-id=1{INSTANCE}", SUPPORTED, path, answer=(REQUIRED,), proxy=True)
    finding = findings.get("reg-outbound-misanswered")

    assert (finding.severity if finding else None) is (Severity.LOW if found else None)
    assert finding is None or finding.occurrences == 1
