"""PJSIP's message log: pjsua, pjsua2 applications on phones and in Python, desk phones and soft phones built on it.

`.TX 512 bytes Request msg INVITE/cseq=102 (tdta0x7f…) to UDP 192.0.2.1:5060:`, the message, `--end msg--`. Only the
other side's address is known. Android, syslog and applications put their own prefix before each line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,400}?)(?<![A-Za-z0-9])(?P<way>TX|RX) (?P<size>[0-9]{1,9}) bytes (?:Request|Response) msg "
    rb"[^\r\n]{1,200}? (?:to|from) (?:(?P<transport>[A-Za-z0-9]{2,8}) )?(?P<remote>[^\s]{1,80}:[0-9]{1,5}):[ \t]*\r?$",
    re.MULTILINE,
)
_OWN_TIME = re.compile(
    rb"(?:(?P<year>[0-9]{4})-(?P<month>[0-9]{2}) (?P<day>[0-9]{2}) )?"
    rb"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})(?= )"
)
_TERMINATOR = re.compile(
    rb"\n(?=[^\r\n]{0,400}?--end msg--"
    # The log's buffer ends (4,000 bytes by default): the next line is one of the log again.
    rb"|(?:[^\r\n]{0,200}? )?[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3} {1,30}[A-Za-z][A-Za-z0-9_./-]{1,40} {1,4}[!.A-Z])"
)


class PjsuaLayout:
    """What PJSIP writes at log level 4 and above (pjproject, `pjsua_core.c`: `logging_on_rx_msg`; `pj/log.c`)."""

    name = "pjsip"
    origin = TraceOrigin.LOG
    tight = False
    terminator = _TERMINATOR
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines about messages sent and received."""
        for start, _ in lines_with(text, b" bytes Request msg ", b" bytes Response msg "):
            match = _HEAD.match(text, start)
            if match is None:
                continue
            transport = match["transport"]
            yield Head(
                start,
                next_line(text, match.end()),
                _stamp(match["before"]),
                sent=match["way"] == b"TX",
                remote=endpoint(match["remote"]),
                # Versions before 1.0 do not name it.
                transport=transport_named(transport.decode()) if transport else Transport.UNKNOWN,
                size=int(match["size"]),
            )


def _stamp(before: bytes) -> Stamp | None:
    """The finer of PJSIP's own time and what a collector wrote before it; of equal ones the one with a date."""
    outer = find_stamp(before)
    own = None
    for match in _OWN_TIME.finditer(before):
        own = match
    if own is None:
        return outer
    date = b"-".join((own["year"], own["month"], own["day"])) + b" " if own["year"] else b""
    inner = find_stamp(date + own["time"])
    if inner is None or (outer is not None and outer.absolute and outer.resolution <= inner.resolution):
        return outer
    return inner


PJSUA = PjsuaLayout()
