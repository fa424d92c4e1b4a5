"""`ngrep -W byline -t`: a line with transport, time and addresses, then the payload with a dot for each CR.

TCP payloads are those of single segments, which are joined to messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sip_ci.trace.logs.addresses import endpoint, ends
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.framing import with_carriage_returns
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.segments import SegmentJoiner
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?:[^\r\n]{0,128}?[ |])??(?P<transport>[TU])(?:\([0-9]{1,5}\))? "
    rb"(?:(?P<stamp>[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}|\+[0-9]{1,9}\.[0-9]{6}) )?"
    + ends(b"->")
    + rb"(?: \[[A-Z]{1,8}\])?"
    rb"(?: #[0-9]{1,12})?[ \t]*\r?$",
    re.MULTILINE,
)
_LONGEST_SEGMENT = 1 << 17
_HASHES = re.compile(rb"\n#[#\r\n]*\Z")
"""The marks that ngrep prints without `-q`, one for each packet that it saw."""
_LONGEST_MARKS = 4096


class NgrepLayout:
    """What ngrep prints for `-W byline` (jpr5/ngrep, `dump_byline`), with or without `-t`."""

    name = "ngrep"
    # What did not match the expression given to ngrep is not there.
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b"."

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines with a transport's letter and two addresses."""
        matches = [match for start, _ in lines_with(text, b" -> ") if (match := _HEAD.match(text, start)) is not None]
        joiner = SegmentJoiner()
        found: list[Head] = []
        for index, match in enumerate(matches):
            head = _head(text, match)
            limit = matches[index + 1].start() if index + 1 < len(matches) else len(text)
            end = _before_marks(text, head.payload, limit)
            if match["transport"] == b"U":
                found.append(head if end == limit else replace(head, end=end))
                continue
            payload = with_carriage_returns(text[head.payload : min(end, head.payload + _LONGEST_SEGMENT)], b".")
            # The line end of ngrep itself is no part of the payload.
            found += joiner.add(replace(head, end=end), payload.removesuffix(b"\n").removesuffix(b"\n"))
        found += joiner.rest()
        found.sort(key=lambda head: head.start)
        yield from found


def _before_marks(text: LogText, start: int, end: int) -> int:
    """Where a payload ends, without the marks behind it."""
    window = max(start, end - _LONGEST_MARKS)
    marks = _HASHES.search(text[window:end])
    return end if marks is None else window + marks.start() + 1


def _head(text: LogText, match: re.Match[bytes]) -> Head:
    udp = match["transport"] == b"U"
    return Head(
        match.start(),
        next_line(text, match.end()),
        find_stamp(match["stamp"] or b""),
        source=endpoint(match["source"]),
        destination=endpoint(match["destination"]),
        # WebSocket is TCP, too: the Via knows better.
        transport=Transport.UDP if udp else Transport.UNKNOWN,
        fidelity=None if udp else Fidelity.LINE_ENDINGS_LOST,
    )


NGREP = NgrepLayout()
