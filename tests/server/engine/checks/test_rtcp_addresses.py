"""Where reports go, and by which clock they tell the time."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from tests.server.engine.test_rtcp import NAME, datagram
from tests.support.calls import ALICE, BOB, PROXY, Ladder, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import RtcpDatagram
from sip_ci.trace.observation import Endpoint


def report(ssrc: int, seconds: float, ticks: int) -> bytes:
    """A sender report made `seconds` after an hour, at `ticks` of the media's clock."""
    ntp = round((3600 + seconds) * 2**32)
    return struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, ntp, ticks & 0xFFFFFFFF, 100, 16_000) + NAME


def called(
    *datagrams: RtcpDatagram, media: str = "", video: bool = False, path: tuple[Endpoint, ...] = (ALICE, BOB)
) -> Ladder:
    ladder = Ladder()
    call = ladder.call(*path)
    lines = "m=audio 40000 RTP/AVP 0" + ("\r\nm=video 40010 RTP/AVP 34" if video else "")
    invite = call.invite(0.0, offer=sdp(ALICE, media=lines))
    call.respond(invite, 200, 1.0, body=sdp(BOB, media=f"m=audio 42000 RTP/AVP 0{media}"))
    call.ack(invite, 1.03)
    call.respond(call.bye(22.0), 200, 22.1)
    carry(ladder, stream(ALICE_MEDIA, BOB_MEDIA, 980, ssrc=1), stream(BOB_MEDIA, ALICE_MEDIA, 980, ssrc=2))
    assert ladder.media is not None
    ladder.media = replace(ladder.media, rtcp=datagrams)
    return ladder


def to_port(port: int, *more: RtcpDatagram) -> tuple[RtcpDatagram, ...]:
    source, to = Endpoint(ALICE.host, 40_001), Endpoint(BOB.host, port)
    sent = (datagram(report(1, 5.0 * n, 40_000 * n), 5.0 * n, source, to) for n in (1, 2, 3, 4))
    return (*sent, *more)


def test_reports_to_a_port_that_nobody_named() -> None:
    finding = called(*to_port(42_011)).findings()["rtcp-port-undeclared"]

    assert finding.severity is Severity.LOW
    assert "42011" in finding.title
    assert finding.evidence[-1].text == "m=audio 42000 RTP/AVP 0"


@pytest.mark.parametrize(
    ("port", "media"),
    [
        (42_001, ""),
        (42_000, "\r\na=rtcp-mux"),
        (42_000, ""),
        (42_011, "\r\na=rtcp:42011"),
        (42_001, "\r\na=rtcp:42011"),
    ],
    ids=["next", "mux", "the RTP port", "declared", "a=rtcp not read"],
)
def test_reports_to_ports_that_are_known(port: int, media: str) -> None:
    assert "rtcp-port-undeclared" not in called(*to_port(port), media=media).findings()


def test_somebody_listens_where_reports_come_from() -> None:
    back = datagram(report(2, 6.0, 48_000), 6.0, Endpoint(BOB.host, 42_011), Endpoint(ALICE.host, 40_001))
    assert "rtcp-port-undeclared" not in called(*to_port(42_011, back)).findings()


@pytest.mark.parametrize("both", [True, False])
def test_the_way_back_is_in_the_capture_or_not(both: bool) -> None:
    ladder = called(*to_port(42_011), path=(ALICE, PROXY, BOB))
    there = (ALICE.host, BOB.host)
    ladder.packets = [one for one in ladder.packets if (one.source, one.destination) != (BOB, ALICE)]
    ladder.know(host_pairs=frozenset({there, there[::-1]} if both else {there}))
    assert ("rtcp-port-undeclared" in ladder.findings()) is both


def test_two_reports_are_too_few() -> None:
    assert "rtcp-port-undeclared" not in called(*to_port(42_011)[:2]).findings()


def by_clock(*steps: tuple[float, int], video: bool = False) -> Ladder:
    source, to = Endpoint(ALICE.host, 40_001), Endpoint(BOB.host, 42_001)
    return called(*(datagram(report(1, at, ticks), at, source, to) for at, ticks in steps), video=video)


@pytest.mark.parametrize(("video", "severity"), [(True, Severity.LOW), (False, Severity.INFO)])
def test_reports_with_the_clock_of_another_codec(video: bool, severity: Severity) -> None:
    finding = by_clock((2.0, 96_000), (7.0, 336_000), (13.0, 624_000), video=video).findings()["rtcp-clock-mismatch"]
    assert finding.severity is severity
    assert "6.00" in finding.title


def test_timestamps_that_stand_still() -> None:
    assert "rtcp-clock-mismatch" in by_clock((2.0, 5), (7.0, 5), (13.0, 5)).findings()


@pytest.mark.parametrize(
    "steps",
    [
        ((2.0, 16_000), (7.0, 56_000), (13.0, 104_000)),
        ((2.0, 2**32 - 20_000), (7.0, 20_000), (13.0, 68_000)),
        ((2.0, 16_000), (7.0, 20_000), (13.0, 104_000)),
        ((2.0, 96_000), (7.0, 336_000)),
        ((2.0, 96_000), (5.0, 336_000), (8.0, 624_000)),
    ],
    ids=["right", "wrapped", "silence in between", "two reports", "a short time"],
)
def test_reports_in_step(steps: tuple[tuple[float, int], ...]) -> None:
    assert "rtcp-clock-mismatch" not in by_clock(*steps).findings()
