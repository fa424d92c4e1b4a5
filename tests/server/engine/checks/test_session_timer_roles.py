"""Session timers: Min-SE that is out of place or forgotten, callers that cannot refresh, and proxies."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder, Sent

from sip_ci.findings import Severity

TIMER = "Supported: timer"


def answered(*answer: str, request: tuple[str, ...] = (TIMER,)) -> tuple[Ladder, Sent]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *request)
    call.respond(invite, 200, 1.0, *answer)
    call.ack(invite, 1.1)
    return ladder, invite


def test_min_se_in_an_answer_is_noted() -> None:
    ladder, _ = answered("Session-Expires: 1800;refresher=uac", "Min-SE: 90")
    assert ladder.findings()["min-se-in-response"].severity is Severity.INFO


def test_min_se_in_a_422_or_a_request_is_right() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, TIMER, "Session-Expires: 90", "Min-SE: 90")
    call.respond(invite, 422, 1.0, "Min-SE: 600")
    call.ack(invite, 1.1)

    assert "min-se-in-response" not in ladder.findings()


@pytest.mark.parametrize(
    ("given", "again", "found"),
    [
        ("Min-SE: 600", ("Session-Expires: 600",), True),
        ("Min-SE: 600", ("Session-Expires: 600", "Min-SE: 300"), True),
        ("Min-SE: 600", ("Session-Expires: 600", "Min-SE: 600"), False),
        ("Min-SE: 90", ("Session-Expires: 600",), False),
        ("Min-SE: 600", (), False),
    ],
)
def test_a_refresh_by_the_one_who_received_min_se(given: str, again: tuple[str, ...], found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, TIMER, "Session-Expires: 1800", given)
    call.respond(invite, 200, 1.0, "Session-Expires: 1800;refresher=uas")
    call.ack(invite, 1.1)
    call.respond(call.request("UPDATE", 900.0, TIMER, *again, by_callee=True), 200, 900.1)
    call.respond(call.request("UPDATE", 950.0, TIMER, "Session-Expires: 1800", "Min-SE: 900"), 200, 950.1)

    assert ("min-se-not-repeated" in ladder.findings()) is found


@pytest.mark.parametrize(
    ("request_", "refresher", "severity"),
    [
        (("X-Any: 1",), "uac", Severity.LOW),
        (("Session-Expires: 1800",), "uac", Severity.LOW),
        (("X-Any: 1",), "uas", None),
        ((TIMER,), "uac", None),
        (("Require: timer",), "uac", None),
        (("k: timer",), "uac", None),
    ],
)
def test_a_caller_that_cannot_refresh(request_: tuple[str, ...], refresher: str, severity: Severity | None) -> None:
    ladder, _ = answered(f"Session-Expires: 1800;refresher={refresher}", request=request_)
    finding = ladder.findings().get("st-refresher-unable")

    assert (finding.severity if finding else None) is severity


def test_a_caller_that_refreshes_all_the_same() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, "Session-Expires: 1800;refresher=uac")
    call.ack(invite, 1.1)
    call.respond(call.request("UPDATE", 900.0, TIMER), 200, 900.1)

    assert "st-refresher-unable" not in ladder.findings()


def passed_on(received: str, sent: str, answer: str = "", changed: str = "") -> Ladder:
    """An INVITE over a proxy, with what it received and sent; and the same of the answer on its way back."""
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    lines = [TIMER, "Min-SE: 300", received]
    invite = call.invite(0.0, *lines)
    for packet in invite.packets[1:]:
        packet.raw = packet.raw.replace(received.encode(), sent.encode())
    if answer:
        response = call.respond(invite, 200, 1.0, answer)
        response.packets[1].raw = response.packets[1].raw.replace(answer.encode(), (changed or answer).encode())
        call.ack(invite, 1.1)
    return ladder.end(20.0)


@pytest.mark.parametrize(
    ("received", "sent", "found"),
    [
        ("Session-Expires: 1800", "Session-Expires: 3600", True),
        ("Session-Expires: 1800", "Session-Expires: 200", True),
        ("Session-Expires: 1800", "Session-Expires: 1800;refresher=uas", True),
        ("Session-Expires: 1800", "Session-Expires: 600", False),
        ("Session-Expires: 100", "Session-Expires: 300", False),
        ("X-Any: 1", "Session-Expires: 600", False),
        ("Session-Expires: 1800;refresher=uac", "Session-Expires: 600;refresher=uac", False),
    ],
)
def test_what_a_proxy_makes_of_a_request(received: str, sent: str, found: bool) -> None:
    assert ("st-proxy-altered" in passed_on(received, sent).findings()) is found


def test_what_a_proxy_makes_of_an_answer() -> None:
    asked, agreed = "Session-Expires: 1800", "Session-Expires: 1800;refresher=uac"

    assert "st-proxy-altered" not in passed_on(asked, asked, agreed).findings()
    finding = passed_on(asked, asked, agreed, "Session-Expires: 900;refresher=uac").findings()["st-proxy-altered"]
    assert finding.severity is Severity.LOW


def test_a_b2bua_may_do_as_it_likes() -> None:
    ladder = passed_on("Session-Expires: 1800", "Session-Expires: 3600")
    for packet in ladder.packets:
        if packet.destination == BOB:
            packet.raw = packet.raw.replace(b"branch=z9hG4bK-1-0", b"branch=z9hG4bK-own")

    assert "st-proxy-altered" not in ladder.findings()
