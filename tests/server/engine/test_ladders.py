"""The example calls of findings, drawn."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Ladder

from sip_ci.service.wire import AnalysisContext
from sip_ci_server.engine import ladders
from sip_ci_server.engine.analysis import analyze


def broken(calls: int = 1) -> Ladder:
    """Calls whose 2xx is never acknowledged."""
    ladder = Ladder()
    for number in range(calls):
        call = ladder.call(caller_tag=f"a{number}", callee_tag=f"b{number}")
        invite = call.invite(number * 0.1)
        answer = call.respond(invite, 200, number * 0.1 + 1.0)
        ladder.again(answer, number * 0.1 + 1.5, number * 0.1 + 2.5)
    return ladder.end(60.0)


def test_a_healthy_call_is_not_drawn() -> None:
    ladder = Ladder()
    ladder.call().answered()
    assert [item for item in ladder.report().ladders if any(step.notable for step in item.steps)] == []


def test_the_call_of_a_finding_is_drawn_with_its_evidence() -> None:
    report = broken().report()
    (drawn,) = report.ladders
    assert drawn.call == "call-1@192.0.2.10"
    assert drawn.steps[0].label.startswith("INVITE")
    proven = {proof.message for finding in report.findings for proof in finding.evidence}
    assert {step.message for step in drawn.steps if step.notable} == {step.message for step in drawn.steps} & proven
    assert any(step.notable for step in drawn.steps)


def test_each_call_is_drawn_once_and_not_too_many() -> None:
    report = broken(ladders.MAXIMUM_LADDERS + 5).report()
    names = [item.call for item in report.ladders]
    assert len(names) == len(set(names))
    assert 1 <= len(names) <= ladders.MAXIMUM_LADDERS


def test_labels_go_to_hosts_in_the_order_of_their_messages() -> None:
    report = analyze(broken().trace(), AnalysisContext(endpoints=("trunk", "pbx")))
    assert report.ladders[0].participants == (f"trunk ({ALICE})", f"pbx ({BOB})")


def test_more_hosts_than_labels() -> None:
    report = analyze(broken().trace(), AnalysisContext(endpoints=("trunk",)))
    first, second = report.ladders[0].participants
    assert "trunk" in first
    assert second == str(BOB)
