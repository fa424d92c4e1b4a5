"""JsSIP's transport log: `JsSIP:Transport sending message:`, a blank line, the message.

It goes through the `debug` package, whose forms differ: with a date in Node, with the name before each line in a
terminal, with `+12ms` behind the message in browsers, where `%c` and style sheets may stand between the words and the
name of a script before them. Versions before 0.6 write `JsSIP | TRANSPORT | sending WebSocket message:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.console import console_stamp
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,300}?)JsSIP(?::Transport| \| TRANSPORT \|) (?:%c)?(?P<way>sending|received)"
    rb"(?: WebSocket)?(?: text| binary)? message:"
    # A copy from a browser may have lost the line ends behind it.
    rb"(?:[ \t]*\r?\n(?:[^\r\n]{0,300}?JsSIP:Transport[ \t]*\r?\n)?)?"
)
_TERMINATOR = re.compile(
    rb"\n(?=[^\r\n]{0,300}? \+[0-9]{1,4}(?:ms|s|m|h|d)(?: color: [^\r\n]{0,100})?[ \t]*(?:\r?\n|\Z)"
    rb"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z JsSIP:"
    rb"|[^\r\n]{0,300}?JsSIP(?::[A-Za-z:]{1,40}| \| [A-Z ]{1,40} \|) (?:%c)?(?:new|[a-z][A-Za-z]{0,40})\()"
)


class JssipLayout:
    """What JsSIP's transport logs (versatica/JsSIP, `Transport.js`, `Logger.js`; debug, `node.js`, `browser.js`)."""

    name = "jssip"
    origin = TraceOrigin.LOG
    tight = False
    terminator = _TERMINATOR
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines about messages sent and received."""
        for start, _ in lines_with(text, b"JsSIP:Transport", b"JsSIP | TRANSPORT"):
            match = _HEAD.match(text, start)
            if match is not None:
                yield Head(start, match.end(), console_stamp(match["before"]), sent=match["way"] == b"sending")


JSSIP = JssipLayout()
