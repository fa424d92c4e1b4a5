"""Finding the few lines of a big log that matter, without looking at the others."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from sip_ci.trace.logs.interface import LogText

LONGEST_LINE = 8192
"""How far, in bytes, the beginning of a line is looked for."""


def lines_with(text: LogText, *literals: bytes) -> Iterator[tuple[int, int]]:
    """The lines that hold one of the literals: (start of the line, offset of the literal), in order.

    A line is given once for each literal that it holds in its first 8192 bytes. The search is that of
    `bytes.find`, so lines without a literal cost next to nothing.
    """
    for offset in merge(*(_occurrences(text, literal) for literal in literals)):
        start = line_start(text, offset)
        if start is not None:
            yield start, offset


def line_start(text: LogText, offset: int) -> int | None:
    """The offset of the first byte of the line that holds an offset; None where that is too far away."""
    floor = max(0, offset - LONGEST_LINE)
    newline = text.rfind(b"\n", floor, offset)
    if newline >= 0:
        return newline + 1
    return 0 if floor == 0 else None


def next_line(text: LogText, offset: int) -> int:
    """The offset of the first byte behind the line that holds an offset."""
    newline = text.find(b"\n", offset)
    return newline + 1 if newline >= 0 else len(text)


def _occurrences(text: LogText, literal: bytes) -> Iterator[int]:
    offset = text.find(literal)
    while offset >= 0:
        yield offset
        # One hit per line is enough, and keeps a line of nothing but hits from costing more than its length.
        offset = text.find(literal, max(next_line(text, offset), offset + 1))
