"""Credentials refused, never sent, or asked for again and again."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, Sent, assert_healthy

from sip_ci.findings import Severity

REALM = "pbx.example.com"


def _challenge(nonce: str = "n1", *, realm: str = REALM, proxy: bool = False, more: str = "") -> str:
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    return f'{name}: Digest realm="{realm}", nonce="{nonce}"{more}'


def _credentials(
    nonce: str = "n1", *, realm: str = REALM, proxy: bool = False, response: str = "d", more: str = ""
) -> str:
    name = "Proxy-Authorization" if proxy else "Authorization"
    return (
        f'{name}: Digest username="alice", realm="{realm}", nonce="{nonce}", uri="sip:x", response="{response}"{more}'
    )


def _register(ladder: Ladder, call: Call, time: float, status: int, *lines: str, challenge: str = "") -> Sent:
    request = call.request("REGISTER", time, *lines, inside=False)
    call.respond(request, status, time + 0.05, *([challenge] if challenge else []))
    return request


def _registering(*tries: tuple[tuple[str, ...], int, str]) -> Ladder:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    for number, (lines, status, challenge) in enumerate(tries):
        _register(ladder, call, 0.1 * number, status, *lines, challenge=challenge)
    return ladder.end(60.0)


# -- auth-failed-credentials ----------------------------------------------------------------------------------------


def test_credentials_that_are_refused_with_a_fresh_challenge() -> None:
    ladder = _registering(((), 401, _challenge("n1")), ((_credentials("n1"),), 401, _challenge("n2")))
    findings = ladder.findings()
    finding = findings["auth-failed-credentials"]

    assert finding.severity is Severity.HIGH
    assert REALM in finding.title
    assert "401" in finding.title
    assert "'alice'" in finding.detail
    assert [proof.message for proof in finding.evidence] == [2, 3]
    assert finding.evidence[0].text.startswith("Authorization: Digest")
    assert '"d"' not in finding.evidence[0].text
    assert "reg-failed" not in findings


@pytest.mark.parametrize(("phrase", "refused"), [("Wrong password or domain", True), ("Forbidden", False)])
def test_403_to_a_call_says_whether_the_credentials_are_meant(phrase: str, refused: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    first = call.invite(0.0)
    call.respond(first, 407, 0.1, _challenge(proxy=True))
    call.ack(first, 0.12)
    second = call.invite(0.2, _credentials(proxy=True))
    answer = call.respond(second, 403, 0.3)
    call.ack(second, 0.32)
    for packet in answer.packets:
        packet.raw = packet.raw.replace(b" 403 Forbidden", f" 403 {phrase}".encode(), 1)
    findings = ladder.end(60.0).findings()

    assert ("auth-failed-credentials" in findings) is refused
    assert ("final-403" in findings) is not refused


def test_403_to_a_registration_with_credentials_is_a_refusal_too() -> None:
    findings = _registering(((), 401, _challenge("n1")), ((_credentials("n1"),), 403, "")).findings()

    assert findings["auth-failed-credentials"].severity is Severity.HIGH
    assert "reg-failed" not in findings


def test_a_call_with_wrong_credentials() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY)
    first = call.invite(0.0)
    call.respond(first, 407, 0.1, _challenge("n1", proxy=True))
    call.ack(first, 0.11)
    second = call.invite(0.2, _credentials("n1", proxy=True))
    call.respond(second, 407, 0.3, _challenge("n2", proxy=True))
    call.ack(second, 0.31)

    assert "INVITE" in ladder.end(60.0).findings()["auth-failed-credentials"].title


STALE = ", stale=true"


@pytest.mark.parametrize(
    "tries",
    [
        # The plain way.
        (((), 401, _challenge("n1")), ((_credentials("n1"),), 200, "")),
        # A nonce from an earlier registration, refused without stale=true, then a fresh one.
        (((_credentials("old"),), 401, _challenge("n1")), ((_credentials("n1"),), 200, "")),
        # The nonce grew stale.
        (((), 401, _challenge("n1")), ((_credentials("n1"),), 401, _challenge("n2", more=STALE)),
         ((_credentials("n2"),), 200, "")),
        # A first try with a mistyped password, then the right one.
        (((), 401, _challenge("n1")), ((_credentials("n1"),), 401, _challenge("n2")), ((_credentials("n2"),), 200, "")),
        # IMS: the user's name without a response before the first challenge.
        (((_credentials("", response=""),), 401, _challenge("n1", more=", algorithm=AKAv1-MD5")),
         ((_credentials("n1"),), 200, "")),
        # IMS: the card asks for another sequence number.
        (((), 401, _challenge("n1", more=", algorithm=AKAv1-MD5")),
         ((_credentials("n1", more=', auts="CjkyMzRf"'),), 401, _challenge("n2", more=", algorithm=AKAv1-MD5")),
         ((_credentials("n2"),), 200, "")),
        # A proxy's realm, then the registrar's.
        (((), 407, _challenge("p1", realm="edge", proxy=True)),
         ((_credentials("p1", realm="edge", proxy=True),), 401, _challenge("n1")),
         ((_credentials("p1", realm="edge", proxy=True), _credentials("n1")), 200, "")),
    ],
)  # fmt: skip
def test_ways_to_get_in(tries: tuple[tuple[tuple[str, ...], int, str], ...]) -> None:
    assert_healthy(_registering(*tries))


@pytest.mark.parametrize(
    "tries",
    [
        (((_credentials("old"),), 401, _challenge("n1")),),
        (((), 401, _challenge("n1")), ((_credentials("n1"),), 401, _challenge("n2", more=STALE))),
        (((), 401, _challenge("n1")), ((_credentials("n1", more=', auts="x"'),), 401, _challenge("n2"))),
        (((), 407, _challenge("p1", realm="edge", proxy=True)),
         ((_credentials("p1", realm="edge", proxy=True),), 401, _challenge("n1"))),
    ],
)  # fmt: skip
def test_a_trace_that_ends_on_the_way_in_blames_no_password(
    tries: tuple[tuple[tuple[str, ...], int, str], ...],
) -> None:
    assert "auth-failed-credentials" not in _registering(*tries).findings()


def test_a_refusal_that_a_proxy_passes_on_counts_once_at_the_client() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    _register(ladder, call, 0.0, 401, challenge=_challenge("n1"))
    _register(ladder, call, 0.2, 401, _credentials("n1"), challenge=_challenge("n2"))
    finding = ladder.end(60.0).findings()["auth-failed-credentials"]

    assert finding.occurrences == 1
    assert f"{ALICE} -> {PROXY}" in finding.evidence[0].summary


# -- auth-no-credentials --------------------------------------------------------------------------------------------


def test_a_challenge_that_nobody_answers() -> None:
    findings = _registering(((), 401, _challenge())).findings()
    finding = findings["auth-no-credentials"]

    assert finding.severity is Severity.HIGH
    assert "REGISTER" in finding.title
    assert repr(REALM) in finding.detail
    assert [proof.message for proof in finding.evidence] == [0, 1]
    assert finding.evidence[1].text.startswith("WWW-Authenticate:")
    assert "n1" not in finding.evidence[1].text


@pytest.mark.parametrize(("method", "severity"), [("OPTIONS", Severity.INFO), ("SUBSCRIBE", Severity.MEDIUM)])
def test_other_requests_are_less_bad(method: str, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request(method, 0.0, inside=False), 401, 0.1, _challenge())

    assert ladder.end(60.0).findings()["auth-no-credentials"].severity is severity


def test_a_capture_that_ends_early_says_nothing() -> None:
    assert "auth-no-credentials" not in _registering(((), 401, _challenge())).end(3.0).findings()


def test_an_answer_in_another_call_id_is_an_answer() -> None:
    ladder = Ladder()
    _register(ladder, ladder.call(), 0.0, 401, challenge=_challenge())
    _register(ladder, ladder.call(), 0.5, 200, _credentials())

    assert "auth-no-credentials" not in ladder.end(60.0).findings()


def test_another_users_credentials_are_no_answer() -> None:
    ladder = Ladder()
    _register(ladder, ladder.call(), 0.0, 401, challenge=_challenge())
    _register(ladder, ladder.call(caller="carol"), 0.5, 200, _credentials())

    assert "auth-no-credentials" in ladder.end(60.0).findings()


# -- auth-loop ------------------------------------------------------------------------------------------------------


def test_a_client_that_never_sends_credentials_and_never_stops() -> None:
    finding = _registering(*[((), 401, _challenge(f"n{number}")) for number in range(4)]).findings()["auth-loop"]

    assert finding.severity is Severity.HIGH
    assert "4 times" in finding.detail
    assert "drops them" in finding.detail
    assert [proof.message for proof in finding.evidence] == [0, 2, 4]


def test_a_nonce_that_is_always_stale() -> None:
    tries = [((), 401, _challenge("n0"))]
    tries += [((_credentials(f"n{n}"),), 401, _challenge(f"n{n + 1}", more=STALE)) for n in range(3)]  # type: ignore[list-item]

    assert "3 of the challenges said that the nonce was stale" in _registering(*tries).findings()["auth-loop"].detail


def test_wrong_credentials_again_and_again_are_wrong_credentials() -> None:
    tries = [((), 401, _challenge("n0"))]
    tries += [((_credentials(f"n{n}"),), 401, _challenge(f"n{n + 1}")) for n in range(3)]  # type: ignore[list-item]
    findings = _registering(*tries).findings()

    assert "auth-failed-credentials" in findings
    assert "auth-loop" not in findings


def test_many_challenges_in_many_registrations_are_no_loop() -> None:
    tries: list[tuple[tuple[str, ...], int, str]] = []
    for number in range(5):
        tries += [((), 401, _challenge(f"n{number}")), ((_credentials(f"n{number}"),), 200, "")]

    assert_healthy(_registering(*tries))


def test_challenged_pings_are_signs_of_life() -> None:
    ladder = Ladder()
    call = ladder.call()
    for number in range(5):
        call.respond(call.request("OPTIONS", 10.0 * number, inside=False), 401, 10.0 * number + 0.1, _challenge())

    assert_healthy(ladder.end(100.0))
