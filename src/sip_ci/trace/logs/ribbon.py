"""Debug and trace files of Ribbon's (formerly Sonus's) SBC Core: `.DBG` and `.TRC`.

A record begins with its length, date, time, number and level. Debug files hold messages as `SipFeSocketRecvMsg - msg =
INVITE …, msgLen = 818.`, with the body in a record of its own; they name no address. Call traces hold them as
`received msg for CallId:… from IP/port:192.0.2.1/5060, Local IP/port:192.0.2.2/5060`, a line `RAW PDU:` and the
message, which goes on in a further record with the same time and number above 1,800 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sip_ci.trace.logs.addresses import port_number
from sip_ci.trace.logs.anchors import line_start, lines_with, next_line
from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE, carries_messages, declared_length, find_start, headers_end
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.restoring import joined, restored
from sip_ci.trace.logs.spans import with_limits
from sip_ci.trace.logs.stamps import Stamp
from sip_ci.trace.observation import Endpoint, Fidelity
from sip_ci.trace.trace import TraceOrigin

_RECORD = re.compile(
    rb"[^\r\n]{0,200}?(?<![0-9])[0-9]{1,6} (?P<date>[0-9]{8}) (?P<time>[0-9]{6}\.[0-9]{6}):"
    rb"(?P<number>[0-9A-F.]{4,40})\."
    rb"[A-Za-z]{2,12} {1,8}\.[A-Z0-9]{2,12}:"
)
_MARK = re.compile(rb" [0-9]{8} [0-9]{6}\.[0-9]{6}:")
"""What every record has near its beginning, and is found quickly."""
_SOCKET = re.compile(rb"[ *]{0,4}SipFeSocket(?P<way>Recv|Send)Msg - msg = ")
_FILTER = re.compile(rb"\A *(?:FILTER=[^\s]{1,80} )?(?:GCID=[^\s]{1,40}: ?)?")
_LENGTH = re.compile(rb", msgLen = [0-9]{1,9}\.")
_TRACED = re.compile(
    rb"[^\r\n]{0,600}?(?P<way>received|sent|sending) msg for CallId:[^\r\n]{1,400}? (?:from|to) "
    rb"IP/port:(?P<remote>[^\s,/]{2,60})/(?P<remote_port>[0-9]{1,5}), {0,4}"
    rb"Local IP/port:(?P<local>[^\s,/]{2,60})/(?P<local_port>[0-9]{1,5})[^\r\n]{0,400}(?:\r?\n[^\r\n]{0,400})??"
    rb"RAW PDU:[ \t]*\r?\n?"
)
_MOST_RECORDS = 64


@dataclass(frozen=True, slots=True)
class _Record:
    """One record that holds a message, or a part of one."""

    start: int
    content_start: int
    end: int
    identity: bytes
    stamp: Stamp | None
    content: bytes
    head: re.Match[bytes] | None
    """What is said of the message, where that is said."""

    @property
    def sent(self) -> bool | None:
        return None if self.head is None else self.head["way"] not in (b"Recv", b"received")

    @property
    def is_debug(self) -> bool:
        return self.head is not None and self.head.re is _SOCKET


class SbcCoreLayout:
    """The records of SBC Core (Ribbon, "Notes and Examples on Call Trace Log Message"; "How to Analyze DBG")."""

    name = "ribbon-sbc"
    origin = TraceOrigin.LOG
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The records about messages received and sent, each with those that it goes on in."""
        waiting: list[_Record] = []
        for record in _records(text):
            if waiting and waiting[0].is_debug and record.head is None:
                # Other threads write between the headers and the body.
                continue
            if waiting and not _goes_on(waiting, record):
                yield _head(waiting)
                waiting = []
            if waiting or record.head is not None:
                waiting.append(record)
        if waiting:
            yield _head(waiting)


def _records(text: LogText) -> Iterator[_Record]:
    """The records that hold messages, or go on with the record before."""
    found = ((start, _RECORD.match(text, start)) for start in _starts(text))
    records = ((start, match) for start, match in found if match is not None)
    for start, match, limit in with_limits(records, len(text)):
        yield _record(text, start, match, limit)


def _starts(text: LogText) -> Iterator[int]:
    """Every record of the parts of a log that hold messages: from one that does to the one behind it."""
    done = -1
    for line, _ in lines_with(text, b"SipFeSocket", b" msg for CallId:"):
        first = _RECORD.match(text, line)
        if first is None:
            continue
        start: int | None = line
        # Records with the same time and number go on with the message, and the one behind them ends it.
        for _ in range(_MOST_RECORDS):
            if start is None:
                break
            if start > done:
                done = start
                yield start
            record = _RECORD.match(text, start)
            if start != line and (record is None or _identity(record) != _identity(first)):
                break
            start = _next_record(text, start)


def _next_record(text: LogText, start: int) -> int | None:
    offset = next_line(text, start)
    end = min(len(text), start + MAXIMUM_MESSAGE)
    while offset < end:
        mark = _MARK.search(text, offset, end)
        if mark is None:
            return None
        line = line_start(text, mark.start())
        if line is not None and _RECORD.match(text, line) is not None:
            return line
        offset = mark.end()
    return None


def _record(text: LogText, start: int, match: re.Match[bytes], end: int) -> _Record:
    content = text[match.end() : min(end, match.end() + MAXIMUM_MESSAGE)]
    head = _SOCKET.match(content) or _TRACED.match(content)
    content_start = match.end()
    if head is not None:
        content = content[head.end() :]
        content_start += head.end()
    lengths = list(_LENGTH.finditer(content))
    if lengths:
        content = content[: lengths[-1].start()]
    return _Record(start, content_start, end, _identity(match), _stamp(match), content, head)


def _identity(match: re.Match[bytes]) -> bytes:
    """What the parts of one record have in common."""
    return match["date"] + match["time"] + match["number"]


def _goes_on(records: list[_Record], following: _Record) -> bool:
    """Whether a record goes on with a message: the body of one in a debug file, or the rest of one in a trace."""
    first = records[0]
    if len(records) >= _MOST_RECORDS:
        return False
    if first.is_debug:
        if not following.is_debug or following.sent != first.sent:
            return False
        # The body of a NOTIFY may be a start line.
        report = len(records) == 1 and carries_messages(first.content) and declared_length(first.content)
        return bool(report) or find_start(following.content[:8192]) is None
    return following.identity == first.identity and following.head is None


def _head(records: list[_Record]) -> Head:
    first = records[0]
    message = first.content
    for record in records[1:]:
        if not first.is_debug:
            message = joined(message.removesuffix(b"\n"), _FILTER.sub(b"", record.content, count=1))
            continue
        if headers_end(message) is None:
            message = message.rstrip(b"\r\n") + b"\n\n"
        message += record.content
    local, remote = _ends(first.head)
    whole = restored(message.split(b"\n"))[0]
    return Head(
        first.start,
        first.content_start,
        first.stamp,
        sent=first.sent,
        source=local if first.sent else remote,
        destination=remote if first.sent else local,
        text=whole,
        fidelity=Fidelity.LINE_ENDINGS_LOST,
        end=records[-1].end,
    )


def _ends(head: re.Match[bytes] | None) -> tuple[Endpoint | None, Endpoint | None]:
    if head is None or head.re is not _TRACED:
        return None, None
    local = Endpoint(head["local"].decode("latin-1").lower(), port_number(head["local_port"].decode()))
    return local, Endpoint(head["remote"].decode("latin-1").lower(), port_number(head["remote_port"].decode()))


def _stamp(match: re.Match[bytes]) -> Stamp | None:
    """The time of a record: MMDDYYYY HHMMSS.ffffff."""
    try:
        written = (match["date"] + match["time"]).decode()
        seconds = datetime.strptime(written, "%m%d%Y%H%M%S.%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
    return Stamp(seconds, absolute=True, resolution=1e-6)


SBC_CORE = SbcCoreLayout()
