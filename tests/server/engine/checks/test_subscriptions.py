"""Subscriptions that are refused, run out, or bring no news; and what NOTIFY says."""

from __future__ import annotations

import pytest
from tests.support.calls import Call, Ladder, Sent, assert_healthy

from sip_ci.findings import Severity

EVENT = "Event: dialog"
ACTIVE = "Subscription-State: active;expires=600"
PIDF = "Content-Type: application/pidf+xml"


def subscribed(ladder: Ladder, time: float = 0.0, *answer: str, status: int = 200, lines: tuple[str, ...] = ()) -> Call:
    call = ladder.call()
    request = call.request("SUBSCRIBE", time, EVENT, "Expires: 600", *lines, inside=False)
    call.respond(request, status, time + 0.1, *(answer or ("Expires: 600",)))
    return call


def notify(call: Call, time: float, *lines: str, status: int = 200, body: bytes = b"") -> Sent:
    request = call.request("NOTIFY", time, *(lines or (EVENT, ACTIVE)), by_callee=True, body=body)
    call.respond(request, status, time + 0.1)
    return request


def severity(ladder: Ladder, check: str) -> Severity | None:
    finding = ladder.end(60.0).findings().get(check)
    return finding.severity if finding else None


def test_a_healthy_subscription() -> None:
    ladder = Ladder()
    call = subscribed(ladder)
    notify(call, 0.2)
    call.respond(call.request("SUBSCRIBE", 30.0, EVENT, "Expires: 600"), 200, 30.1, "Expires: 600")
    notify(call, 30.2)

    assert_healthy(ladder.end(60.0))


# -- sub-no-notify --------------------------------------------------------------------------------------------------


def test_a_subscription_without_news() -> None:
    ladder = Ladder()
    subscribed(ladder)
    finding = ladder.end(60.0).findings()["sub-no-notify"]

    assert finding.severity is Severity.HIGH
    assert "dialog" in finding.title
    assert [proof.message for proof in finding.evidence] == [0, 1]


def test_news_may_come_before_the_answer_and_not_too_late() -> None:
    early, late = Ladder(), Ladder()
    notify(subscribed(early), 0.05)
    notify(subscribed(late), 20.0)

    assert severity(early, "sub-no-notify") is None
    assert severity(late, "sub-no-notify") is Severity.HIGH


def test_a_capture_that_ends_early_says_nothing() -> None:
    ladder = Ladder()
    subscribed(ladder)

    assert "sub-no-notify" not in ladder.end(3.0).findings()


def test_a_refresh_without_news_is_less_bad() -> None:
    ladder = Ladder()
    call = subscribed(ladder)
    notify(call, 0.2)
    call.respond(call.request("SUBSCRIBE", 30.0, EVENT, "Expires: 600"), 200, 30.1, "Expires: 600")

    assert severity(ladder, "sub-no-notify") is Severity.MEDIUM


# -- refused --------------------------------------------------------------------------------------------------------


def test_an_event_that_is_not_known() -> None:
    ladder = Ladder()
    subscribed(ladder, 0.0, "Allow-Events: presence, message-summary", status=489)
    findings = ladder.end(60.0).findings()

    assert findings["sub-489"].severity is Severity.MEDIUM
    assert "message-summary" in findings["sub-489"].detail
    assert "final-489" not in findings


@pytest.mark.parametrize("again", [True, False])
def test_too_brief_a_subscription(again: bool) -> None:
    ladder = Ladder()
    call = subscribed(ladder, 0.0, "Min-Expires: 3600", status=423)
    if again:
        call.respond(call.request("SUBSCRIBE", 0.5, EVENT, inside=False), 200, 0.6, "Expires: 3600")

    assert severity(ladder, "sub-expires-rejected-423") is (None if again else Severity.MEDIUM)


@pytest.mark.parametrize(("at", "status", "found"), [(50.0, 481, True), (20.0, 481, False), (50.0, 200, False)])
def test_a_late_refresh(at: float, status: int, found: bool) -> None:
    ladder = Ladder()
    call = subscribed(ladder, 0.0, "Expires: 30")
    call.respond(call.request("SUBSCRIBE", at, EVENT, "Expires: 600"), status, at + 0.1, "Expires: 30")

    assert (severity(ladder, "sub-refresh-late") is not None) is found


@pytest.mark.parametrize(
    ("answer", "found"), [("Expires: 600", False), ("Expires: 60", False), ("Expires: 3600", True), ("X: 1", True)]
)
def test_the_lifetime_in_the_answer(answer: str, found: bool) -> None:
    ladder = Ladder()
    subscribed(ladder, 0.0, answer)

    assert (severity(ladder, "sub-expires-missing") is not None) is found


@pytest.mark.parametrize(
    ("count", "spacing", "users", "caller", "expected"),
    [
        (5, 1.0, 1, "alice", Severity.MEDIUM),
        (5, 1.0, 1, "sipp", Severity.INFO),
        (5, 1.0, 5, "alice", None),
        (5, 5.0, 1, "alice", None),
    ],
)
def test_again_and_again(count: int, spacing: float, users: int, caller: str, expected: Severity | None) -> None:
    ladder = Ladder()
    for number in range(count):
        call = ladder.call(callee=f"user{number % users}", caller=caller)
        call.respond(call.request("SUBSCRIBE", number * spacing, EVENT, inside=False), 200, number * spacing + 0.1)

    assert severity(ladder, "sub-loop") is expected


@pytest.mark.parametrize("made_good", [True, False])
def test_an_unknown_entity_tag(made_good: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("PUBLISH", 0.0, "SIP-If-Match: x", inside=False), 412, 0.1)
    if made_good:
        call.respond(call.request("PUBLISH", 0.2, inside=False), 200, 0.3)

    assert severity(ladder, "publish-412") is (None if made_good else Severity.LOW)


# -- NOTIFY ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "more", "expected"),
    [
        ((EVENT, ACTIVE), False, Severity.MEDIUM),
        ((EVENT, ACTIVE), True, Severity.HIGH),
        ((EVENT, "Subscription-State: terminated;reason=timeout"), False, Severity.LOW),
    ],
)
def test_news_for_nobody(lines: tuple[str, ...], more: bool, expected: Severity) -> None:
    ladder = Ladder()
    call = subscribed(ladder)
    notify(call, 0.2)
    notify(call, 20.0, *lines, status=481)
    if more:
        notify(call, 30.0, status=481)

    assert severity(ladder, "notify-481") is expected


def test_a_retransmission_does_not_go_on() -> None:
    ladder = Ladder()
    call = subscribed(ladder)
    ladder.again(notify(call, 0.2, status=481), 0.25)

    assert severity(ladder, "notify-481") is Severity.MEDIUM


def test_news_that_is_refused() -> None:
    ladder = Ladder()
    notify(subscribed(ladder), 0.2, status=415)

    assert severity(ladder, "notify-rejected") is Severity.LOW


@pytest.mark.parametrize(("status", "expected"), [(200, Severity.MEDIUM), (400, Severity.HIGH)])
def test_news_without_state(status: int, expected: Severity) -> None:
    ladder = Ladder()
    notify(subscribed(ladder), 0.2, EVENT, status=status)

    assert severity(ladder, "notify-no-state") is expected


def test_unasked_news_without_state_and_event() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("NOTIFY", 0.0, inside=False), 200, 0.1)

    assert severity(ladder, "notify-no-state") is Severity.LOW
    assert severity(ladder, "event-missing") is Severity.LOW


def test_a_subscription_to_nothing() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("SUBSCRIBE", 0.0, inside=False), 400, 0.1)

    assert severity(ladder, "event-missing") is Severity.MEDIUM


@pytest.mark.parametrize(
    ("kind", "accept", "found"),
    [
        ("application/pidf+xml", "Accept: application/dialog-info+xml", True),
        ("application/dialog-info+xml", "Accept: application/dialog-info+xml", False),
        ("application/pidf+xml", "Accept: application/pidf+xml", False),
        ("multipart/related;boundary=x", "Accept: application/dialog-info+xml", False),
    ],
)
def test_bodies_of_another_kind(kind: str, accept: str, found: bool) -> None:
    ladder = Ladder()
    call = subscribed(ladder, lines=(accept,))
    notify(call, 0.2, EVENT, ACTIVE, f"Content-Type: {kind}", body=b"<x/>")

    assert (severity(ladder, "notify-body-mismatch") is not None) is found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"Messages-Waiting: yes\r\nVoice-Message: 2/8\r\n", False),
        (b"messages-waiting:no\r\n", False),
        (b"Voice-Message: 2/8\r\n", True),
    ],
)
def test_the_message_lamp(body: bytes, found: bool) -> None:
    ladder = Ladder()
    lines = ("Event: message-summary", ACTIVE, "Content-Type: application/simple-message-summary")
    notify(subscribed(ladder), 0.2, *lines, body=body)

    assert (severity(ladder, "mwi-bad") is not None) is found
