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
_MARK = re.compile(rb"[^\r\n]{0,200}?(?P<stamp>[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})?#[ \t]*\r?\n")


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
            before = text.rfind(b"\n", max(0, start - 300), max(0, start - 1)) + 1
            mark = _MARK.match(text, before)
            ends = _ENDS.match(text, start)
            if ends is None or mark is None or mark.end() != start:
                continue
            yield Head(
                before,
                ends.end(),
                find_stamp(mark["stamp"] or b""),
                source=endpoint(ends["source"]),
                destination=endpoint(ends["destination"]),
                transport=transport_named(ends["transport"].decode()),
            )


BARESIP = BaresipLayout()
