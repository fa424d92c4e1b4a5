"""From the messages that were found in a log to a trace, and what has to be said about the rest of the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sip_ci.trace.logs.cleaning import CleanText
from sip_ci.trace.logs.discovery import MAXIMUM_MESSAGES, Discovery
from sip_ci.trace.logs.merging import in_order, read_sources, without_twins
from sip_ci.trace.logs.sources import sources_of
from sip_ci.trace.observation import Fidelity, Position
from sip_ci.trace.trace import Facts, Notice, NoticeKind, Trace, TraceOrigin

_COUNTED_AT_ONCE = 1 << 20


def assemble(name: str, texts: Sequence[tuple[CleanText, Discovery]]) -> Trace:
    """Build the trace of a log from the texts of its programs, each with at least one message."""
    sources = [source for clean, discovery in texts for source in sources_of(clean, discovery)]
    clock, parts = read_sources(sources)
    twins = without_twins(parts) if len(parts) > 1 else 0
    messages = in_order(parts, clock)
    for index, message in enumerate(messages):
        message.index = index
    known = [time for part in parts for time in part.times if time is not None]
    facts = Facts(
        first_time=min(known, default=None),
        last_time=max(known, default=None),
        clock_steps=sum(part.clock_steps for part in parts),
        clock_resolution=max(part.resolution for part in parts),
    )
    layouts = {source.layout.name: source.layout for source in sources}
    origins = {layout.origin for layout in layouts.values()}
    origin = TraceOrigin.TEXT if TraceOrigin.TEXT in origins else TraceOrigin.LOG
    notices = tuple(_notices(texts, twins))
    return Trace(name, "+".join(layouts), origin, clock, tuple(messages), facts=facts, notices=notices)


def _notices(texts: Sequence[tuple[CleanText, Discovery]], twins: int) -> Iterator[Notice]:
    cut_off = [
        (clean.line_of(piece.claim.start), piece.framed.missing)
        for clean, discovery in texts
        for piece in discovery.pieces
        if piece.framed.fidelity is Fidelity.TRUNCATED and not piece.claim.head.repeats
    ]
    if cut_off:
        text = "Messages in this log are not all there"
        if cut_off[0][1]:
            text = f"Messages in this log are shorter than they say, the first by {cut_off[0][1]} bytes"
        yield Notice(NoticeKind.TRUNCATED_MESSAGE, text, len(cut_off), Position(line=cut_off[0][0]))
    unreadable = [clean.line_of(offset) for clean, discovery in texts for offset in discovery.unreadable]
    if unreadable:
        text = "The log announces messages that are not SIP or cannot be read"
        yield Notice(NoticeKind.SKIPPED_TEXT, text, len(unreadable), Position(line=unreadable[0]))
    strangers = [clean.line_of(offset) for clean, discovery in texts for offset in discovery.unannounced]
    if strangers:
        text = "SIP messages stand in this log without a line that says who sent them, and were not read"
        yield Notice(NoticeKind.SKIPPED_TEXT, text, len(strangers), Position(line=strangers[0]))
    if twins:
        text = "Messages were logged by the program that sent them and by the one that received them, and count once"
        yield Notice(NoticeKind.SKIPPED_TEXT, text, twins)
    yield from _other_lines(texts)
    if any(len(discovery.pieces) >= MAXIMUM_MESSAGES for _, discovery in texts):
        text = f"Only the first {MAXIMUM_MESSAGES} messages were read"
        yield Notice(NoticeKind.LIMIT, text, 1)


def _other_lines(texts: Sequence[tuple[CleanText, Discovery]]) -> Iterator[Notice]:
    """How many lines with text belong to no message and no head."""
    count = 0
    first: int | None = None
    for clean, discovery in texts:
        before = 0
        for piece in discovery.pieces:
            count, first = _counted(clean, before, piece.claim.head.start, count, first)
            before = max(piece.end, before)
        count, first = _counted(clean, before, len(clean.text), count, first)
    if count:
        yield Notice(
            NoticeKind.OTHER_TEXT, "Lines that belong to no SIP message were left out", count, Position(line=first)
        )


def _counted(clean: CleanText, start: int, end: int, count: int, first: int | None) -> tuple[int, int | None]:
    """Add the lines with text between two messages to a count and the place of the first such line."""
    for begin in range(start, end, _COUNTED_AT_ONCE):
        gap = clean.text[begin : min(begin + _COUNTED_AT_ONCE, end)]
        rest = gap.strip()
        # Rulers and the like that only end a message are no lines of their own.
        if not rest or (len(rest) < 200 and not rest.strip(b"-<>=~|.*_ \t\r\n")):
            continue
        if first is None:
            first = clean.line_of(begin + gap.index(rest[:1]))
        count += rest.count(b"\n") + (gap.endswith(b"\n") or begin + _COUNTED_AT_ONCE >= end)
    return count, first
