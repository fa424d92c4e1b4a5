"""Fits a long transcript into the API's limit: split by call, never inside one, and mapped back to the original."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

from sip_ci.service.wire import MAXIMUM_TRACE_BYTES


@dataclass(frozen=True, slots=True)
class Block:
    """One message of a transcript, or the remarks about one call."""

    call: str
    """The Call-ID; blocks of one call stay together."""
    text: str
    """Ends with a line end."""
    message: int | None = None
    """0-based index of the message in the original input; None for a remark."""
    line: int | None = None
    """1-based line in the original input at which `text` would begin, where that is text."""
    frame: int | None = None
    """1-based packet number in the original input, where that is a capture."""

    @property
    def size(self) -> int:
        """Bytes of UTF-8."""
        return len(self.text.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the original input."""

    message: int | None = None
    line: int | None = None
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece that is submitted by itself."""

    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """What is submitted."""
        return "".join(block.text for block in self.blocks)

    def place_of_line(self, line: int) -> Place:
        """Where a 1-based line of the chunk stands in the original."""
        starts, next_line = [], 1
        for block in self.blocks:
            starts.append(next_line)
            next_line += block.text.count("\n")
        index = bisect.bisect_right(starts, line) - 1
        if index < 0 or line >= next_line:
            return Place()
        block = self.blocks[index]
        original = None if block.line is None else block.line + line - starts[index]
        return Place(block.message, original, block.frame)

    def place_of_message(self, message: int) -> Place:
        """Where the chunk's message of a 0-based index stands in the original."""
        messages = [block for block in self.blocks if block.message is not None]
        if not 0 <= message < len(messages):
            return Place()
        block = messages[message]
        return Place(block.message, block.line, block.frame)


@dataclass(frozen=True, slots=True)
class Chunks:
    """All pieces of one input."""

    pieces: tuple[Chunk, ...]
    notices: tuple[str, ...] = ()


def split(blocks: Iterable[Block], limit: int = MAXIMUM_TRACE_BYTES) -> Chunks:
    """Pack calls into as few chunks as their order allows, each at most `limit` bytes.

    Calls keep the order of their first message and messages their order within a chunk, so that the legs of one
    session mostly stay together. A call that alone exceeds the limit is cut at its end.
    """
    calls: dict[str, list[tuple[int, Block]]] = {}
    for position, block in enumerate(blocks):
        calls.setdefault(block.call, []).append((position, block))
    pieces: list[Chunk] = []
    notices: list[str] = []
    current: list[tuple[int, Block]] = []
    used = 0
    for entries in calls.values():
        kept = _cut(entries, limit)
        if len(kept) < len(entries):
            omitted = len(entries) - len(kept)
            notices.append(
                f"one call is longer than the server's limit of {limit} bytes; "
                f"its last {omitted} of {len(entries)} messages were left out"
            )
        size = sum(block.size for _position, block in kept)
        if current and used + size > limit:
            pieces.append(_chunk(current))
            current, used = [], 0
        current += kept
        used += size
    if current:
        pieces.append(_chunk(current))
    if len(pieces) > 1:
        notices.append(f"the trace was submitted in {len(pieces)} parts; faults across several calls may go unseen")
    return Chunks(tuple(pieces), tuple(notices))


def _cut(entries: list[tuple[int, Block]], limit: int) -> list[tuple[int, Block]]:
    used = 0
    for index, (_position, block) in enumerate(entries):
        used += block.size
        if used > limit:
            return entries[:index]
    return entries


def _chunk(entries: list[tuple[int, Block]]) -> Chunk:
    return Chunk(tuple(block for _position, block in sorted(entries, key=lambda entry: entry[0])))
