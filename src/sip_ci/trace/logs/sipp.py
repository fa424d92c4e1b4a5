"""SIPp's `-trace_msg` file: a ruler with a time, a line with transport, direction and length, the message.

Version 3.6 writes `UDP message sent (509 bytes):` but `UDP message received [509] bytes :`; version 4 writes
`UDP message sent [509] bytes:`. No version writes an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import TraceOrigin

_RULER = b"-" * 47
_HEAD = re.compile(
    rb"[^\r\n]{0,128}?-{47} (?P<stamp>[0-9T:. +Z-]{19,40}?)[ \t]*\r?\n"
    rb"[^\r\n]{0,128}?(?P<transport>UDP|TCP|TLS|SCTP|WSS|WS) (?:control )?message (?P<way>sent|received) "
    rb"[\[(](?P<size>[0-9]{1,9})(?:\] bytes ?| bytes\)):?[ \t]*\r?\n"
)
_OTHER_HEAD = re.compile(
    rb"[^\r\n]{0,128}?-{47}(?: [0-9T:. +Z-]{19,40})?[ \t]*\r?\n[^\r\n]{0,128}?(?:Unexpected [^\r\n]{1,64} received:"
    rb"|Dead call [^\r\n]{1,512} received an? [^\r\n]{1,32} message:|(?:Error|Truncation) sending [^\r\n]{1,64}:)"
    rb"[^\r\n]{0,512}\r?\n"
)


class SippLayout:
    """What SIPp writes for `-trace_msg` (SIPp/sipp, `src/socket.cpp`).

    Blocks about unexpected messages, dead calls and errors repeat what a block above them already showed, or tell of
    what was never sent: they are left out.
    """

    name = "sipp"
    origin = TraceOrigin.LOG
    tight = True
    terminator = re.compile(rb"\n[^\r\n]{0,128}?-{47} ")
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The rulers that a line about a sent or received message follows."""
        for start, _ in lines_with(text, _RULER):
            match = _HEAD.match(text, start)
            if match is None:
                other = _OTHER_HEAD.match(text, start)
                if other is not None:
                    yield Head(start, other.end(), repeats=True)
                continue
            yield Head(
                start,
                match.end(),
                find_stamp(match["stamp"]),
                sent=match["way"] == b"sent",
                transport=Transport(match["transport"].decode()),
                size=int(match["size"]),
            )


SIPP = SippLayout()
