"""Which layouts a text is made of, and which of their heads announces each of its messages.

A big log is not searched for every layout that there is: the lines around the first start lines of SIP say which
layouts write it, and only those are searched for in all of it. Start lines that remain without a head are looked at
again, until no new layout is found.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sip_ci.trace.logs.anchors import line_start, next_line
from sip_ci.trace.logs.cutting import Claim, Piece, cut, start_below
from sip_ci.trace.logs.interface import Head, LogLayout, LogText
from sip_ci.trace.logs.raw import RAW, begins_message

MAXIMUM_MESSAGES = 1_000_000
"""How many messages are read from one log."""

_VERSION = re.compile(rb"SIP/2\.0(?= {1,4}[1-9][0-9]{2}(?:[ \r\n]|\Z)|[ \t]{0,8}(?:\r?\n|\Z)|\.\r?\n|[\"\\#])")
"""Where a start line may be: a request line ends with the version, a status line goes on with the code."""
_ENOUGH = 50
_AROUND = 8_192
"""How much of a text before and behind a start line is looked at, in bytes."""
_BEGINNING = 1 << 20
_WINDOWS = 32
_ROUNDS = 8
_APART = b"\n\0\n"
"""Between windows: neither blank nor a head, so that no head of one window announces the message of another."""
_LAYERS = b'"layers"'
_DOCUMENT = re.compile(rb"\s{0,64}(?:\[\s{0,64})?\{\s{0,64}\"")


@dataclass(frozen=True, slots=True)
class Discovery:
    """The layouts of a text, most frequent first, and the messages that their heads announce."""

    layouts: tuple[LogLayout, ...]
    pieces: tuple[Piece, ...]
    """In the order of the text, with those that only repeat others."""
    unreadable: tuple[int, ...]
    """Offsets of the heads of these layouts that no SIP message follows."""
    unannounced: tuple[int, ...]
    """Offsets of the start lines of messages that none of these layouts announces."""


_NOTHING = Discovery((), (), (), ())


def discover(text: LogText, layouts: Sequence[LogLayout], *, altered: bool = False) -> Discovery:
    """Find the layouts of a text and cut out its messages.

    The raw layout is found where there are only start lines, no layout where not even those. Time is linear in the
    length of the text, and nearly independent of the number of layouts.
    """
    hits = array("q", (match.start() for match in _VERSION.finditer(text)))
    present: list[LogLayout] = []
    result = _NOTHING
    left: Sequence[int] = hits
    strangers: tuple[int, ...] = ()
    for _ in range(_ROUNDS):
        # A document is one record from its beginning to its end, so no part of it can be judged alone.
        whole = not present and _is_document(text)
        sample = text if whole else _windows(text, strangers) + _windows(text, left)
        found = [layout for layout in layouts if layout not in present and score(layout, sample) > 0]
        if not found and not present:
            # Hexadecimal digits show no start line.
            found = [layout for layout in layouts if score(layout, text[:_BEGINNING]) > 0]
        if not found:
            break
        present += found
        result = _read(text, [layout for layout in layouts if layout in present], altered)
        left = _outside(hits, result.pieces)
        strangers = _beginnings(text, left)
        if not left:
            break
    if not result.pieces:
        return _read(text, [RAW], altered)
    return Discovery(result.layouts, result.pieces, result.unreadable, strangers)


def _beginnings(text: LogText, offsets: Sequence[int]) -> tuple[int, ...]:
    """Which of some offsets stand in a line that begins a message: the offsets of these lines."""
    lines = {line: None for line in (line_start(text, offset) for offset in offsets) if line is not None}
    return tuple(line for line in lines if begins_message(text, line))


def score(layout: LogLayout, text: LogText) -> int:
    """How many of the first heads of a layout in a text have a SIP message below them.

    A sentence that merely looks like a head counts for nothing.
    """
    heads = islice(layout.heads(text), _ENOUGH)
    return sum(1 for head in heads if start_below(layout, text, head, len(text)) is not None)


def _is_document(text: LogText) -> bool:
    """Whether a text is the JSON of a decoder."""
    return _DOCUMENT.match(text[:256]) is not None and text.find(_LAYERS, 0, _BEGINNING) >= 0


def _read(text: LogText, layouts: Sequence[LogLayout], altered: bool) -> Discovery:
    claims, unreadable = _claims(text, layouts)
    pieces: list[Piece] = []
    for claim in claims:
        # A start line in the body of a message, such as a forwarded log, begins no message of its own.
        if pieces and claim.start < pieces[-1].end:
            continue
        pieces.append(cut(claim, text, altered=altered))
        if len(pieces) >= MAXIMUM_MESSAGES:
            break
    counts = {layout.name: 0 for layout in layouts}
    for piece in pieces:
        counts[piece.claim.layout.name] += not piece.claim.head.repeats
    used = sorted((layout for layout in layouts if counts[layout.name]), key=lambda layout: -counts[layout.name])
    return Discovery(tuple(used), tuple(pieces), unreadable, ())


def _claims(text: LogText, layouts: Sequence[LogLayout]) -> tuple[list[Claim], tuple[int, ...]]:
    """For each message the head that announces it, in order; and the heads without a message.

    Where several layouts know a line above the same message, that counts which explains most of what is there.
    """
    best: dict[int, Claim] = {}
    unreadable: list[int] = []
    for layout in layouts:
        for head, limit in _with_limits(layout, text):
            start = start_below(layout, text, head, limit)
            if start is None:
                unreadable.append(head.start)
                continue
            other = best.get(start)
            if other is None or head.start < other.head.start:
                best[start] = Claim(layout, head, start, limit)
    if len(layouts) == 1:
        return list(best.values()), tuple(unreadable)
    ordered = [best[start] for start in sorted(best)]
    return list(_apart(ordered)), tuple(sorted(unreadable))


def _apart(claims: Sequence[Claim]) -> Iterator[Claim]:
    """End each message where the head of the next one begins, whichever layout that is of."""
    for index, claim in enumerate(claims):
        following = claims[index + 1].head.start if index + 1 < len(claims) else claim.limit
        if claim.start < following < claim.limit:
            yield Claim(claim.layout, claim.head, claim.start, following)
        else:
            yield claim


def _with_limits(layout: LogLayout, text: LogText) -> Iterator[tuple[Head, int]]:
    """Each head with the offset where its message has ended at the latest."""
    before: Head | None = None
    for head in layout.heads(text):
        if before is not None:
            yield before, before.end or head.start
        before = head
    if before is not None:
        yield before, before.end or len(text)


def _windows(text: LogText, hits: Sequence[int]) -> bytes:
    """The text around some of the offsets: the first ones, and others spread evenly over the rest."""
    half = _WINDOWS // 2
    step = max(1, (len(hits) - half) // half)
    chosen = sorted({*hits[:half], *hits[half::step][:half]})
    pieces: list[bytes] = []
    end = 0
    for offset in chosen:
        start = line_start(text, max(0, offset - _AROUND))
        start = max(0, offset - _AROUND) if start is None else start
        if start > end:
            pieces.append(_APART)
        start = max(start, end)
        end = max(end, next_line(text, min(offset + _AROUND, len(text))))
        pieces.append(text[start:end])
    return b"".join(pieces)


def _outside(hits: Sequence[int], pieces: Sequence[Piece]) -> Sequence[int]:
    """The offsets that stand in no head and in no message."""
    left = array("q")
    index = 0
    for hit in hits:
        while index < len(pieces) and pieces[index].end <= hit:
            index += 1
        if index == len(pieces) or hit < pieces[index].claim.head.start:
            left.append(hit)
    return left
