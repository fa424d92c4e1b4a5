"""Re-INVITEs that come before the call stands."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci.findings import Severity


def _changed(reinvite: float, ack: float, status: int, *, by_callee: bool = True) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0)
    sends = [(reinvite, "change"), (ack, "ack")]
    for time, what in sorted(sends):
        if what == "ack":
            call.ack(invite, time)
            continue
        offer = sdp(BOB if by_callee else ALICE, 42_000, version=2)
        change = call.request("INVITE", time, by_callee=by_callee, body=offer)
        call.respond(change, status, time + 0.05)
        call.ack(change, time + 0.06)
    bye = call.bye(20.0)
    call.respond(bye, 200, 20.02)
    return ladder.end(60.0)


@pytest.mark.parametrize(("status", "severity"), [(500, Severity.MEDIUM), (200, Severity.LOW)])
def test_a_change_ahead_of_the_ack(status: int, severity: Severity) -> None:
    finding = _changed(1.001, 1.03, status).findings()["reinvite-before-ack"]

    assert finding.severity is severity
    assert len(finding.evidence) >= 3


@pytest.mark.parametrize(
    ("reinvite", "ack", "by_callee"),
    [(1.2, 1.03, True), (1.028, 1.03, True), (1.001, 1.03, False)],
    ids=["after the ACK", "too near to tell", "by the caller"],
)
def test_a_change_that_waits_or_is_the_callers(reinvite: float, ack: float, by_callee: bool) -> None:
    assert "reinvite-before-ack" not in _changed(reinvite, ack, 500, by_callee=by_callee).findings()


def test_a_call_without_any_ack_is_another_fault() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 200, 1.0), 1.5, 2.5, 4.5)
    change = call.request("INVITE", 5.0, by_callee=True, body=sdp(BOB, 42_000, version=2))
    call.respond(change, 500, 5.05)

    assert "reinvite-before-ack" not in ladder.end(60.0).findings()
