"""Calls to emergency services."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding

SOS = "urn:service:sos.fire"
GOOD = ("Geolocation: <https://lis.example.com/1>", "Resource-Priority: esnet.1")


def emergency(*lines: str, status: int = 200, uri: str = SOS, caller: str = "alice") -> dict[str, WireFinding]:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB, uri=uri, caller=caller)
    invite = call.invite(0.0, *lines)
    call.respond(invite, status, 0.5)
    call.ack(invite, 0.6)
    return ladder.end(60.0).findings()


def found(findings: dict[str, WireFinding]) -> set[str]:
    return {name for name in findings if name.startswith("emergency-")}


def test_a_good_emergency_call() -> None:
    assert found(emergency(*GOOD)) == set()


@pytest.mark.parametrize("status", [404, 486, 503, 600])
def test_help_that_is_not_reached(status: int) -> None:
    findings = emergency(*GOOD, status=status)

    assert findings["emergency-rejected"].severity is Severity.CRITICAL
    assert found(findings) == {"emergency-rejected"}
    assert f"final-{status}" not in findings or findings[f"final-{status}"].severity is Severity.INFO


@pytest.mark.parametrize("uri", ["sip:112@example.com", "sip:911@example.com", "urn:service:counseling"])
def test_other_calls_are_not_judged(uri: str) -> None:
    assert found(emergency(status=404, uri=uri)) == set()


def test_a_caller_who_hangs_up() -> None:
    ladder = Ladder()
    call = ladder.call(uri=SOS)
    invite = call.invite(0.0, *GOOD)
    call.respond(invite, 180, 0.1)
    call.respond(call.cancel(invite, 1.0), 200, 1.1)
    call.respond(invite, 487, 1.2)
    call.ack(invite, 1.3)

    assert found(ladder.end(60.0).findings()) == set()


def test_a_call_without_location_and_priority() -> None:
    findings = emergency()

    assert findings["emergency-no-location"].severity is Severity.HIGH
    assert findings["emergency-no-priority"].severity is Severity.LOW


def test_the_cell_is_a_hint() -> None:
    findings = emergency("P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=1")

    assert findings["emergency-no-location"].severity is Severity.LOW


@pytest.mark.parametrize(
    ("caller", "lines", "bad"),
    [("anonymous", (), True), ("anonymous", ("P-Asserted-Identity: <tel:+4930123>",), False), ("alice", (), False)],
)
def test_calling_back(caller: str, lines: tuple[str, ...], bad: bool) -> None:
    assert ("emergency-no-callback" in emergency(*GOOD, *lines, caller=caller)) is bad


def test_credentials_in_an_emergency() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, uri=SOS)
    invite = call.invite(0.0, *GOOD)
    call.respond(invite, 407, 0.1, 'Proxy-Authenticate: Digest realm="x", nonce="1"')
    call.ack(invite, 0.2)
    again = call.invite(0.3, *GOOD, 'Proxy-Authorization: Digest username="a", nonce="1", response="b"')
    call.respond(again, 200, 0.5)
    call.ack(again, 0.6)
    finding = ladder.end(60.0).findings()["emergency-auth-challenged"]

    assert (finding.severity, finding.occurrences) == (Severity.MEDIUM, 1)
