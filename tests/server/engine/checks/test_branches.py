"""Branches that two requests share."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, Sent

from sip_ci.findings import Severity
from sip_ci.trace.observation import Clock


def _same_branch(first: Sent, second: Sent) -> None:
    """Gives the second request, on each hop, the Via of the first."""
    for old, new, packet in zip(second.vias, first.vias, second.packets, strict=True):
        assert ", ".join(old).encode() in packet.raw
        packet.raw = packet.raw.replace(", ".join(old).encode(), ", ".join(new).encode())
    second.vias = first.vias


def _two_infos(second_at: float, *, answered: bool) -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    first = call.request("INFO", 5.0)
    call.respond(first, 200, 5.05)
    second = call.request("INFO", second_at)
    _same_branch(first, second)
    if answered:
        call.respond(second, 200, second_at + 0.05)
    return ladder, call


@pytest.mark.parametrize(("answered", "severity"), [(False, Severity.MEDIUM), (True, Severity.LOW)])
def test_a_request_with_the_branch_of_the_one_before(answered: bool, severity: Severity) -> None:
    ladder, _ = _two_infos(6.0, answered=answered)
    finding = ladder.end(60.0).findings()["branch-reused"]

    # What it causes can only raise it.
    assert finding.severity.at_least(severity)
    assert finding.severity is severity or not answered
    assert [proof.text.startswith("Via:") for proof in finding.evidence] == [True, True]


def test_a_silence_that_a_reused_branch_explains_is_its_effect() -> None:
    ladder, _ = _two_infos(6.0, answered=False)
    by_check = {finding.check: finding for finding in ladder.end(60.0).report().findings}

    assert by_check["txn-no-response"].causes == (by_check["branch-reused"].fingerprint,)


def test_a_server_has_forgotten_the_branch_after_half_a_minute() -> None:
    ladder, _ = _two_infos(60.0, answered=True)
    assert "branch-reused" not in ladder.end(120.0).findings()


def test_two_calls_with_one_branch() -> None:
    ladder = Ladder()
    first, second = ladder.call(), ladder.call(caller_tag="a2")
    one = first.invite(0.0)
    other = second.invite(1.0)
    _same_branch(one, other)
    for call, invite, time in ((first, one, 0.1), (second, other, 1.1)):
        call.respond(invite, 486, time)
        call.ack(invite, time + 0.05)
    finding = ladder.end(60.0).findings()["branch-reused"]

    assert finding.severity is Severity.LOW
    assert set(finding.calls) == {first.call_id, second.call_id}


def test_what_shares_a_branch_by_right() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    ladder.again(invite, 0.5, 1.5)
    call.respond(invite, 180, 1.6)
    cancel = call.cancel(invite, 2.0)
    call.respond(cancel, 200, 2.05)
    call.respond(invite, 487, 2.1)
    call.ack(invite, 2.2)

    assert "branch-reused" not in ladder.end(60.0).findings()


def test_a_log_without_times_is_not_judged() -> None:
    ladder = Ladder(clock=Clock.ORDINAL)
    ladder.call().answered()
    report = ladder.report()

    assert "branch-reused" in {item.check for item in report.not_checked}


def test_a_retransmission_that_was_damaged_on_its_way() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.5)
    ladder.packets[-1].raw = ladder.packets[-1].raw.replace(b"Call-ID: call-1@", b"Call-ID: cAll-1@")
    call.respond(invite, 486, 1.0)
    call.ack(invite, 1.1)

    assert "branch-reused" not in ladder.end(60.0).findings()


def test_a_request_of_another_method_with_the_same_branch() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    bye = call.bye(5.0)
    for packet in bye.packets:
        packet.raw = packet.raw.replace(b"branch=z9hG4bK-3-0", b"branch=z9hG4bK-1-0")
    ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)})).end(60.0)
    assert ladder.findings()["branch-reused"].severity is Severity.MEDIUM


def test_a_cancel_has_the_branch_of_its_invite() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 180, 0.1)
    call.respond(call.cancel(invite, 1.0), 200, 1.01)
    call.respond(invite, 487, 1.02)
    call.ack(invite, 1.03)
    assert "branch-reused" not in ladder.end(30.0).findings()
