"""The RTP streams of a trace, counted: a line for each instead of a row for each packet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sip_ci.trace.media_table import MediaKind, MediaTable
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
    """The RTP streams, in order of their first packets."""
    rtp = media.kind == MediaKind.RTP
    if not rtp.any():
        return []
    times, types, frames = media.time_ns[rtp], media.payload_type[rtp], media.frame[rtp]
    columns = (media.source[rtp], media.destination[rtp], media.ssrc[rtp])
    keys = np.stack([column.astype(np.int64) for column in columns], axis=1)
    streams, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    # The shape of the inverse differs between numpy versions.
    order = np.argsort(place.reshape(-1), kind="stable")
    bounds = np.searchsorted(place.reshape(-1)[order], np.arange(len(streams) + 1))
    found: list[tuple[int, MediaStream]] = []
    for index, (source, destination, ssrc) in enumerate(streams.tolist()):
        rows = order[bounds[index] : bounds[index + 1]]
        stream = MediaStream(
            media.endpoints[source],
            media.endpoints[destination],
            ssrc,
            int(np.bincount(types[rows]).argmax()),
            len(rows),
            int(times[rows].min()),
            int(times[rows].max()),
            int(frames[rows[0]]),
        )
        found.append((int(first[index]), stream))
    return [stream for _, stream in sorted(found, key=lambda pair: pair[0])]
