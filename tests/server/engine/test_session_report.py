"""Sessions in the answer, and as one picture."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, CAROL, PROXY, Ladder, sdp

from sip_ci_server.engine.ladders import CALLS_IN_LADDER
from sip_ci_server.engine.session_report import LISTED


def _failing() -> Ladder:
    ladder = Ladder()
    outer, inner = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB)
    first, second = outer.invite(0.0), inner.invite(0.05, offer=sdp(PROXY, 30_000))
    inner.respond(second, 404, 0.2)
    inner.ack(second, 0.21)
    outer.respond(first, 500, 0.25)
    outer.ack(first, 0.26)
    return ladder.end(60.0)


def test_a_session_is_told_with_its_legs_its_score_and_its_evidence() -> None:
    (session,) = _failing().report().sessions

    assert [(leg.source, leg.destination, leg.status) for leg in session.legs] == [
        (str(ALICE), str(PROXY), 500), (str(PROXY), str(BOB), 404),
    ]  # fmt: skip
    (join,) = session.joins
    assert (join.outer, join.inner, join.relation) == (*session.calls, "relayed")
    assert 0.6 <= join.score <= 1.0
    assert join.evidence


def test_a_call_of_one_call_id_is_no_session_worth_telling() -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, BOB).answered()

    assert ladder.end(60.0).report().sessions == ()


def test_what_is_ambiguous_is_told() -> None:
    ladder = Ladder()
    first, second, inner = ladder.call(ALICE, PROXY), ladder.call(CAROL, PROXY), ladder.call(PROXY, BOB)
    first.invite(0.0)
    second.invite(0.01)
    inner.invite(0.02, offer=sdp(PROXY, 30_000))
    report = ladder.end(60.0).report()

    assert report.sessions == ()
    (item,) = report.ambiguous
    assert item.call == inner.call_id
    assert {candidate.call for candidate in item.candidates} == {first.call_id, second.call_id}


def test_the_ladder_shows_the_whole_session() -> None:
    report = _failing().report()
    ladder = next(item for item in report.ladders if item.call == "call-2@203.0.113.5")

    assert ladder.other_calls == ("call-1@192.0.2.10",)
    assert [step.label.split(" (")[0] for step in ladder.steps][:2] == ["INVITE", "INVITE"]
    assert len(ladder.participants) == 3


def test_lists_and_ladders_are_bounded() -> None:
    ladder = Ladder()
    outer = ladder.call(ALICE, PROXY)
    outer.invite(0.0)
    for number in range(LISTED + 20):
        inner = ladder.call(PROXY, BOB)
        invite = inner.invite(0.001 * number, f"X-CID: {outer.call_id}")
        inner.respond(invite, 404, 1.0 + number)
        inner.ack(invite, 1.1 + number)
    report = ladder.end(300.0).report()
    (session,) = report.sessions

    assert len(session.calls) == len(session.legs) == len(session.joins) == LISTED
    assert all(len(item.other_calls) < CALLS_IN_LADDER for item in report.ladders)
