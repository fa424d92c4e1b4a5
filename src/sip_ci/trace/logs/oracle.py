"""`sipmsg.log` of Oracle's (formerly Acme Packet's) session border controllers: time and both addresses, the message.

`Aug  7 08:45:42.123 On [1:0]192.0.2.1:5060 received from 198.51.100.1:5060`, between rulers of 40 dashes. The brackets
hold the network interface's slot and VLAN. There is no year. The file holds records of other protocols, too, whose
first line begins with blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<before>[^\r\n]{0,200}?)(?P<stamp>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} "
    rb"[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}) On (?:\[[0-9]{1,5}:[0-9]{1,5}\])?(?P<local>[^\s]{2,60}:[0-9]{1,5}) "
    rb"(?P<way>sent to|received from) (?P<remote>[^\s]{2,60}:[0-9]{1,5})[ \t]*\r?$",
    re.MULTILINE,
)


class SipmsgLayout:
    """The form of `sipmsg.log`, after the pattern with which amateja/acmepcap reads it."""

    name = "oracle-sipmsg"
    origin = TraceOrigin.LOG
    tight = True
    terminator = re.compile(rb"\n[^\r\n]{0,200}?-{20,}[ \t]*(?:\r?\n|\Z)")
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines with a time and two addresses, where no other protocol's record follows."""
        for start, _ in lines_with(text, b" received from ", b" sent to "):
            match = _HEAD.match(text, start)
            if match is None:
                continue
            payload = next_line(text, match.end())
            content = payload + len(match["before"])
            if text[content : content + 1] in (b" ", b"\t"):
                continue
            local, remote = endpoint(match["local"]), endpoint(match["remote"])
            sent = match["way"] == b"sent to"
            yield Head(
                start,
                payload,
                find_stamp(match["stamp"]),
                sent=sent,
                source=local if sent else remote,
                destination=remote if sent else local,
            )


SIPMSG = SipmsgLayout()
