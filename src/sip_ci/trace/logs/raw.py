"""SIP messages one after another, with nothing above them: pasted text, Wireshark's "Follow stream", a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.anchors import LONGEST_LINE, line_start, next_line
from sip_ci.trace.logs.framing import (
    MAXIMUM_MESSAGE,
    carries_messages,
    declared_length,
    end_of_counted,
    find_start,
    header_follows,
    headers_end,
)
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.start_line import MAX_START_LINE
from sip_ci.trace.trace import TraceOrigin

_VERSION = re.compile(rb"SIP/[0-9]{1,3}\.[0-9]{1,3}(?=[ \t]|\r?\n|\Z)")
_LONGEST_START_LINE = MAX_START_LINE + LONGEST_LINE
_HEADERS = 16_384
"""How far the end of the headers is looked for, in bytes, to find out whether a body may hold messages."""


class RawLayout:
    """Messages back to back; also what remains when no other layout is recognised."""

    name = "raw"
    origin = TraceOrigin.TEXT
    # A log of an unknown layout comes here too, and writes its own lines between the messages.
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """Every start line that a header line follows, except those inside the body of another message."""
        opaque_until = -1
        for line in _lines_with_version(text):
            if line >= opaque_until and begins_message(text, line):
                yield Head(line, line)
                opaque_until = _end_of_opaque_body(text, line)


def begins_message(text: LogText, line: int) -> bool:
    """Whether a start line stands at an offset where a line begins, and a header line below it."""
    end = next_line(text, line)
    if end - line > _LONGEST_START_LINE:
        return False
    start = find_start(text[line:end])
    if start is None or start[0] != 0:
        return False
    if end >= len(text):
        return line == 0 and not start[1].strip()
    return header_follows(text[line : end + 1024], 0, start[1]) or (line == 0 and not start[1].strip())


def _lines_with_version(text: LogText) -> Iterator[int]:
    before = -1
    for match in _VERSION.finditer(text):
        line = line_start(text, match.start())
        if line is not None and line != before:
            yield line
            before = line


def _end_of_opaque_body(text: LogText, start: int) -> int:
    """Behind the body of a message that may hold start lines, such as the NOTIFY of a REFER; else -1."""
    chunk = text[start : start + _HEADERS]
    body_start = headers_end(chunk)
    if body_start is None or not carries_messages(chunk[:body_start]):
        return -1
    length = declared_length(chunk[:body_start]) or 0
    body = text[start + body_start : start + body_start + min(length, MAXIMUM_MESSAGE)]
    return start + body_start + end_of_counted(body, 0, length)[0]


RAW = RawLayout()
