"""Asterisk's older channel driver (`sip set debug on`), which Asterisk 21 removed; its logs remain.

Three kinds of head: `<--- SIP read from UDP:… --->`, `<--- Transmitting (NAT) to … --->`, and a line such as
`Reliably Transmitting (no NAT) to …:`. A log channel that writes times does so before each line of a message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,256}?)(?:"
    rb"<--- SIP read from (?:(?P<transport>[A-Za-z]{2,4}):)?(?P<received>[^\s]{1,80}:[0-9]{1,5}) --->"
    rb"|(?:<--- )?(?:Reliably Transmitting|Transmitting|Retransmitting #[0-9]{1,3}) \((?:no )?NAT\) to "
    rb"(?P<sent>[^\s]{1,80}:[0-9]{1,5})(?: --->|:))[ \t]*\r?$",
    re.MULTILINE,
)
_TERMINATOR = re.compile(rb"\n(?=(?:[^\r\n]{0,128}?[\] ])?(?:<-{8,}>|---(?:\r?\n| \([0-9]|\Z)))")


class ChanSipLayout:
    """What `chan_sip` wrote (asterisk, `channels/chan_sip.c` up to version 20)."""

    name = "asterisk-chan-sip"
    origin = TraceOrigin.LOG
    tight = False
    terminator = _TERMINATOR
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines about messages read and transmitted."""
        for start, _ in lines_with(text, b"SIP read from ", b"ransmitting "):
            match = _HEAD.match(text, start)
            if match is None:
                continue
            sent = match["sent"] is not None
            transport = Transport.UNKNOWN
            if match["transport"]:
                transport = transport_named(match["transport"].decode())
            yield Head(
                start,
                next_line(text, match.end()),
                find_stamp(match["before"]),
                sent=sent,
                remote=endpoint(match["sent"] if sent else match["received"]),
                transport=transport,
            )


CHAN_SIP = ChanSipLayout()
