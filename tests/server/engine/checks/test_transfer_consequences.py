"""A transfer that is asked for twice, and a call that is forgotten with it."""

from __future__ import annotations

import pytest
from tests.support.calls import Call, Ladder

from sip_ci.findings import Severity

ACTIVE = "Subscription-State: active;expires=60"
ENDED = "Subscription-State: terminated;reason=noresource"


def _refer(call: Call, time: float, target: str = "carol") -> None:
    call.respond(call.request("REFER", time, f"Refer-To: <sip:{target}@example.com>"), 202, time + 0.1)


def _report(call: Call, time: float, status: str, state: str) -> None:
    lines = ("Event: refer", state, "Content-Type: message/sipfrag")
    notify = call.request("NOTIFY", time, *lines, body=f"SIP/2.0 {status}\r\n".encode(), by_callee=True)
    call.respond(notify, 200, time + 0.1)


def _call() -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    return ladder, call


def test_the_same_transfer_again_after_it_has_succeeded() -> None:
    ladder, call = _call()
    _refer(call, 5.0)
    _report(call, 5.2, "200 OK", ACTIVE)
    _refer(call, 60.0)
    finding = ladder.end(90.0).findings()["refer-repeated"]

    assert finding.severity is Severity.MEDIUM
    assert finding.root
    assert "carol" in finding.detail


@pytest.mark.parametrize(
    ("status", "state", "target"),
    [("486 Busy Here", ACTIVE, "carol"), ("200 OK", ENDED, "carol"), ("200 OK", ACTIVE, "dave")],
    ids=["it failed", "the subscription is over", "another target"],
)
def test_a_second_transfer_that_is_right(status: str, state: str, target: str) -> None:
    ladder, call = _call()
    _refer(call, 5.0)
    _report(call, 5.2, status, state)
    _refer(call, 60.0, target)

    assert "refer-repeated" not in ladder.end(90.0).findings()


def test_a_call_that_is_forgotten_when_its_transfer_ends() -> None:
    ladder, call = _call()
    _refer(call, 5.0)
    _report(call, 6.0, "200 OK", ENDED)
    call.respond(call.bye(8.0), 481, 8.1)
    found = ladder.end(60.0).findings()

    assert found["call-ended-with-refer"].severity is Severity.MEDIUM
    assert found["call-ended-with-refer"].root
    assert "bye-rejected" not in found


def test_a_bye_that_crosses_the_other_sides_bye() -> None:
    ladder, call = _call()
    _refer(call, 5.0)
    _report(call, 6.0, "200 OK", ENDED)
    call.respond(call.bye(8.0, by_callee=True), 200, 8.1)
    call.respond(call.bye(8.05), 481, 8.15)

    assert "call-ended-with-refer" not in ladder.end(60.0).findings()


def test_a_481_long_before_the_transfer_is_over() -> None:
    ladder, call = _call()
    _refer(call, 5.0)
    _report(call, 6.0, "100 Trying", ACTIVE)
    call.respond(call.bye(8.0), 481, 8.1)

    assert "call-ended-with-refer" not in ladder.end(60.0).findings()
