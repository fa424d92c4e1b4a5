"""Reliable provisional responses, PRACK and early media."""

from __future__ import annotations

import pytest
from tests.support.calls import BOB, Call, Ladder, Sent, assert_healthy, sdp

from sip_ci.findings import Severity

RELIABLE = ("Require: 100rel", "RSeq: 7")


def _early(*lines: str, invite: tuple[str, ...] = ("Supported: 100rel",), offer: bytes | None = None) -> tuple[
    Ladder, Call, Sent, Sent
]:  # fmt: skip
    ladder = Ladder()
    call = ladder.call()
    request = call.invite(0.0, *invite, offer=offer)
    response = call.respond(request, 183, 0.1, *(lines or RELIABLE))
    return ladder, call, request, response


def _prack(call: Call, invite: Sent, time: float, rack: str = "", status: int = 200, body: bytes = b"") -> Sent:
    prack = call.request("PRACK", time, f"RAck: {rack or f'7 {invite.number} INVITE'}", body=body)
    call.respond(prack, status, time + 0.02)
    return prack


def _finish(ladder: Ladder, call: Call, invite: Sent, time: float = 3.0) -> Ladder:
    call.respond(invite, 200, time)
    call.ack(invite, time + 0.1)
    call.respond(call.bye(time + 20), 200, time + 20.1)
    return ladder.end(60.0)


def test_a_reliable_response_with_its_prack_is_healthy() -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2)
    _finish(ladder, call, invite)
    bad = {name for name in ladder.findings() if name.startswith(("prack", "rack", "rseq", "reliable", "answer-"))}

    assert_healthy(ladder)
    assert not bad


def test_a_reliable_response_without_prack() -> None:
    ladder, _, _, response = _early()
    ladder.again(response, 0.6, 1.6, 3.6)
    finding = ladder.end(60.0).findings()["prack-missing"]

    assert finding.severity is Severity.HIGH
    assert "RAck: 7 1 INVITE" in finding.detail
    assert finding.evidence[0].text == "RSeq: 7"


def test_a_call_that_is_answered_without_prack_is_low() -> None:
    ladder, call, invite, response = _early()
    ladder.again(response, 0.6, 1.6)

    assert _finish(ladder, call, invite).findings()["prack-missing"].severity is Severity.LOW


def test_a_response_that_came_once_needs_no_prack_yet() -> None:
    ladder, *_ = _early()

    assert "prack-missing" not in ladder.end(60.0).findings()


def test_a_reliable_response_sent_again_after_its_prack_was_accepted() -> None:
    ladder, call, invite, response = _early()
    _prack(call, invite, 0.2)
    ladder.again(response, 0.6, 1.6)
    finding = _finish(ladder, call, invite).findings()["reliable-1xx-after-prack"]

    assert finding.severity is Severity.MEDIUM
    assert [proof.message for proof in finding.evidence] == [1, 3, 4]


def test_a_response_that_crosses_the_prack_is_no_fault() -> None:
    ladder, call, invite, response = _early()
    ladder.again(response, 0.6)
    _prack(call, invite, 0.61)

    assert "reliable-1xx-after-prack" not in _finish(ladder, call, invite).findings()


def test_a_reliable_response_without_rseq() -> None:
    ladder, *_ = _early("Require: 100rel")

    assert ladder.end(60.0).findings()["rseq-missing"].severity is Severity.HIGH


@pytest.mark.parametrize(("second", "found"), [(8, False), (10, True), (3, True)])
def test_numbers_of_reliable_responses(second: int, found: bool) -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2)
    call.respond(invite, 180, 1.0, "Require: 100rel", f"RSeq: {second}")
    _prack(call, invite, 1.1, f"{second} 1 INVITE")

    assert ("rseq-gap" in _finish(ladder, call, invite).findings()) is found


def test_a_first_number_of_zero() -> None:
    ladder, *_ = _early("Require: 100rel", "RSeq: 0")

    assert ladder.end(60.0).findings()["rseq-out-of-range"].severity is Severity.LOW


def test_a_caller_that_does_not_support_it() -> None:
    ladder, *_ = _early(invite=())

    assert ladder.end(60.0).findings()["reliable-1xx-unsolicited"].severity is Severity.HIGH


def test_a_caller_that_requires_it() -> None:
    ladder, *_ = _early("X: y", invite=("Require: 100rel",))

    assert ladder.end(60.0).findings()["reliable-1xx-required"].severity is Severity.LOW


def test_100_is_never_reliable() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0, "Supported: 100rel"), 100, 0.1, *RELIABLE)

    assert "reliable-100" in ladder.end(60.0).findings()


def test_a_second_response_before_the_first_is_acknowledged() -> None:
    ladder, call, invite, _ = _early()
    call.respond(invite, 180, 0.15, "Require: 100rel", "RSeq: 8")
    _prack(call, invite, 0.3)
    _prack(call, invite, 0.4, "8 1 INVITE")

    assert "reliable-1xx-overlap" in _finish(ladder, call, invite).findings()


def test_an_answer_before_the_prack() -> None:
    ladder, call, invite, _ = _early()
    call.respond(invite, 200, 0.2)
    _prack(call, invite, 0.3)
    call.ack(invite, 0.4)

    assert "answer-before-prack" in ladder.end(60.0).findings()


@pytest.mark.parametrize(("rack", "status", "severity"), [
    ("9 1 INVITE", 481, Severity.HIGH), ("7 4 INVITE", 481, Severity.HIGH), ("undefined 1 INVITE", 400, Severity.HIGH),
    ("7 4 INVITE", 200, Severity.MEDIUM),
])  # fmt: skip
def test_a_prack_that_names_no_response(rack: str, status: int, severity: Severity) -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2, rack, status)
    finding = ladder.end(60.0).findings()["rack-mismatch"]

    assert finding.severity is severity
    assert finding.evidence[0].text == f"RAck: {rack}"


def test_a_prack_whose_response_is_not_in_the_trace_says_nothing() -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2)
    del ladder.packets[1]

    assert "rack-mismatch" not in ladder.end(60.0).findings()


@pytest.mark.parametrize("status", [500, 481])
def test_a_prack_that_is_refused(status: int) -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2, status=status)
    findings = ladder.end(60.0).findings()

    assert findings["prack-rejected"].severity is Severity.MEDIUM
    assert "rack-mismatch" not in findings


def test_a_second_prack_of_one_response_is_refused_rightly() -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2)
    _prack(call, invite, 0.8, status=481)

    assert "prack-rejected" not in ladder.end(60.0).findings()


@pytest.mark.parametrize("answer", [b"", sdp(BOB)])
def test_an_offer_in_a_reliable_response_is_answered_in_its_prack(answer: bytes) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel", offer=b"")
    call.respond(invite, 183, 0.1, *RELIABLE, body=sdp(BOB))
    _prack(call, invite, 0.2, body=answer)

    assert ("prack-sdp-missing" in ladder.end(60.0).findings()) is not bool(answer)


def test_a_183_without_description() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 183, 0.1, body=b"")

    assert ladder.end(20.0).findings()["early-media-no-sdp"].severity is Severity.LOW


def test_ringing_after_early_media_and_early_media_of_a_fork() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 183, 0.1)
    call.respond(invite, 183, 0.2, to_tag="b2")
    call.respond(invite, 180, 0.3)
    findings = ladder.end(20.0).findings()

    assert findings["ringback-conflict"].severity is Severity.LOW
    assert findings["early-media-forked"].severity is Severity.INFO


@pytest.mark.parametrize(
    ("status", "lines", "found"), [(488, (), True), (491, (), False), (500, ("Retry-After: 3",), False)]
)
def test_an_update_before_the_answer(status: int, lines: tuple[str, ...], found: bool) -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2)
    update = call.request("UPDATE", 0.5, body=sdp(BOB, version=2))
    call.respond(update, status, 0.6, *lines)
    findings = _finish(ladder, call, invite).findings()

    assert ("early-update-rejected" in findings) is found
    assert "reinvite-rejected" not in findings


@pytest.mark.parametrize(("allow", "found"), [("INVITE, ACK, BYE", True), ("INVITE, ACK, BYE, UPDATE", False)])
def test_update_goes_to_those_who_allow_it(allow: str, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, f"Allow: {allow}")
    call.ack(invite, 1.1)
    call.respond(call.request("UPDATE", 5.0, body=sdp(BOB, version=2)), 200, 5.1, body=sdp(BOB))

    assert ("update-not-allowed" in ladder.end(20.0).findings()) is found
