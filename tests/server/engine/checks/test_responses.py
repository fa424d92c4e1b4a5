"""Requests without a response, and requests that had to be sent again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, START, Ladder, assert_healthy, serious

from sip_ci.findings import Severity
from sip_ci.trace.observation import Clock, Endpoint, Position, Transport
from sip_ci.trace.trace import IcmpError, TraceOrigin
from sip_ci.wording import times
from sip_ci_server.engine.observability import runs_of

TIMER_A = (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)
"""Seconds after the first send at which an INVITE is sent again (RFC 3261 §17.1.1.2)."""


def _silence(sends: int = 7, *, transport: Transport = Transport.UDP) -> Ladder:
    """An INVITE that nobody answers, to a host that is heard otherwise."""
    ladder = Ladder(transport=transport)
    call = ladder.call()
    ladder.again(call.invite(0.0), *TIMER_A[: sends - 1])
    return ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)}))


def test_an_invite_that_nobody_answers_is_critical_with_its_sends_and_their_span() -> None:
    finding = _silence().end(40.0).findings()["txn-no-response"]

    assert finding.severity is Severity.CRITICAL
    assert "7 times in 31.5 s" in finding.detail
    assert "64*T1" in finding.detail
    assert str(BOB) in finding.detail
    assert [(proof.message, proof.frame) for proof in finding.evidence] == [(0, 1), (6, 7)]
    assert finding.evidence[0].text == "INVITE sip:bob@example.com SIP/2.0"
    assert finding.calls == ("call-1@192.0.2.10",)


def test_the_retransmissions_of_an_unanswered_invite_are_no_second_finding() -> None:
    assert "txn-invite-retransmitted" not in _silence().end(40.0).findings()


@pytest.mark.parametrize(
    ("method", "severity"),
    [("REGISTER", Severity.HIGH), ("MESSAGE", Severity.HIGH), ("OPTIONS", Severity.MEDIUM), ("BYE", Severity.MEDIUM)],
)
def test_other_requests_without_response_are_less_bad(method: str, severity: Severity) -> None:
    ladder = Ladder()
    request = ladder.call().request(method, 0.0, inside=method == "BYE")
    ladder.again(request, 0.5, 1.5, 3.5, 7.5)
    ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)})).end(20.0)

    assert ladder.findings()["bye-no-response" if method == "BYE" else "txn-no-response"].severity is severity


def test_two_sends_in_ten_seconds_may_still_be_a_slow_callee() -> None:
    assert _silence(2).end(10.0).findings()["txn-no-response"].severity is Severity.MEDIUM


def test_a_capture_that_ends_early_says_nothing() -> None:
    assert_healthy(_silence(2).end(2.0))
    assert "txn-no-response" not in _silence(2).end(2.0).findings()


def test_a_direction_that_is_not_captured_says_nothing() -> None:
    ladder = Ladder()
    ladder.again(ladder.call().invite(0.0), 0.5)
    report = ladder.end(40.0).report()

    assert "txn-no-response" not in {finding.check for finding in report.findings}
    assert "txn-no-response" in {item.check for item in report.not_checked}


def test_the_senders_own_persistence_is_proof_even_in_a_one_sided_capture() -> None:
    ladder = Ladder()
    ladder.again(ladder.call().invite(0.0), *TIMER_A)

    assert ladder.end(40.0).findings()["txn-no-response"].severity is Severity.CRITICAL


def test_one_direction_filtered_out_on_one_host_is_seen_from_the_senders_ack() -> None:
    ladder = Ladder()
    caller, callee = Endpoint("127.0.0.1", 5061), Endpoint("127.0.0.1", 5060)
    ladder.call(caller, callee).answered()
    ladder.packets = [packet for packet in ladder.packets if packet.destination == callee]

    assert not [item for item in serious(ladder.end(60.0).report().findings) if "INVITE" in item]
    assert ladder.findings().get("txn-no-response") is None or (
        ladder.findings()["txn-no-response"].severity is Severity.MEDIUM
    )


def test_a_log_holds_both_directions_so_its_silence_means_something() -> None:
    ladder = Ladder(origin=TraceOrigin.LOG)
    ladder.again(ladder.call().invite(0.0), *TIMER_A)
    finding = ladder.end(40.0).findings()["txn-no-response"]

    assert finding.severity is Severity.CRITICAL
    assert [proof.line for proof in finding.evidence] == [2, 2 + 6 * 19]


def test_a_trace_without_times_is_not_judged() -> None:
    ladder = Ladder(origin=TraceOrigin.TEXT, clock=Clock.ORDINAL)
    ladder.again(ladder.call().invite(0.0), *TIMER_A)

    assert "txn-no-response" not in ladder.findings()


def test_a_dead_branch_of_a_fork_that_was_answered_elsewhere_is_low() -> None:
    ladder = Ladder()
    call = ladder.call(PROXY, BOB)
    dead = call.invite(0.0, way=(PROXY, CAROL))
    ladder.again(dead, 0.5, 1.5, 3.5)
    alive = call.invite(0.01, number=1)
    call.respond(alive, 200, 1.0)
    call.ack(alive, 1.1)
    call.respond(call.bye(5.0), 200, 5.1)
    ladder.know(host_pairs=frozenset({(CAROL.host, PROXY.host)}))

    assert_healthy(ladder.end(40.0))
    assert ladder.findings()["txn-no-response"].severity is Severity.LOW
    assert_healthy(ladder.end(2.0))


def test_a_dead_next_hop_is_found_behind_the_408_that_the_proxy_makes_of_it() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0, hops=(0,))
    call.respond(invite, 100, 0.005, hops=(0,))
    ladder.again(call.request("INVITE", 0.01, inside=False, way=(PROXY, BOB), number=1), *TIMER_A)
    call.respond(invite, 408, 32.0, hops=(0,))
    call.ack(invite, 32.1)
    ladder.know(host_pairs=frozenset({(BOB.host, PROXY.host)})).end(60.0)
    findings = ladder.findings()

    assert findings["txn-no-response"].severity is Severity.CRITICAL
    assert str(BOB) in findings["txn-no-response"].detail
    assert findings["final-408"].causes == (findings["txn-no-response"].fingerprint,)


def test_an_ack_is_never_answered() -> None:
    ladder = Ladder()
    ladder.call().answered()

    assert "txn-no-response" not in ladder.end(60.0).findings()


def _untimed(sends: int, origin: TraceOrigin = TraceOrigin.LOG) -> Ladder:
    ladder = Ladder(origin=origin, clock=Clock.ORDINAL)
    sent = ladder.call().invite(0.0)
    ladder.again(sent, *(float(number) for number in range(1, sends)))
    return ladder


def test_a_log_without_times_shows_a_sender_that_goes_on_trying() -> None:
    finding = _untimed(5).findings()["txn-no-response"]

    assert finding.severity is Severity.CRITICAL
    assert "5 times" in finding.detail


@pytest.mark.parametrize("ladder", [_untimed(4), _untimed(5, TraceOrigin.TEXT)])
def test_order_proves_nothing_of_few_sends_or_of_pasted_text(ladder: Ladder) -> None:
    report = ladder.report()

    assert "txn-no-response" not in {finding.check for finding in report.findings}
    assert "txn-no-response" in {entry.check for entry in report.not_checked}


# -- ICMP -----------------------------------------------------------------------------------------------------------


def _icmp(code: int = 3, **changes: object) -> IcmpError:
    values: dict[str, object] = {
        "time": START + 0.001, "reporter": BOB.host, "type": 3, "code": code, "ipv6": False, "source": ALICE,
        "destination": BOB, "transport": Transport.UDP, "quoted": b"INVITE sip:", "frame": 2,
    }  # fmt: skip
    return IcmpError(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (_icmp(3), "port closed"),
        (_icmp(1, reporter="203.0.113.1"), "host unreachable"),
        (_icmp(13, reporter="203.0.113.1"), "filtered by a firewall"),
        (_icmp(4, type=1, ipv6=True), "port closed"),
    ],
)
def test_icmp_says_why_the_target_is_unreachable_and_who_says_so(error: IcmpError, meaning: str) -> None:
    findings = _silence().know(icmp_errors=(error,)).end(40.0).findings()
    finding = findings["txn-icmp-unreachable"]

    assert finding.severity is Severity.CRITICAL
    assert meaning in finding.title
    assert str(BOB) in finding.title
    assert error.reporter in finding.detail
    assert [(proof.message, proof.frame) for proof in finding.evidence] == [(0, 1), (None, 2)]
    assert "txn-no-response" not in findings


def test_many_icmp_errors_about_one_target_are_one_finding() -> None:
    errors = tuple(_icmp(time=START + offset + 0.001) for offset in (0.0, *TIMER_A))

    assert _silence().know(icmp_errors=errors).end(40.0).findings()["txn-icmp-unreachable"].occurrences == 1


def test_an_icmp_error_on_a_path_that_works_otherwise_is_low() -> None:
    ladder = Ladder()
    ladder.call().answered()
    ladder.know(icmp_errors=(_icmp(),)).end(60.0)

    assert ladder.findings()["txn-icmp-unreachable"].severity is Severity.LOW


def test_an_icmp_error_about_something_else_is_not_about_sip() -> None:
    ladder = Ladder()
    ladder.call().answered()
    ladder.know(icmp_errors=(_icmp(destination=Endpoint(BOB.host, 42_000)),)).end(60.0)

    assert "txn-icmp-unreachable" not in ladder.findings()


# -- retransmissions ------------------------------------------------------------------------------------------------


def _late(sends: int, status: int = 100) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, *TIMER_A[: sends - 1])
    if status == 100:
        call.respond(invite, 100, 4.0)
    call.respond(invite, 180, 4.1)
    call.respond(invite, 200, 5.0)
    call.ack(invite, 5.1)
    call.respond(call.bye(9.0), 200, 9.1)
    return ladder.end(60.0)


@pytest.mark.parametrize(("sends", "severity"), [(2, Severity.LOW), (3, Severity.MEDIUM), (4, Severity.MEDIUM)])
def test_an_invite_sent_again_before_its_first_response(sends: int, severity: Severity) -> None:
    finding = _late(sends).findings()["txn-invite-retransmitted"]

    assert finding.severity is severity
    assert f"{times(sends)} before the first response" in finding.detail
    assert [proof.message for proof in finding.evidence] == [0, sends - 1]


def test_it_says_whether_the_100_came_late_or_never() -> None:
    assert "100, came late" in _late(3).findings()["txn-invite-retransmitted"].detail
    assert "no 100 came" in _late(3, status=180).findings()["txn-invite-retransmitted"].detail


def test_copies_are_no_retransmissions() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.003, 0.004)
    call.respond(invite, 486, 0.1)
    call.ack(invite, 0.2)

    assert "txn-invite-retransmitted" not in ladder.end(60.0).findings()


def test_copies_that_come_too_late_to_be_folded_are_too_soon_for_retransmissions() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.02, 0.05)
    call.respond(invite, 486, 0.2)
    call.ack(invite, 0.3)

    assert "txn-invite-retransmitted" not in ladder.end(60.0).findings()


def test_a_retransmission_that_crosses_the_first_response_does_not_count() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.49)
    ladder.again(invite, 0.5)
    call.respond(invite, 486, 1.0)
    call.ack(invite, 1.1)

    assert "txn-invite-retransmitted" not in ladder.end(60.0).findings()


def test_after_a_step_of_the_clock_nobody_watched_until_the_latest_time() -> None:
    """A recording of an hour later stands first in the file; the other two frames are of one run."""
    stamps = ((2, 0.0), (3, 0.5), (1, 3600.0))
    messages = [
        SimpleNamespace(observation=SimpleNamespace(position=Position(frame=frame), time=time))
        for frame, time in stamps
    ]

    assert runs_of(messages) == [(0.0, 0.5), (3600.0, 3600.0)]  # type: ignore[arg-type]
