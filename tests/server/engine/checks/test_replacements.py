"""INVITE with Replaces: its form, and the end of the call that it replaces."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Call, Ladder

from sip_ci.findings import Severity


def taken_over(ladder: Ladder, value: str = "", status: int = 200, old: tuple[object, ...] = (ALICE, BOB)) -> Call:
    """Alice talks to Bob, and Carol takes the call over ten seconds later; returns the first call."""
    first = ladder.call(*old)  # type: ignore[arg-type]
    first.established()
    new = ladder.call(CAROL, BOB, caller="carol", caller_tag="c1", callee_tag="b2")
    header = value or f"{first.call_id};to-tag=b1;from-tag=a1"
    invite = new.invite(10.0, f"Replaces: {header}")
    new.respond(invite, status, 10.1)
    new.ack(invite, 10.2)
    return first


@pytest.mark.parametrize(
    ("value", "status", "severity"),
    [
        ("x@example.com;to-tag=b1;from-tag=a1", 481, None),
        ("x@example.com;to-tag=b1;from-tag=0;early-only", 200, None),
        ("x@example.com;to-tag=b1", 481, Severity.HIGH),
        ("x@example.com;to-tag=b1;from-tag=a1;from-tag=a2", 400, Severity.HIGH),
        ("x@example.com", 200, Severity.LOW),
    ],
)
def test_the_tags_of_replaces(value: str, status: int, severity: Severity | None) -> None:
    """A refusal that it causes is its effect, so that it stands at the severity of that."""
    ladder = Ladder()
    taken_over(ladder, value, status)
    finding = ladder.end(60.0).findings().get("replaces-malformed")

    assert (finding.severity if finding else None) is severity


def test_a_call_that_stays_behind() -> None:
    ladder = Ladder()
    taken_over(ladder)
    finding = ladder.end(60.0).findings()["replaces-not-hung-up"]

    assert finding.severity is Severity.MEDIUM
    assert len(finding.calls) == 2


def test_a_call_that_is_ended_refused_or_cut_by_the_capture() -> None:
    ended, refused, short = Ladder(), Ladder(), Ladder()
    call = taken_over(ended)
    call.respond(call.bye(10.3, by_callee=True), 200, 10.4)
    taken_over(refused, status=486)
    taken_over(short)

    for ladder, seconds in ((ended, 60.0), (refused, 60.0), (short, 15.0)):
        assert "replaces-not-hung-up" not in ladder.end(seconds).findings()


def test_a_call_on_another_way_is_not_judged() -> None:
    ladder = Ladder()
    taken_over(ladder, old=(ALICE, PROXY))

    assert "replaces-not-hung-up" not in ladder.end(60.0).findings()
