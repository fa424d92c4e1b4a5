"""What one program wrote in one layout: its messages, on a clock and with addresses of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from sip_ci.trace.logs.cleaning import CleanText
from sip_ci.trace.logs.cutting import Piece
from sip_ci.trace.logs.discovery import Discovery
from sip_ci.trace.logs.endpoints import resolve, transport_of
from sip_ci.trace.logs.interface import LogLayout, LogText
from sip_ci.trace.logs.stamps import Stamp, find_leading_stamp, one_clock
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Observation, Position, Transport
from sip_ci.trace.trace import TraceOrigin

_EDGE = 1 << 14
"""How much of the beginning and end of a log is searched for its first and last dated line, in bytes."""

_NOWHERE = Observation(None, None, None, Transport.UNKNOWN, Position())


@dataclass(slots=True)
class Source:
    """The part of a log that one program wrote in one layout."""

    clean: CleanText
    layout: LogLayout
    pieces: list[Piece]
    collected: bool = False
    """Whether the times are those of what collected the log, because the program wrote none."""

    def stamps(self) -> list[Stamp | None]:
        """The time of each message, behind that of the first dated line of the log and before that of the last."""
        own = [piece.claim.head.stamp for piece in self.pieces]
        if self.collected or all(stamp is None for stamp in own):
            collected = [self.clean.label_stamp(piece.claim.head.start) for piece in self.pieces]
            return [self.clean.label_stamp(0), *collected, self.clean.label_stamp(len(self.clean.text))]
        first, last = _edges(self.layout, self.clean.text, own)
        return [first, *own, last]


@dataclass(frozen=True, slots=True)
class Part:
    """The messages of one source with all that is known of them; their times are on one clock."""

    clock: Clock
    messages: list[SipMessage]
    times: list[float | None]
    """As of the source's stamps: two more than there are messages."""
    resolution: float
    clock_steps: int


def sources_of(clean: CleanText, discovery: Discovery) -> list[Source]:
    """One source for each layout of a program's text."""
    pieces = [piece for piece in discovery.pieces if not piece.claim.head.repeats]
    return [
        Source(clean, layout, [piece for piece in pieces if piece.claim.layout is layout])
        for layout in discovery.layouts
    ]


def read_source(source: Source, *, dated: bool = True) -> Part:
    """Give the messages of a source their times and addresses. `dated`: whether dates may be used."""
    stamps = source.stamps()
    if not dated:
        stamps = [stamp if stamp is None else stamp._replace(absolute=False) for stamp in stamps]
    clock, times = one_clock(stamps)
    heads = [piece.claim.head for piece in source.pieces]
    messages = [SipMessage(piece.framed.raw, _NOWHERE, piece.framed.fidelity) for piece in source.pieces]
    ends = resolve(messages, heads)
    for message, piece, (origin, destination), time in zip(messages, source.pieces, ends, times[1:-1], strict=True):
        head = piece.claim.head
        position = Position(line=source.clean.line_of(piece.claim.start))
        message.observation = Observation(
            time, origin, destination, transport_of(message, head), position, sent=head.sent
        )
    known = [time for time in times if time is not None]
    steps = sum(1 for before, after in pairwise(known) if after < before - 1)
    resolution = max((stamp.resolution for stamp in stamps[1:-1] if stamp), default=0.0)
    return Part(clock, messages, times, resolution, steps)


def _edges(layout: LogLayout, text: LogText, stamps: Sequence[Stamp | None]) -> tuple[Stamp | None, Stamp | None]:
    """The times of the first and last dated line of a program's log: it ran at least that long."""
    if layout.origin is not TraceOrigin.LOG:
        return None, None
    absolute = {stamp.absolute for stamp in stamps if stamp is not None}
    beginning = text[:_EDGE].split(b"\n")
    end = text[-_EDGE:].split(b"\n")
    return _first_stamp(beginning, absolute), _first_stamp(reversed(end[1:] or end), absolute)


def _first_stamp(lines: Iterable[bytes], absolute: Set[bool]) -> Stamp | None:
    """The first time that a line begins with, if the log's messages have times of that kind."""
    for line in lines:
        stamp = find_leading_stamp(line[:256])
        if stamp is not None and stamp.absolute in absolute:
            return stamp
    return None
