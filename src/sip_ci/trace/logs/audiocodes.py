"""Syslog of AudioCodes' gateways and session border controllers at debug level 5 or 7.

A record has a number `[S=9399]`, a session `[SID=2ed1c8:96:5]` and its own time at the end,
`[Time:07-08@08:45:42.062]`. In it stand entries such as `(N 4711) ---- Incoming SIP Message from 192.0.2.1:5060 to
SIPInterface #0 (LAN) UDP TO(#1) ---- `, each with the message below it. A long message goes on in the record with the
next number, without a word about it; the line above a message may be the last of the record before. Only the other
side's address is known. Line ends may be `#012`, and blank lines hold a blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with
from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE, declared_length, end_of_counted, headers_end
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.restoring import joined, restored
from sip_ci.trace.logs.spans import with_limits
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.observation import Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

_RECORD = re.compile(
    rb"[^\r\n]{0,300}?\[S=(?P<number>[0-9]{1,12})\] ?(?:\[(?:SID|BID)[=:](?P<session>[^\]\r\n]{1,80})\] ?){0,2}"
)
_TIME = re.compile(rb" ?\[Time: ?[0-9]{2}-[0-9]{2}@(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3})\]\s*\Z")
_HEAD = re.compile(
    rb"(?:\(N? {0,8}[0-9]{1,12} {0,8}\) {0,4})?---- (?P<way>Incoming|Outgoing) SIP Message (?:from|to) "
    rb"(?P<remote>[^\s]{2,60}:[0-9]{1,5})"
    rb"(?: (?:to|from) SIPInterface #[0-9]{1,5} \([^)\r\n]{0,80}\) (?P<transport>[A-Z]{2,4}))?[^\r\n]{0,120}?----[ \t]*"
)
_ENTRY = re.compile(
    rb" {0,8}\((?:N|lgr_[a-z]{1,20}\)\() {0,8}[0-9]{1,12} {0,8}\) |---- (?:Incoming|Outgoing) SIP Message "
)
_ESCAPED = re.compile(rb"(?:#015)?#012")
_BLANK_ENDS = re.compile(rb" +(?=\n|\Z)")
_MOST_RECORDS = 64
"""How many records one message is put together from."""


@dataclass(frozen=True, slots=True)
class _Record:
    """One line of the log, however many lines of the text it takes up."""

    number: int
    session: bytes
    start: int
    content_start: int
    end: int
    content: bytes
    stamp: Stamp | None


class AudioCodesLayout:
    """The form that QXIP's paStash (`app_audiocodes`) and SIP-o-matic read, with the pieces put together as there."""

    name = "audiocodes"
    origin = TraceOrigin.LOG
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The entries about incoming and outgoing messages."""
        waiting: list[_Record] = []
        for record in _records(text):
            if waiting and not _goes_on(waiting[-1], record):
                yield from _heads(waiting)
                waiting = []
            waiting.append(record)
            if not _is_unfinished(waiting) or len(waiting) >= _MOST_RECORDS:
                yield from _heads(waiting)
                waiting = []
        if waiting:
            yield from _heads(waiting)


def _records(text: LogText) -> Iterator[_Record]:
    found = ((start, _RECORD.match(text, start)) for start, _ in lines_with(text, b"[S="))
    records = ((start, match) for start, match in found if match is not None)
    for start, match, limit in with_limits(records, len(text)):
        yield _record(text, start, match, limit)


def _record(text: LogText, start: int, match: re.Match[bytes], end: int) -> _Record:
    content = text[match.end() : min(end, match.end() + MAXIMUM_MESSAGE)]
    time = _TIME.search(content[-200:])
    stamp = find_stamp(time["time"]) if time is not None else find_stamp(match[0])
    if time is not None:
        content = content[: max(0, len(content) - 200) + time.start()]
    else:
        content = content.removesuffix(b"\n").removesuffix(b"\r")
    return _Record(
        int(match["number"]),
        match["session"] or b"",
        start,
        match.end(),
        end,
        _ESCAPED.sub(b"\n", content) if b"#012" in content else content,
        stamp,
    )


def _goes_on(record: _Record, following: _Record) -> bool:
    """Whether a record is the next part of one."""
    return (
        following.number == record.number + 1
        and following.session == record.session
        and _ENTRY.match(following.content) is None
    )


def _is_unfinished(records: list[_Record]) -> bool:
    """Whether the last message in these records is not whole yet."""
    content = _joined(records)
    heads = _announcements(content)
    if not heads:
        return False
    message = content[heads[-1].end() :].lstrip()
    if not message:
        return True
    message = restored(_without_blank_ends(message).split(b"\n"), end=_ENTRY)[0]
    body = headers_end(message)
    if body is None or declared_length(message[:body]) is None:
        return _ENTRY.search(content, heads[-1].end()) is None
    return end_of_counted(message, body, declared_length(message[:body]) or 0)[1] > 2


def _joined(records: list[_Record]) -> bytes:
    content = records[0].content
    # Some versions write two blanks behind the session, of which neither is of the message.
    second = content.startswith(b" ")
    for record in records[1:]:
        content = joined(content, record.content.removeprefix(b" ") if second else record.content)
    return content


def _announcements(content: bytes) -> list[re.Match[bytes]]:
    return list(_HEAD.finditer(content)) if b" SIP Message " in content else []


def _heads(records: list[_Record]) -> Iterator[Head]:
    content = _joined(records)
    matches = _announcements(content)
    for index, match in enumerate(matches):
        limit = matches[index + 1].start() if index + 1 < len(matches) else len(content)
        message = content[match.end() : limit]
        stripped = _without_blank_ends(message.lstrip())
        place = match.end() + len(message) - len(message.lstrip())
        transport = match["transport"]
        yield Head(
            _offset(records, match.start()),
            _offset(records, place),
            records[0].stamp,
            sent=match["way"] == b"Outgoing",
            remote=endpoint(match["remote"]),
            transport=transport_named(transport.decode()) if transport else Transport.UNKNOWN,
            text=restored(stripped.split(b"\n"), end=_ENTRY)[0] if stripped else None,
            fidelity=Fidelity.LINE_ENDINGS_LOST,
            end=records[-1].end if index + 1 == len(matches) else _offset(records, limit),
        )


def _without_blank_ends(message: bytes) -> bytes:
    """Take away the blank that the device writes at the end of each line, where its first line shows that it does."""
    first = message[: message.find(b"\n")]
    return _BLANK_ENDS.sub(b"", message) if first.endswith(b" ") else message


def _offset(records: list[_Record], place: int) -> int:
    """Where a place of the joined records is in the text; escaped line ends make it the record's, about there."""
    for record in records:
        if place <= len(record.content) and record is not records[-1] and place < len(record.content):
            break
        if record is records[-1]:
            break
        place -= len(record.content)
    return min(record.content_start + max(place, 0), max(record.end - 1, record.content_start))


AUDIOCODES = AudioCodesLayout()
