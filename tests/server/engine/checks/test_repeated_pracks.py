"""A second PRACK for one reliable response, and two responses with one number."""

from __future__ import annotations

import pytest
from tests.support.calls import CAROL, Call, Ladder, Sent, sdp

from sip_ci.findings import Severity

RELIABLE = ("Require: 100rel", "RSeq: 7")


def _early() -> tuple[Ladder, Call, Sent, Sent]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    return ladder, call, invite, call.respond(invite, 183, 0.1, *RELIABLE)


def _prack(call: Call, invite: Sent, time: float, status: int = 200, body: bytes = b"", rseq: int = 7) -> Sent:
    prack = call.request("PRACK", time, f"RAck: {rseq} {invite.number} INVITE", body=body)
    call.respond(prack, status, time + 0.02)
    return prack


def _finish(ladder: Ladder, call: Call, invite: Sent) -> Ladder:
    call.respond(invite, 200, 3.0)
    call.ack(invite, 3.1)
    call.respond(call.bye(20), 200, 20.1)
    return ladder.end(60.0)


def test_a_second_prack_with_an_offer_is_refused() -> None:
    ladder, call, invite, response = _early()
    _prack(call, invite, 0.2)
    ladder.again(response, 0.7)
    _prack(call, invite, 0.8, 481, sdp(call.path[0], version=2))
    found = _finish(ladder, call, invite).findings()

    assert found["prack-repeated"].severity is Severity.MEDIUM
    assert "rack-mismatch" not in found


def test_a_second_prack_without_a_body_is_low() -> None:
    ladder, call, invite, response = _early()
    _prack(call, invite, 0.2)
    ladder.again(response, 0.7)
    _prack(call, invite, 0.8, 481)
    found = _finish(ladder, call, invite).findings()

    assert found["prack-repeated"].severity is Severity.LOW
    assert "rack-mismatch" not in found


def test_a_prack_that_is_retransmitted_or_repeated_after_a_refusal_is_none() -> None:
    ladder, call, invite, _ = _early()
    prack = _prack(call, invite, 0.2, 500)
    ladder.again(prack, 0.21)
    _prack(call, invite, 0.8)

    assert "prack-repeated" not in _finish(ladder, call, invite).findings()


@pytest.mark.parametrize("rseq", [7, 8])
def test_another_description_with_the_same_number(rseq: int) -> None:
    ladder, call, invite, _ = _early()
    _prack(call, invite, 0.2)
    call.respond(invite, 183, 1.0, "Require: 100rel", f"RSeq: {rseq}", body=sdp(CAROL, 50_000))
    if rseq == 8:
        _prack(call, invite, 1.1, rseq=8)
    found = _finish(ladder, call, invite).findings()

    assert ("rseq-reused" in found) == (rseq == 7)
    if rseq == 7:
        assert found["rseq-reused"].severity is Severity.MEDIUM
        assert found["rseq-reused"].root
        assert "reliable-1xx-after-prack" not in found


def test_a_repetition_with_the_same_contents_is_none() -> None:
    ladder, call, invite, response = _early()
    ladder.again(response, 0.6, 1.6)
    _prack(call, invite, 1.7)

    assert "rseq-reused" not in _finish(ladder, call, invite).findings()
