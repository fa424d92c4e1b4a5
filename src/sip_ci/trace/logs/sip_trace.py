"""Exports of the table `sip_trace` of Kamailio and OpenSIPS as CSV, with or without a line of column names.

What a column means is told by its content, so any order and any separator will do. Quotes in a field are doubled.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import line_start, next_line
from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

_MESSAGE = re.compile(
    rb'"(?=(?:[A-Z][A-Z]{1,15} (?:sips?|tel|urn|im|pres):[^\s"]{1,2000} SIP/2\.0|'
    rb"SIP/2\.0 [1-6][0-9]{2} [^\r\n]{0,200})\r?\n)"
)
_QUOTED = re.compile(rb'"[^"]*(?:""[^"]*)*"')
_ADDRESS = re.compile(r"(?P<transport>udp|tcp|tls|wss?|sctp):(?P<address>[^\s]{2,64}:[0-9]{1,5})")
_TIME = re.compile(r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[ T][0-9:]{8}[^\s]{0,12}")
_MICROSECONDS = re.compile(r"[0-9]{1,6}")
_DIRECTIONS = {"in": False, "out": True}


class SipTraceLayout:
    """Rows of `sip_trace` (kamailio, `siptrace`; OpenSIPS, `tracer`)."""

    name = "sip-trace-csv"
    # A person chose the rows.
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The rows with a quoted field that begins with a start line."""
        behind = 0
        for match in _MESSAGE.finditer(text):
            start = line_start(text, match.start())
            if start is None or match.start() < behind:
                continue
            start = max(start, behind)
            quoted = _QUOTED.match(text, match.start(), match.start() + 2 * MAXIMUM_MESSAGE)
            # A quote that is not closed is that of the last row, which was cut.
            end = quoted.end() if quoted is not None else len(text)
            behind = next_line(text, end)
            before = text[start : match.start()]
            separator = before[-1:] or text[end : end + 1]
            if separator not in (b",", b";", b"\t", b"|"):
                continue
            others = _fields(before[:-1], separator) + _fields(text[end + 1 : behind], separator)
            raw = quoted[0][1:-1] if quoted is not None else text[match.end() : match.end() + MAXIMUM_MESSAGE]
            yield _head(start, match.start(), raw.replace(b'""', b'"'), others, behind)


def _fields(row: bytes, separator: bytes) -> list[str]:
    try:
        rows = list(csv.reader([row.decode("latin-1").strip("\r\n")], delimiter=separator.decode()))
    except csv.Error:
        return []
    return [field.strip() for field in rows[0]] if rows else []


def _head(start: int, message: int, raw: bytes, fields: Sequence[str], end: int) -> Head:
    ends = [match for match in map(_ADDRESS.fullmatch, fields) if match is not None]
    sent = next((_DIRECTIONS[field] for field in fields if field in _DIRECTIONS), None)
    return Head(
        start,
        message,
        _stamp(fields),
        sent=sent,
        source=_endpoint(ends[0]) if ends else None,
        destination=_endpoint(ends[1]) if len(ends) > 1 else None,
        transport=transport_named(ends[0]["transport"]) if ends else Transport.UNKNOWN,
        text=raw,
        fidelity=Fidelity.EXACT,
        end=end,
    )


def _stamp(fields: Sequence[str]) -> Stamp | None:
    """The time of a row; the column behind it holds the microseconds of its second."""
    for index, field in enumerate(fields):
        if _TIME.fullmatch(field) is None:
            continue
        stamp = find_stamp(field.encode("latin-1"))
        following = fields[index + 1] if index + 1 < len(fields) else ""
        if stamp is not None and stamp.resolution == 1.0 and _MICROSECONDS.fullmatch(following) is not None:
            return Stamp(stamp.seconds + int(following) / 1e6, stamp.absolute, 1e-6)
        return stamp
    return None


def _endpoint(match: re.Match[str]) -> Endpoint:
    return endpoint(match["address"].encode("latin-1"))


SIP_TRACE = SipTraceLayout()
