"""The metrics of RFC 6076 against their thresholds."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Ladder, assert_healthy, serious

from sip_ci.findings import Severity
from sip_ci.trace.observation import Clock
from sip_ci.trace.trace import TraceOrigin


def _rings_after(seconds: float, *path: object, **options: object) -> Ladder:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call(*path)  # type: ignore[arg-type]
    invite = call.invite(0.0)
    call.respond(invite, 100, 0.01)
    call.respond(invite, 180, seconds)
    call.respond(invite, 200, seconds + 1)
    call.ack(invite, seconds + 1.1)
    call.respond(call.bye(seconds + 9), 200, seconds + 9.1)
    return ladder.end(seconds + 60)


@pytest.mark.parametrize(("seconds", "severity"), [(7.0, Severity.MEDIUM), (11.5, Severity.HIGH)])
def test_a_caller_who_waits_long_for_a_sign(seconds: float, severity: Severity) -> None:
    finding = _rings_after(seconds).findings()["kpi-pdd"]

    assert finding.severity is severity
    assert f"{seconds:.1f} s" in finding.title
    assert [proof.message for proof in finding.evidence] == [0, 2]


def test_a_wait_within_the_limit_and_a_trace_without_times_are_not_judged() -> None:
    assert_healthy(_rings_after(5.9))
    assert "kpi-pdd" not in _rings_after(20.0, origin=TraceOrigin.TEXT, clock=Clock.ORDINAL).findings()


def test_the_wait_is_counted_once_for_a_call_on_several_hops() -> None:
    assert _rings_after(8.0, ALICE, PROXY, BOB).findings()["kpi-pdd"].occurrences == 1


def test_a_challenge_is_no_sign_of_the_callee_and_no_wait() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 407, 8.0)

    assert "kpi-pdd" not in ladder.end(10.0).findings()


def _fails_after(seconds: float, status: int = 404, *, cancelled: bool = False) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 100, 0.01)
    if cancelled:
        call.respond(call.cancel(invite, seconds - 0.1), 200, seconds - 0.05)
    call.respond(invite, status, seconds)
    call.ack(invite, seconds + 0.1)
    return ladder.end(60.0)


def test_a_failure_that_takes_long_to_reach_the_caller() -> None:
    finding = _fails_after(7.0).findings()["kpi-srd-failed"]

    assert finding.severity is Severity.MEDIUM
    assert "7.0 s" in finding.title
    assert "kpi-srd-failed" not in _fails_after(5.0).findings()


def test_a_caller_who_gives_up_waited_as_long_as_they_liked() -> None:
    assert_healthy(_fails_after(9.0, 487, cancelled=True))


@pytest.mark.parametrize(("seconds", "found"), [(0.5, False), (1.5, True)])
def test_hanging_up_takes_a_second_at_most(seconds: float, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(5.0), 200, 5.0 + seconds)

    assert ("kpi-sdd: medium" in serious(ladder.end(60.0).report().findings)) is found


@pytest.mark.parametrize(("seconds", "found"), [(0.5, False), (1.5, True)])
def test_registering_slowly_is_low(seconds: float, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("REGISTER", 0.0, inside=False), 200, seconds)
    findings = ladder.end(60.0).findings()

    assert ("kpi-rrd" in findings) is found
    assert not found or findings["kpi-rrd"].severity is Severity.LOW


def _calls(count: int, failing: int, status: int = 503, *, delay: float = 0.05) -> Ladder:
    ladder = Ladder()
    for number in range(count):
        call = ladder.call()
        start = 10.0 * number
        invite = call.invite(start)
        call.respond(invite, 100, start + delay)
        if number < failing:
            call.respond(invite, status, start + 1.0)
            call.ack(invite, start + 1.1)
            continue
        call.respond(invite, 200, start + 1.0)
        call.ack(invite, start + 1.1)
        call.respond(call.bye(start + 5.0), 200, start + 5.1)
    return ladder.end(10.0 * count + 60)


def test_ratios_of_calls_over_their_limits() -> None:
    findings = _calls(25, 5).findings()

    assert findings["kpi-ser"].severity is Severity.HIGH
    assert "80.0 %" in findings["kpi-ser"].title
    assert findings["kpi-seer"].severity is Severity.MEDIUM
    assert findings["kpi-isa"].severity is Severity.HIGH
    assert "20.0 %" in findings["kpi-isa"].title


def test_the_failed_calls_explain_the_ratios() -> None:
    findings = _calls(25, 5, 404).findings()

    assert findings["final-404"].root
    assert not any(findings[ratio].root for ratio in ("kpi-ser", "kpi-seer"))


def test_busy_callees_are_reached_all_the_same() -> None:
    findings = _calls(25, 5, 486).findings()

    assert "kpi-seer" not in findings
    assert "kpi-isa" not in findings


def test_few_calls_prove_no_ratio() -> None:
    report = _calls(19, 19).report()

    assert not [finding for finding in report.findings if finding.check in ("kpi-ser", "kpi-seer", "kpi-isa")]
    assert {"kpi-ser", "kpi-seer", "kpi-isa"} <= {item.check for item in report.not_checked}


def test_a_load_test_without_failures_is_healthy() -> None:
    assert_healthy(_calls(30, 0))


def test_registrations_over_their_limit() -> None:
    ladder = Ladder()
    for number in range(20):
        call = ladder.call()
        call.respond(call.request("REGISTER", float(number), inside=False), 403 if number < 2 else 200, number + 0.1)

    assert "10.0 %" in ladder.end(60.0).findings()["kpi-ira"].title


@pytest.mark.parametrize(("delay", "found"), [(0.1, False), (0.35, True)])
def test_the_100_is_due_within_200_ms(delay: float, found: bool) -> None:
    findings = _calls(20, 0, delay=delay).findings()

    assert ("kpi-100-delay" in findings) is found
    assert not found or findings["kpi-100-delay"].severity is Severity.LOW


@pytest.mark.parametrize(("repeated", "severity"), [(1, Severity.LOW), (5, Severity.MEDIUM)])
def test_requests_that_had_to_be_sent_again(repeated: int, severity: Severity) -> None:
    ladder = Ladder()
    for number in range(60):
        call = ladder.call()
        ping = call.request("OPTIONS", float(number), inside=False)
        if number < repeated:
            ladder.again(ping, number + 0.5)
        call.respond(ping, 200, number + 0.6)
    finding = ladder.end(90.0).findings()["kpi-retrans-rate"]

    assert finding.severity is severity
    assert f"{repeated} of {60 + repeated} sends" in finding.evidence[0].text


def _ended_together(count: int, *lines: str, apart: float = 0.1) -> Ladder:
    ladder = Ladder()
    for number in range(count):
        call = ladder.call()
        call.established(number * 0.01)
        call.respond(call.bye(20.0 + apart * number, *lines), 200, 20.05 + apart * number)
    return ladder.end(60.0)


def test_calls_that_fall_in_the_same_second_with_the_same_cause() -> None:
    finding = _ended_together(4, "Reason: Q.850;cause=38").findings()["kpi-concurrency-drop"]

    assert finding.severity is Severity.MEDIUM
    assert finding.title.startswith("4 calls")
    assert "Q.850 cause 38" in finding.title
    assert len(finding.evidence) == 3


@pytest.mark.parametrize(
    ("count", "lines", "apart"),
    [(4, (), 0.1), (4, ("Reason: Q.850;cause=16",), 0.1), (2, ("Reason: Q.850;cause=38",), 0.1),
     (4, ("Reason: Q.850;cause=38",), 5.0)],
)  # fmt: skip
def test_the_end_of_a_test_is_no_outage(count: int, lines: tuple[str, ...], apart: float) -> None:
    assert "kpi-concurrency-drop" not in _ended_together(count, *lines, apart=apart).findings()


def test_a_failover_counts_as_one_call_that_was_answered() -> None:
    ladder = Ladder()
    for number in range(20):
        call = ladder.call(PROXY, BOB)
        start = 10.0 * number
        first = call.invite(start)
        call.respond(first, 503, start + 0.1)
        call.ack(first, start + 0.12)
        way = (PROXY, CAROL)
        second = call.invite(start + 0.2, way=way)
        call.respond(second, 200, start + 1.0)
        call.ack(second, start + 1.1, way=way)
        call.respond(call.bye(start + 5.0, way=way), 200, start + 5.1)

    assert_healthy(ladder.end(300.0))
