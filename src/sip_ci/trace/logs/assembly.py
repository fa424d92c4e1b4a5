"""From the heads of a layout to a trace: framing, addresses, one clock, and what has to be said about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

from sip_ci.trace.logs.cleaning import CleanText
from sip_ci.trace.logs.endpoints import resolve, transport_of
from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE, Framed, find_start, frame, strip_prefix, with_carriage_returns
from sip_ci.trace.logs.interface import Head, LogLayout, LogText
from sip_ci.trace.logs.stamps import Stamp, find_leading_stamp, one_clock
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Fidelity, Observation, Position, Transport
from sip_ci.trace.trace import Facts, Notice, NoticeKind, Trace, TraceOrigin

MAXIMUM_MESSAGES = 1_000_000
"""How many messages are read from one log."""

_EDGE = 1 << 14
"""How much of the beginning and end of a log is searched for its first and last dated line, in bytes."""

_NOWHERE = Observation(None, None, None, Transport.UNKNOWN, Position())


@dataclass(frozen=True, slots=True)
class _Piece:
    """One message cut out of the text."""

    head: Head
    line: int
    framed: Framed


def assemble(name: str, layout: LogLayout, clean: CleanText) -> Trace:
    """Read a text of a known layout."""
    pieces: list[_Piece] = []
    unreadable: list[int] = []
    for head, limit in _with_limits(layout, clean.text):
        piece = _cut(layout, clean, head, limit)
        if piece is not None:
            pieces.append(piece)
        else:
            unreadable.append(clean.line_of(head.start))
        if len(pieces) >= MAXIMUM_MESSAGES:
            break
    if all(piece.head.stamp is None for piece in pieces):
        # The program wrote no times, but what collected its output may have done so.
        pieces = [_dated(piece, clean) for piece in pieces]
        first, last = clean.label_stamp(0), clean.label_stamp(len(clean.text))
    else:
        first, last = _edges(layout, clean.text, pieces)
    clock, times = one_clock([first, *(piece.head.stamp for piece in pieces), last])
    messages = _messages(pieces, times[1:-1], clock)
    known = [time for time in times if time is not None]
    steps = sum(1 for before, after in pairwise(known) if after < before - 1)
    facts = Facts(
        first_time=min(known, default=None),
        last_time=max(known, default=None),
        clock_steps=steps,
        clock_resolution=max((piece.head.stamp.resolution for piece in pieces if piece.head.stamp), default=0.0),
    )
    return Trace(
        name, layout.name, layout.origin, clock, messages, facts=facts, notices=tuple(_notices(pieces, unreadable))
    )


def _with_limits(layout: LogLayout, text: LogText) -> Iterator[tuple[Head, int]]:
    """Each head with the offset where its message has ended at the latest."""
    before: Head | None = None
    for head in layout.heads(text):
        if before is not None:
            yield before, head.start
        before = head
    if before is not None:
        yield before, len(text)


def _cut(layout: LogLayout, clean: CleanText, head: Head, limit: int) -> _Piece | None:
    if head.text is not None:
        framed = frame(head.text[:MAXIMUM_MESSAGE], head.size, tight=layout.tight, altered=True)
        return _Piece(head, clean.line_of(head.payload), framed)
    chunk = clean.text[head.payload : min(limit, head.payload + MAXIMUM_MESSAGE)]
    chunk = with_carriage_returns(chunk, layout.carriage_return)
    found = find_start(chunk)
    if found is None:
        return None
    offset, prefix = found
    line = clean.line_of(head.payload + offset)
    chunk = chunk[offset:]
    if layout.terminator is not None:
        end = layout.terminator.search(chunk)
        if end is not None:
            chunk = chunk[: end.start() + 1]
    if prefix:
        chunk = strip_prefix(chunk, prefix)
    altered = clean.altered or bool(prefix) or bool(layout.carriage_return)
    return _Piece(head, line, frame(chunk, head.size, tight=layout.tight, altered=altered))


def _dated(piece: _Piece, clean: CleanText) -> _Piece:
    return replace(piece, head=replace(piece.head, stamp=clean.label_stamp(piece.head.start)))


def _messages(pieces: Sequence[_Piece], times: Sequence[float | None], clock: Clock) -> tuple[SipMessage, ...]:
    messages = [SipMessage(piece.framed.raw, _NOWHERE, piece.framed.fidelity) for piece in pieces]
    ends = resolve(messages, [piece.head for piece in pieces])
    for message, piece, (source, destination), time in zip(messages, pieces, ends, times, strict=True):
        transport = transport_of(message, piece.head)
        position = Position(line=piece.line)
        message.observation = Observation(time, source, destination, transport, position, sent=piece.head.sent)
    # A clock that was set back says nothing about the order; where it ran, threads may have written out of turn.
    if clock is not Clock.ORDINAL and None not in times and not _went_back(times):
        messages.sort(key=lambda message: message.observation.time or 0.0)
    for index, message in enumerate(messages):
        message.index = index
    return tuple(messages)


def _went_back(times: Sequence[float | None]) -> bool:
    known = [time for time in times if time is not None]
    return any(after < before - 1 for before, after in pairwise(known))


def _edges(layout: LogLayout, text: LogText, pieces: Sequence[_Piece]) -> tuple[Stamp | None, Stamp | None]:
    """The times of the first and last dated line of a program's log: it ran at least that long."""
    if layout.origin is not TraceOrigin.LOG:
        return None, None
    absolute = {piece.head.stamp.absolute for piece in pieces if piece.head.stamp is not None}
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


def _notices(pieces: Sequence[_Piece], unreadable: Sequence[int]) -> Iterator[Notice]:
    truncated = [piece for piece in pieces if piece.framed.fidelity is Fidelity.TRUNCATED]
    if truncated:
        text = f"Messages in this log are shorter than they say, the first by {truncated[0].framed.missing} bytes"
        yield Notice(NoticeKind.TRUNCATED_MESSAGE, text, len(truncated), Position(line=truncated[0].line))
    if unreadable:
        text = "The log announces messages that are not SIP or cannot be read"
        yield Notice(NoticeKind.SKIPPED_TEXT, text, len(unreadable), Position(line=unreadable[0]))
    if len(pieces) >= MAXIMUM_MESSAGES:
        text = f"Only the first {MAXIMUM_MESSAGES} messages were read"
        yield Notice(NoticeKind.LIMIT, text, 1, Position(line=pieces[-1].line))
