"""sipML5 in a browser's console: `SEND: INVITE sip:… SIP/2.0` and `recv=SIP/2.0 200 OK`, before the start line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.console import console_stamp
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,300}?)(?<![A-Za-z])(?:(?P<sent>SEND: )|recv=)"
    rb"(?=SIP/2\.0 [1-6][0-9]{2}|[A-Z]{2,20} [^ \r\n]{1,2000} SIP/2\.0)"
)


class SipmlLayout:
    """What sipML5's transport logs (DoubangoTelecom/sipml5, `tsip_transport.js`)."""

    name = "sipml5"
    origin = TraceOrigin.LOG
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The start lines with a word before them."""
        for start, _ in lines_with(text, b"SEND: ", b"recv="):
            match = _HEAD.match(text, start)
            if match is not None:
                yield Head(start, match.end(), console_stamp(match["before"]), sent=match["sent"] is not None)


SIPML = SipmlLayout()
