"""Calls that cost money or harass."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

LAB = (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060))
PUBLIC = (ALICE, BOB)
SCANNER = "User-Agent: friendly-scanner"
Path = tuple[Endpoint, Endpoint]


def _dial(
    ladder: Ladder, number: str, time: float, *lines: str, status: int = 0, path: Path = PUBLIC, caller: str = "alice"
) -> None:
    call = ladder.call(*path, uri=f"sip:{number}@example.com", caller=caller)
    invite = call.invite(time, *lines)
    if status:
        call.respond(invite, 180, time + 0.1)
        call.respond(invite, status, time + 0.5)
        call.ack(invite, time + 0.6)


def severity(ladder: Ladder, check: str) -> Severity | None:
    finding = ladder.end(300.0).findings().get(check)
    return finding.severity if finding else None


@pytest.mark.parametrize(
    ("lines", "number", "status", "path", "expected"),
    [
        ((SCANNER,), "0088213600001", 200, PUBLIC, Severity.CRITICAL),
        ((SCANNER,), "+979123456789", 403, PUBLIC, Severity.MEDIUM),
        ((SCANNER,), "0088213600001", 200, LAB, Severity.LOW),
        ((SCANNER,), "0049301234567", 200, PUBLIC, None),
        ((), "0088213600001", 200, PUBLIC, None),
    ],
    ids=["answered", "tried", "lab", "another country", "an ordinary caller"],
)
def test_expensive_calls(
    lines: tuple[str, ...], number: str, status: int, path: Path, expected: Severity | None
) -> None:
    ladder = Ladder()
    _dial(ladder, number, 0.0, *lines, status=status, path=path)

    assert severity(ladder, "sec-toll-fraud") is expected


@pytest.mark.parametrize(
    ("lines", "status", "expected"),
    [
        ((SCANNER,), 200, Severity.CRITICAL),
        ((SCANNER,), 0, None),
        ((), 200, None),
        ((SCANNER, 'Authorization: Digest username="a", response="b"'), 200, None),
    ],
    ids=["through", "not answered", "a trunk", "with credentials"],
)
def test_a_relay_for_everyone(lines: tuple[str, ...], status: int, expected: Severity | None) -> None:
    ladder = Ladder()
    _dial(ladder, "0049301234567", 0.0, *lines, status=status)

    assert severity(ladder, "sec-open-relay") is expected


def _ring_once(count: int, ring: float, *, path: Path = PUBLIC, caller: str = "alice", same: bool = False) -> Ladder:
    ladder = Ladder()
    for place in range(count):
        number = f"493012345{0 if same else 7 * place:02}"
        call = ladder.call(*path, uri=f"sip:{number}@example.com", caller=caller)
        invite = call.invite(10.0 * place)
        call.respond(invite, 180, 10.0 * place + 0.1)
        call.respond(call.cancel(invite, 10.0 * place + 0.1 + ring), 200, 10.0 * place + 0.2 + ring)
        call.respond(invite, 487, 10.0 * place + 0.3 + ring)
        call.ack(invite, 10.0 * place + 0.4 + ring)
    return ladder


@pytest.mark.parametrize(
    ("ladder", "expected"),
    [
        (_ring_once(3, 1.0), Severity.MEDIUM),
        (_ring_once(3, 1.0, path=LAB), Severity.LOW),
        (_ring_once(3, 1.0, path=LAB, caller="sipp"), Severity.INFO),
        (_ring_once(3, 5.0), None),
        (_ring_once(2, 1.0), None),
        (_ring_once(3, 1.0, same=True), None),
    ],
    ids=["wangiri", "lab", "test tool", "rings long", "two", "one number"],
)
def test_calls_that_ring_once(ladder: Ladder, expected: Severity | None) -> None:
    assert severity(ladder, "sec-wangiri") is expected


def _sequence(numbers: list[int], spacing: float = 1.0, path: Path = PUBLIC) -> Ladder:
    ladder = Ladder()
    for place, number in enumerate(numbers):
        _dial(ladder, str(number), place * spacing, status=486, path=path)
    return ladder


@pytest.mark.parametrize(
    ("ladder", "expected"),
    [
        (_sequence([1000, 1001, 1002, 1003, 1004]), Severity.MEDIUM),
        (_sequence([1000, 1001, 1002, 1003, 1004], path=LAB), Severity.INFO),
        (_sequence([1000, 1002, 1004, 1006, 1008]), None),
        (_sequence([1000, 1001, 1002, 1003, 1004], 20.0), None),
        (_sequence([1000] * 6), None),
    ],
    ids=["sequence", "lab", "gaps", "slow", "one number"],
)
def test_numbers_one_after_the_other(ladder: Ladder, expected: Severity | None) -> None:
    assert severity(ladder, "sec-sequential-dialing") is expected
