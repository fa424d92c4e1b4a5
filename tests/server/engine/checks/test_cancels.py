"""CANCEL: too early, matching nothing, or without effect."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, Sent, assert_healthy

from sip_ci.findings import Severity
from sip_ci.trace.trace import TraceOrigin


def _cancelled(
    *lines: str, ring: float = 0.1, answer: int = 200, origin: TraceOrigin = TraceOrigin.CAPTURE
) -> tuple[Ladder, Call, Sent, Sent]:
    """A call as far as the response to its CANCEL."""
    ladder = Ladder(origin=origin)
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, ring)
    cancel = call.cancel(invite, 4.0, *lines)
    call.respond(cancel, answer, 4.02)
    return ladder, call, invite, cancel


def _ended(*lines: str, **options: float) -> Ladder:
    ladder, call, invite, _ = _cancelled(*lines, **options)  # type: ignore[arg-type]
    call.respond(invite, 487, 4.5)
    call.ack(invite, 4.6)
    return ladder.end(60.0)


def test_a_call_that_is_cancelled_rightly_is_healthy() -> None:
    ladder = _ended()

    assert_healthy(ladder)
    assert not {name for name in ladder.findings() if name.startswith("cancel-")}


def test_a_cancel_through_a_proxy_is_healthy() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(call.cancel(invite, 4.0), 200, 4.02)
    call.respond(invite, 487, 4.5)
    call.ack(invite, 4.6)

    assert not {name for name in ladder.end(60.0).findings() if name.startswith("cancel-")}


def test_a_cancel_before_any_response() -> None:
    finding = _ended(ring=4.01).findings()["cancel-before-provisional"]

    assert finding.severity is Severity.LOW
    assert [proof.message for proof in finding.evidence] == [0, 1, 2]


def test_a_cancel_that_differs_and_is_refused() -> None:
    ladder, call, invite, cancel = _cancelled(answer=481)
    for packet in [*cancel.packets, *ladder.packets[3:]]:
        packet.raw = packet.raw.replace(b"branch=z9hG4bK-1-0", b"branch=z9hG4bK-9")
    call.respond(invite, 200, 5.0)
    call.ack(invite, 5.1)
    finding = ladder.end(60.0).findings()["cancel-mismatch-481"]

    assert finding.severity is Severity.MEDIUM
    assert "Via branch" in finding.detail


def test_a_cancel_that_comes_when_the_invite_has_ended_is_noted() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 486, 3.99)
    call.ack(invite, 4.0)
    call.respond(call.cancel(invite, 4.0), 481, 4.1)

    assert ladder.end(60.0).findings()["cancel-mismatch-481"].severity is Severity.INFO


def test_an_invite_that_stays_open() -> None:
    ladder, *_ = _cancelled()
    findings = ladder.end(60.0).findings()

    assert findings["cancel-no-487"].severity is Severity.MEDIUM
    assert "txn-no-final-response" not in findings


def test_a_capture_that_ends_early_says_nothing_and_an_excerpt_little() -> None:
    assert "cancel-no-487" not in _cancelled()[0].end(6.0).findings()
    assert _cancelled(origin=TraceOrigin.LOG)[0].findings()["cancel-no-487"].severity is Severity.LOW


@pytest.mark.parametrize(("final", "severity"), [(200, Severity.MEDIUM), (487, Severity.LOW)])
def test_a_cancel_that_matches_nothing_and_is_accepted(final: int, severity: Severity) -> None:
    ladder, call, invite, cancel = _cancelled()
    for packet in [*cancel.packets, *ladder.packets[3:]]:
        packet.raw = packet.raw.replace(b"branch=z9hG4bK-1-0", b"branch=z9hG4bK-9")
    call.respond(invite, final, 5.0)
    call.ack(invite, 5.1)
    finding = ladder.end(60.0).findings()["cancel-200-no-match"]

    assert finding.severity is severity
    assert "Via branch" in finding.detail


def test_a_cancel_whose_invite_is_not_in_the_trace_says_nothing() -> None:
    ladder, *_ = _cancelled()
    ladder.packets = ladder.packets[2:]

    assert "cancel-200-no-match" in {item.check for item in ladder.end(60.0).report().not_checked}


@pytest.mark.parametrize("bye", [False, True])
def test_a_call_that_was_answered_and_cancelled_at_once(bye: bool) -> None:
    ladder, call, invite, _ = _cancelled()
    call.respond(invite, 200, 4.01)
    call.ack(invite, 4.1)
    if bye:
        call.respond(call.bye(4.2), 200, 4.3)
    findings = ladder.end(60.0).findings()

    assert ("cancel-200-race" in findings) is not bye


def test_fields_that_a_cancel_must_copy() -> None:
    ladder, call, invite, cancel = _cancelled()
    for packet in cancel.packets:
        packet.raw = packet.raw.replace(b"CANCEL sip:bob@example.com", b"CANCEL sip:bob@other.example.com")
    call.respond(invite, 487, 4.5)
    call.ack(invite, 4.6)
    finding = ladder.end(60.0).findings()["cancel-differs-from-invite"]

    assert finding.severity is Severity.LOW
    assert "Request-URI" in finding.title


def test_headers_that_a_cancel_must_not_have() -> None:
    finding = _ended("Require: 100rel").findings()["cancel-with-require"]

    assert finding.severity is Severity.LOW
    assert finding.evidence[0].text == "Require: 100rel"


def test_a_cancel_cannot_be_challenged() -> None:
    ladder, call, invite, _ = _cancelled(answer=407)
    call.respond(invite, 487, 4.5)
    call.ack(invite, 4.6)

    assert ladder.end(60.0).findings()["cancel-challenged"].severity is Severity.MEDIUM


def test_the_cancel_of_an_invite_that_was_sent_again_with_credentials() -> None:
    ladder = Ladder()
    call = ladder.call()
    first = call.invite(0.0)
    call.respond(first, 407, 0.05, 'Proxy-Authenticate: Digest realm="example.com", nonce="n1", algorithm=MD5')
    call.ack(first, 0.06)
    second = call.invite(0.1)
    call.respond(second, 180, 0.3)
    cancel = call.cancel(first, 5.0)
    call.respond(cancel, 481, 5.02)
    call.respond(second, 408, 60.0)
    call.ack(second, 60.02)
    findings = ladder.end(100.0).findings()

    assert "CSeq number" in findings["cancel-mismatch-481"].detail
    assert findings["cancel-mismatch-481"].root
    assert not findings["final-408"].root
