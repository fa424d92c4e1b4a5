"""RTCP as it was sent (RFC 3550 §6, RFC 3611): what endpoints say of the streams that they send and receive.

A compound packet is read as a whole or not at all: the lengths of its packets must add up to the datagram, which those
of SRTCP, being encrypted and longer, do not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from sip_ci.trace.media_table import RtcpDatagram
from sip_ci.trace.observation import Endpoint

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
EXTENDED_REPORT = 207
_CNAME = 1
_VOIP_METRICS = 7
_UNKNOWN = 127
"""The value of a VoIP metric that the endpoint does not know (RFC 3611 §4.7.4, §4.7.5)."""
_BLOCK = struct.Struct(">IIIIII")
_PACKETS = 64
"""Packets of one datagram that are read."""


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """A report block: what one endpoint received of one SSRC (RFC 3550 §6.4.1)."""

    ssrc: int
    fraction_lost: float
    """Since the report before it, 0 to 1."""
    cumulative_lost: int
    """Since the beginning; signed, for packets that came twice count against it."""
    highest_sequence: int
    jitter: int
    """In clock ticks."""
    last_sender_report: int
    """The middle 32 bits of the NTP time of the last sender report; 0 where none came."""
    delay: float
    """Seconds since that report came."""


@dataclass(frozen=True, slots=True)
class VoipMetrics:
    """The VoIP metrics of an extended report (RFC 3611 §4.7); None where the endpoint does not know."""

    ssrc: int
    loss_percent: float
    discard_percent: float
    round_trip_ms: int
    end_system_delay_ms: int
    rating: int | None
    mos_listening: float | None
    mos_conversational: float | None


@dataclass(frozen=True, slots=True)
class RtcpCompound:
    """One datagram."""

    datagram: RtcpDatagram
    first_type: int
    sender: int
    """The SSRC of the one who sends it."""
    ntp_middle: int | None
    """The middle 32 bits of the NTP time of a sender report."""
    packets_sent: int | None
    ntp: float | None
    """The NTP time of a sender report, in seconds since 1900; None where it has no clock to tell it by."""
    rtp_timestamp: int | None
    """The moment of that time in ticks of the media's clock."""
    reports: tuple[ReceptionReport, ...]
    metrics: tuple[VoipMetrics, ...]
    has_name: bool
    """Whether it holds a CNAME (RFC 3550 §6.5.1)."""
    goodbye: bool

    @property
    def time(self) -> float:
        """When it was captured, in UNIX seconds."""
        return self.datagram.time_ns / 1e9


def parse_compound(datagram: RtcpDatagram) -> RtcpCompound | None:
    """Read a datagram; None where it is no complete compound packet in the clear. Never raises."""
    data, place, sender = datagram.data, 0, 0
    first_type, ntp, sent, named, goodbye = 0, None, None, False, False
    wallclock: float | None = None
    timestamp: int | None = None
    reports: list[ReceptionReport] = []
    metrics: list[VoipMetrics] = []
    for _ in range(_PACKETS):
        if place + 8 > len(data):
            break
        kind, end = data[place + 1], place + 4 * (int.from_bytes(data[place + 2 : place + 4]) + 1)
        if data[place] >> 6 != 2 or not 192 <= kind <= 223 or end > len(data):
            return None
        count = data[place] & 0x1F
        if not first_type:
            first_type, sender = kind, int.from_bytes(data[place + 4 : place + 8])
        if kind == SENDER_REPORT and end - place >= 28:
            ntp, sent = int.from_bytes(data[place + 10 : place + 14]), int.from_bytes(data[place + 20 : place + 24])
            wallclock = int.from_bytes(data[place + 8 : place + 16]) / 2**32 or None
            timestamp = int.from_bytes(data[place + 16 : place + 20])
            reports += _reports(data, place + 28, end, count)
        elif kind == RECEIVER_REPORT:
            reports += _reports(data, place + 8, end, count)
        elif kind == SOURCE_DESCRIPTION:
            named = named or (count > 0 and end - place >= 12 and data[place + 8] == _CNAME)
        elif kind == GOODBYE:
            goodbye = True
        elif kind == EXTENDED_REPORT:
            metrics += _metrics(data, place + 8, end)
        place = end
    if place != len(data) or not first_type:
        return None
    return RtcpCompound(
        datagram, first_type, sender, ntp, sent, wallclock, timestamp, tuple(reports), tuple(metrics), named, goodbye
    )


def _reports(data: bytes, place: int, end: int, count: int) -> list[ReceptionReport]:
    found = []
    for _ in range(count):
        if place + 24 > end:
            break
        ssrc, losses, highest, jitter, last, delay = _BLOCK.unpack_from(data, place)
        lost = losses & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        found.append(ReceptionReport(ssrc, (losses >> 24) / 256, lost, highest, jitter, last, delay / 65536))
        place += 24
    return found


def _metrics(data: bytes, place: int, end: int) -> list[VoipMetrics]:
    found = []
    while place + 4 <= end:
        size = 4 * (int.from_bytes(data[place + 2 : place + 4]) + 1)
        if data[place] == _VOIP_METRICS and size >= 36 and place + 36 <= end:
            block = data[place : place + 36]
            found.append(
                VoipMetrics(
                    int.from_bytes(block[4:8]), block[8] / 256 * 100, block[9] / 256 * 100,
                    int.from_bytes(block[16:18]), int.from_bytes(block[18:20]), _known(block[24]),
                    _tenths(block[26]), _tenths(block[27]),
                )
            )  # fmt: skip
        place += size
    return found


def _known(value: int) -> int | None:
    return None if value == _UNKNOWN else value


def _tenths(value: int) -> float | None:
    return None if value == _UNKNOWN else value / 10


@dataclass(slots=True)
class Reception:
    """What the receiver of a stream said of it, report by report."""

    ssrc: int
    reporter: Endpoint
    """Who sent the reports."""
    reports: list[tuple[RtcpCompound, ReceptionReport]] = field(default_factory=list)
    metrics: list[VoipMetrics] = field(default_factory=list)
    round_trips: list[tuple[RtcpCompound, float]] = field(default_factory=list)
    """Seconds from the point of capture to the reporter and back, each with the report that gave it."""


def receptions(compounds: Iterable[RtcpCompound]) -> list[Reception]:
    """What each endpoint said of each SSRC, in order.

    The time to the reporter and back needs no clock but that of the capture: a report says how long ago the sender
    report came that passed here before (RFC 3550 §6.4.1, LSR and DLSR).
    """
    found: dict[tuple[int, str], Reception] = {}
    passed: dict[tuple[int, int], float] = {}
    for compound in sorted(compounds, key=lambda item: item.datagram.time_ns):
        if compound.ntp_middle is not None:
            passed.setdefault((compound.sender, compound.ntp_middle), compound.time)
        source = compound.datagram.source
        for report in compound.reports:
            reception = found.setdefault((report.ssrc, str(source)), Reception(report.ssrc, source))
            reception.reports.append((compound, report))
            began = passed.get((report.ssrc, report.last_sender_report)) if report.last_sender_report else None
            if began is not None:
                seconds = compound.time - began - report.delay
                if 0 <= seconds < 60:
                    reception.round_trips.append((compound, seconds))
        for metric in compound.metrics:
            found.setdefault((metric.ssrc, str(source)), Reception(metric.ssrc, source)).metrics.append(metric)
    return list(found.values())
