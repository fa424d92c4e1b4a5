"""Subscriptions over their life: what NOTIFY says of them, and what is sent after their end."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, assert_healthy

from sip_ci.findings import Severity

EVENT = "Event: dialog"
ACTIVE = "Subscription-State: active;expires=600"
ENDED = "Subscription-State: terminated;reason=timeout"


def subscribe(call: Call, time: float, *lines: str, status: int = 200, inside: bool = True) -> None:
    headers = {line.partition(":")[0]: line for line in (EVENT, "Expires: 600", *lines)}
    request = call.request("SUBSCRIBE", time, *headers.values(), inside=inside)
    call.respond(request, status, time + 0.1, *(["Expires: 600"] if status < 300 else []))


def notify(call: Call, time: float, *lines: str, status: int = 200) -> None:
    call.respond(call.request("NOTIFY", time, *(lines or (EVENT, ACTIVE)), by_callee=True), status, time + 0.1)


def subscribed(ladder: Ladder, *lines: str) -> Call:
    call = ladder.call()
    subscribe(call, 0.0, *lines, inside=False)
    return call


def severity(ladder: Ladder, check: str) -> Severity | None:
    finding = ladder.end(600.0).findings().get(check)
    return finding.severity if finding else None


# -- notify-event-mismatch ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "expected"), [(200, Severity.LOW), (481, Severity.MEDIUM)])
def test_news_of_another_event(status: int, expected: Severity) -> None:
    ladder = Ladder()
    notify(subscribed(ladder), 0.2, "Event: presence", ACTIVE, status=status)

    assert severity(ladder, "notify-event-mismatch") is expected


@pytest.mark.parametrize(
    ("asked", "given", "found"),
    [
        ("Event: dialog;id=7", "Event: dialog;id=7", False),
        ("Event: dialog;sla", "Event: dialog", False),
        ("Event: dialog;id=7", "Event: dialog", True),
        ("Event: dialog", "Event: dialog;id=9", True),
        ("Event: Dialog", "Event: dialog", False),
    ],
)
def test_the_id_of_an_event(asked: str, given: str, found: bool) -> None:
    ladder = Ladder()
    notify(subscribed(ladder, asked), 0.2, given, ACTIVE)

    assert (severity(ladder, "notify-event-mismatch") is not None) is found


def test_dialogs_that_the_trace_does_not_hold_whole_are_not_judged() -> None:
    late, shared = Ladder(), Ladder()
    notify(late.call(), 0.2, "Event: presence", ACTIVE)
    call = subscribed(shared)
    subscribe(call, 1.0, "Event: presence")
    notify(call, 1.2, "Event: presence", ACTIVE)

    assert severity(late, "notify-event-mismatch") is None
    assert severity(shared, "notify-event-mismatch") is None


# -- notify-expires -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("active;expires=600", None),
        ("active;expires=12", None),
        ("terminated", None),
        ("active;expires=3600", Severity.LOW),
        ("active", Severity.INFO),
        ("pending", Severity.INFO),
    ],
)
def test_how_long_a_subscription_lives(state: str, expected: Severity | None) -> None:
    ladder = Ladder()
    notify(subscribed(ladder), 0.2, EVENT, f"Subscription-State: {state}")

    assert severity(ladder, "notify-expires") is expected


def test_without_the_subscribe_nobody_knows_what_was_granted() -> None:
    ladder = Ladder()
    notify(ladder.call(), 0.2, EVENT, "Subscription-State: active;expires=3600")

    assert severity(ladder, "notify-expires") is None


# -- sub-used-after-end ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "expected"), [(481, Severity.MEDIUM), (500, Severity.LOW), (200, None)])
def test_a_refresh_after_the_end(status: int, expected: Severity | None) -> None:
    ladder = Ladder()
    call = subscribed(ladder)
    notify(call, 0.2)
    notify(call, 100.0, EVENT, ENDED)
    subscribe(call, 300.0, status=status)
    finding = ladder.end(600.0).findings().get("sub-used-after-end")

    assert (finding.severity if finding else None) is expected
    assert finding is None or [proof.message for proof in finding.evidence] == [4, 6, 7]


def test_a_refresh_after_a_refusal_that_ends_the_subscription() -> None:
    for status, found in ((481, True), (503, False)):
        ladder = Ladder()
        call = subscribed(ladder)
        notify(call, 0.2)
        subscribe(call, 300.0, status=status)
        subscribe(call, 330.0, status=481)

        assert (severity(ladder, "sub-used-after-end") is not None) is found, status


def test_ends_that_do_not_concern_the_refresh() -> None:
    crossing, ending, other = Ladder(), Ladder(), Ladder()
    call = subscribed(crossing)
    notify(call, 300.0, EVENT, ENDED)
    subscribe(call, 300.2, status=481)
    call = subscribed(ending)
    notify(call, 100.0, EVENT, ENDED)
    subscribe(call, 300.0, "Expires: 0", status=481)
    call = subscribed(other)
    notify(call, 100.0, "Event: presence", ENDED)
    subscribe(call, 300.0, status=500)

    assert {severity(ladder, "sub-used-after-end") for ladder in (crossing, ending, other)} == {None}


# -- notify-after-end -----------------------------------------------------------------------------------------------


def test_news_after_the_end() -> None:
    ladder = Ladder()
    call = subscribed(ladder)
    notify(call, 0.2)
    notify(call, 100.0, EVENT, ENDED)
    notify(call, 200.0)

    assert severity(ladder, "notify-after-end") is Severity.LOW


def test_news_after_a_refusal() -> None:
    for status, found in ((405, True), (500, False), (481, False)):
        ladder = Ladder()
        call = subscribed(ladder)
        notify(call, 0.2, status=status)
        notify(call, 200.0)

        assert (severity(ladder, "notify-after-end") is not None) is found, status


def test_a_new_subscription_in_the_same_dialog() -> None:
    ladder = Ladder()
    call = subscribed(ladder)
    notify(call, 0.2, EVENT, ENDED)
    subscribe(call, 50.0)
    notify(call, 50.2)

    assert severity(ladder, "notify-after-end") is None
    assert severity(ladder, "sub-used-after-end") is None


def test_a_healthy_subscription_over_a_proxy() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    subscribe(call, 0.0, inside=False)
    notify(call, 0.2)
    subscribe(call, 300.0)
    notify(call, 300.2)
    subscribe(call, 500.0, "Expires: 0")
    notify(call, 500.2, EVENT, ENDED)

    assert_healthy(ladder.end(600.0))
    assert not set(ladder.findings()) & {
        "notify-after-end", "sub-used-after-end", "notify-event-mismatch", "notify-expires",
    }  # fmt: skip


# -- contact-missing-subscribe, publish-no-etag ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "line", "status", "expected"),
    [
        ("SUBSCRIBE", "Contact", 400, Severity.MEDIUM),
        ("SUBSCRIBE", "Contact", 200, Severity.LOW),
        ("REFER", "Contact", 202, Severity.LOW),
        ("SUBSCRIBE", "X-Any: 1", 400, None),
        ("OPTIONS", "Contact", 400, None),
    ],
)
def test_a_request_without_contact(method: str, line: str, status: int, expected: Severity | None) -> None:
    ladder = Ladder()
    call = ladder.call()
    request = call.request(method, 0.0, EVENT, line, "Refer-To: <sip:carol@example.com>", inside=False)
    call.respond(request, status, 0.1)
    finding = ladder.end(1.0).findings().get("contact-missing-subscribe")

    assert (finding.severity if finding else None) is expected


@pytest.mark.parametrize(("method", "expected"), [("REFER", Severity.HIGH), ("SUBSCRIBE", None)])
def test_a_request_without_contact_inside_a_call(method: str, expected: Severity | None) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    request = call.request(method, 5.0, EVENT, "Contact", "Refer-To: <sip:carol@example.com>")
    call.respond(request, 400, 5.1)
    findings = ladder.end(60.0).findings()
    finding = findings.get("contact-missing-subscribe")

    assert (finding.severity if finding else None) is expected
    if finding:
        assert not findings["refer-rejected"].root


@pytest.mark.parametrize(
    ("event", "answer", "found"),
    [
        ("presence", ("SIP-ETag: x1", "Expires: 3600"), False),
        ("presence", ("SIP-ETag: x1",), True),
        ("presence", ("Expires: 3600",), True),
        ("vq-rtcpxr", (), False),
    ],
)
def test_an_answer_to_publish(event: str, answer: tuple[str, ...], found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    request = call.request("PUBLISH", 0.0, f"Event: {event}", inside=False)
    call.respond(request, 200, 0.1, *answer)

    assert severity(ladder, "publish-no-etag") is (Severity.LOW if found else None)
