"""belle-sip's channel log, which Linphone and other applications on liblinphone write.

`channel [0x…]: message sent to [UDP://192.0.2.1:5060], size: [512] bytes` and `channel [0x…]: received [812] new bytes
from [TLS://host:5061]:`, each with the message below it. What was received is what one read gave: over TCP, TLS and
WebSocket it may hold a part of a message, or several. On Android each line bears a label, and blank lines are lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.framing import (
    MAXIMUM_MESSAGE,
    declared_length,
    end_of_counted,
    find_start,
    headers_end,
    label_shape,
)
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.restoring import restored
from sip_ci.trace.logs.spans import with_limits
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?P<label>[^\r\n]{0,300}?)channel \[(?P<channel>[0-9A-Za-z()]{1,20})\]: (?:"
    rb"message (?:partly )?sent to \[(?P<sent_by>[A-Za-z]{2,4})://(?P<sent_to>[^\]\r\n]{1,120}:[0-9]{1,5})\], "
    rb"(?:size|sent): \[(?P<sent>[0-9]{1,9})(?:/[0-9]{1,9})?\] bytes:?"
    rb"|received \[(?P<received>[0-9]{1,9})\] new bytes from "
    rb"\[(?P<received_by>[A-Za-z]{2,4})://(?P<received_from>[^\]\r\n]{1,120}:[0-9]{1,5})\]:)[ \t]*\r?$",
    re.MULTILINE,
)
_COLON_MILLISECONDS = re.compile(rb"([0-9]{2}:[0-9]{2}:[0-9]{2}):([0-9]{3})(?![0-9])")
_EPOCH = re.compile(rb"\s{0,8}([0-9]{10})\.([0-9]{3}) ")
_NEXT_RECORD = re.compile(
    rb"(?:[0-9]{4}-)?[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}[:.][0-9]{3}|[0-9]{10}\.[0-9]{3} |ortp-|belle-sip-"
)
_MAPPED = b"::ffff:"
_LONGEST_START = 8192
_DIGITS = re.compile(rb"[0-9]+")
_SAME_TIME = 0.1
"""How far apart two log lines about one event are, in seconds; shorter than the first interval of a retransmission."""
_UNFINISHED = 64
"""How many connections can have an unfinished message at the same time."""


@dataclass(frozen=True, slots=True)
class _Record:
    """What one line about a channel announces, and the bytes that it shows."""

    head: Head
    stream: tuple[bytes, bool]
    """The channel and the direction."""
    data: bytes
    end: int
    """Offset behind the bytes in the log."""
    name: bytes
    """What stands before it, without numbers."""


@dataclass(slots=True)
class _Pending:
    """Bytes of one connection and direction that are no whole message yet."""

    data: bytes
    records: list[tuple[int, _Record]]
    """The records that they are from, each with its place in `data`."""

    def add(self, record: _Record) -> None:
        self.records.append((len(self.data), record))
        self.data += record.data

    def drop(self, count: int) -> None:
        """Forget bytes at the beginning."""
        self.data = self.data[count:]
        self.records = [(place - count, record) for place, record in self.records]
        while len(self.records) > 1 and self.records[1][0] <= 0:
            del self.records[0]

    def head(self, count: int) -> Head:
        """The head of the message that the first bytes are."""
        place, record = self.records[0]
        data = self.data[:count]
        own = place == 0
        begin = record.head.payload if own else min(record.head.payload - place, record.end - 1)
        within = len(self.records) == 1 or count <= self.records[1][0]
        exact = b"\r\n" in data and data.count(b"\r\n") == data.count(b"\n")
        return replace(
            record.head,
            start=record.head.start if own else begin,
            payload=begin,
            text=data,
            fidelity=Fidelity.EXACT if exact else Fidelity.LINE_ENDINGS_LOST,
            # What lies between the records of a message may be other messages.
            end=max(begin, min(begin + count, record.end)) if within else record.end,
        )

    def cut_off(self) -> Head:
        """The head of a message of which nothing follows."""
        return replace(self.head(len(self.data)), fidelity=Fidelity.TRUNCATED)


class BelleSipLayout:
    """What a channel logs (BelledonneCommunications/belle-sip, `src/channel.c`: `send_buffer`, `read_data`)."""

    name = "linphone"
    origin = TraceOrigin.LOG
    tight = False
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The messages of all records, in the order in which they begin."""
        heads: list[Head] = []
        pending: dict[tuple[bytes, bool], _Pending] = {}
        before: _Record | None = None
        for record in _records(text):
            if before is not None and _is_copy(record, before):
                if heads and heads[-1].start >= before.head.start:
                    heads[-1] = replace(heads[-1], end=record.end)
                continue
            before = record
            if record.head.transport is Transport.UDP:
                heads.append(_Pending(record.data, [(0, record)]).head(len(record.data)))
                continue
            rest = pending.pop(record.stream, None) or _Pending(b"", [])
            if rest.data and find_start(record.data) is not None:
                heads.append(rest.cut_off())
                rest = _Pending(b"", [])
            rest.add(record)
            heads.extend(_messages(rest))
            if rest.data:
                pending[record.stream] = rest
            if len(pending) > _UNFINISHED:
                oldest = pending.pop(next(iter(pending)))
                heads.append(oldest.cut_off())
        heads.extend(rest.cut_off() for rest in pending.values())
        return iter(sorted(heads, key=lambda head: (head.start, head.payload)))


def _is_copy(record: _Record, before: _Record) -> bool:
    """Whether a record only repeats another one: some applications log each under two names, one after the other."""
    if record.data != before.data or record.stream != before.stream or record.name == before.name:
        return False
    one, other = before.head.stamp, record.head.stamp
    return one is None or other is None or abs(other.seconds - one.seconds) < _SAME_TIME


def _messages(pending: _Pending) -> Iterator[Head]:
    """The whole messages at the beginning of what is pending, which are taken out of it."""
    while True:
        pending.drop(len(pending.data) - len(pending.data.lstrip(b" \t\r\n")))
        data = pending.data
        if b"\n" in data and find_start(data) is None:
            # The beginning of this message is not in the log.
            yield pending.head(len(data))
            pending.data = b""
            return
        body = headers_end(data)
        if body is None:
            return
        end, missing = end_of_counted(data, body, declared_length(data[:body]) or 0)
        if missing:
            return
        yield pending.head(end)
        pending.drop(end)


def _records(text: LogText) -> Iterator[_Record]:
    # The streams whose last record ended between the two bytes of a line end.
    split: set[tuple[bytes, bool]] = set()
    found = ((start, _HEAD.match(text, start)) for start, _ in lines_with(text, b" sent to [", b" new bytes from ["))
    records = ((start, match) for start, match in found if match is not None)
    for start, match, limit in with_limits(records, len(text)):
        yield _record(text, start, match, limit, split)


def _record(text: LogText, start: int, match: re.Match[bytes], limit: int, split: set[tuple[bytes, bool]]) -> _Record:
    sent = match["sent"] is not None
    stream = (match["channel"], sent)
    payload = next_line(text, match.end())
    size = int(match["sent"] if sent else match["received"])
    region = text[payload : min(limit, payload + MAXIMUM_MESSAGE)]
    data, used = _data(region, match["label"], size, split=stream in split)
    split.discard(stream)
    if data.endswith(b"\r"):
        split.add(stream)
    head = Head(
        start,
        payload,
        _stamp(match["label"]),
        sent=sent,
        remote=_remote(match["sent_to"] if sent else match["received_from"]),
        transport=transport_named((match["sent_by"] if sent else match["received_by"]).decode()),
    )
    return _Record(head, stream, data, payload + used, _DIGITS.sub(b"", match["label"]))


def _data(region: bytes, label: bytes, size: int, *, split: bool) -> tuple[bytes, int]:
    """The bytes that a record shows, and how many of the text they take up. `split`: a CRLF is cut."""
    lines = region.split(b"\n")
    shape = label_shape(label.rstrip(b" \t"))
    labelled = bool(label.strip()) and shape.match(lines[0]) is not None
    if labelled:
        numbers = [number for number, line in enumerate(lines) if shape.match(line) is not None]
        lines = [_behind(lines[number], shape, label) for number in numbers]
        if lines[0].startswith(b"\t"):
            # On iOS each line of a message begins with a tab.
            lines = [line.removeprefix(b"\t") for line in lines]
    else:
        count = next((index for index, line in enumerate(lines) if index and _NEXT_RECORD.match(line)), len(lines))
        numbers = list(range(count))
        # Only a message that begins here shows whether its lines are indented.
        indented = find_start(lines[0][:_LONGEST_START]) is not None
        indent = len(lines[0]) - len(lines[0].lstrip(b" \t")) if indented else 0
        lines = [line[indent:] if not line[:indent].strip(b" \t") else line for line in lines[:count]]
    data = b"\n".join(lines)
    begin = int(split and data.startswith(b"\n"))
    end, _ = end_of_counted(data, begin, size - begin)
    if labelled and headers_end(data[:end]) is None and find_start(data) is not None:
        # The blank lines are lost, so the number of bytes does not tell where the message ends.
        message, used = restored(lines)
        return message, _length(region, numbers[used - 1] + 1)
    return data[:end], _length(region, numbers[min(data.count(b"\n", 0, end), len(numbers) - 1)] + 1)


def _behind(line: bytes, shape: re.Pattern[bytes], label: bytes) -> bytes:
    match = shape.match(line)
    padding = len(label) - len(label.rstrip(b" \t"))
    rest = line[match.end() :] if match is not None else line
    return rest[padding:] if not rest[:padding].strip(b" \t") else rest


def _length(region: bytes, lines: int) -> int:
    return min(sum(len(line) + 1 for line in region.split(b"\n", lines)[:lines]), len(region))


def _remote(text: bytes) -> Endpoint:
    remote = endpoint(text)
    # Of an IPv4 address in IPv6 form, the form says nothing.
    mapped = _MAPPED.decode()
    return Endpoint(remote.host.removeprefix(mapped), remote.port)


def _stamp(label: bytes) -> Stamp | None:
    epoch = _EPOCH.match(label)
    if epoch is not None:
        return Stamp(int(epoch[1]) + int(epoch[2]) / 1000, absolute=True, resolution=1e-3)
    return find_stamp(_COLON_MILLISECONDS.sub(rb"\1.\2", label))


BELLE_SIP = BelleSipLayout()
