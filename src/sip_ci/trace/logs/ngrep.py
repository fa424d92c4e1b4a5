"""`ngrep -W byline -t`: a line with transport, time and addresses, then the payload with a dot for each CR.

TCP payloads are those of single segments, so a long message over TCP may be cut into parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?:[^\r\n]{0,128}?[ |])??(?P<transport>[TU])(?:\([0-9]{1,5}\))? "
    rb"(?:(?P<stamp>[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}|\+[0-9]{1,9}\.[0-9]{6}) )?"
    rb"(?P<source>[^\s]{1,80}:[0-9]{1,5}) -> (?P<destination>[^\s]{1,80}:[0-9]{1,5})(?: \[[A-Z]{1,8}\])?"
    rb"(?: #[0-9]{1,12})?[ \t]*\r?$",
    re.MULTILINE,
)


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
        for start, _ in lines_with(text, b" -> "):
            match = _HEAD.match(text, start)
            if match is not None:
                yield Head(
                    start,
                    next_line(text, match.end()),
                    find_stamp(match["stamp"] or b""),
                    source=endpoint(match["source"]),
                    destination=endpoint(match["destination"]),
                    # WebSocket is TCP, too: the Via knows better.
                    transport=Transport.UDP if match["transport"] == b"U" else Transport.UNKNOWN,
                )


NGREP = NgrepLayout()
