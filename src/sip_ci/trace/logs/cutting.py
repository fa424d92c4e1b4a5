"""One message out of a log, below its head."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.logs.framing import (
    MAXIMUM_MESSAGE,
    Framed,
    find_start,
    frame,
    header_follows,
    strip_prefix,
    with_carriage_returns,
)
from sip_ci.trace.logs.interface import Head, LogLayout, LogText
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.start_line import MAX_START_LINE

_TOP = 16_384
"""How far below a head the start line is looked for at first, in bytes."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A head, and the start line that it stands above."""

    layout: LogLayout
    head: Head
    start: int
    """Offset of the line of the start line."""
    limit: int
    """Where the message has ended at the latest."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One message cut out of a text."""

    claim: Claim
    framed: Framed
    end: int
    """Offset behind the message."""


def start_below(layout: LogLayout, text: LogText, head: Head, limit: int) -> int | None:
    """The offset of the line with the start line that a head announces; None where none follows."""
    if head.text is not None:
        return head.payload if find_start(head.text[:MAX_START_LINE]) is not None else None
    limit = min(limit, head.payload + MAXIMUM_MESSAGE)
    for size in (_TOP, 5 * MAX_START_LINE):
        chunk = with_carriage_returns(text[head.payload : min(limit, head.payload + size)], layout.carriage_return)
        found = find_start(chunk)
        if found is not None:
            offset, prefix = found
            # Behind a label, a sentence may end like a start line: headers have to follow.
            if prefix.strip() and not header_follows(chunk, offset, prefix):
                return None
            return head.payload + offset
        if head.payload + size >= limit or b"\n" in chunk:
            break
    return None


def cut(claim: Claim, text: LogText, *, altered: bool) -> Piece:
    """Cut the message of a claim. `altered`: the text is not as the program wrote it, so nothing is exact."""
    layout, head = claim.layout, claim.head
    if head.text is not None:
        if head.fidelity in (Fidelity.DECODED, Fidelity.TRUNCATED):
            # What is missing was lost by the program that decoded the message; lengths say nothing.
            return Piece(claim, Framed(head.text, head.fidelity, 0), claim.limit if head.end is None else head.end)
        exact = head.fidelity is Fidelity.EXACT and not altered
        framed = frame(head.text[:MAXIMUM_MESSAGE], head.size, tight=True, altered=not exact)
        return Piece(claim, framed, claim.limit if head.end is None else head.end)
    chunk = text[claim.start : min(claim.limit, claim.start + MAXIMUM_MESSAGE)]
    if layout.carriage_return:
        chunk = with_carriage_returns(chunk, layout.carriage_return)
    if layout.terminator is not None:
        end = layout.terminator.search(chunk)
        if end is not None:
            chunk = chunk[: end.start() + 1]
    found = find_start(chunk)
    prefix = found[1] if found is not None else b""
    if not prefix:
        framed = frame(chunk, head.size, tight=layout.tight, altered=altered or bool(layout.carriage_return))
        return Piece(claim, framed, claim.start + len(framed.raw))
    framed = frame(strip_prefix(chunk, prefix), head.size, tight=layout.tight, altered=True)
    return Piece(claim, framed, claim.start + _behind_lines(chunk, framed.raw.count(b"\n")))


def _behind_lines(chunk: bytes, count: int) -> int:
    """The offset behind a number of lines."""
    offset = 0
    for _ in range(count):
        newline = chunk.find(b"\n", offset)
        if newline < 0:
            return len(chunk)
        offset = newline + 1
    return offset
