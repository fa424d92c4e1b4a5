"""Transactions become dialogs, one leg for each hop (RFC 3261 §12)."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Ladder


@pytest.mark.parametrize("record_route", [True, False])
def test_a_proxy_makes_two_legs_of_one_dialog(record_route: bool) -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, BOB, record_route=record_route).answered()
    model = ladder.model()
    first, second = model.legs

    assert (first.caller, first.callee) == (ALICE.host, PROXY.host)
    assert (second.caller, second.callee) == (PROXY.host, BOB.host)
    assert first.caller_tag == second.caller_tag == "a1"
    assert first.callee_tag == second.callee_tag == "b1"
    assert len(first.acks) == len(second.acks) == 1
    assert first.talk_time == pytest.approx(10.0, abs=0.02)
    inside = [len(leg.transactions) for leg in model.legs]
    elsewhere = [len(leg.elsewhere) for leg in model.legs]
    assert (inside, elsewhere) == (([1, 1], [0, 0]) if record_route else ([0, 0], [1, 1]))


def test_a_fork_is_a_leg_for_each_callee_that_answered() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, to_tag="b1")
    call.respond(invite, 200, 1.2, to_tag="c1")
    call.ack(invite, 1.1)
    call.ack(invite, 1.3, to_tag="c1")
    call.respond(call.bye(1.4, to_tag="c1"), 200, 1.5)
    legs = ladder.model().legs

    assert [leg.callee_tag for leg in legs] == ["b1", "c1"]
    assert [len(leg.acks) for leg in legs] == [1, 1]
    assert [leg.bye is not None for leg in legs] == [False, True]


def test_a_reinvite_by_the_callee_belongs_to_the_leg_with_its_ack() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    hold = call.request("INVITE", 5.0, by_callee=True)
    call.respond(hold, 200, 5.1)
    call.ack(hold, 5.2)
    (leg,) = ladder.model().legs

    assert [item.method for item in leg.transactions] == ["INVITE"]
    assert not leg.sent_by_caller(leg.transactions[0])
    assert [len(item.acks) for item in leg.invites] == [1, 1]


def test_an_unanswered_leg_has_the_tag_of_its_ringing() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    (leg,) = ladder.model().legs

    assert (leg.callee_tag, leg.answer, leg.talk_time, leg.bye) == ("b1", None, None, None)


def test_requests_of_a_dialog_that_began_before_the_trace_are_orphans() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.bye(0.0), 200, 0.1)
    dialogs = ladder.model().dialogs

    assert (dialogs.legs, dialogs.calls) == ([], {})
    assert [item.method for item in dialogs.orphans] == ["BYE"]


def test_a_failover_is_a_second_leg_of_the_call() -> None:
    ladder = Ladder()
    call = ladder.call(PROXY, BOB)
    call.respond(call.invite(0.0), 503, 0.1)
    second = call.invite(0.3, way=(PROXY, CAROL))
    call.respond(second, 200, 1.0)
    model = ladder.model()

    assert [leg.answer is not None for leg in model.dialogs.calls[call.call_id]] == [False, True]
    assert model.answered_elsewhere(model.transactions[0])
    assert not model.answered_elsewhere(model.transactions[1])
