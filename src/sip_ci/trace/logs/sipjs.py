"""SIP.js with `traceSip`: `<date> | sip.Transport | Sending WebSocket message:`, a blank line, the message.

Dates are those of JavaScript, to the second. A browser's console writes the name of a script before them, and its
own time if it is set to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.console import DATE_PATTERN, console_stamp
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,300}?)\| sip\.[Tt]ransport(?: \| [^|\r\n]{1,200})? \| "
    rb"(?P<way>[Ss]ending|[Rr]eceived) WebSocket (?:text |binary )?message:(?:[ \t]*\r?\n)?"
)


class SipjsLayout:
    """What SIP.js's transport logs (onsip/SIP.js, `platform/web/transport/transport.ts`, `logger-factory.ts`)."""

    name = "sipjs"
    origin = TraceOrigin.LOG
    tight = False
    terminator = re.compile(rb"\n(?=[^\r\n]{0,300}?" + DATE_PATTERN + rb"[^|\r\n]{0,80}\| sip\.)")
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines about messages sent and received."""
        for start, _ in lines_with(text, b"| sip.transport |", b"| sip.Transport |"):
            match = _HEAD.match(text, start)
            if match is not None:
                sent = match["way"].lower() == b"sending"
                yield Head(start, match.end(), console_stamp(match["before"]), sent=sent)


SIPJS = SipjsLayout()
