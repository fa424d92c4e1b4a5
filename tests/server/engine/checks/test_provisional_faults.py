"""Provisional responses where none may be."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, Sent, sdp

from sip_ci.findings import Severity

RELIABLE = ("Require: 100rel", "RSeq: 1")


def _rung() -> tuple[Ladder, Call, Sent]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    call.respond(invite, 180, 0.1)
    return ladder, call, invite


@pytest.mark.parametrize(("status", "wanted"), [(183, True), (182, True), (100, False)])
def test_a_provisional_response_to_another_request(status: int, wanted: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    message = call.request("MESSAGE", 0.0, inside=False)
    call.respond(message, status, 0.1)
    call.respond(message, 200, 5.0)
    findings = ladder.end(60.0).findings()

    assert ("resp-provisional-noninvite" in findings) is wanted
    if wanted:
        assert findings["resp-provisional-noninvite"].severity is Severity.LOW
        assert findings["resp-provisional-noninvite"].evidence[1].message == 1


def test_a_new_provisional_response_after_the_answer() -> None:
    ladder, call, invite = _rung()
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(invite, 183, 2.0)
    finding = ladder.end(60.0).findings()["resp-provisional-late"]

    assert finding.severity is Severity.LOW
    assert [proof.message for proof in finding.evidence] == [2, 4]


def test_what_comes_after_an_answer_by_right() -> None:
    ladder, call, invite = _rung()
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(invite, 183, 1.2)
    call.respond(invite, 180, 3.0)
    call.respond(invite, 183, 3.0, to_tag="fork")

    assert "resp-provisional-late" not in ladder.end(60.0).findings()


@pytest.mark.parametrize(("status", "severity"), [(420, Severity.LOW), (200, Severity.INFO)])
def test_another_request_that_requires_100rel(status: int, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    update = call.request("UPDATE", 5.0, "Require: 100rel")
    call.respond(update, status, 5.05, "Unsupported: 100rel")

    assert ladder.end(60.0).findings()["require-100rel-misplaced"].severity is severity


def test_an_invite_may_require_it_and_others_something_else() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Require: 100rel")
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(call.request("UPDATE", 5.0, "Require: timer"), 200, 5.05)

    assert "require-100rel-misplaced" not in ladder.end(60.0).findings()


def test_a_prack_that_is_missing_for_want_of_a_contact() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    ladder.again(call.respond(invite, 183, 0.1, "Contact", *RELIABLE), 0.6, 1.6, 3.6)
    findings = {finding.check: finding for finding in ladder.end(60.0).report().findings}

    assert findings["contact-missing-1xx"].fingerprint in findings["prack-missing"].causes


@pytest.mark.parametrize(
    ("offer", "body", "wanted"), [(b"", b"", True), (b"", sdp(BOB), False), (sdp(ALICE), b"", False)]
)
def test_the_first_reliable_response_makes_the_offer(offer: bytes, body: bytes, wanted: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel", offer=offer)
    call.respond(invite, 180, 0.1, *RELIABLE, body=body)
    call.respond(call.request("PRACK", 0.2, f"RAck: 1 {invite.number} INVITE"), 200, 0.25)

    assert ("reliable-1xx-no-offer" in ladder.end(60.0).findings()) is wanted


def test_an_earlier_reliable_response_may_be_missing_from_the_trace() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel", offer=b"")
    call.respond(call.request("PRACK", 0.2, f"RAck: 1 {invite.number} INVITE"), 200, 0.25)
    call.respond(invite, 180, 0.3, "Require: 100rel", "RSeq: 2")

    assert "reliable-1xx-no-offer" not in ladder.end(60.0).findings()


def test_healthy_calls_have_none() -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, BOB, record_route=True).answered()
    names = ladder.end(60.0).findings().keys()

    assert not names & {"resp-provisional-late", "resp-provisional-noninvite", "reliable-1xx-no-offer"}
