"""sipgo's debug log, which LiveKit SIP, diago and other programs in Go write with `SIPDebug`.

`UDP read from 192.0.2.1:5060 <- 198.51.100.1:5060:` and `UDP write to 192.0.2.1:5060 -> 198.51.100.1:5060:`, the
program's own address first, then the message: below it, or escaped within quotes, as the handlers of `log/slog` do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.restoring import restored
from sip_ci.trace.logs.spans import with_limits
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,400}?)(?<![A-Za-z0-9])(?P<transport>UDP|TCP|TLS|WSS|WS) "
    rb"(?P<way>read(?: from)?|write(?: to)?) (?P<local>[^\s]{2,60}:[0-9]{1,5}) (?:<-|->) "
    rb"(?P<remote>[^\s]{2,60}:[0-9]{1,5}):[ \t]*\r?$",
    re.MULTILINE,
)
_QUOTED = re.compile(rb"\\([\"\\])")


class SipgoLayout:
    """What sipgo logs of each message (emiago/sipgo, `sip/sip.go`; before version 0.26 `transport_udp.go`)."""

    name = "sipgo"
    origin = TraceOrigin.LOG
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines about messages read and written."""
        found = ((start, _HEAD.match(text, start)) for start, _ in lines_with(text, b" read ", b" write "))
        records = ((start, match) for start, match in found if match is not None)
        for start, match, limit in with_limits(records, len(text)):
            yield _head(text, start, match, limit)


def _head(text: LogText, start: int, match: re.Match[bytes], limit: int) -> Head:
    payload = next_line(text, match.end())
    sent = match["way"].startswith(b"write")
    local, remote = endpoint(match["local"]), endpoint(match["remote"])
    # A socket bound to all addresses does not know its own.
    known = None if local.is_unnamed else local
    message, end = None, None
    if match["before"].endswith(b'"'):
        lines = text[payload : min(limit, payload + MAXIMUM_MESSAGE)].split(b"\n")
        message, used = restored([_QUOTED.sub(rb"\1", line) for line in lines])
        end = payload + sum(len(line) + 1 for line in lines[:used])
    return Head(
        start,
        payload,
        find_stamp(match["before"]),
        sent=sent,
        source=None if known is None else known if sent else remote,
        destination=None if known is None else remote if sent else known,
        remote=remote,
        transport=transport_named(match["transport"].decode()),
        text=message,
        fidelity=None if message is None else Fidelity.LINE_ENDINGS_LOST,
        end=end,
    )


SIPGO = SipgoLayout()
