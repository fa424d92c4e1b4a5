"""Homer's and HEPIC's text export: `proto:UDP 2026-08-07T08:45:42.123456Z  192.0.2.1:5060 ---> 192.0.2.2:5060`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, ends, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?:[^\r\n]{0,128}?[ |])??proto:(?P<protocol>[A-Za-z0-9]{2,8}) "
    rb"(?P<stamp>[^\s]{8,64}(?: [0-9:.+Z]{8,32})?)[ \t]{1,8}" + ends(b"--->") + rb"[ \t]*\r?$",
    re.MULTILINE,
)


class HomerLayout:
    """What Homer exports as text (sipcapture/homer-app, `utils/exportwriter/exportwriter.go`)."""

    name = "homer"
    # A person chose the calls to export.
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines with protocol, time and addresses."""
        for start, _ in lines_with(text, b" ---> "):
            match = _HEAD.match(text, start)
            if match is not None:
                yield Head(
                    start,
                    next_line(text, match.end()),
                    find_stamp(match["stamp"]),
                    source=endpoint(match["source"]),
                    destination=endpoint(match["destination"]),
                    transport=transport_named(match["protocol"].decode()),
                )


HOMER = HomerLayout()
