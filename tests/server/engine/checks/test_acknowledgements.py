"""ACK: missing, on another path, or without the answer that it owes."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, Call, Ladder, Sent, assert_healthy, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

TIMER_G = (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)


def _answered_in_vain(
    path: tuple[Endpoint, ...] = (ALICE, BOB), *, resends: int = 4, record_route: bool = False, **options: object
) -> tuple[Ladder, Call, Sent]:
    """A call whose 2xx comes again and again."""
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call(*path, record_route=record_route)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    answer = call.respond(invite, 200, 1.0)
    ladder.again(answer, *(1.0 + later for later in TIMER_G[:resends]))
    return ladder, call, invite


def test_a_2xx_sent_again_and_again_without_any_ack_is_critical() -> None:
    ladder, _, _ = _answered_in_vain()
    finding = ladder.end(60.0).findings()["ack-missing-2xx"]

    assert finding.severity is Severity.CRITICAL
    assert "200 OK" in finding.title
    assert "5 times" in finding.detail
    assert f"sip:{BOB}" in finding.detail
    assert [proof.message for proof in finding.evidence] == [2, 6]
    assert finding.evidence[0].text == f"Contact: <sip:{BOB}>"


def test_evidence_in_a_log_points_at_the_line_of_the_contact() -> None:
    ladder, _, _ = _answered_in_vain(origin=TraceOrigin.LOG)
    trace = ladder.trace()
    line = ladder.end(60.0).findings()["ack-missing-2xx"].evidence[0].line
    text = "".join("when\n" + message.raw.decode() + "\n" for message in trace.messages).split("\n")

    assert line is not None
    assert text[line - 1].strip() == f"Contact: <sip:{BOB}>"


def test_a_single_2xx_without_a_visible_ack_is_no_fault() -> None:
    ladder, call, _ = _answered_in_vain(resends=0)
    call.respond(call.bye(10.0), 200, 10.1)

    assert "ack-missing-2xx" not in ladder.end(60.0).findings()


def test_an_ack_that_comes_after_retransmissions_is_an_ack() -> None:
    ladder, call, invite = _answered_in_vain(resends=3)
    call.ack(invite, 5.0)

    assert "ack-missing-2xx" not in ladder.end(60.0).findings()


def test_the_callers_later_bye_lowers_it_because_the_ack_may_have_gone_another_way() -> None:
    ladder, call, _ = _answered_in_vain()
    call.respond(call.bye(20.0), 200, 20.1)

    assert ladder.end(60.0).findings()["ack-missing-2xx"].severity is Severity.MEDIUM


def test_the_callees_bye_for_want_of_an_ack_is_proof() -> None:
    ladder, call, _ = _answered_in_vain(resends=10)
    call.respond(call.bye(33.0, by_callee=True), 200, 33.1)
    finding = ladder.end(60.0).findings()["ack-missing-2xx"]

    assert finding.severity is Severity.CRITICAL
    assert "drop-at-fixed-interval" not in ladder.findings()


def test_a_callee_that_says_so_in_the_reason_of_its_bye_is_believed() -> None:
    ladder, call, _ = _answered_in_vain(resends=1)
    bye = call.bye(12.0, 'Reason: SIP;cause=408;text="ACK timeout"', by_callee=True)
    call.respond(bye, 200, 12.1)
    finding = ladder.end(60.0).findings()["ack-missing-2xx"]

    assert finding.severity is Severity.CRITICAL
    assert finding.evidence[-1].text.startswith("Reason:")


@pytest.mark.parametrize("text", ["call back later", "blackhole", "packet loss"])
def test_a_reason_that_merely_contains_the_letters_says_nothing_of_acks(text: str) -> None:
    ladder, call, _ = _answered_in_vain(resends=0)
    call.respond(call.bye(12.0, f'Reason: Q.850;cause=16;text="{text}"', by_callee=True), 200, 12.1)

    assert "ack-missing-2xx" not in ladder.end(60.0).findings()


def test_a_capture_that_ends_early_says_nothing() -> None:
    ladder, _, _ = _answered_in_vain(resends=2)

    assert "ack-missing-2xx" not in ladder.end(2.6).findings()


def test_copies_of_the_2xx_are_no_retransmissions() -> None:
    ladder = Ladder()
    call = ladder.call()
    answer = call.respond(call.invite(0.0), 200, 1.0)
    ladder.again(answer, 1.001, 1.002, 1.003, 1.004)

    assert "ack-missing-2xx" not in ladder.end(60.0).findings()


def test_without_times_copies_cannot_be_told_so_nothing_is_said() -> None:
    ladder, _, _ = _answered_in_vain(origin=TraceOrigin.TEXT, clock=Clock.ORDINAL)

    assert "ack-missing-2xx" not in ladder.findings()


def test_an_ack_straight_past_the_proxy_counts_for_every_hop() -> None:
    ladder, call, invite = _answered_in_vain((ALICE, PROXY, BOB))
    call.ack(invite, 6.0)

    assert "ack-missing-2xx" not in ladder.end(60.0).findings()


def test_an_ack_over_another_hop_that_reaches_the_callee_counts() -> None:
    ladder, call, invite = _answered_in_vain((ALICE, PROXY, BOB))
    call.ack(invite, 6.0, way=(ALICE, SECOND_PROXY, BOB), hops=(1,))

    assert "ack-missing-2xx" not in ladder.end(60.0).findings()


def test_an_ack_that_the_proxy_swallows_is_missing_on_the_next_hop_only() -> None:
    ladder, call, invite = _answered_in_vain((ALICE, PROXY, BOB), record_route=True)
    call.ack(invite, 1.1, hops=(0,))
    finding = ladder.end(60.0).findings()["ack-missing-2xx"]

    assert finding.severity is Severity.CRITICAL
    assert finding.occurrences == 1
    assert f"{PROXY} -> {BOB}" not in finding.evidence[0].summary
    assert f"{BOB} -> {PROXY}" in finding.evidence[0].summary


def test_an_ack_that_is_missing_on_all_hops_is_one_fault() -> None:
    ladder, _, _ = _answered_in_vain((ALICE, PROXY, BOB))

    assert ladder.end(60.0).findings()["ack-missing-2xx"].occurrences == 1


def test_two_answers_of_a_fork_are_judged_apart() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, to_tag="b1")
    call.ack(invite, 1.1)
    loser = call.respond(invite, 200, 1.2, to_tag="c1")
    ladder.again(loser, *(1.2 + later for later in TIMER_G[:4]))
    call.respond(call.bye(20.0), 200, 20.1)

    assert ladder.end(60.0).findings()["ack-missing-2xx"].severity is Severity.CRITICAL

    call.ack(invite, 6.0, to_tag="c1")
    assert "ack-missing-2xx" not in ladder.findings()


@pytest.mark.parametrize("by_callee", [False, True])
def test_a_reinvite_has_an_ack_of_its_own(by_callee: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    hold = call.request("INVITE", 5.0, by_callee=by_callee, body=sdp(BOB if by_callee else ALICE, version=2))
    answer = call.respond(hold, 200, 5.1)
    ladder.again(answer, *(5.1 + later for later in TIMER_G[:4]))
    ladder.end(60.0)
    finding = ladder.findings()["ack-missing-2xx"]
    assert finding.severity is Severity.CRITICAL

    later = call.bye(20.0, by_callee=by_callee)
    call.respond(later, 200, 20.1)
    assert ladder.findings()["ack-missing-2xx"].severity is Severity.MEDIUM

    call.ack(hold, 9.0)
    assert "ack-missing-2xx" not in ladder.findings()


def test_a_2xx_over_tcp_is_sent_again_too() -> None:
    ladder, _, _ = _answered_in_vain(transport=Transport.TCP)

    assert ladder.end(60.0).findings()["ack-missing-2xx"].severity is Severity.CRITICAL


# -- refusals -------------------------------------------------------------------------------------------------------


def _refused_in_vain(*, sends: int = 5, transport: Transport = Transport.UDP) -> tuple[Ladder, Call, Sent]:
    ladder = Ladder(transport=transport)
    call = ladder.call()
    invite = call.invite(0.0)
    refusal = call.respond(invite, 486, 1.0)
    ladder.again(refusal, *(1.0 + later for later in TIMER_G[: sends - 1]))
    ladder.end(60.0)
    return ladder, call, invite


def test_a_refusal_sent_again_and_again_without_ack() -> None:
    ladder, _, _ = _refused_in_vain()
    finding = ladder.findings()["ack-missing-non2xx"]

    assert finding.severity is Severity.HIGH
    assert "486 Busy Here" in finding.title
    assert "5 times" in finding.detail
    assert [proof.message for proof in finding.evidence] == [1, 5]


def test_two_sends_or_an_ack_in_the_end_are_no_fault() -> None:
    ladder, _, _ = _refused_in_vain(sends=2)
    assert "ack-missing-non2xx" not in ladder.findings()

    ladder, call, invite = _refused_in_vain()
    call.ack(invite, 20.0)
    assert "ack-missing-non2xx" not in ladder.findings()


def test_over_tcp_a_refusal_is_not_repeated_so_repetition_is_something_else() -> None:
    ladder, _, _ = _refused_in_vain(transport=Transport.TCP)

    assert "ack-missing-non2xx" not in ladder.findings()


def test_an_ack_with_a_new_branch_is_named_for_what_it_is() -> None:
    ladder, call, invite = _refused_in_vain()
    call.respond(invite, 180, 0.1)
    call.request("ACK", 1.1, number=invite.number)
    findings = ladder.findings()
    finding = findings["ack-differs-from-invite"]

    assert finding.severity is Severity.HIGH
    assert "branch" in finding.title
    assert any(proof.text.startswith("Via:") for proof in finding.evidence)
    assert "ack-missing-non2xx" not in findings


# -- delayed offers -------------------------------------------------------------------------------------------------


def _delayed_offer(*, answer: bytes = b"") -> tuple[Ladder, Sent]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 200, 1.0, body=sdp(BOB))
    ack = call.ack(invite, 1.1, body=answer)
    call.respond(call.bye(5.0), 200, 5.1)
    ladder.end(60.0)
    return ladder, ack


def test_an_ack_that_owes_an_answer_and_has_none() -> None:
    ladder, _ = _delayed_offer()
    finding = ladder.findings()["ack-sdp-missing"]

    assert finding.severity is Severity.HIGH
    assert [proof.message for proof in finding.evidence] == [1, 2]
    assert finding.evidence[0].text.startswith("m=audio")


def test_an_ack_with_the_answer_is_healthy() -> None:
    ladder, _ = _delayed_offer(answer=sdp(ALICE))

    assert_healthy(ladder)
    assert "ack-sdp-missing" not in ladder.findings()


def test_an_ack_whose_end_was_cut_off_may_have_held_the_answer() -> None:
    ladder, ack = _delayed_offer()
    ack.packets[0].fidelity = Fidelity.TRUNCATED

    assert "ack-sdp-missing" not in ladder.findings()


def test_a_prack_may_have_held_the_answer() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 183, 0.1, "Require: 100rel", "RSeq: 1", body=sdp(BOB))
    call.respond(call.request("PRACK", 0.2, "RAck: 1 1 INVITE", body=sdp(ALICE)), 200, 0.3)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)

    assert "ack-sdp-missing" not in ladder.end(60.0).findings()


def test_an_ack_that_is_not_in_the_trace_is_no_ack_without_answer() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, CAROL)
    call.respond(call.invite(0.0, offer=b""), 200, 1.0, body=sdp(CAROL))

    assert "ack-sdp-missing" not in ladder.end(60.0).findings()
