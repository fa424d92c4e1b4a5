"""What endpoints report by RTCP, beside what passes the point of capture."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.server.engine.test_rtcp import ALICE, BOB, NAME, block, datagram, receiver_report, sender_report
from tests.support.calls import Ladder
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import RtcpDatagram


def called(*datagrams: RtcpDatagram, lost: int = 0) -> Ladder:
    ladder = Ladder()
    ladder.call().answered(talk=20.0)
    there = stream(ALICE_MEDIA, BOB_MEDIA, 980, ssrc=1).without(range(100, 100 + lost))
    carry(ladder, there, stream(BOB_MEDIA, ALICE_MEDIA, 980, ssrc=2, timestamp=9_999_999))
    assert ladder.media is not None
    ladder.media = replace(ladder.media, rtcp=datagrams)
    return ladder


def far(fraction: int, time: float, lost: int = 20) -> RtcpDatagram:
    return datagram(receiver_report(2, block(1, fraction, lost)) + NAME, time, BOB, ALICE)


def test_loss_behind_the_point_of_capture() -> None:
    finding = called(far(26, 6.0), far(30, 11.0)).findings()["rtcp-far-loss"]
    assert finding.severity is Severity.MEDIUM
    assert finding.calls == ("call-1@192.0.2.10",)


@pytest.mark.parametrize("reports", [(far(26, 6.0),), (far(2, 6.0), far(3, 11.0)), (far(26, 6.0, -3), far(26, 9.0, 0))])
def test_one_report_or_little_loss_is_healthy(reports: tuple[RtcpDatagram, ...]) -> None:
    assert "rtcp-far-loss" not in called(*reports).findings()


def test_loss_that_is_seen_here_is_not_told_twice() -> None:
    assert "rtcp-far-loss" not in called(far(26, 6.0), far(30, 11.0), lost=60).findings()


@pytest.mark.parametrize(("seconds", "told"), [(0.05, False), (0.5, True)])
def test_the_round_trip(seconds: float, told: bool) -> None:
    datagrams = []
    for number in (1, 2, 3):
        sent = 5.0 * number
        datagrams.append(datagram(sender_report(1, number) + NAME, sent, ALICE, BOB))
        answer = receiver_report(2, block(1, last=number, delay=1.0)) + NAME
        datagrams.append(datagram(answer, sent + 1.0 + seconds, BOB, ALICE))
    findings = called(*datagrams).findings()
    assert ("rtcp-rtt-high" in findings) is told
    assert "rtcp-missing" not in findings
    assert "rtcp-compound-invalid" not in findings


def test_streams_without_rtcp_are_for_information() -> None:
    assert called().findings()["rtcp-missing"].severity is Severity.INFO


def test_a_report_without_a_name_is_low() -> None:
    finding = called(datagram(receiver_report(2, block(1)), 5.0, BOB, ALICE)).findings()["rtcp-compound-invalid"]
    assert finding.severity is Severity.LOW


def test_reports_are_given_as_claims() -> None:
    claims = called(far(26, 6.0), far(64, 11.0)).report().quality.reported
    (claim,) = claims
    assert (claim.source, claim.reports, claim.loss_percent, claim.jitter_ms) == ("RTCP", 2, 25.0, 10.0)
    assert claim.call == "call-1@192.0.2.10"
