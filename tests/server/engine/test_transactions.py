"""Messages become transactions (RFC 3261 §17)."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci_server.engine.transactions import Transaction


def _of(ladder: Ladder, method: str) -> list[Transaction]:
    return [item for item in ladder.model().transactions if item.method == method]


def test_a_retransmission_belongs_to_its_transaction() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.5, 1.5)
    ladder.again(call.respond(invite, 200, 2.0), 2.5)
    (transaction,) = _of(ladder, "INVITE")

    assert len(transaction.requests) == 3
    assert [response.status for response in transaction.finals] == [200, 200]
    assert transaction.success is transaction.final is transaction.finals[0]
    assert transaction.time == transaction.requests[0].observation.time


def test_each_hop_is_a_transaction_with_its_own_responses() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    call.respond(call.invite(0.0), 180, 0.1)
    first, second = _of(ladder, "INVITE")

    assert (first.source, first.destination) == (ALICE, PROXY)
    assert (second.source, second.destination) == (PROXY, BOB)
    assert first.provisionals[0].observation.source == PROXY
    assert second.provisionals[0].observation.source == BOB


def test_the_ack_of_a_refusal_is_the_transactions_and_that_of_a_2xx_the_dialogs() -> None:
    ladder = Ladder()
    refused, answered = ladder.call(), ladder.call()
    invite = refused.invite(0.0)
    refused.respond(invite, 486, 0.1)
    refused.ack(invite, 0.2)
    answered.established(1.0)
    transactions = ladder.model().transactions

    assert [len(item.acks) for item in transactions] == [1, 1]
    assert [ack.call_id for ack in transactions.acks_of_2xx] == [answered.call_id]


def test_an_ack_of_a_2xx_that_reuses_the_branch_is_the_dialogs_all_the_same() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    ack = call.ack(invite, 1.1)
    ack.packets[0].raw = ack.packets[0].raw.replace(b"z9hG4bK-2-0", b"z9hG4bK-1-0")
    model = ladder.model()

    assert len(model.transactions.acks_of_2xx) == 1
    assert len(model.legs[0].acks) == 1


def test_a_cancel_belongs_to_its_invite_on_each_hop() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.cancel(invite, 1.0)

    assert [item.was_cancelled for item in _of(ladder, "INVITE")] == [True, True]


def test_a_branch_that_a_test_tool_repeats_between_calls_joins_nothing() -> None:
    ladder = Ladder()
    for start in (0.0, 5.0):
        call = ladder.call()
        packet = call.invite(start).packets[0]
        packet.raw = packet.raw.replace(f"z9hG4bK-{1 if not start else 2}-0".encode(), b"z9hG4bK-same")

    assert [len(item.requests) for item in _of(ladder, "INVITE")] == [1, 1]


@pytest.mark.parametrize("branch", [b";branch=1-old", b""])
def test_without_the_magic_cookie_the_older_matching_applies(branch: bytes) -> None:
    ladder = Ladder()
    call = ladder.call()
    options = call.request("OPTIONS", 0.0, inside=False)
    response = call.respond(options, 200, 0.1)
    for packet in (*options.packets, *response.packets):
        packet.raw = packet.raw.replace(b";branch=z9hG4bK-1-0", branch)
    ladder.again(options, 0.5)
    (transaction,) = _of(ladder, "OPTIONS")

    assert (len(transaction.requests), len(transaction.responses)) == (2, 1)


def test_a_response_without_its_request_is_unmatched() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    del ladder.packets[0]
    transactions = ladder.model().transactions

    assert len(transactions) == 0
    assert [response.status for response in transactions.unmatched] == [180]


def test_a_log_that_names_no_ends_still_makes_one_transaction() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.5)
    call.respond(invite, 486, 0.7)
    call.ack(invite, 0.8)
    for packet in ladder.packets:
        packet.source = packet.destination = None
    (transaction,) = ladder.model().transactions

    assert (len(transaction.requests), len(transaction.responses), len(transaction.acks)) == (2, 1, 1)


def test_a_test_that_runs_again_with_its_branches_makes_new_transactions() -> None:
    first, second = Ladder(), Ladder()
    first.call().answered(0.0)
    second.call().answered(100.0)
    second.packets[:0] = first.packets
    model = second.end(200.0).model()
    assert [len(item.requests) for item in model.transactions] == [1] * len(model.transactions)
    assert {item.final.observation.time > item.time for item in model.transactions if item.final and item.time} == {
        True
    }
