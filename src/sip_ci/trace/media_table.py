"""All media packets of a trace as numpy columns: a million packets are a few arrays, never a million objects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sip_ci.trace.observation import Endpoint

if TYPE_CHECKING:
    from sip_ci.trace.media_spill import MediaSpill


class MediaKind(IntEnum):
    """What a UDP payload that is no SIP looks like (the first-byte ranges are those of RFC 7983 §7)."""

    OTHER = 0
    RTP = 1
    RTCP = 2
    STUN = 3
    DTLS = 4
    UDPTL = 5


@dataclass(frozen=True, slots=True, eq=False)
class MediaTable:
    """One row for each media packet, in the order of capture; all columns have the same length.

    The packets of a large capture are in `spill` instead, and the columns are empty: ask `media_groups` for RTP.
    """

    endpoints: tuple[Endpoint, ...]
    """What `source` and `destination` index."""
    time_ns: npt.NDArray[np.int64]
    """Nanoseconds since the UNIX epoch."""
    frame: npt.NDArray[np.int64]
    """1-based packet number in the capture."""
    source: npt.NDArray[np.int32]
    destination: npt.NDArray[np.int32]
    kind: npt.NDArray[np.uint8]
    """A `MediaKind`."""
    size: npt.NDArray[np.uint16]
    """UDP payload in bytes, as it was on the wire."""
    payload_type: npt.NDArray[np.uint8]
    """RTP payload type (7 bits), or RTCP packet type (8 bits); 0 elsewhere."""
    marker: npt.NDArray[np.bool_]
    sequence: npt.NDArray[np.uint16]
    timestamp: npt.NDArray[np.uint32]
    """RTP timestamp, in clock ticks."""
    ssrc: npt.NDArray[np.uint32]
    ip_id: npt.NDArray[np.uint16]
    dscp: npt.NDArray[np.uint8]
    """Differentiated services codepoint, 0 to 63 (RFC 2474 §3); `DSCP_UNKNOWN` where a tunnel hides it."""
    content: npt.NDArray[np.uint32]
    """What is kept of the payload. Of RTP: `CONTENT_CUT` where not all of it was captured; of a payload of
    `EVENT_BYTES` these bytes as a number, which is what a telephone event is (RFC 4733 §2.3); of longer ones that
    repeat a byte of `SILENT_BYTES` that byte with `CONTENT_SILENCE`. Of UDPTL, whose number is in `sequence`: how many
    packets before it, if lost, it brings back. `CONTENT_OTHER` for all else.
    """
    rtcp: tuple[RtcpDatagram, ...] = ()
    """The bytes of the RTCP datagrams, which are few."""
    stun: tuple[StunDatagram, ...] = ()
    """The bytes of the STUN messages, without the data that they relay."""
    spill: MediaSpill | None = None

    def __len__(self) -> int:
        return len(self.time_ns) + (self.spill.rows if self.spill is not None else 0)

    @property
    def rtp_packets(self) -> int:
        """How many of the packets are RTP."""
        spilled = self.spill.rtp_rows if self.spill is not None else 0
        return int((self.kind == MediaKind.RTP).sum()) + spilled

    def packets_of(self, kind: MediaKind) -> int:
        """How many of the packets are of a kind; of packets on a disk only RTP is told apart."""
        return self.rtp_packets if kind is MediaKind.RTP else int((self.kind == kind).sum())

    @classmethod
    def empty(cls) -> MediaTable:
        """A table without rows."""
        return cls(
            (), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32),
            np.zeros(0, np.uint8), np.zeros(0, np.uint16), np.zeros(0, np.uint8), np.zeros(0, np.bool_),
            np.zeros(0, np.uint16), np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint16),
            np.zeros(0, np.uint8), np.zeros(0, np.uint32),
        )  # fmt: skip

    def select(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64] | slice) -> MediaTable:
        """The rows of a mask or an index array, in that order, or of a slice, as views; the RTCP datagrams stay."""
        return MediaTable(
            self.endpoints, self.time_ns[rows], self.frame[rows], self.source[rows], self.destination[rows],
            self.kind[rows], self.size[rows], self.payload_type[rows], self.marker[rows], self.sequence[rows],
            self.timestamp[rows], self.ssrc[rows], self.ip_id[rows], self.dscp[rows], self.content[rows], self.rtcp,
            self.stun,
        )  # fmt: skip


EVENT_BYTES = 4
"""Bytes of a telephone event (RFC 4733 §2.3)."""
SILENT_BYTES = {0: (0xFF, 0x7F), 8: (0xD5, 0x55)}
"""The two zeros of PCMU and of PCMA (ITU-T G.711 tables 2 and 1), by static payload type (RFC 3551 §6)."""
CONTENT_SILENCE = 0xF000_0000
CONTENT_OTHER = 0xFFFF_FFFE
CONTENT_CUT = 0xFFFF_FFFF
DSCP_UNKNOWN = 255


@dataclass(frozen=True, slots=True)
class RtcpDatagram:
    """One UDP datagram of RTCP."""

    time_ns: int
    frame: int
    source: Endpoint
    destination: Endpoint
    data: bytes


@dataclass(frozen=True, slots=True)
class StunDatagram:
    """One UDP datagram of STUN or TURN (RFC 8489, RFC 8656)."""

    time_ns: int
    frame: int
    source: Endpoint
    destination: Endpoint
    data: bytes
    whole: bool
    """Whether all of it was captured."""
