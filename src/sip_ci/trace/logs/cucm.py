"""Traces of Cisco Unified Communications Manager (SDL, and SDI of older versions): `Incoming SIP TCP message from …`.

Below the line about the message stands one such as `[4711,NET]`, then the message, without a mark at its end. Only the
other side's address is known, and no date: `00012345.002 |08:45:42.123 |AppInfo  |SIPTcp - wait_SdlReadRsp: …`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,300}?)(?P<way>Incoming|Outgoing) SIP (?P<transport>UDP|TCP|TLS) message"
    rb"(?: size (?P<datagram>[0-9]{1,9}))? (?:from|to) (?P<host>\[?[0-9A-Za-z.:%-]{2,60}?\]?)"
    rb"(?: on port |:\[|:)(?P<port>[0-9]{1,5})\]?(?: index [0-9]+)?(?: with [0-9]{1,9} bytes)?:?[ \t]*\r?\n"
    rb"(?:[ \t]*\r?\n)?"
    rb"(?:[^\r\n]{0,300}?\[[0-9]{1,12},[A-Z]{2,8}\][ \t]*\r?\n)?"
)
_DATE = re.compile(rb"(?<![0-9])([0-9]{2})/([0-9]{2})/([0-9]{4}) (?=[0-9]{2}:)")
_TERMINATOR = re.compile(
    rb"\n(?=[^\r\n]{0,100}?[0-9]{8}\.[0-9]{3} \|"
    rb"|(?:[0-9]{2}/[0-9]{2}/[0-9]{4} )?[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3} [A-Za-z ]{0,8}\|)"
)


class CucmLayout:
    """What Unified CM's SIP transport writes, after the traces in Cisco's troubleshooting documents."""

    name = "cisco-cucm"
    origin = TraceOrigin.LOG
    tight = False
    terminator = _TERMINATOR
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines about incoming and outgoing messages."""
        for start, _ in lines_with(text, b"Incoming SIP ", b"Outgoing SIP "):
            match = _HEAD.match(text, start)
            if match is None:
                continue
            yield Head(
                start,
                match.end(),
                _stamp(match["before"]),
                sent=match["way"] == b"Outgoing",
                remote=endpoint(b"[%s]:%s" % (match["host"].strip(b"[]"), match["port"])),
                transport=transport_named(match["transport"].decode()),
                # The bytes read from a connection may be more than one message.
                size=int(match["datagram"]) if match["datagram"] else None,
            )


def _stamp(before: bytes) -> Stamp | None:
    """The time of a line; older versions write the date before it, month first."""
    return find_stamp(_DATE.sub(rb"\3-\1-\2 ", before))


CUCM = CucmLayout()
