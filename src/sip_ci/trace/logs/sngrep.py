"""sngrep's text export: a line with time and both addresses, the message, two line ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, ends
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?:(?P<stamp>[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}) )?" + ends(b"->") + rb"[ \t]*\r?$",
    re.MULTILINE,
)


UNKNOWN_END = b"?:0"
"""How a transcript of ours writes an address that its trace does not give."""


class SngrepLayout:
    """What sngrep's save dialog writes as `.txt` (irontec/sngrep, `save_msg_txt`).

    It is also the form of our own transcripts, which leave the time out where it is not known.
    """

    name = "sngrep"
    # It shows packets that passed one point, but only those that a person selected, and never media.
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines with a time and two addresses."""
        for start, _ in lines_with(text, b" -> "):
            match = _HEAD.match(text, start)
            if match is not None:
                yield Head(
                    start,
                    next_line(text, match.end()),
                    find_stamp(match["stamp"] or b""),
                    source=_end(match["source"]),
                    destination=_end(match["destination"]),
                )


def _end(text: bytes) -> Endpoint | None:
    return None if text == UNKNOWN_END else endpoint(text)


SNGREP = SngrepLayout()
