"""Logs as JSON, one object for each line or record of a program's output, as container tools and clouds store them.

Docker's json-file (`{"log":"…\\n","stream":"stdout","time":"…"}`), journalctl `-o json`, structured logs with the text
in `message` or `msg`, exports of CloudWatch and the like, on one line or indented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import islice

from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import LogText
from sip_ci.trace.logs.labels import MAXIMUM_WRITERS, Unwrapped
from sip_ci.trace.logs.stamps import Stamp, find_stamp

_FIELD = re.compile(
    rb'"(?:log|message|msg|MESSAGE|@message|line|textPayload|body|event|text|payload)"\s{0,8}:\s{0,8}'
    rb'"([^"\\]*(?:\\.[^"\\]*)*)"'
)
_MESSAGE_FIELD = re.compile(
    rb'"\s{0,8}:\s{0,8}"((?=[^"\\]{0,4096}SIP/2\.0(?: [1-6][0-9]{2} [^"\\]{0,128})?\\{1,2}[rn])[^"\\]*(?:\\.[^"\\]*)*)"'
)
"""A field of any other name that begins with a start line and an escaped line end."""
_WRITER = re.compile(
    rb'"(?:container_name|container|pod|logStreamName|SYSLOG_IDENTIFIER|service)"\s{0,8}:\s{0,8}"([^"\\]{1,200})"'
)
_TIME = re.compile(
    rb'"(?:time|timestamp|@timestamp|ts|date|asctime|__REALTIME_TIMESTAMP)"\s{0,8}:\s{0,8}'
    rb'(?:"(?P<text>[^"\\]{1,64})"|(?P<number>[0-9]{9,19}(?:\.[0-9]{1,9})?))'
)
_DIGITS = re.compile(rb"[0-9]{9,19}(?:\.[0-9]{1,9})?")
_VERSION = b"SIP/2.0"
_LONGEST_RECORD = 1 << 20
_PROBED = 20


def read_json_stamp(line: bytes) -> Stamp | None:
    """The time of a JSON record: a date, or seconds, milliseconds, microseconds or nanoseconds since 1970."""
    match = _TIME.search(line[:_LONGEST_RECORD])
    if match is None:
        return None
    written = match["text"] or match["number"]
    if _DIGITS.fullmatch(written) is None:
        return find_stamp(written)
    # By the size of the number: a time of this century in the finest unit that it can be.
    number = float(written)
    unit = next(unit for unit in (1e-9, 1e-6, 1e-3, 1.0) if unit == 1.0 or number * unit >= 1e8)
    _, _, fraction = written.partition(b".")
    return Stamp(number * unit, absolute=True, resolution=max(unit * 10.0 ** -len(fraction), 1e-9))


def without_json(text: LogText) -> Sequence[Unwrapped] | None:
    """Take what programs wrote out of their JSON records, apart by program; None where the SIP is not in such records.

    A record that holds no text is left as it is.
    """
    if not _looks_like_records(text):
        return None
    outputs: dict[bytes, Unwrapped] = {}
    position = 0
    time_position = -1
    for number, line in enumerate(text[:].split(b"\n"), 1):
        value = _value(line)
        if _TIME.search(line[:_LONGEST_RECORD]) is not None:
            # In indented records the time has a line of its own above the text.
            time_position = position
        if value is not None:
            writer = _WRITER.search(line)
            name = writer[1] if writer is not None and len(outputs) < MAXIMUM_WRITERS else b""
            output = outputs.setdefault(name, Unwrapped(name.decode("latin-1")))
            _add(output, value, number, max(time_position, 0), whole=b'"stream"' not in line)
        position += len(line) + 1
    return [output for output in outputs.values() if any(_VERSION in line for line in output.lines)]


def _add(output: Unwrapped, value: bytes, number: int, position: int, *, whole: bool) -> None:
    """Add the lines of one record. Docker's records are pieces of output whose line ends count; others are whole."""
    lines = value.split(b"\n")
    ended = len(lines) > 1 and not lines[-1]
    if ended:
        lines.pop()
    for index, line in enumerate(lines):
        last = index == len(lines) - 1
        output.add(line, number, position, continues=last and not ended and not whole)
    if whole and len(lines) > 1:
        # The end of a record is the end of a message, whatever its length says.
        output.add(b"", number, position)


def _looks_like_records(text: LogText) -> bool:
    """Whether most of the first lines with a start line of SIP are JSON with that line in a field for text."""
    probed = found = 0
    for start, _ in islice(lines_with(text, _VERSION), _PROBED):
        line = text[start : min(next_line(text, start), start + _LONGEST_RECORD)]
        probed += 1
        found += line.lstrip()[:1] in (b"{", b'"') and _VERSION in (_value(line) or b"")
    return found * 2 > probed


def _value(line: bytes) -> bytes | None:
    """The text of a record: the field that holds SIP, else the first one; None where there is none."""
    if b'"' not in line or b'"layers"' in line:
        return None
    first: bytes | None = None
    for match in islice(_FIELD.finditer(line[:_LONGEST_RECORD]), 8):
        if _VERSION in match[1]:
            return _decoded(match[1])
        first = first if first is not None else match[1]
    other = _MESSAGE_FIELD.search(line[:_LONGEST_RECORD]) if _VERSION in line else None
    if other is not None:
        return _decoded(other[1])
    return _decoded(first) if first is not None else None


def _decoded(value: bytes) -> bytes:
    try:
        decoded = json.loads(b'"' + value + b'"', strict=False)
    except ValueError:
        return value
    return decoded.encode("utf-8", "surrogatepass") if isinstance(decoded, str) else value
