"""SUBSCRIBE requests that mean a subscription and are sent beside it."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, assert_healthy

from sip_ci.findings import Severity

EVENT = "Event: dialog"
CHECK = "sub-refresh-outside-dialog"


def subscribe(call: Call, time: float, expires: int = 600, *, status: int = 200, inside: bool = False) -> None:
    request = call.request("SUBSCRIBE", time, EVENT, f"Expires: {expires}", inside=inside)
    call.respond(request, status, time + 0.1, *([f"Expires: {expires}"] if status < 300 else []))


def notify(call: Call, time: float, state: str = "active;expires=600") -> None:
    request = call.request("NOTIFY", time, EVENT, f"Subscription-State: {state}", by_callee=True)
    call.respond(request, 200, time + 0.1)


@pytest.mark.parametrize(
    ("expires", "status", "severity"),
    [(600, 200, Severity.MEDIUM), (0, 200, Severity.MEDIUM), (600, 481, Severity.LOW)],
)
def test_a_refresh_without_the_to_tag(expires: int, status: int, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    subscribe(call, 0.0)
    notify(call, 0.2)
    subscribe(call, 300.0, expires, status=status)
    finding = ladder.end(600.0).findings()[CHECK]

    assert finding.severity is severity
    assert finding.evidence[1].text.startswith("To:")


def test_a_refresh_inside_the_dialog() -> None:
    ladder = Ladder()
    call = ladder.call()
    subscribe(call, 0.0)
    notify(call, 0.2)
    subscribe(call, 300.0, inside=True)
    notify(call, 300.2)

    assert CHECK not in ladder.end(600.0).findings()


def test_the_second_try_after_a_challenge() -> None:
    ladder = Ladder()
    call = ladder.call()
    subscribe(call, 0.0, status=401)
    subscribe(call, 0.2)
    notify(call, 0.4)

    assert CHECK not in ladder.end(600.0).findings()


@pytest.mark.parametrize("time", [0.5, 700.0])
def test_a_new_subscription_after_the_end_of_the_first(time: float) -> None:
    ladder = Ladder()
    call = ladder.call()
    subscribe(call, 0.0)
    notify(call, 0.2, "terminated;reason=deactivated" if time < 600 else "active;expires=600")
    subscribe(call, time)

    assert CHECK not in ladder.end(time + 600.0).findings()


def test_the_next_hop_of_the_same_request_is_none() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    subscribe(call, 0.0)
    notify(call, 0.2)

    assert_healthy(ladder.end(3.0))
