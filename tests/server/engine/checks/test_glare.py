"""Requests that cross inside a call, and BYEs that come too early."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, Call, Ladder, assert_healthy, sdp

from sip_ci.findings import Severity
from sip_ci.trace.trace import TraceOrigin


def _crossing(first: int, second: int, *, method: str = "INVITE") -> tuple[Ladder, Call]:
    """The caller's change, and the callee's while that is pending."""
    ladder = Ladder()
    call = ladder.call()
    call.established()
    one = call.request(method, 5.0, body=sdp(BOB, version=2))
    two = call.request(method, 5.02, body=sdp(BOB, version=3), by_callee=True)
    for request, status, time in ((two, second, 5.1), (one, first, 5.12)):
        call.respond(request, status, time, body=sdp(BOB, version=4) if status == 200 else b"")
        if method == "INVITE":
            call.ack(request, time + 0.05)
    return ladder, call


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_glare_that_is_answered_instead_of_refused(method: str) -> None:
    ladder, _ = _crossing(200, 200, method=method)
    finding = ladder.end(60.0).findings()["glare-answered"]

    assert finding.severity is Severity.MEDIUM
    assert len(finding.evidence) == 4


@pytest.mark.parametrize(("origin", "found"), [(TraceOrigin.LOG, True), (TraceOrigin.CAPTURE, False)])
def test_changes_that_are_milliseconds_apart(origin: TraceOrigin, found: bool) -> None:
    ladder = Ladder(origin=origin)
    call = ladder.call(ALICE, BOB)
    call.established()
    one = call.request("INVITE", 5.0, body=sdp(BOB, version=2))
    two = call.request("INVITE", 5.001, body=sdp(BOB, version=3), by_callee=True)
    for request, time in ((two, 5.002), (one, 5.003)):
        call.respond(request, 200, time, body=sdp(BOB, version=4))
        call.ack(request, time + 0.05)

    assert ("glare-answered" in ladder.end(60.0).findings()) is found


def test_glare_that_is_refused_on_both_sides_and_never_repeated() -> None:
    ladder, _ = _crossing(491, 491)
    findings = ladder.end(60.0).findings()

    assert findings["reinvite-glare"].severity is Severity.MEDIUM
    assert "glare-answered" not in findings
    assert "reinvite-rejected" not in findings


def test_glare_that_is_repeated_with_success_is_noted() -> None:
    ladder, call = _crossing(491, 491)
    again = call.request("INVITE", 8.0, body=sdp(BOB, version=5))
    call.respond(again, 200, 8.1)
    call.ack(again, 8.2)

    assert_healthy(ladder.end(60.0))
    assert ladder.findings()["reinvite-glare"].severity is Severity.INFO


def test_changes_one_after_another_are_no_glare() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    for time, by_callee in ((5.0, False), (6.0, True)):
        change = call.request("INVITE", time, body=sdp(BOB, version=int(time)), by_callee=by_callee)
        call.respond(change, 200, time + 0.1, body=sdp(BOB, version=int(time)))
        call.ack(change, time + 0.2)
    names = set(ladder.end(60.0).findings())

    assert not names & {"glare-answered", "reinvite-glare", "invite-overlapping"}


@pytest.mark.parametrize(("status", "severity"), [(500, Severity.MEDIUM), (200, Severity.LOW)])
def test_a_second_change_before_the_first_is_answered(status: int, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    one = call.request("INVITE", 5.0, body=sdp(BOB, version=2))
    two = call.request("INVITE", 5.05, body=sdp(BOB, version=3))
    call.respond(two, status, 5.1, body=b"")
    call.ack(two, 5.12)
    call.respond(one, 200, 5.2)
    call.ack(one, 5.3)

    assert ladder.end(60.0).findings()["invite-overlapping"].severity is severity


@pytest.mark.parametrize(("waited", "found"), [(0.3, True), (2.6, False)])
def test_the_owner_of_the_call_waits_before_it_tries_again(waited: float, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    one = call.request("INVITE", 5.0, body=sdp(BOB, version=2))
    call.respond(one, 491, 5.1)
    call.ack(one, 5.2)
    again = call.request("INVITE", 5.1 + waited, body=sdp(BOB, version=2))
    call.respond(again, 200, 5.2 + waited)
    call.ack(again, 5.3 + waited)

    assert ("glare-retry-early" in ladder.end(60.0).findings()) is found


def test_a_callee_that_hangs_up_before_it_answers() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 180, 0.1)
    call.respond(call.bye(3.0, by_callee=True), 200, 3.1)

    assert ladder.end(20.0).findings()["early-bye"].severity is Severity.MEDIUM


def test_a_callee_that_hangs_up_early_and_ends_the_invite_too() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(call.bye(3.0, by_callee=True), 200, 3.1)
    call.respond(invite, 487, 3.2)
    call.ack(invite, 3.3)

    assert "early-bye" in ladder.end(20.0).findings()


def test_a_callee_that_hangs_up_before_the_ack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    call.respond(call.bye(1.05, by_callee=True), 200, 1.2)
    call.ack(invite, 1.1)

    assert ladder.end(20.0).findings()["bye-before-ack"].severity is Severity.LOW


def test_a_usual_end_is_neither() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(9.0, by_callee=True), 200, 9.1)

    assert not {"early-bye", "bye-before-ack", "bye-outside-dialog"} & set(ladder.end(20.0).findings())


def test_a_route_without_value_is_none() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, "Contact;")
    ladder.again(call.ack(invite, 1.1, "Route: "), 2.0)

    assert "strict-route-not-applied" not in ladder.end(20.0).findings()


@pytest.mark.parametrize(("status", "severity"), [(481, Severity.MEDIUM), (200, Severity.LOW)])
def test_a_bye_without_to_tag(status: int, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(9.0, to_tag=""), status, 9.1)

    assert ladder.end(20.0).findings()["bye-outside-dialog"].severity is severity


@pytest.mark.parametrize(("status", "severity"), [(481, Severity.HIGH), (200, Severity.LOW)])
def test_a_bye_to_another_place_than_the_contact(status: int, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, f"Contact: <sip:bob@{CAROL}>")
    call.ack(invite, 1.1)
    bye = call.bye(9.0)
    for packet in bye.packets:
        packet.raw = packet.raw.replace(f"BYE sip:bob@{BOB}".encode(), b"BYE sip:bob@203.0.113.99:5060")
    call.respond(bye, status, 9.1)
    finding = ladder.end(20.0).findings()["request-wrong-target"]

    assert finding.severity is severity
    assert finding.evidence[0].text.startswith("Contact:")


def test_the_target_moves_with_a_reinvite() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    change = call.request("INVITE", 5.0, f"Contact: <sip:bob@{CAROL}>", body=sdp(BOB, version=2), by_callee=True)
    call.respond(change, 200, 5.1)
    call.ack(change, 5.2)
    bye = call.bye(9.0)
    for packet in bye.packets:
        packet.raw = packet.raw.replace(f"BYE sip:bob@{BOB}".encode(), f"BYE sip:bob@{CAROL}".encode())
    call.respond(bye, 200, 9.1)

    assert "request-wrong-target" not in ladder.end(20.0).findings()


@pytest.mark.parametrize(
    ("contact", "found"), [("<sip:proxy2.example.com>", True), ("<sip:proxy2.example.com;lr>", False)]
)
def test_a_strict_router_needs_its_address_in_the_request_uri(contact: str, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, f"Record-Route: {contact}")
    call.ack(invite, 1.1, f"Route: {contact}")

    assert ("strict-route-not-applied" in ladder.end(20.0).findings()) is found
