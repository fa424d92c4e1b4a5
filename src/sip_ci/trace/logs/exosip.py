"""eXosip's trace, which phones and applications on libeXosip2 write.

`Message sent: (to dest=192.0.2.1:5060)` and `Received message:`, each with the message below it. Where a received
message came from is said in a line behind it: `Message received from: 192.0.2.1:5060`. What stands before these words
differs from application to application, such as `| INFO1 | <udp.c: 542> `.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.spans import with_limits
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,300}?)(?<![A-Za-z])(?:Message sent: \(to dest=(?P<remote>[^\s)]{2,80}:[0-9]{1,5})\)"
    rb"|Received message:)[ \t]*\r?$",
    re.MULTILINE,
)
_ORIGIN = re.compile(rb"(?<![A-Za-z])Message received from: (?P<remote>[^\s]{2,80}:[0-9]{1,5})[ \t]*\r?$", re.MULTILINE)
_TERMINATOR = re.compile(
    rb"\n(?=[^\r\n]{0,300}?(?:\| ?[A-Z ]{4,7}[0-9]? ?\| {1,4}<[^>\r\n]{1,200}: {0,4}[0-9]{1,6}> "
    rb"|Message received from: ))"
)
_LONGEST_WAY = 65_536
"""How far below a received message the line about its origin is looked for, in bytes."""


class ExosipLayout:
    """What eXosip traces at level INFO1 (exosip2, `eXtl_udp.c`, `eXtl_tcp.c`, `eXtl_tls.c`; osip2, `osip_trace`)."""

    name = "exosip"
    origin = TraceOrigin.LOG
    tight = False
    terminator = _TERMINATOR
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines about messages sent and received."""
        found = (
            (start, _HEAD.match(text, start))
            for start, _ in lines_with(text, b"Message sent: (to dest=", b"Received message:")
        )
        records = ((start, match) for start, match in found if match is not None)
        for start, match, limit in with_limits(records, len(text)):
            yield _head(text, start, match, limit)


def _head(text: LogText, start: int, match: re.Match[bytes], limit: int) -> Head:
    payload = next_line(text, match.end())
    remote = match["remote"]
    sent = remote is not None
    if not sent:
        origin = _ORIGIN.search(text, payload, min(limit, payload + _LONGEST_WAY))
        remote = origin["remote"] if origin is not None else None
    return Head(
        start, payload, find_stamp(match["before"]), sent=sent, remote=endpoint(remote) if remote is not None else None
    )


EXOSIP = ExosipLayout()
