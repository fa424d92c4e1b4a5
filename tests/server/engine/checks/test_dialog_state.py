"""Tags and CSeq numbers inside calls, calls that one side forgot, and routes."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, SECOND_PROXY, Ladder, assert_healthy

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

PRIVATE_PROXY = "10.1.2.3"


def test_a_request_with_a_tag_that_nobody_gave() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    bye = call.bye(10.0, to_tag="strange")
    call.respond(bye, 481, 10.1)
    assert ladder.findings()["dialog-tag-changed"].severity is Severity.HIGH


def test_a_fork_with_its_own_tag_is_no_change() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1, to_tag="other")
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(call.request("UPDATE", 2.0, to_tag="other"), 481, 2.1)
    assert "dialog-tag-changed" not in ladder.findings()


def test_a_number_that_goes_down() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.request("INFO", 2.0, number=7), 200, 2.1)
    call.respond(call.bye(5.0, number=3), 500, 5.1)
    finding = ladder.findings()["cseq-decreasing"]
    assert finding.severity is Severity.HIGH
    assert "BYE" in finding.title


def test_datagrams_that_overtook_each_other_are_not_judged() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.request("INFO", 2.0, number=3), 200, 2.1)
    call.respond(call.request("INFO", 2.001, number=2), 200, 2.1)
    assert "cseq-decreasing" not in ladder.findings()


def test_each_side_counts_for_itself() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.cseq = 500
    call.established()
    call.respond(call.request("INFO", 2.0, by_callee=True), 200, 2.1)
    call.respond(call.bye(5.0), 200, 5.1)
    found = ladder.findings()
    assert "cseq-decreasing" not in found
    assert "cseq-skipped" not in found
    assert_healthy(ladder)


def test_numbers_that_are_skipped_are_a_note() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(5.0, number=9), 200, 5.1)
    assert ladder.findings()["cseq-skipped"].severity is Severity.INFO


def test_a_call_that_one_side_forgot() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.request("INFO", 20.0), 481, 20.1)
    assert ladder.findings()["dialog-481-refresh"].severity is Severity.MEDIUM


def test_a_request_after_the_bye_finds_no_call() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(5.0), 200, 5.1)
    call.respond(call.request("INFO", 5.2), 481, 5.3)
    assert "dialog-481-refresh" not in ladder.findings()


def test_two_servers_and_one_does_not_know_the_call() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY)
    call.established()
    call.respond(call.request("INFO", 5.0, way=(ALICE, SECOND_PROXY)), 481, 5.1)
    assert "bypass-mismatch-dst" in ladder.findings()


def test_a_route_without_lr() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    invite = call.invite(0.0)
    for packet in call.respond(invite, 200, 1.0).packets:
        packet.raw = packet.raw.replace(b";lr>", b">")
    assert ladder.findings()["record-route-no-lr"].severity is Severity.LOW, "the capture ends early"
    assert ladder.end(60.0).findings()["record-route-no-lr"].severity is Severity.MEDIUM


def test_a_recorded_address_that_the_callee_cannot_reach() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    invite = call.invite(0.0)
    for packet in invite.packets:
        packet.raw = packet.raw.replace(f"<sip:{PROXY};lr>".encode(), f"<sip:{PRIVATE_PROXY};lr>".encode())
    call.respond(invite, 486, 1.0)
    assert PRIVATE_PROXY in ladder.findings()["record-route-private"].title


def test_a_recorded_address_within_one_network() -> None:
    inner = [Endpoint(f"10.1.2.{number}", 5060) for number in (1, 3, 5)]
    ladder = Ladder()
    ladder.call(*inner, record_route=True).answered()
    assert "record-route-private" not in ladder.findings()


def test_a_call_past_the_service_route() -> None:
    for route, wanted in (("", True), (f"Route: <sip:{PROXY.host};lr>", False)):
        ladder = Ladder()
        registration = ladder.call(ALICE, SECOND_PROXY, callee="alice")
        register = registration.request("REGISTER", 0.0, inside=False)
        registration.respond(register, 200, 0.1, f"Service-Route: <sip:{PROXY.host};lr>")
        call = ladder.call(ALICE, SECOND_PROXY)
        call.respond(call.invite(1.0, *([route] if route else [])), 403, 1.1)
        assert ("route-preload-ignored" in ladder.findings()) is wanted


@pytest.mark.parametrize("status", [200, 500])
def test_a_bye_with_the_number_of_the_invite(status: int) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(5.0, number=1), status, 5.1)
    finding = ladder.findings()["cseq-decreasing"]
    assert finding.severity is (Severity.LOW if status == 200 else Severity.HIGH)


def test_the_same_number_on_both_sides_is_healthy() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(5.0, by_callee=True, number=1), 200, 5.1)
    assert "cseq-decreasing" not in ladder.findings()
