"""Messages that had to be sent again, and transactions that never came to an end."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Clock, Transport
from sip_ci.trace.trace import TraceOrigin

TIMER_E = (0.5, 1.5, 3.5, 7.5)


def _answered_late(sends: int, **options: object) -> Ladder:
    """A REGISTER that is answered after its last send."""
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call()
    register = call.request("REGISTER", 0.0, inside=False)
    ladder.again(register, *TIMER_E[: sends - 1])
    call.respond(register, 200, 8.0)
    return ladder.end(60.0)


def test_a_request_that_was_sent_three_times_before_its_response() -> None:
    finding = _answered_late(3).findings()["txn-noninvite-retransmitted"]

    assert finding.severity is Severity.LOW
    assert "3 times" in finding.detail
    assert [proof.message for proof in finding.evidence] == [0, 2, 3]


@pytest.mark.parametrize("ladder", [_answered_late(2), _answered_late(4, transport=Transport.TCP)])
def test_one_lost_packet_and_tcp_are_no_retransmission(ladder: Ladder) -> None:
    assert "txn-noninvite-retransmitted" not in ladder.findings()


def test_copies_of_a_request_are_no_retransmissions() -> None:
    ladder = Ladder()
    call = ladder.call()
    register = call.request("REGISTER", 0.0, inside=False)
    ladder.again(register, 0.001, 0.002, 0.003)
    call.respond(register, 200, 0.1)

    assert "txn-noninvite-retransmitted" not in ladder.end(60.0).findings()


def test_a_slow_first_response() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.4)
    finding = ladder.end(60.0).findings()["txn-slow-100"]

    assert finding.severity is Severity.LOW
    assert "400 ms" in finding.detail


def test_a_long_round_trip_is_no_slow_element() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("OPTIONS", 0.0, inside=False), 200, 0.35)
    call.respond(call.invite(1.0), 180, 1.45)

    assert "txn-slow-100" not in ladder.end(60.0).findings()


def test_an_invite_that_was_lost_once_says_nothing_of_the_element() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.5)
    call.respond(invite, 100, 0.51)
    call.respond(invite, 486, 1.0)
    call.ack(invite, 1.1)

    assert "txn-slow-100" not in ladder.end(60.0).findings()


@pytest.mark.parametrize(("status", "end", "severity"), [(180, 200.0, Severity.HIGH), (100, 60.0, Severity.MEDIUM)])
def test_an_invite_that_never_ends(status: int, end: float, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), status, 0.1)
    finding = ladder.end(end).findings()["txn-no-final-response"]

    assert finding.severity is severity
    assert [proof.message for proof in finding.evidence] == [0, 1]


def test_a_phone_that_rings_when_the_trace_ends_is_no_fault() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 180, 0.1)

    assert "txn-no-final-response" not in ladder.end(100.0).findings()
    assert "txn-no-final-response" in {item.check for item in ladder.report().not_checked}


def test_the_last_hop_is_named_and_not_those_before_it() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    call.respond(call.invite(0.0), 180, 0.1)
    finding = ladder.end(300.0).findings()["txn-no-final-response"]

    assert finding.occurrences == 1
    assert str(BOB) in finding.detail


def test_an_early_dialog_that_was_ended_leaves_no_invite_open() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 180, 0.1)
    call.respond(call.bye(5.0), 200, 5.1)

    assert ladder.end(20.0).findings()["txn-no-final-response"].severity is Severity.MEDIUM


def test_a_final_response_that_is_missing_in_the_trace_shows_in_the_ack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.ack(invite, 2.0)

    assert "txn-no-final-response" not in ladder.end(300.0).findings()


def test_two_different_final_responses() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(invite, 408, 1.2)
    finding = ladder.end(60.0).findings()["resp-conflicting-finals"]

    assert finding.severity is Severity.MEDIUM
    assert "200 OK" in finding.title
    assert "408" in finding.title


def test_branches_of_a_fork_may_differ() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 486, 0.5, to_tag="b2")
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)

    assert "resp-conflicting-finals" not in ladder.end(60.0).findings()


@pytest.mark.parametrize(("sends", "severity"), [(6, Severity.HIGH), (4, Severity.MEDIUM)])
def test_a_client_that_does_not_get_its_response(sends: int, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    register = call.request("REGISTER", 0.0, inside=False)
    call.respond(register, 200, 0.02)
    times = (0.5, 1.5, 3.5, 7.5, 11.5)[: sends - 1]
    ladder.again(register, *times)
    for time in times:
        call.respond(register, 200, time + 0.02)
    finding = ladder.end(60.0).findings()["txn-response-ignored"]

    assert finding.severity is severity
    assert finding.evidence[0].text.startswith("Via:")


def test_one_response_that_was_lost_is_no_fault() -> None:
    ladder = Ladder()
    call = ladder.call()
    register = call.request("REGISTER", 0.0, inside=False)
    call.respond(register, 200, 0.02)
    ladder.again(register, 0.5)
    call.respond(register, 200, 0.52)

    assert "txn-response-ignored" not in ladder.end(60.0).findings()


def test_without_times_nothing_is_said() -> None:
    ladder = Ladder(origin=TraceOrigin.TEXT, clock=Clock.ORDINAL)
    call = ladder.call()
    register = call.request("REGISTER", 0.0, inside=False)
    ladder.again(register, *TIMER_E)
    call.respond(register, 200, 8.0)

    names = {"txn-noninvite-retransmitted", "txn-slow-100", "txn-no-final-response", "txn-response-ignored"}
    assert not names & set(ladder.findings())


@pytest.mark.parametrize(("sends", "severity"), [(4, Severity.HIGH), (3, Severity.MEDIUM)])
def test_a_log_that_ends_after_a_few_unanswered_invites(sends: int, severity: Severity) -> None:
    ladder = Ladder(origin=TraceOrigin.LOG)
    ladder.again(ladder.call().invite(0.0), *(0.5, 1.5, 3.5)[: sends - 1])
    findings = ladder.findings()

    assert findings["txn-no-response"].severity is severity
    assert "txn-invite-retransmitted" not in findings
