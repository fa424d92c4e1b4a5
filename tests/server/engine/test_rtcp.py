"""RTCP and quality reports as they were sent, and what is hostile."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.calls import Ladder

from sip_ci.trace.media_table import RtcpDatagram
from sip_ci.trace.observation import Endpoint
from sip_ci_server.engine.quality_reports import quality_report_of
from sip_ci_server.engine.rtcp import RtcpCompound, parse_compound, receptions

ALICE, BOB = Endpoint("192.0.2.10", 40_001), Endpoint("198.51.100.20", 42_001)
NAME = struct.pack(">BBHIBB2sxxxx", 0x81, 202, 3, 1, 1, 2, b"a@")


def sender_report(ssrc: int, ntp_middle: int, blocks: bytes = b"") -> bytes:
    count = len(blocks) // 24
    words = 6 + len(blocks) // 4
    ntp = ntp_middle << 16
    return struct.pack(">BBHIQIII", 0x80 | count, 200, words, ssrc, ntp, 0, 100, 16_000) + blocks


def receiver_report(ssrc: int, blocks: bytes) -> bytes:
    return struct.pack(">BBHI", 0x80 | len(blocks) // 24, 201, 1 + len(blocks) // 4, ssrc) + blocks


def block(ssrc: int, fraction: int = 0, lost: int = 0, last: int = 0, delay: float = 0.0) -> bytes:
    return struct.pack(">IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, 1000, 80, last, round(delay * 65536))


def datagram(data: bytes, time: float = 0.0, source: Endpoint = ALICE, destination: Endpoint = BOB) -> RtcpDatagram:
    return RtcpDatagram(round((1_700_000_000 + time) * 1e9), 1, source, destination, data)


def parsed(data: bytes, time: float = 0.0, source: Endpoint = ALICE) -> RtcpCompound:
    compound = parse_compound(datagram(data, time, source))
    assert compound is not None
    return compound


def test_a_compound_packet() -> None:
    compound = parsed(sender_report(1, 0x12345678, block(2, 64, 30)) + NAME)
    assert (compound.first_type, compound.sender, compound.ntp_middle) == (200, 1, 0x12345678)
    assert compound.packets_sent == 100
    assert compound.has_name
    (report,) = compound.reports
    assert (report.ssrc, report.fraction_lost, report.cumulative_lost, report.jitter) == (2, 0.25, 30, 80)


def test_the_cumulative_loss_is_signed() -> None:
    assert parsed(receiver_report(1, block(2, lost=-5)) + NAME).reports[0].cumulative_lost == -5


def test_srtcp_is_not_read() -> None:
    # The encrypted part ends with an index and a tag that no length speaks of.
    assert parse_compound(datagram(sender_report(1, 1) + b"\x80\x00\x00\x01" + bytes(10))) is None


def test_the_way_there_and_back_needs_one_clock() -> None:
    out = parsed(sender_report(1, 777) + NAME, 0.0)
    home = parsed(receiver_report(2, block(1, last=777, delay=2.0)) + NAME, 2.4, BOB)
    (reception,) = receptions([home, out])
    assert reception.reporter == BOB
    assert reception.round_trips[0][1] == pytest.approx(0.4, abs=0.001)


def test_voip_metrics_that_are_unknown_are_none() -> None:
    metrics = struct.pack(
        ">BBHIBBBBHHHHbbBBBBBBBBHHH", 7, 0, 8, 9, 26, 13, 0, 0, 0, 0, 120, 80, 0, 0, 0, 16, 82, 127, 41, 127, 0, 0,
        40, 60, 200,
    )  # fmt: skip
    report = struct.pack(">BBHI", 0x80, 207, 1 + len(metrics) // 4, 5) + metrics
    (found,) = parsed(receiver_report(5, b"") + NAME + report).metrics
    assert (found.ssrc, found.round_trip_ms, found.rating) == (9, 120, 82)
    assert (found.mos_listening, found.mos_conversational) == (4.1, None)
    assert found.loss_percent == pytest.approx(10.2, abs=0.1)


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    parse_compound(datagram(data))
    parse_compound(datagram(sender_report(1, 2)[:2] + data))


BODY = (
    b"VQSessionReport: CallTerm\r\nCallID:1@x\r\nLocalMetrics:\r\nPacketLoss:NLR=2.5 JDR=1.0\r\n"
    b"Delay:RTD=30 ESD=177 SOWD=88 IAJ=4 MAJ=0\r\nQualityEst:RCQ=92 EXTRI=127 MOSLQ=3.2 MOSCQ=127\r\n"
    b"RemoteMetrics:\r\nPacketLoss:NLR=50.0\r\nQualityEst:MOSLQ=1.0\r\n"
)


def published(body: bytes = BODY) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    publish = call.request(
        "PUBLISH", 0.0, "Event: vq-rtcpxr", "Content-Type: application/vq-rtcpxr", body=body, inside=False
    )
    call.respond(publish, 200, 0.1)
    return ladder


def test_a_report_of_quality_is_the_local_metrics() -> None:
    (message, *_) = published().model().messages
    report = quality_report_of(message)
    assert report is not None
    assert (report.call_id, report.loss_percent, report.discard_percent) == ("1@x", 2.5, 1.0)
    assert (report.jitter_ms, report.round_trip_ms) == (4.0, 30.0)
    assert (report.mos_listening, report.mos_conversational) == (3.2, None)


def test_a_claimed_mos_is_told() -> None:
    assert "3.2" in published().findings()["rtcp-reported-mos-low"].title
    assert "rtcp-reported-mos-low" not in published(BODY.replace(b"3.2", b"4.1")).findings()
    unmeasured = BODY.replace(b"NLR=2.5 JDR=1.0", b"NLR=0.0 JDR=0.0")
    assert "rtcp-reported-mos-low" not in published(unmeasured).findings()


def test_claims_stand_beside_what_was_measured() -> None:
    (claim,) = published().report().quality.reported
    assert (claim.source, claim.call, claim.loss_percent, claim.mos_listening) == ("vq-rtcpxr", "1@x", 2.5, 3.2)
