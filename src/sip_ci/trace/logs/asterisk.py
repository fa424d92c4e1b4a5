"""Asterisk's PJSIP logger (`pjsip set logger on`): `<--- Received SIP request (812 bytes) from UDP:… --->`.

Only the other side's address is known. The time stands before the head if the log channel writes one, to the second
unless `dateformat` in logger.conf says more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"<--- (?P<way>Received|Transmitting) SIP (?:request|response) \((?P<size>[0-9]{1,9}) bytes\) (?:from|to) "
    rb"(?P<transport>[A-Za-z0-9]{2,8}):(?P<remote>[^\s]{1,80}:[0-9]{1,5}) --->"
)
NEXT_ASTERISK_LINE = re.compile(
    rb"\n(?=<--- |<-{10,}>|\[[^\]\r\n]{6,40}\] (?:VERBOSE|DEBUG|NOTICE|WARNING|ERROR|DTMF)\[)"
)


class PjsipLoggerLayout:
    """What `res_pjsip_logger` writes to the console or a log file (asterisk, `res/res_pjsip_logger.c`)."""

    name = "asterisk-pjsip"
    origin = TraceOrigin.LOG
    tight = False
    terminator = NEXT_ASTERISK_LINE
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The `<---` lines of the logger, wherever on their line they stand."""
        for start, offset in lines_with(text, b"<--- Received SIP ", b"<--- Transmitting SIP "):
            match = _HEAD.match(text, offset)
            if match is not None:
                yield Head(
                    start,
                    next_line(text, match.end()),
                    find_stamp(text[start:offset][-256:]),
                    sent=match["way"] == b"Transmitting",
                    remote=endpoint(match["remote"]),
                    transport=transport_named(match["transport"].decode()),
                    size=int(match["size"]),
                )


PJSIP_LOGGER = PjsipLoggerLayout()
