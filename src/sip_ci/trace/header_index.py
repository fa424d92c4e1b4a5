"""Where the headers of a message stand: one pass over its bytes, names made canonical (RFC 3261 §7.3)."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from sip_ci.trace.headers import COMPACT_FORMS
from sip_ci.trace.start_line import decode

_CANONICAL: dict[bytes, str] = {short.encode(): name for short, name in COMPACT_FORMS.items()}
_CANONICAL_NAMES = 4096
_NAME_SEQUENCES: dict[tuple[str, ...], tuple[str, ...]] = {}
"""The header names of messages, in order: most messages of a trace share a few sequences, so they share the tuples."""


class Header(NamedTuple):
    """One header line, folding included."""

    name: str
    """Canonical: the long form in lower case."""
    written: str
    """The name as it was written."""
    start: int
    """Offset of the header's first byte in the message."""
    value_start: int
    end: int
    """Offset behind the value, before the line end."""


def canonical_name(written: bytes) -> str:
    """The long form of a header name in lower case; white space around it is ignored."""
    name = _CANONICAL.get(written)
    if name is None:
        lowered = decode(written).strip().lower()
        name = COMPACT_FORMS.get(lowered, lowered)
        if len(_CANONICAL) < _CANONICAL_NAMES and len(written) <= 64:
            _CANONICAL[written] = name
    return name


def unfold(raw: bytes) -> str:
    """The value in these bytes, with each fold as one space."""
    value = decode(raw)
    if "\n" in value or "\r" in value:
        return " ".join(piece.strip() for piece in value.replace("\r", "\n").split("\n") if piece.strip())
    return value.strip()


def newline_of(raw: bytes) -> bytes:
    """What ends the lines of the headers: LF with or without a CR before it, or a bare CR where a sender uses that."""
    line_feed = raw.find(b"\n")
    head = raw if line_feed < 0 else raw[:line_feed].rstrip(b"\r")
    return b"\r" if b"\r" in head and (line_feed < 0 or b"\r\r" in head) else b"\n"


def index_headers(raw: bytes) -> tuple[tuple[str, ...], array[int], int]:
    """Find the header lines and the start of the body. Linear in the length of the message."""
    names: list[str] = []
    offsets: list[int] = []
    newline = newline_of(raw)
    size = len(raw)
    position = raw.find(newline) + 1 or size
    body_start = size
    while position < size:
        end = raw.find(newline, position)
        if end < 0:
            end = next_line = size
        else:
            next_line = end + 1
        if end > position and raw[end - 1] == 13:
            end -= 1
        if end == position:
            body_start = next_line
            break
        if raw[position] in b" \t" and offsets:
            offsets[-1] = end
        else:
            colon = raw.find(b":", position, end)
            if colon >= 0:
                names.append(canonical_name(raw[position:colon]))
                offsets += (position, colon + 1, end)
            else:
                # A line without a colon is kept, nameless, so that nothing of the message is lost.
                names.append("")
                offsets += (position, end, end)
        position = next_line
    sequence = tuple(names)
    if len(_NAME_SEQUENCES) < _CANONICAL_NAMES and len(sequence) <= 64:
        sequence = _NAME_SEQUENCES.setdefault(sequence, sequence)
    return sequence, array("I", offsets), body_start
