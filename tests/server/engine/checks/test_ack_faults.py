"""ACKs that come late, go to the wrong place, or acknowledge nothing."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Call, Ladder, Sent, assert_healthy, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Clock, Endpoint
from sip_ci.trace.trace import TraceOrigin


def _answered(*path: object, sends: tuple[float, ...] = (), **options: object) -> tuple[Ladder, Call, Sent]:
    ladder = Ladder()
    call = ladder.call(*path, **options)  # type: ignore[arg-type]
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.05)
    answer = call.respond(invite, 200, 1.0)
    ladder.again(answer, *sends)
    return ladder, call, invite


@pytest.mark.parametrize(("again", "found"), [(3, True), (2, False)])
def test_order_shows_an_ack_that_does_not_arrive_in_a_log_without_times(again: int, found: bool) -> None:
    ladder = Ladder(origin=TraceOrigin.LOG, clock=Clock.ORDINAL)
    call = ladder.call()
    invite = call.invite(0.0)
    answer = call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    ladder.again(answer, *(1.0 + number for number in range(1, again + 1)))
    assert ("ack-ignored" in ladder.findings()) is found


@pytest.mark.parametrize(("at", "severity"), [(1.7, Severity.LOW), (4.8, Severity.MEDIUM)])
def test_a_late_ack(at: float, severity: Severity) -> None:
    sends = (1.5,) if at < 2 else (1.5, 2.5, 4.5)
    ladder, call, invite = _answered(sends=sends)
    call.ack(invite, at)
    findings = ladder.end(60.0).findings()

    assert findings["ack-late"].severity is severity
    assert "ack-ignored" not in findings


def test_an_ack_in_time_is_none() -> None:
    ladder, call, invite = _answered()
    call.ack(invite, 1.4)

    assert "ack-late" not in ladder.end(60.0).findings()


@pytest.mark.parametrize(("sends", "severity"), [((1.5, 2.5, 4.5, 8.5), Severity.HIGH), ((1.5, 2.5), Severity.MEDIUM)])
def test_an_ack_that_does_not_arrive(sends: tuple[float, ...], severity: Severity) -> None:
    ladder, call, invite = _answered(sends=sends)
    call.ack(invite, 1.05)
    for time in sends:
        call.ack(invite, time + 0.05)
    finding = ladder.end(60.0).findings()["ack-ignored"]

    assert finding.severity is severity
    assert str(BOB) in finding.detail


def test_one_ack_that_was_lost_is_no_fault() -> None:
    ladder, call, invite = _answered(sends=(1.5,))
    call.ack(invite, 1.05)
    call.ack(invite, 1.55)

    assert "ack-ignored" not in ladder.end(60.0).findings()


def test_a_refusal_that_keeps_coming_after_its_ack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 486, 1.0), 1.5, 2.5, 4.5)
    call.ack(invite, 1.05)

    assert ladder.end(60.0).findings()["ack-ignored"].severity is Severity.HIGH


def test_an_ack_to_another_place_than_the_contact_that_is_lost() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    answer = call.respond(invite, 200, 1.0, f"Contact: <sip:bob@{CAROL}>")
    ladder.again(answer, 1.5, 2.5, 4.5)
    ack = call.ack(invite, 1.05)
    for packet in ack.packets:
        packet.raw = packet.raw.replace(f"ACK sip:bob@{BOB}".encode(), b"ACK sip:bob@203.0.113.99:5060")
    findings = ladder.end(60.0).findings()

    assert findings["ack-wrong-target"].severity is Severity.HIGH
    assert findings["ack-wrong-target"].evidence[0].text.startswith("Contact:")
    assert "ack-ignored" not in findings


def test_an_ack_that_arrives_all_the_same_is_low() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, f"Contact: <sip:bob@{CAROL}>")
    ack = call.ack(invite, 1.05)
    for packet in ack.packets:
        packet.raw = packet.raw.replace(f"ACK sip:bob@{BOB}".encode(), b"ACK sip:service@203.0.113.99:5060")

    assert ladder.end(60.0).findings()["ack-wrong-target"].severity is Severity.LOW


def test_the_address_that_the_answer_came_from_is_as_good_as_its_contact() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 200, 1.0, "Contact: <sip:bob@10.0.0.7:5060>"), 1.5, 2.5)
    call.ack(invite, 1.05)

    assert "ack-wrong-target" not in ladder.end(60.0).findings()


def test_an_ack_with_another_number() -> None:
    ladder, call, invite = _answered(sends=(1.5, 2.5, 4.5))
    call.ack(invite, 1.05, f"CSeq: {invite.number + 1} ACK")
    findings = ladder.end(60.0).findings()

    assert findings["ack-cseq-mismatch"].severity is Severity.HIGH
    assert "ack-missing-2xx" not in findings


@pytest.mark.parametrize("after", [0.00004, -0.00004])
def test_an_ack_with_another_number_on_one_machine(after: float) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 200, 1.0), 1.5, 2.5, 4.5)
    call.ack(invite, 1.0 + after, f"CSeq: {invite.number + 1} ACK")

    assert "ack-cseq-mismatch" in ladder.end(60.0).findings()


def _changed(again: tuple[float, ...] = (5.6, 6.6, 8.6)) -> tuple[Ladder, Call, Sent]:
    """A call whose re-INVITE is answered, and answered again."""
    ladder = Ladder()
    call = ladder.call()
    call.established()
    invite = call.request("INVITE", 5.0, body=sdp(ALICE, version=2))
    ladder.again(call.respond(invite, 200, 5.1), *again)
    return ladder, call, invite


@pytest.mark.parametrize("step", [-1, 1])
def test_the_ack_of_a_re_invite_with_the_number_of_another(step: int) -> None:
    ladder, call, invite = _changed()
    call.ack(invite, 5.15, f"CSeq: {invite.number + step} ACK")
    findings = ladder.end(60.0).findings()

    assert findings["ack-cseq-mismatch"].severity is Severity.HIGH
    assert f"CSeq: {invite.number + step} ACK" in [proof.text for proof in findings["ack-cseq-mismatch"].evidence]
    assert "ack-missing-2xx" not in findings


def test_the_ack_of_the_first_invite_sent_again_is_none_of_the_second() -> None:
    ladder = Ladder()
    call = ladder.call()
    first = call.established()
    second = call.request("INVITE", 5.0, body=sdp(ALICE, version=2))
    call.respond(second, 200, 5.1)
    call.ack(first, 5.15)
    call.ack(second, 5.2)

    assert "ack-cseq-mismatch" not in ladder.end(60.0).findings()


def test_the_ack_of_a_re_invite_to_another_place() -> None:
    ladder, call, invite = _changed()
    for packet in call.ack(invite, 5.15).packets:
        packet.raw = packet.raw.replace(f"ACK sip:bob@{BOB}".encode(), b"ACK sip:bob@203.0.113.99:5060")
    findings = ladder.end(60.0).findings()

    assert findings["ack-wrong-target"].severity is Severity.HIGH
    assert not {"ack-missing-2xx", "ack-ignored"} & findings.keys()


def test_the_ack_of_a_re_invite_to_the_former_contact_that_arrives() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    invite = call.request("INVITE", 5.0, body=sdp(ALICE, version=2))
    call.respond(invite, 200, 5.1, f"Contact: <sip:bob@{CAROL}>")
    call.ack(invite, 5.15)

    assert "ack-wrong-target" not in ladder.end(60.0).findings()


def test_an_ack_from_another_interface_to_another_place() -> None:
    ladder, call, invite = _answered(sends=(1.5, 2.5, 4.5))
    for packet in call.ack(invite, 1.05).packets:
        packet.raw = packet.raw.replace(f"ACK sip:bob@{BOB}".encode(), b"ACK sip:bob@203.0.113.99:5060")
        packet.source, packet.destination = Endpoint("192.0.2.11", 5060), Endpoint("203.0.113.99", 5060)
    by_check = {finding.check: finding for finding in ladder.end(60.0).report().findings}

    assert by_check["ack-missing-2xx"].causes == (by_check["ack-wrong-target"].fingerprint,)


def test_an_ack_with_another_tag() -> None:
    ladder, call, invite = _answered(sends=(1.5, 2.5, 4.5))
    for packet in call.ack(invite, 1.05).packets:
        packet.raw = packet.raw.replace(b";tag=b1", b";tag=zz")
    by_check = {finding.check: finding for finding in ladder.end(60.0).report().findings}

    assert by_check["ack-missing-2xx"].causes == (by_check["dialog-tag-changed"].fingerprint,)
    assert by_check["dialog-tag-changed"].severity.at_least(Severity.HIGH)


def test_the_branch_of_an_ack() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 486, 1.0)
    ack = call.ack(invite, 1.1)
    for packet in ack.packets:
        packet.raw = packet.raw.replace(b"z9hG4bK-", b"z9hG4bK-other-")

    assert ladder.end(60.0).findings()["ack-branch-misuse"].severity is Severity.LOW


@pytest.mark.parametrize("path", [(ALICE, BOB), (ALICE, PROXY, BOB)])
@pytest.mark.parametrize("record_route", [False, True])
def test_healthy_calls(path: tuple[object, ...], record_route: bool) -> None:
    ladder = Ladder()
    ladder.call(*path, record_route=record_route).answered()  # type: ignore[arg-type]
    names = {name for name in ladder.end(60.0).findings() if name.startswith("ack-")}

    assert_healthy(ladder)
    assert not names
