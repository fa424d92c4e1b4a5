"""Session timers: their values, who refreshes, and what becomes of it."""

from __future__ import annotations

import pytest
from tests.support.calls import BOB, Call, Ladder, Sent, assert_healthy, sdp

from sip_ci.findings import Severity

AGREED = "Session-Expires: 1800;refresher=uac"


def _timed(
    *answer: str, request: tuple[str, ...] = ("Supported: timer", "Session-Expires: 1800"), status: int = 200
) -> tuple[Ladder, Call, Sent]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *request)
    call.respond(invite, status, 1.0, *answer)
    call.ack(invite, 1.1)
    return ladder, call, invite


def _refresh(call: Call, time: float, *lines: str, status: int = 200, by_callee: bool = False) -> None:
    update = call.request("UPDATE", time, "Supported: timer", *(lines or (AGREED,)), by_callee=by_callee)
    call.respond(update, status, time + 0.1, *(lines or (AGREED,)))


def test_timers_that_are_agreed_and_refreshed_are_healthy() -> None:
    ladder, call, _ = _timed(AGREED, "Require: timer")
    _refresh(call, 900.0, AGREED, "Require: timer")
    _refresh(call, 1800.0, AGREED, "Require: timer")
    call.respond(call.bye(2500.0), 200, 2500.1)

    assert_healthy(ladder.end(2600.0))
    assert not {name for name in ladder.findings() if name.startswith(("st-", "se-", "min-"))}


@pytest.mark.parametrize("value", ["soon", "1800;refresher=me", ""])
def test_values_that_cannot_be_read(value: str) -> None:
    ladder, *_ = _timed(request=("Supported: timer", f"Session-Expires: {value}"))
    finding = ladder.end(20.0).findings()["se-malformed"]

    assert finding.severity is Severity.MEDIUM
    assert finding.evidence[0].text.startswith("Session-Expires:")


@pytest.mark.parametrize("value", ["1800", "1800 ; refresher = uas", "90;refresher=UAC", "90;x=y"])
def test_values_that_can_be_read(value: str) -> None:
    ladder, *_ = _timed(request=("Supported: timer", f"Session-Expires: {value}"))

    assert "se-malformed" not in ladder.end(20.0).findings()


@pytest.mark.parametrize(("status", "severity"), [(400, Severity.HIGH), (200, Severity.MEDIUM)])
def test_an_interval_below_its_own_minimum(status: int, severity: Severity) -> None:
    request = ("Supported: timer", "Session-Expires: 100", "Min-SE: 200")
    finding = _timed(request=request, status=status)[0].end(20.0).findings()["st-se-below-min-se"]

    assert finding.severity is severity
    assert "100" in finding.title
    assert "200" in finding.title


def test_an_interval_below_90_s() -> None:
    ladder, *_ = _timed("Session-Expires: 60;refresher=uac", request=("Supported: timer", "Session-Expires: 60"))

    assert ladder.end(20.0).findings()["st-se-below-90"].severity is Severity.MEDIUM


def test_an_interval_below_90_s_is_what_such_a_minimum_permits() -> None:
    request = ("Supported: timer", "Session-Expires: 60", "Min-SE: 5")
    findings = _timed("Session-Expires: 60;refresher=uac", request=request)[0].end(20.0).findings()

    assert findings["min-se-below-90"].root
    assert not findings["st-se-below-90"].root


def test_a_minimum_below_90_s() -> None:
    ladder, *_ = _timed(request=("Supported: timer", "Session-Expires: 1800", "Min-SE: 30"))

    assert ladder.end(20.0).findings()["min-se-below-90"].severity is Severity.MEDIUM


@pytest.mark.parametrize(("again", "severity"), [
    ((), Severity.MEDIUM), (("Session-Expires: 200",), Severity.MEDIUM),
    (("Session-Expires: 600",), Severity.LOW), (("Session-Expires: 600", "Min-SE: 600"), Severity.INFO),
])  # fmt: skip
def test_what_follows_on_a_422(again: tuple[str, ...], severity: Severity) -> None:
    ladder, call, _ = _timed("Min-SE: 600", request=("Supported: timer", "Session-Expires: 100"), status=422)
    if again:
        invite = call.invite(2.0, "Supported: timer", *again)
        call.respond(invite, 200, 3.0, "Session-Expires: 600;refresher=uac")
        call.ack(invite, 3.1)
        call.respond(call.bye(20.0), 200, 20.1)

    assert ladder.end(60.0).findings()["st-too-small-422"].severity is severity


def test_a_client_without_timers_can_make_nothing_of_a_422() -> None:
    ladder, *_ = _timed("Min-SE: 600", request=("Session-Expires: 100",), status=422)
    finding = ladder.end(60.0).findings()["st-too-small-422"]

    assert finding.severity is Severity.MEDIUM
    assert "does not support timers" in finding.detail


def test_an_answer_without_refresher() -> None:
    ladder, *_ = _timed("Session-Expires: 1800")

    assert ladder.end(20.0).findings()["st-refresher-missing"].severity is Severity.MEDIUM


@pytest.mark.parametrize(("seconds", "severity"), [(3600, Severity.LOW), (120, Severity.MEDIUM), (600, None)])
def test_an_answer_that_changes_the_interval(seconds: int, severity: Severity | None) -> None:
    request = ("Supported: timer", "Session-Expires: 1800", "Min-SE: 300")
    finding = _timed(f"Session-Expires: {seconds};refresher=uas", request=request)[0].end(20.0).findings()
    found = finding.get("st-answer-out-of-range")

    assert (found.severity if found is not None else None) is severity


def test_an_answer_that_changes_the_refresher() -> None:
    request = ("Supported: timer", "Session-Expires: 1800;refresher=uac")

    assert "st-refresher-overridden" in _timed("Session-Expires: 1800;refresher=uas", request=request)[0].findings()
    assert "st-refresher-overridden" not in _timed(AGREED, request=request)[0].findings()


@pytest.mark.parametrize(("lines", "found"), [((AGREED,), True), ((AGREED, "Require: timer"), False)])
def test_a_caller_that_must_refresh_is_told_so(lines: tuple[str, ...], found: bool) -> None:
    assert ("st-no-require-timer" in _timed(*lines)[0].end(20.0).findings()) is found


def test_a_callee_without_timers_is_noted() -> None:
    assert _timed()[0].end(20.0).findings()["st-one-side-only"].severity is Severity.INFO
    assert "st-one-side-only" not in _timed("Supported: timer")[0].end(20.0).findings()


@pytest.mark.parametrize(("end", "found"), [(1769.0, True), (1801.0, True), (400.0, False), (1700.0, False)])
def test_an_interval_that_nobody_refreshed(end: float, found: bool) -> None:
    ladder, call, _ = _timed(AGREED)
    call.respond(call.bye(end, by_callee=True), 200, end + 0.1)
    findings = ladder.end(2000.0).findings()

    assert ("st-refresh-missing" in findings) is found
    assert "drop-at-fixed-interval" not in findings or not found


def test_a_call_that_has_just_been_refreshed_is_not_cut_off_by_its_timer() -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 900.0)
    call.respond(call.bye(1500.0), 200, 1500.1)

    assert "st-refresh-missing" not in ladder.end(1600.0).findings()


@pytest.mark.parametrize(("lines", "severity"), [((), Severity.MEDIUM), (("Reason: SIP;cause=408",), Severity.HIGH)])
def test_a_refresh_that_was_accepted_and_forgotten(lines: tuple[str, ...], severity: Severity) -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 900.0)
    call.respond(call.bye(1801.0, *lines, by_callee=True), 200, 1801.1)

    assert ladder.end(2000.0).findings()["st-refresh-ignored"].severity is severity


def test_the_refresher_may_hang_up_when_it_likes() -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 900.0)
    call.respond(call.bye(1801.0), 200, 1801.1)

    assert "st-refresh-ignored" not in ladder.end(2000.0).findings()


def test_a_refresh_that_is_refused() -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 900.0, status=481)
    call.respond(call.bye(900.5), 200, 900.6)
    findings = ladder.end(1000.0).findings()

    assert findings["st-refresh-rejected"].severity is Severity.HIGH
    assert "reinvite-rejected" not in findings


def test_a_call_that_runs_out_after_its_refresh_was_refused() -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 900.0, status=500)
    call.respond(call.bye(1800.0, by_callee=True), 200, 1800.1)
    findings = ladder.end(1900.0).findings()

    assert findings["st-refresh-rejected"].severity is Severity.HIGH
    assert not {"st-refresh-missing", "drop-at-fixed-interval", "reinvite-rejected"} & set(findings)


def test_a_refused_refresh_that_was_made_good() -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 900.0, status=500)
    _refresh(call, 910.0)
    call.respond(call.bye(1800.0, by_callee=True), 200, 1800.1)

    assert "st-refresh-rejected" not in ladder.end(1900.0).findings()


def test_a_change_of_the_session_is_no_refresh() -> None:
    ladder, call, _ = _timed(AGREED)
    change = call.request("INVITE", 900.0, "Supported: timer", AGREED, body=sdp(BOB, version=9))
    call.respond(change, 488, 900.1)
    call.ack(change, 900.2)
    call.respond(call.bye(900.5), 200, 900.6)

    assert "st-refresh-rejected" not in ladder.end(1000.0).findings()


def test_both_sides_refresh() -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 900.0)
    _refresh(call, 903.0, by_callee=True)

    assert ladder.end(1000.0).findings()["st-refresher-conflict"].severity is Severity.MEDIUM


def test_refreshes_that_come_too_often_are_noted() -> None:
    ladder, call, _ = _timed(AGREED)
    _refresh(call, 60.0)

    assert ladder.end(1000.0).findings()["st-refresh-too-early"].severity is Severity.INFO
