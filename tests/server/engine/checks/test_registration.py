"""Registrations that fail, and bindings that run out."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Call, Ladder, serious

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

REGISTRAR = BOB


def _register(
    call: Call, time: float, status: int = 200, expires: int | None = 60, *lines: str, contact: Endpoint = ALICE
) -> None:
    request = call.request("REGISTER", time, f"Contact: <sip:alice@{contact}>", *lines, inside=False)
    granted = [f"Contact: <sip:alice@{contact}>;expires={expires}"] if status == 200 and expires is not None else []
    call.respond(request, status, time + 0.05, *granted, *(["Min-Expires: 3600"] if status == 423 else []))


def _client(ladder: Ladder, *path: Endpoint) -> Call:
    return ladder.call(*(path or (ALICE, REGISTRAR)), callee="alice")


def assert_registered(ladder: Ladder) -> None:
    """Nothing at medium or above, but that the registrar on the Internet asks for no password."""
    assert [item for item in serious(ladder.report().findings) if not item.startswith("sec-open-registrar:")] == []


def _unreachable(ladder: Ladder, time: float, status: int = 480) -> None:
    call = ladder.call(CAROL, REGISTRAR, caller="carol", callee="alice")
    invite = call.invite(time)
    call.respond(invite, status, time + 0.1)
    call.ack(invite, time + 0.2)


# -- reg-failed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_registration_that_fails(status: int) -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0, status)
    finding = ladder.end(60.0).findings()["reg-failed"]

    assert finding.severity is Severity.HIGH
    assert str(status) in finding.title
    assert "alice@example.com" in finding.detail
    assert str(REGISTRAR) in finding.detail
    assert [proof.message for proof in finding.evidence] == [0, 1]


def test_too_brief_and_then_long_enough_is_how_it_works() -> None:
    ladder = Ladder()
    call = _client(ladder)
    _register(call, 0.0, 423, None, "Expires: 10")
    _register(call, 0.1, 200, 3600, "Expires: 3600")

    assert_registered(ladder.end(60.0))


def test_too_brief_and_nothing_after_it_failed() -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0, 423, None)

    assert ladder.end(60.0).findings()["reg-failed"].severity is Severity.HIGH


@pytest.mark.parametrize("registrar", [REGISTRAR, CAROL])
def test_a_registration_that_succeeds_in_the_end_is_medium(registrar: Endpoint) -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0, 503)
    _register(_client(ladder, ALICE, registrar), 5.0, 200, 3600)

    assert ladder.end(60.0).findings()["reg-failed"].severity is Severity.MEDIUM


def test_a_failure_that_the_proxy_passes_on_counts_once() -> None:
    ladder = Ladder()
    _register(_client(ladder, ALICE, PROXY, REGISTRAR), 0.0, 403)

    assert ladder.end(60.0).findings()["reg-failed"].occurrences == 1


def test_a_challenge_is_no_failure() -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0, 401)

    assert "reg-failed" not in ladder.end(3.0).findings()


# -- reg-not-refreshed ----------------------------------------------------------------------------------------------


def test_a_binding_that_runs_out_and_a_call_that_fails_for_it() -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0)
    _unreachable(ladder, 90.0)
    finding = ladder.end(200.0).findings()["reg-not-refreshed"]

    assert finding.severity is Severity.HIGH
    assert "60 s" in finding.title
    assert "alice@example.com" in finding.title
    assert "480" in finding.detail
    assert [proof.message for proof in finding.evidence] == [1, 3]


def test_a_client_that_comes_late_comes_late() -> None:
    ladder = Ladder()
    call = _client(ladder)
    _register(call, 0.0)
    _register(call, 100.0)

    assert ladder.end(130.0).findings()["reg-not-refreshed"].severity is Severity.HIGH


def test_a_client_that_is_gone_may_have_left_on_purpose() -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0)

    assert ladder.end(200.0).findings()["reg-not-refreshed"].severity is Severity.LOW


def test_the_next_test_with_a_client_of_its_own_is_no_late_refresh() -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0)
    _register(_client(ladder), 100.0)

    assert_registered(ladder.end(130.0))


def test_a_call_that_fails_before_the_end_or_after_a_new_registration_has_other_reasons() -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0)
    _unreachable(ladder, 30.0)
    _register(_client(ladder), 100.0)
    _unreachable(ladder, 110.0)

    assert ladder.end(130.0).findings()["reg-not-refreshed"].severity is Severity.LOW


@pytest.mark.parametrize("refresh", [30.0, 59.0, 60.5])
def test_a_refresh_in_time(refresh: float) -> None:
    ladder = Ladder()
    call = _client(ladder)
    _register(call, 0.0)
    _register(call, refresh, 200, 3600)

    assert "reg-not-refreshed" not in ladder.end(200.0).findings()


def test_a_refresh_from_another_port_is_a_refresh() -> None:
    ladder = Ladder()
    local = Endpoint("127.0.0.1", 5060)
    first, second = Endpoint("127.0.0.1", 40_001), Endpoint("127.0.0.1", 40_002)
    _register(_client(ladder, first, local), 0.0, contact=first)
    _register(_client(ladder, second, local), 30.0, 200, 3600, contact=second)
    _unreachable(ladder, 90.0)

    assert "reg-not-refreshed" not in ladder.end(200.0).findings()


@pytest.mark.parametrize("expires", [0, None])
def test_unregistering_and_a_lifetime_that_is_not_said_run_out_never(expires: int | None) -> None:
    ladder = Ladder()
    call = _client(ladder)
    _register(call, 0.0, 200, expires, "Expires: 0")

    assert "reg-not-refreshed" not in ladder.end(4000.0).findings()


def test_a_client_that_unregisters_has_left() -> None:
    ladder = Ladder()
    call = _client(ladder)
    _register(call, 0.0)
    _register(call, 10.0, 200, None, "Expires: 0")
    _unreachable(ladder, 90.0)

    assert "reg-not-refreshed" not in ladder.end(200.0).findings()


def test_a_capture_that_ends_early_says_nothing() -> None:
    ladder = Ladder()
    _register(_client(ladder), 0.0)

    assert "reg-not-refreshed" not in ladder.end(62.0).findings()


@pytest.mark.parametrize(("status", "found"), [(603, True), (606, True), (403, False), (503, False)])
def test_a_registrar_that_speaks_for_the_whole_network(status: int, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("REGISTER", 0.0, inside=False), status, 0.1)
    call.respond(call.request("MESSAGE", 1.0, inside=False), 603, 1.1)
    findings = ladder.end(60.0).findings()

    assert ("reg-refused-6xx" in findings) is found
    assert findings["reg-failed"].root
    if found:
        assert findings["reg-refused-6xx"].severity is Severity.LOW
