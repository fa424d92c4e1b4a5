"""Telephone events of one stream, put together from their packets (RFC 4733 §2.5).

Packets of one event share code and timestamp. A sender that moves the timestamp on is followed all the same, so that
it can be said. Which key was pressed is told to nobody: digits are PINs and card numbers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sip_ci.trace.media_table import CONTENT_CUT, CONTENT_SILENCE, MediaTable
from sip_ci_server.engine.rtp_statistics import extended_sequence

KEYS = 16
"""Events below are the keys of a telephone (RFC 4733 §3.2)."""
FLASH = 16
"""The event of a hook flash, which RFC 4733 Appendix A deprecates."""
LONGEST = 0xFFFF
"""Ticks that the duration field holds (RFC 4733 §2.3.5)."""
MOST_PACKETS = 200_000
"""Packets of events that are read of one stream."""
_FOLLOWED = 300_000_000
"""Nanoseconds that a stream must go on for after an event that is over."""
_WRAPPED = 0xF000
"""A duration from which on a smaller one after it means that the field ran over."""
_CYCLE = 1 << 32


@dataclass(slots=True)
class TelephoneEvent:
    """One event from its first packet to its last."""

    code: int
    frame: int
    """1-based packet number of the first packet."""
    time_ns: int
    last_frame: int
    last_ns: int
    timestamp: int
    """Of its last segment."""
    duration: int = 0
    """Of its last segment, in clock ticks, as its last packet says."""
    earlier: int = 0
    """Ticks of the segments before."""
    packets: int = 0
    ends: int = 0
    """Packets with the E bit."""
    followed: bool = False
    """Whether the stream went on after the last packet, and no packet is missing there."""
    moved_frame: int = 0
    """The packet whose timestamp is another than before in the same event; 0 where none is."""
    fell_frame: int = 0
    """The packet whose duration is less than before; 0 where none is."""
    ran_over: bool = False
    """Whether that is because the field holds no more."""

    @property
    def is_key(self) -> bool:
        """Whether it is a digit, `*`, `#` or one of A to D."""
        return self.code < KEYS

    @property
    def total(self) -> int:
        """Clock ticks from its beginning to its end."""
        return self.earlier + self.duration


@dataclass(frozen=True, slots=True)
class EventLog:
    """The events of a stream."""

    events: tuple[TelephoneEvent, ...] = ()
    cut: int = 0
    """Packets of events whose payload was not captured."""
    unread: int = 0
    """Packets of the payload type that hold something else: encrypted, packed, or no event."""

    @property
    def hidden(self) -> str:
        """Why nothing can be said; empty where something can."""
        if self.events:
            return ""
        if self.cut:
            return "the payload of telephone events was not captured: raise the snap length"
        return "the payload of telephone events cannot be read, for it is encrypted or has another form"


def look_like_events(content: npt.NDArray[np.uint32]) -> bool:
    """Whether payloads, as the media table keeps them, are all events of a telephone without the reserved bit."""
    return bool(((content < (FLASH + 1) << 24) & ((content & 0x40_0000) == 0)).all())


def read_events(rows: MediaTable, types: Collection[int]) -> EventLog:
    """Put the events of a stream together; `types` are its payload types of telephone events.

    Linear but for sorting by sequence number; retransmissions and copies of a packet count once.
    """
    wanted = np.isin(rows.payload_type, list(types))
    readable = wanted & (rows.content < CONTENT_SILENCE)
    cut = int((wanted & (rows.content == CONTENT_CUT)).sum())
    unread = int(wanted.sum()) - int(readable.sum()) - cut
    if not readable.any():
        return EventLog((), cut, unread)
    extended, segment = extended_sequence(rows.sequence)
    places = (segment.astype(np.int64) << 40) + extended.astype(np.int64)
    # In the order in which they were sent, each once.
    numbers, order = np.unique(places, return_index=True)
    chosen = np.flatnonzero(readable[order])[:MOST_PACKETS]
    adjacent = np.zeros(len(numbers) + 1, np.bool_)
    adjacent[1:-1] = np.diff(numbers) == 1
    last_ns = int(rows.time_ns[-1])
    kept = order[chosen]
    events: list[TelephoneEvent] = []
    event: TelephoneEvent | None = None
    before = -2
    was_end = False
    for place, word, timestamp, marker, frame, time_ns in zip(
        chosen.tolist(), rows.content[kept].tolist(), rows.timestamp[kept].tolist(),
        rows.marker[kept].tolist(), rows.frame[kept].tolist(), rows.time_ns[kept].tolist(), strict=True,
    ):  # fmt: skip
        code, end, duration = word >> 24, bool(word & 0x80_0000), word & 0xFFFF
        follows = place == before + 1 and bool(adjacent[place])
        if event is None or code != event.code or not _same(event, timestamp, duration, end, was_end, marker, follows):
            event = TelephoneEvent(code, frame, time_ns, frame, time_ns, timestamp)
            events.append(event)
        elif timestamp != event.timestamp:
            if _continues(event, timestamp, was_end):
                event.earlier += event.duration
            else:
                event.moved_frame = event.moved_frame or frame
            event.timestamp = timestamp
        elif duration < event.duration and not event.fell_frame:
            event.fell_frame, event.ran_over = frame, event.duration >= _WRAPPED and duration < _WRAPPED // 4
        event.duration = duration
        event.packets += 1
        event.ends += end
        event.last_frame, event.last_ns = frame, time_ns
        event.followed = bool(adjacent[place + 1]) and last_ns - time_ns >= _FOLLOWED
        before, was_end = place, end
    return EventLog(tuple(events), cut, unread)


def _continues(event: TelephoneEvent, timestamp: int, was_end: bool) -> bool:
    """Whether a packet begins the next segment of a long event (RFC 4733 §2.5.1.3)."""
    return not was_end and timestamp == (event.timestamp + event.duration) % _CYCLE


def _same(
    event: TelephoneEvent, timestamp: int, duration: int, end: bool, was_end: bool, marker: bool, follows: bool
) -> bool:
    """Whether a packet belongs to the event of the packet before, which has the same code."""
    if timestamp == event.timestamp:
        return True
    if marker:
        return False
    if _continues(event, timestamp, was_end):
        return True
    # The same event at another time: it goes on growing, or its end is told again.
    grows = not was_end and duration > event.duration
    repeated = was_end and end and duration == event.duration
    return follows and (grows or repeated)
