"""What a registrar answers, and what a client asks of it."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Fidelity

CONTACT = f"<sip:alice@{ALICE}>"


def registered(
    expires: int, answer: tuple[str, ...], *lines: str, status: int = 200, uri: str = ""
) -> dict[str, WireFinding]:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB, callee="alice", uri=uri or "sip:example.com")
    request = call.request("REGISTER", 0.0, f"Contact: {CONTACT}", f"Expires: {expires}", *lines, inside=False)
    call.respond(request, status, 0.1, *answer)
    return ladder.end(60.0).findings()


@pytest.mark.parametrize(
    ("granted", "check", "severity"),
    [
        (59, "reg-expiry-shortened", Severity.LOW),
        (60, "reg-expiry-shortened", Severity.INFO),
        (600, None, None),
        (3600, "reg-expiry-lengthened", Severity.LOW),
    ],
)
def test_the_lifetime_that_is_granted(granted: int, check: str | None, severity: Severity | None) -> None:
    findings = registered(600, (f"Contact: {CONTACT};expires={granted}",))
    found = {"reg-expiry-shortened", "reg-expiry-lengthened"} & set(findings)

    assert found == ({check} if check else set())
    assert all(findings[name].severity is severity for name in found)


def test_signing_off_has_no_lifetime() -> None:
    findings = registered(0, (f"Contact: {CONTACT};expires=60",))

    assert not [name for name in findings if name.startswith(("reg-exp", "reg-binding"))]


@pytest.mark.parametrize(
    ("answer", "severity"),
    [
        (("Contact: <sip:carol@192.0.2.99>;expires=600",), Severity.MEDIUM),
        (("Contact",), Severity.LOW),
        (("Contact: <sip:alice@203.0.113.9:1024>;expires=600",), None),
        ((f"Contact: <sip:s%3Aalice@{ALICE}>;expires=600",), None),
        ((f"Contact: <sip:carol@192.0.2.99>;expires=9, {CONTACT};expires=600",), None),
    ],
    ids=["another", "none", "rewritten host", "rewritten user", "among others"],
)
def test_the_binding_in_the_answer(answer: tuple[str, ...], severity: Severity | None) -> None:
    finding = registered(600, answer).get("reg-binding-missing-in-200")

    assert (finding.severity if finding else None) is severity


def test_an_answer_that_was_cut_is_not_judged() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.respond(call.request("REGISTER", 0.0, f"Contact: {CONTACT}", inside=False), 200, 0.1, "Contact")
    ladder.packets[1].fidelity = Fidelity.TRUNCATED

    assert "reg-binding-missing-in-200" not in ladder.end(60.0).findings()


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ((f"Contact: {CONTACT}",), True),
        ((f"Contact: {CONTACT}", "Expires: 600"), False),
        ((f"Contact: {CONTACT};expires=600",), False),
    ],
)
def test_a_lifetime_that_is_not_said(answer: tuple[str, ...], found: bool) -> None:
    assert ("reg-expires-missing" in registered(600, answer)) is found


@pytest.mark.parametrize(("count", "found"), [(5, False), (6, True)])
def test_many_contacts(count: int, found: bool) -> None:
    contacts = ", ".join(f"<sip:alice@192.0.2.10:{5060 + number}>;expires=600" for number in range(count))

    assert ("reg-too-many-contacts" in registered(600, (f"Contact: {contacts}",))) is found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("Contact: *", "Expires: 0"), False),
        (("Contact: *", "Expires: 3600"), True),
        (("Contact: *", "Expires"), True),
        ((f"Contact: *, {CONTACT}", "Expires: 0"), True),
    ],
)
def test_a_star(lines: tuple[str, ...], found: bool) -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    call.respond(call.request("REGISTER", 0.0, *lines, inside=False), 200, 0.1)
    finding = ladder.end(60.0).findings().get("contact-star-nonzero")

    assert (finding is not None) is found
    assert finding is None or (finding.severity, finding.occurrences) == (Severity.MEDIUM, 1)


@pytest.mark.parametrize(("uri", "found"), [("sip:example.com", False), ("sip:alice@example.com", True)])
def test_the_request_uri_names_the_domain(uri: str, found: bool) -> None:
    assert ("reg-uri-userinfo" in registered(600, (f"Contact: {CONTACT};expires=600",), uri=uri)) is found


# -- several REGISTERs ----------------------------------------------------------------------------------------------


def _twice(first: int, second: int, *, at: float = 10.0, another_call: bool = False) -> dict[str, WireFinding]:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.respond(call.request("REGISTER", 0.0, inside=False, number=first), 200, 0.5)
    later = ladder.call(ALICE, BOB) if another_call else call
    later.respond(later.request("REGISTER", at, inside=False, number=second), 200, at + 0.5)
    return ladder.end(60.0).findings()


@pytest.mark.parametrize(("first", "second", "found"), [(1, 2, False), (2, 2, True), (3, 2, True)])
def test_cseq_counts_up(first: int, second: int, found: bool) -> None:
    assert ("reg-cseq-not-incremented" in _twice(first, second)) is found


def test_a_client_that_starts_again_counts_again() -> None:
    assert "reg-cseq-not-incremented" not in _twice(5, 1, another_call=True)


@pytest.mark.parametrize(("at", "found"), [(0.2, True), (0.6, False)])
def test_a_client_waits_for_the_answer(at: float, found: bool) -> None:
    assert ("reg-pipelined" in _twice(1, 2, at=at)) is found


@pytest.mark.parametrize(("wanted", "found"), [(60, True), (300, False), (600, False), (0, False)])
def test_min_expires_is_heeded(wanted: int, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.respond(call.request("REGISTER", 0.0, "Expires: 60", inside=False), 423, 0.1, "Min-Expires: 300")
    call.respond(call.request("REGISTER", 0.2, f"Expires: {wanted}", inside=False), 423, 0.3, "Min-Expires: 300")
    finding = ladder.end(60.0).findings().get("reg-interval-too-brief")

    assert (finding is not None) is found
    assert finding is None or [proof.message for proof in finding.evidence] == [1, 2]
