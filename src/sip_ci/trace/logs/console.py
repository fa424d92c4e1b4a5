"""Times in consoles of browsers and of Node, for the SIP stacks that run there."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sip_ci.trace.logs.stamps import Stamp, find_stamp

DATE_PATTERN = (
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?P<day>[0-9]{2}) "
    rb"(?P<year>[0-9]{4}) (?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}) GMT(?P<zone>[+-][0-9]{4})"
)
"""A JavaScript `Date` as `toString()` writes it; a zone's name in parentheses may follow."""

_DATE = re.compile(DATE_PATTERN)
_SHOWN_TIME = re.compile(rb"\A[^A-Za-z0-9]{0,8}(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})\.(?P<fraction>[0-9]{3})(?![0-9])")


def console_stamp(line: bytes) -> Stamp | None:
    """The time of a line: a JavaScript date, refined by the milliseconds that a console shows before it; else any."""
    match = _DATE.search(line)
    if match is None:
        return find_stamp(line)
    try:
        written = b" ".join((match["day"], match["month"], match["year"], match["time"], match["zone"])).decode()
        seconds = datetime.strptime(written, "%d %b %Y %H:%M:%S %z").astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    shown = _SHOWN_TIME.match(line)
    if shown is not None and shown["time"] == match["time"]:
        return Stamp(seconds + int(shown["fraction"]) / 1000, absolute=True, resolution=1e-3)
    return Stamp(seconds, absolute=True)
