"""491 where nothing crosses."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, Call, Ladder, sdp

from sip_ci.findings import Severity


def _change(call: Call, time: float, status: int, *, by_callee: bool = False, answered_after: float = 0.1) -> None:
    request = call.request("INVITE", time, body=sdp(ALICE, version=int(time)), by_callee=by_callee)
    call.respond(request, status, time + answered_after)
    call.ack(request, time + answered_after + 0.05)


def _call() -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.established()
    return ladder, call


def test_each_change_is_refused_though_nothing_is_open() -> None:
    ladder, call = _call()
    for time in (5.0, 8.0, 11.0):
        _change(call, time, 491)
    finding = ladder.end(60.0).findings()["pending-without-offer"]

    assert finding.severity is Severity.MEDIUM
    assert finding.root
    assert "3 times" in finding.detail


def test_glare_that_is_over_when_it_is_tried_again() -> None:
    ladder, call = _call()
    _change(call, 5.0, 491)
    _change(call, 8.0, 491)
    _change(call, 11.0, 200)

    assert "pending-without-offer" not in ladder.end(60.0).findings()


def test_a_request_of_the_other_side_that_is_open() -> None:
    ladder, call = _call()
    call.request("INVITE", 4.9, by_callee=True)
    for time in (5.0, 8.0, 11.0):
        _change(call, time, 491)

    assert "pending-without-offer" not in ladder.end(60.0).findings()
