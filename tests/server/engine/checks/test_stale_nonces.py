"""Nonces that have run out without the server saying so."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder

from sip_ci.findings import Severity


def _credentials(nonce: str) -> str:
    return f'Authorization: Digest username="alice", realm="pbx", nonce="{nonce}", uri="sip:pbx", response="d"'


def _challenge(nonce: str, more: str = "") -> str:
    return f'WWW-Authenticate: Digest realm="pbx", nonce="{nonce}"{more}'


def _registrations(*tries: tuple[float, str, int, str], end: float = 1000.0) -> Ladder:
    """REGISTER requests of one client: time, nonce used, status, line of the response."""
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    for time, nonce, status, line in tries:
        request = call.request("REGISTER", time, *([_credentials(nonce)] if nonce else []), inside=False)
        call.respond(request, status, time + 0.02, *([line] if line else []))
    return ladder.end(end)


FIRST = ((0.0, "", 401, _challenge("A1")), (0.1, "A1", 200, ""))


def test_a_client_that_gives_up() -> None:
    finding = _registrations(*FIRST, (270.0, "A1", 401, _challenge("B2"))).findings()["auth-stale-unsaid"]
    assert finding.severity is Severity.MEDIUM
    assert [proof.message for proof in finding.evidence] == [2, 4, 5]


def test_a_client_that_tries_again_is_low() -> None:
    ladder = _registrations(*FIRST, (270.0, "A1", 401, _challenge("B2")), (270.1, "B2", 200, ""))
    assert ladder.findings()["auth-stale-unsaid"].severity is Severity.LOW


def test_a_trace_that_ends_with_the_challenge_is_low() -> None:
    ladder = _registrations(*FIRST, (270.0, "A1", 401, _challenge("B2")), end=270.1)
    assert ladder.findings()["auth-stale-unsaid"].severity is Severity.LOW


@pytest.mark.parametrize(
    "again",
    [
        (270.0, "A1", 401, _challenge("B2", ", stale=true")),
        (270.0, "A1", 401, _challenge("B2", ", stale=TRUE")),
        (270.0, "A1", 200, ""),
        (270.0, "", 401, _challenge("B2")),
        (270.0, "Z9", 401, _challenge("B2")),
        (270.0, "A1", 401, _challenge("A1")),
        (270.0, "A1", 403, ""),
    ],
    ids=["stale", "stale-upper-case", "accepted", "no-credentials", "nonce-never-accepted", "same-nonce", "forbidden"],
)
def test_look_alikes(again: tuple[float, str, int, str]) -> None:
    assert "auth-stale-unsaid" not in _registrations(*FIRST, again).findings()


def _first_try(reason: str, *, again: float | None = None) -> Ladder:
    """A nonce that was never accepted is refused, with a reason phrase."""
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    first = call.request("REGISTER", 0.0, inside=False)
    call.respond(first, 401, 0.02, _challenge("A1"))
    second = call.request("REGISTER", 17.0, _credentials("A1"), inside=False)
    for packet in call.respond(second, 401, 17.02, _challenge("B2")).packets:
        packet.raw = packet.raw.replace(b"401 Unauthorized", f"401 {reason}".encode())
    if again is not None:
        third = call.request("REGISTER", 17.02 + again, _credentials("B2"), inside=False)
        call.respond(third, 200, 17.1 + again)
    return ladder.end(1000.0)


def test_a_server_that_says_in_words_that_the_nonce_has_changed() -> None:
    finding = _first_try("nonce has changed").findings()["auth-stale-unsaid"]
    assert finding.severity is Severity.MEDIUM
    assert [proof.message for proof in finding.evidence] == [2, 3]
    assert _first_try("nonce has changed", again=150.0).findings()["auth-stale-unsaid"].severity is Severity.MEDIUM
    assert _first_try("nonce has changed", again=0.1).findings()["auth-stale-unsaid"].severity is Severity.LOW


def test_a_new_nonce_for_a_wrong_password_is_no_stale_one() -> None:
    assert "auth-stale-unsaid" not in _first_try("Unauthorized").findings()
