"""A 200 that is sent once, and ACKs of requests that are no INVITE."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Ladder, Sent

from sip_ci.findings import Severity


def _unanswered() -> tuple[Ladder, Sent, Sent]:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    answer = call.respond(invite, 200, 4.0)
    return ladder, invite, answer


def test_an_answer_that_is_lost_and_not_sent_again() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 4.0)
    call.respond(call.cancel(invite, 30.0), 481, 30.1)
    finding = ladder.end(60.0).findings()["answer-not-repeated"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert "26.0 s" in finding.detail


def test_an_answer_without_ack_alone_shows_nothing() -> None:
    ladder, _, _ = _unanswered()

    assert "answer-not-repeated" not in ladder.end(60.0).findings()


def test_an_answer_that_is_sent_again_and_one_that_crosses_the_cancel() -> None:
    for times, cancelled in (((4.5, 5.5), 30.0), ((), 4.01)):
        ladder = Ladder()
        call = ladder.call(ALICE, BOB)
        invite = call.invite(0.0)
        answer = call.respond(invite, 200, 4.0)
        ladder.again(answer, *times)
        call.respond(call.cancel(invite, cancelled), 481, cancelled + 0.1)

        assert "answer-not-repeated" not in ladder.end(60.0).findings()


def test_an_ack_of_a_bye() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.established()
    bye = call.bye(20.0)
    call.respond(bye, 200, 20.1)
    call.request("ACK", 20.2, number=bye.number)
    finding = ladder.end(60.0).findings()["ack-non-invite"]

    assert finding.severity is Severity.LOW
    assert "BYE" in finding.detail


def test_the_ack_of_a_re_invite_is_none() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.established()
    again = call.request("INVITE", 10.0)
    call.respond(again, 200, 10.1)
    call.request("ACK", 10.2, number=again.number)
    call.respond(call.bye(20.0), 200, 20.1)

    assert "ack-non-invite" not in ladder.end(60.0).findings()
