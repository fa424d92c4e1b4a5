"""Offers and answers find each other (RFC 3264), whichever messages carry them."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci_server.engine.offer_answer import Round

RELIABLE = ("Require: 100rel", "RSeq: 1")


def _rounds(ladder: Ladder) -> list[Round]:
    return ladder.model().all_rounds


def test_the_offer_of_the_invite_is_answered_in_the_2xx() -> None:
    ladder = Ladder()
    ladder.call().established()
    (item,) = _rounds(ladder)

    assert (item.initial, item.delayed, item.offered_by_caller) == (True, False, True)
    assert item.answer_message is not None
    assert item.answer_message.status == 200


def test_a_delayed_offer_is_answered_in_the_ack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 200, 1.0, body=sdp(BOB))
    call.ack(invite, 1.1, body=sdp(ALICE))
    (item,) = _rounds(ladder)

    assert (item.delayed, item.offered_by_caller) == (True, False)
    assert item.offer_message.status == 200
    assert item.answer_message is not None
    assert item.answer_message.method == "ACK"


def test_a_delayed_offer_in_a_reliable_183_is_answered_in_the_prack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 183, 0.1, *RELIABLE, body=sdp(BOB))
    prack = call.request("PRACK", 0.2, "RAck: 1 1 INVITE", body=sdp(ALICE))
    call.respond(prack, 200, 0.3)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    (item,) = _rounds(ladder)

    assert item.delayed
    assert item.answer_message is not None
    assert item.answer_message.method == "PRACK"


def test_an_unreliable_183_only_stands_in_for_an_answer_that_is_not_seen() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 183, 0.1)
    (item,) = _rounds(ladder)
    assert item.answer_message is not None
    assert item.answer_message.status == 183

    call.respond(invite, 200, 1.0)
    (item,) = _rounds(ladder)
    assert item.answer_message is not None
    assert item.answer_message.status == 200


def test_a_reinvite_and_an_update_make_further_rounds() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    hold = call.request("INVITE", 5.0, body=sdp(BOB, version=2), by_callee=True)
    call.respond(hold, 200, 5.1)
    call.ack(hold, 5.2)
    update = call.request("UPDATE", 6.0, body=sdp(ALICE, version=2))
    call.respond(update, 488, 6.1)
    first, second, third = _rounds(ladder)

    assert [item.offered_by_caller for item in (first, second, third)] == [True, False, True]
    assert second.rejected is None
    assert third.rejected is not None
    assert third.rejected.status == 488


def test_an_invite_without_any_description_makes_no_round() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0, offer=b""), 486, 0.1)

    assert _rounds(ladder) == []
