"""Calls of one session are joined with a score and evidence, or the answer is that it is ambiguous."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, Call, Ladder, sdp

from sip_ci_server.engine.session_marks import comparable
from sip_ci_server.engine.sessions import ENOUGH, Join, Relation, Sessions

SESSION_ID = "ab30317f1a784dc48ff824d0d3715d86"


def _relayed(
    *, delay: float = 0.05, outer: str = "", inner: str = "", caller: str = "alice"
) -> tuple[Ladder, Sessions]:
    """A call from Alice to a B2BUA, which calls Bob."""
    ladder = Ladder()
    first, second = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB, caller=caller)
    first.invite(0.0, *filter(None, [outer]))
    second.invite(delay, *filter(None, [inner]), offer=sdp(PROXY, 30_000))
    return ladder, ladder.end(60.0).model().joined


def _joins(sessions: Sessions) -> list[Join]:
    return [join for session in sessions.all for join in session.joins]


def test_hops_of_one_call_id_are_one_session_without_a_join() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, SECOND_PROXY, BOB).answered()
    (session,) = ladder.end(60.0).model().joined.all

    assert session.calls == [call.call_id]
    assert len(session.legs) == 3
    assert session.joins == []


def test_the_element_the_users_and_the_time_join_the_legs_of_a_b2bua() -> None:
    _, sessions = _relayed()
    (join,) = _joins(sessions)

    assert (join.outer, join.inner, join.relation) == ("call-1@192.0.2.10", "call-2@203.0.113.5", Relation.RELAYED)
    assert ENOUGH <= join.score < 1.0
    assert any(PROXY.host in text and "50 ms" in text for text in join.evidence)
    assert sessions.further_on(join.outer) == [join.inner]
    assert sessions.before(join.inner) == [join.outer]
    assert sessions.key(join.inner) == join.outer


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (f"Session-ID: {SESSION_ID};remote={'0' * 32}", f"Session-ID: {SESSION_ID};remote={'0' * 32}"),
        ("P-Charging-Vector: icid-value=1234bc9876e", 'P-Charging-Vector: icid-value="1234bc9876e"'),
        ("Cisco-Guid: 1234-5678-9012-3456", "Cisco-Guid: 1234-5678-9012-3456"),
        ("", "X-CID: call-1@192.0.2.10"),
    ],
)
def test_an_identifier_joins_legs_that_nothing_else_does(outer: str, inner: str) -> None:
    _, sessions = _relayed(outer=outer, inner=inner, caller="trunk", delay=20.0)
    (join,) = _joins(sessions)

    assert join.score >= 0.9


@pytest.mark.parametrize(
    "ladder",
    [
        _relayed(delay=30.0)[1],
        _relayed(delay=-1.0)[1],
        _relayed(caller="somebody")[1],
        _relayed(outer=f"Session-ID: {'0' * 32}", inner=f"Session-ID: {'0' * 32}", caller="trunk", delay=20.0)[1],
    ],
    ids=["much later", "before", "another caller", "unknown identifiers"],
)
def test_what_may_be_chance_joins_nothing(ladder: Sessions) -> None:
    assert _joins(ladder) == []
    assert ladder.ambiguous == ()


@pytest.mark.parametrize(
    ("user", "other", "equal"),
    [
        ("+4930123456", "030123456", True), ("12675941249_Uclx8s21", "+12675941249", True), ("Alice", "alice", True),
        ("+4930123456", "+4930123457", False), ("alice", "bob", False), ("12", "99912", False),
    ],
)  # fmt: skip
def test_numbers_compare_by_their_last_digits(user: str, other: str, equal: bool) -> None:
    assert (comparable(user) == comparable(other)) is equal


def test_two_calls_that_fit_equally_well_are_ambiguous() -> None:
    ladder = Ladder()
    first, second = ladder.call(ALICE, PROXY), ladder.call(CAROL, PROXY)
    inner = ladder.call(PROXY, BOB)
    first.invite(0.0)
    second.invite(0.02)
    inner.invite(0.05, offer=sdp(PROXY, 30_000))
    sessions = ladder.end(60.0).model().joined

    assert _joins(sessions) == []
    (answer,) = sessions.ambiguous
    assert answer.inner == inner.call_id
    assert {call for call, _ in answer.candidates} == {first.call_id, second.call_id}


def test_an_identifier_decides_between_two_calls() -> None:
    ladder = Ladder()
    first, second = ladder.call(ALICE, PROXY), ladder.call(CAROL, PROXY)
    inner = ladder.call(PROXY, BOB)
    first.invite(0.0, f"Session-ID: {SESSION_ID}")
    second.invite(0.02)
    inner.invite(0.05, f"Session-ID: {SESSION_ID}", offer=sdp(PROXY, 30_000))
    sessions = ladder.end(60.0).model().joined

    assert [join.outer for join in _joins(sessions)] == [first.call_id]
    assert sessions.ambiguous == ()


def test_a_fork_by_a_b2bua_is_one_session() -> None:
    ladder = Ladder()
    outer, one, other = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB), ladder.call(PROXY, CAROL)
    outer.invite(0.0)
    one.invite(0.01)
    other.invite(0.01)
    sessions = ladder.end(60.0).model().joined

    assert [session.calls for session in sessions.all] == [[outer.call_id, one.call_id, other.call_id]]


def test_legs_over_three_elements_are_one_session_in_order() -> None:
    ladder = Ladder()
    calls = [ladder.call(*path) for path in ((ALICE, PROXY), (PROXY, SECOND_PROXY), (SECOND_PROXY, BOB))]
    for number, call in enumerate(calls):
        call.invite(number * 0.01)
    sessions = ladder.end(60.0).model().joined

    assert sessions.further_on(calls[0].call_id) == [calls[1].call_id, calls[2].call_id]
    assert sessions.before(calls[2].call_id) == [calls[1].call_id, calls[0].call_id]


def test_replaces_names_the_call_that_it_takes_over() -> None:
    ladder = Ladder()
    first, second = ladder.call(ALICE, BOB), ladder.call(CAROL, BOB, caller="carol")
    first.established(0.0)
    second.invite(20.0, f"Replaces: {first.call_id};to-tag=b1;from-tag=a1")
    (join,) = _joins(ladder.end(60.0).model().joined)

    assert (join.outer, join.inner, join.relation) == (first.call_id, second.call_id, Relation.REPLACES)


def test_a_transfer_leads_to_the_call_that_it_asks_for() -> None:
    ladder = Ladder()
    first = ladder.call(ALICE, BOB)
    first.established(0.0)
    first.request("REFER", 10.0, f"Refer-To: <sip:carol@{CAROL}>", "Referred-By: <sip:alice@example.com>")
    second = ladder.call(BOB, CAROL, caller="bob", uri=f"sip:carol@{CAROL}")
    second.invite(10.1, "Referred-By: <sip:alice@example.com>")
    (join,) = _joins(ladder.end(60.0).model().joined)

    assert (join.outer, join.inner, join.relation) == (first.call_id, second.call_id, Relation.REFERRED)


def test_a_constant_origin_of_a_test_tool_identifies_nothing() -> None:
    ladder = Ladder()
    for number in range(20):
        call = ladder.call(ALICE, PROXY, caller=f"caller{number}", callee=f"callee{number}")
        call.invite(number * 0.001)
    lone = ladder.call(PROXY, BOB, caller="nobody", callee="nowhere")
    lone.invite(0.05, offer=sdp(ALICE))
    sessions = ladder.end(60.0).model().joined

    assert _joins(sessions) == []


def test_the_number_of_comparisons_is_bounded() -> None:
    ladder = Ladder()

    def pair(number: int) -> tuple[Call, Call]:
        return ladder.call(ALICE, PROXY, callee="service"), ladder.call(PROXY, BOB, callee="service")

    for number in range(300):
        outer, inner = pair(number)
        outer.invite(number * 0.001)
        inner.invite(number * 0.001 + 0.0005)
    sessions = ladder.end(60.0).model().joined

    assert all(len(item.candidates) <= 32 for item in sessions.ambiguous)


def test_a_trace_without_times_and_ends_is_joined_by_what_it_says() -> None:
    ladder = Ladder()
    first, second = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB)
    first.invite(0.0)
    second.invite(0.1, f"X-Call-ID: {first.call_id}")
    ladder.packets = [replace(packet, time=None, source=None, destination=None) for packet in ladder.packets]
    (join,) = _joins(ladder.model().joined)

    assert join.outer == first.call_id
