"""FreeSWITCH's `sofia global siptrace on`, and other programs on sofia-sip.

Three generations: a ruler of dashes before and after and three blanks before each line; one ruler and no blanks;
neither. All write the time of day and the other side's address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import port_number, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,256}?)(?<![A-Za-z])(?P<way>recv|send) (?P<size>[0-9]{1,9}) bytes (?:from|to) "
    rb"(?P<transport>udp|tcp|tls|ws|wss|sctp)/\[(?P<host>[^\]\r\n]{1,64})\](?::(?P<port>[0-9]{1,5}))?"
    rb"[^\r\n]{0,64}? at (?P<stamp>[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}):?[ \t]*\r?$",
    re.MULTILINE,
)
_DATED = re.compile(rb"(?<![0-9])[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{6} \Z")
_DATE = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}(?=[T ][0-9]{2}:)")
TERMINATOR = re.compile(
    rb"\n(?=[^\r\n]{0,128}?(?:-{72}|\*\*\* message truncated)"
    rb"|(?:[0-9a-f]{8}-[0-9a-f-]{27} )?[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} )|\v"
)


class SofiaLayout:
    """What sofia-sip's transport log writes (freeswitch/sofia-sip, `tport_logging.c`)."""

    name = "freeswitch"
    origin = TraceOrigin.LOG
    tight = False
    terminator = TERMINATOR
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The `recv` and `send` lines."""
        return sofia_heads(text, dated=False)


def sofia_heads(text: LogText, *, dated: bool) -> Iterator[Head]:
    """The `recv` and `send` lines of sofia-sip: those right behind a date, which drachtio writes, or all others."""
    for start, _ in lines_with(text, b" bytes from ", b" bytes to "):
        match = _HEAD.match(text, start)
        if match is None or (_DATED.search(match["before"]) is not None) is not dated:
            continue
        date = _DATE.search(match["before"])
        stamp = match["stamp"] if date is None else date[0] + b" " + match["stamp"]
        port = port_number(match["port"].decode()) if match["port"] else 5060
        yield Head(
            start,
            next_line(text, match.end()),
            find_stamp(stamp),
            sent=match["way"] == b"send",
            remote=Endpoint(match["host"].decode("latin-1").lower(), port),
            transport=transport_named(match["transport"].decode()),
            size=int(match["size"]),
        )


SOFIA = SofiaLayout()
