"""Connectivity checks of ICE: roles, user names and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream
from tests.support.stun import answered, binding, exchanged

from sip_ci.findings import Severity
from sip_ci.trace.media_table import StunDatagram

A, B = ALICE_MEDIA, BOB_MEDIA
CHECKS = ("ice-role-conflict", "ice-username-mismatch", "ice-checks-refused")
TO_B, TO_A = "bfrag:afrag", "afrag:bfrag"


def called(*, media: bool = False) -> Ladder:
    ladder = Ladder()
    call = ladder.call()

    def body(end: object, port: int, host: str, fragment: str) -> bytes:
        lines = (
            f"m=audio {port} RTP/AVP 0\r\na=rtcp-mux\r\na=ice-ufrag:{fragment}\r\n"
            f"a=ice-pwd:0123456789abcdefghijkl\r\na=candidate:1 1 UDP 2130706431 {host} {port} typ host"
        )
        return sdp(end, media=lines)  # type: ignore[arg-type]

    invite = call.invite(0.0, offer=body(ALICE, A.port, A.host, "afrag"))
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=body(BOB, B.port, B.host, "bfrag"))
    call.ack(invite, 1.03)
    call.respond(call.bye(21.0), 200, 21.02)
    if media:
        carry(ladder, stream(A, B, 900, ssrc=1), stream(B, A, 900, ssrc=2, timestamp=99_999))
    return ladder


def found(ladder: Ladder, *datagrams: StunDatagram) -> dict[str, Severity]:
    findings = exchanged(ladder, *datagrams).findings()
    return {name: item.severity for name, item in findings.items() if name in CHECKS}


def both_ways(start: float = 1.1) -> list[StunDatagram]:
    checks = [binding(start, A, B, TO_B), binding(start + 0.02, B, A, TO_A, controls=False)]
    return [*checks, *(answered(item, start + 0.05) for item in checks)]


def test_healthy_checks() -> None:
    ladder = exchanged(called(media=True), *both_ways())
    assert_healthy(ladder)
    assert found(called(media=True), *both_ways()) == {}


def conflicts(count: int) -> list[StunDatagram]:
    refused = [binding(1.1 + 0.1 * number, B, A, TO_A) for number in range(count)]
    return [*refused, *(answered(item, 1.15 + number * 0.1, 487) for number, item in enumerate(refused))]


def test_a_role_conflict_that_settles_is_low() -> None:
    told = found(called(media=True), *conflicts(1), *both_ways(2.0))
    assert told == {"ice-role-conflict": Severity.LOW}


def test_a_role_conflict_that_never_settles() -> None:
    told = found(called(), *conflicts(5))
    assert told["ice-role-conflict"] is Severity.MEDIUM
    assert "ice-checks-refused" not in told
    finding = exchanged(called(), *conflicts(5)).findings()["ice-role-conflict"]
    assert finding.calls
    assert "487" in finding.evidence[1].text


def test_a_role_conflict_at_the_end_of_the_capture_says_nothing() -> None:
    late = [replace(item, time_ns=item.time_ns + int(28e9)) for item in conflicts(5)]
    assert found(called(), *late) == {}


@pytest.mark.parametrize(("name", "key"), [("afrag:bfrag", "swapped"), ("other:afrag", "begin")])
@pytest.mark.parametrize("error", [None, 401])
def test_a_user_name_that_was_not_given(name: str, key: str, error: int | None) -> None:
    checks = [binding(1.1 + 0.1 * number, A, B, name) for number in range(6)]
    answers = [answered(item, 1.2 + 0.1 * number, error) for number, item in enumerate(checks)] if error else []
    told = found(called(), *checks, *answers)
    # The root of a refusal is as severe as that.
    assert told["ice-username-mismatch"] is (Severity.HIGH if error else Severity.MEDIUM)
    finding = exchanged(called(), *checks, *answers).findings()["ice-username-mismatch"]
    assert key in finding.detail
    assert any(item.frame for item in finding.evidence)


def test_a_user_name_of_an_agent_that_answers_is_no_fault() -> None:
    checks = [binding(1.1 + 0.1 * number, A, B, "other:afrag") for number in range(6)]
    assert "ice-username-mismatch" not in found(called(), *checks, answered(checks[5], 2.0))


def test_few_checks_with_an_early_name_are_no_fault() -> None:
    checks = [binding(0.5 + 0.1 * number, A, B, "old:afrag") for number in range(2)]
    assert "ice-username-mismatch" not in found(called(media=True), *checks, *both_ways())


@pytest.mark.parametrize(("media", "severity"), [(False, Severity.HIGH), (True, Severity.LOW)])
def test_checks_that_are_all_refused(media: bool, severity: Severity) -> None:
    checks = [binding(1.1 + 0.1 * number, A, B, TO_B) for number in range(6)]
    answers = [answered(item, 1.2 + 0.1 * number, 401) for number, item in enumerate(checks)]
    assert found(called(media=media), *checks, *answers)["ice-checks-refused"] is severity
    assert "ice-checks-refused" not in found(called(media=media), *checks, *answers, *both_ways(3.0))


def test_stun_without_a_call_is_not_checkable() -> None:
    report = exchanged(called(), binding(1.1, B, A, "x:y")).report()
    assert "ice-checks-refused" not in {item.check for item in report.not_checked}
    report = called().report()
    assert {"ice-role-conflict", "ice-username-mismatch", "ice-checks-refused"} <= {
        item.check for item in report.not_checked
    }
