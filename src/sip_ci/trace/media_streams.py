"""The RTP streams of a trace, counted: a line for each instead of a row for each packet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sip_ci.trace.media_groups import RtpGroup, rtp_groups
from sip_ci.trace.media_spill import STREAMS
from sip_ci.trace.media_table import MediaTable
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.payload_types import STATIC_PAYLOAD_TYPES


@dataclass(frozen=True, slots=True)
class MediaStream:
    """The RTP packets of one SSRC from one endpoint to another."""

    source: Endpoint
    destination: Endpoint
    ssrc: int
    payload_type: int
    """The one that most packets have."""
    packets: int
    first_time_ns: int
    """Nanoseconds since the UNIX epoch."""
    last_time_ns: int
    frame: int
    """1-based number of the first packet in the capture."""

    @property
    def encoding(self) -> str | None:
        """Name and clock rate of a static payload type (RFC 3551 §6), None for others."""
        encoding = STATIC_PAYLOAD_TYPES.get(self.payload_type)
        return str(encoding) if encoding is not None else None

    @property
    def seconds(self) -> float:
        """Seconds from the first packet to the last."""
        return (self.last_time_ns - self.first_time_ns) / 1e9


def media_streams(media: MediaTable) -> list[MediaStream]:
    """The RTP streams, in order of their first packets; of very many the largest."""
    return [_stream(group) for group in rtp_groups(media, STREAMS)]


def _stream(group: RtpGroup) -> MediaStream:
    rows = group.rows()
    return MediaStream(
        group.source,
        group.destination,
        group.ssrc,
        int(np.bincount(rows.payload_type).argmax()),
        group.packets,
        int(rows.time_ns.min()),
        int(rows.time_ns.max()),
        int(rows.frame[0]),
    )
