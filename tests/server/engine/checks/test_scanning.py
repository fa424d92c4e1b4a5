"""Hosts that look for accounts and passwords, and hosts that flood."""

from __future__ import annotations

import pytest
from tests.server.engine.checks.test_digest import challenge, credentials
from tests.support.calls import ALICE, BOB, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

LAB = (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060))
PUBLIC = (ALICE, BOB)
Path = tuple[Endpoint, Endpoint]


def severity(ladder: Ladder, check: str) -> Severity | None:
    finding = ladder.findings().get(check)
    return finding.severity if finding else None


# -- sec-scanner ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "agent", "expected"),
    [
        (PUBLIC, "friendly-scanner", Severity.HIGH),
        (PUBLIC, "SIPVicious 0.3", Severity.HIGH),
        (LAB, "friendly-scanner", Severity.LOW),
        (PUBLIC, "sipsak 0.9.6", None),
        (PUBLIC, "Asterisk PBX 20.9.2", None),
    ],
)
def test_tools_by_name(path: Path, agent: str, expected: Severity | None) -> None:
    ladder = Ladder()
    call = ladder.call(*path)
    call.respond(call.request("OPTIONS", 0.0, f"User-Agent: {agent}", inside=False), 200, 0.1)

    assert severity(ladder.end(60.0), "sec-scanner") is expected


def test_a_scan_that_nobody_answers_is_the_noise_of_the_internet() -> None:
    ladder = Ladder()
    ladder.call(*PUBLIC).request("OPTIONS", 0.0, "User-Agent: friendly-scanner", inside=False)

    assert severity(ladder.end(60.0), "sec-scanner") is Severity.LOW
    assert "txn-no-response" not in ladder.findings()


# -- sec-enumeration ------------------------------------------------------------------------------------------------


def _search(users: int, spacing: float, *, status: int = 404, path: Path = PUBLIC, caller: str = "100") -> Ladder:
    ladder = Ladder()
    for number in range(users):
        call = ladder.call(*path, caller=caller, callee=str(100 + number), uri=f"sip:{100 + number}@example.com")
        request = call.request("REGISTER", number * spacing, inside=False)
        call.respond(request, status, number * spacing + 0.05, *([challenge()] if status == 401 else []))
    return ladder.end(300.0)


@pytest.mark.parametrize(
    ("users", "spacing", "expected"),
    [(10, 5.0, Severity.HIGH), (5, 1.0, Severity.HIGH), (4, 0.1, None), (10, 20.0, None)],
)
def test_a_search_for_users(users: int, spacing: float, expected: Severity | None) -> None:
    assert severity(_search(users, spacing), "sec-enumeration") is expected


@pytest.mark.parametrize(
    ("path", "caller", "expected"),
    [(PUBLIC, "100", Severity.HIGH), (LAB, "100", Severity.LOW), (LAB, "sipp", Severity.INFO)],
)
def test_a_search_in_a_lab(path: Path, caller: str, expected: Severity) -> None:
    assert severity(_search(10, 1.0, path=path, caller=caller), "sec-enumeration") is expected


def test_many_phones_that_register_are_no_search() -> None:
    ladder = Ladder()
    for number in range(12):
        call = ladder.call(*PUBLIC, callee=str(100 + number))
        call.respond(call.request("REGISTER", 0.1 * number, inside=False), 401, 0.1 * number + 0.01, challenge())
        call.respond(
            call.request("REGISTER", 0.1 * number + 0.02, credentials(), inside=False), 200, 0.1 * number + 0.03
        )

    assert severity(ladder.end(300.0), "sec-enumeration") is None


# -- sec-bruteforce and sec-compromised -----------------------------------------------------------------------------


def _guessing(tries: int, *, success: bool = False, path: Path = PUBLIC, more: str = "") -> Ladder:
    ladder = Ladder()
    for number in range(tries + success):
        call = ladder.call(*path)
        status = 200 if number == tries else 401
        request = call.request("REGISTER", float(number), credentials(f"n{number}"), inside=False)
        call.respond(request, status, number + 0.1, challenge(f"n{number + 1}", more=more))
    return ladder.end(300.0)


@pytest.mark.parametrize(
    ("tries", "path", "expected"),
    [(10, PUBLIC, Severity.HIGH), (10, LAB, Severity.LOW), (9, PUBLIC, None)],
)
def test_many_wrong_passwords(tries: int, path: Path, expected: Severity | None) -> None:
    assert severity(_guessing(tries, path=path), "sec-bruteforce") is expected


def test_stale_nonces_are_no_guesses() -> None:
    assert severity(_guessing(12, more=", stale=true"), "sec-bruteforce") is None


@pytest.mark.parametrize(
    ("tries", "path", "expected"),
    [(5, PUBLIC, Severity.CRITICAL), (5, LAB, Severity.LOW), (3, PUBLIC, None)],
)
def test_a_password_that_was_found(tries: int, path: Path, expected: Severity | None) -> None:
    assert severity(_guessing(tries, success=True, path=path), "sec-compromised") is expected


def test_old_nonces_before_the_right_one_are_no_guesses() -> None:
    ladder = Ladder()
    for number in range(8):
        call = ladder.call(*PUBLIC)
        first = call.request("REGISTER", float(number), credentials(f"n{number}"), inside=False)
        call.respond(first, 401, number + 0.1, challenge(f"n{number + 1}"))
        second = call.request("REGISTER", number + 0.2, credentials(f"n{number + 1}"), inside=False)
        call.respond(second, 200, number + 0.3)

    assert severity(ladder.end(60.0), "sec-compromised") is None


# -- sec-flood ------------------------------------------------------------------------------------------------------


def _load(count: int, *, answered: bool = False, path: Path = PUBLIC, caller: str = "alice") -> Ladder:
    ladder = Ladder()
    for number in range(count):
        call = ladder.call(*path, caller=caller)
        request = call.request("OPTIONS", number / count, inside=False)
        if answered:
            call.respond(request, 200, number / count + 0.01)
    return ladder.end(300.0)


@pytest.mark.parametrize(
    ("ladder", "expected"),
    [
        (_load(60), Severity.HIGH),
        (_load(600), Severity.CRITICAL),
        (_load(60, path=LAB), Severity.INFO),
        (_load(60, caller="sipp"), Severity.INFO),
        (_load(60, answered=True), None),
        (_load(30), None),
    ],
    ids=["flood", "deluge", "lab", "test tool", "busy trunk", "few"],
)
def test_floods(ladder: Ladder, expected: Severity | None) -> None:
    assert severity(ladder, "sec-flood") is expected
