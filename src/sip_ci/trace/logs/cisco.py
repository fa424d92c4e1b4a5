"""`debug ccsip messages` of Cisco's IOS and IOS XE (CUBE and gateways), and the VoIP trace of IOS XE.

`*Aug  7 08:45:42.123: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:`, `Received:` or `Sent:`, the message. The VoIP trace
goes on with `SIP UDP message from 192.0.2.1:5060 to …`; the others name no address. A mark before the time says that
the clock was not set (`*`) or not synchronised (`.`). What people paste has often lost blank lines, or was wrapped at
the width of a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.restoring import restore
from sip_ci.trace.logs.spans import with_limits
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.observation import Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = (
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} (?:[0-9]{4} )?"
    rb"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?: [A-Z]{2,5})?"
)
_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,300}?)(?P<way>Received|Sent):"
    rb"(?: SIP (?P<transport>[A-Z]{2,4}) message from (?P<source>[^\s]{2,60}:[0-9]{1,5}) "
    rb"to (?P<destination>[^\s]{2,60}:[0-9]{1,5}))?[ \t]*\r?$",
    re.MULTILINE,
)
_ANNOUNCED = re.compile(rb"[^\r\n]{0,300}?ccsipDisplayMsg:[ \t]*\r?\n(?:[ \t]*\r?\n)?")
_ALONE = re.compile(rb"[^\r\n]{0,200}?(?:ccsipDisplayMsg:|" + _TIME + rb":) ?")
_OWN_TIME = re.compile(_TIME)
_STAMP = re.compile(
    rb"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}(?P<day>[0-9]{1,2}) (?P<year>[0-9]{4}) "
    rb"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)"
)
_OTHER_LINE = re.compile(
    rb"(?:[0-9]{1,10}: )?[*.]?" + _TIME + rb": |(?:[^\r\n]{0,100}? )?//-?[0-9]{1,10}/[0-9A-Fx]{12}/"
    rb"|[A-Za-z0-9_.-]{1,64}[#>](?: |\r?\Z)"
)
_LONGEST_ANNOUNCEMENT = 400


class CcsipLayout:
    """What `ccsipDisplayMsg` writes (Cisco, "debug ccsip messages", and "VoIP Trace" for IOS XE 17)."""

    name = "cisco-ios"
    origin = TraceOrigin.LOG
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines with `Received:` and `Sent:` behind or below one about the time and the function."""
        for start, match, limit in with_limits(_announcements(text), len(text)):
            yield _head(text, start, match, limit)


def _announcements(text: LogText) -> Iterator[tuple[int, re.Match[bytes]]]:
    for start, _ in lines_with(text, b"Received:", b"Sent:"):
        match = _HEAD.match(text, start)
        if match is not None:
            announced = start if _ALONE.fullmatch(match["before"]) is not None else _announced(text, start)
            if announced is not None:
                yield announced, match


def _announced(text: LogText, start: int) -> int | None:
    """Where the line above `Received:` begins; None where it is not one of the function's."""
    line = text.rfind(b"\n", max(0, start - _LONGEST_ANNOUNCEMENT), max(0, start - 1)) + 1
    if not text[line:start].strip():
        line = text.rfind(b"\n", max(0, line - _LONGEST_ANNOUNCEMENT), max(0, line - 1)) + 1
    match = _ANNOUNCED.match(text, line)
    return line if match is not None and match.end() == start else None


def _head(text: LogText, start: int, match: re.Match[bytes], limit: int) -> Head:
    payload = next_line(text, match.end())
    message = restore(text, payload, limit, _OTHER_LINE)
    transport = match["transport"]
    return Head(
        start,
        payload,
        _stamp(text[start : next_line(text, start)]),
        sent=match["way"] == b"Sent",
        source=endpoint(match["source"]) if match["source"] else None,
        destination=endpoint(match["destination"]) if match["destination"] else None,
        transport=transport_named(transport.decode()) if transport else Transport.UNKNOWN,
        text=message.text if message is not None else None,
        fidelity=Fidelity.LINE_ENDINGS_LOST,
        end=message.end if message is not None else None,
    )


def _stamp(line: bytes) -> Stamp | None:
    """The router's own time, which stands behind that of a log daemon; the year only where it is set to show it."""
    times = _OWN_TIME.findall(line)
    if not times:
        return find_stamp(line)
    dated = _STAMP.match(times[-1])
    if dated is None:
        return find_stamp(times[-1])
    of_day = find_stamp(dated["time"])
    try:
        midnight = datetime(
            int(dated["year"]), _MONTHS.index(dated["month"].decode()) + 1, int(dated["day"]), tzinfo=UTC
        )
    except ValueError:
        return of_day
    if of_day is None:
        return None
    return Stamp(midnight.timestamp() + of_day.seconds, absolute=True, resolution=of_day.resolution)


CCSIP = CcsipLayout()
