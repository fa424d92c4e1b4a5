"""baresip's SIP trace (`-s` or `/sip_trace`): a time and `#`, a line with transport and both addresses, the message.

Colours surround each message. Version 1.0 and those before it write no time. The trace does not say which side is
its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.trace import TraceOrigin

_ENDS = re.compile(
    rb"[^\r\n]{0,200}?(?<![A-Za-z0-9])(?P<transport>UDP|TCP|TLS|WSS|WS) "
    rb"(?P<source>[^\s]{1,80}:[0-9]{1,5}) -> (?P<destination>[^\s]{1,80}:[0-9]{1,5})[ \t]*\r?\n"
)
# The line of a call's state may stand before it, without a line end.
_MARK = re.compile(rb"(?P<stamp>[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})?#[ \t]{0,8}\r?\n\Z")
_LONGEST_MARK = 32


class BaresipLayout:
    """What the trace handler prints (baresip, `src/uag.c`; the time is re's `fmt_timestamp`)."""

    name = "baresip"
    origin = TraceOrigin.LOG
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines with two addresses below a line that ends with `#`."""
        for start, _ in lines_with(text, b" -> "):
            above = max(0, start - _LONGEST_MARK)
            mark = _MARK.search(text[above:start])
            ends = _ENDS.match(text, start)
            if ends is None or mark is None:
                continue
            yield Head(
                above + mark.start(),
                ends.end(),
                find_stamp(mark["stamp"] or b""),
                source=endpoint(ends["source"]),
                destination=endpoint(ends["destination"]),
                transport=transport_named(ends["transport"].decode()),
            )


BARESIP = BaresipLayout()
