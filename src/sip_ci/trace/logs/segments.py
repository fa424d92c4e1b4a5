"""Messages over TCP from the segments that a tool printed one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sip_ci.trace.logs.framing import declared_length, end_of_counted, headers_end
from sip_ci.trace.logs.interface import Head
from sip_ci.trace.start_line import looks_like_start_line

_MOST_SEGMENTS = 256
_LONGEST = 1 << 17
"""More than this, in bytes, or more segments are not waited for: joining costs time each time."""


@dataclass(slots=True)
class _Pending:
    head: Head
    data: bytes
    segments: int = 0


class SegmentJoiner:
    """Joins what each side of a connection sent; a message longer than a segment gets the head of its first one.

    Segments come in the order in which they were seen. A line end may be CRLF, or LF that was CRLF.
    """

    def __init__(self) -> None:
        self._pending: dict[tuple[object, object], _Pending] = {}

    def add(self, head: Head, data: bytes) -> Iterator[Head]:
        """Add the payload of one segment; yields a head with its text for each message that is now whole."""
        key = (head.source, head.destination)
        pending = self._pending.pop(key, None)
        if pending is not None and looks_like_start_line(data):
            yield replace(pending.head, text=pending.data)
            pending = None
        if pending is None:
            pending = _Pending(head, b"")
            data = data.lstrip(b"\r\n")
            if not looks_like_start_line(data):
                return
        pending.data += data
        pending.segments += 1
        while True:
            length = _length(pending.data)
            if length is None:
                if len(pending.data) < _LONGEST and pending.segments < _MOST_SEGMENTS:
                    self._pending[key] = pending
                else:
                    yield replace(pending.head, text=pending.data)
                return
            yield replace(pending.head, text=pending.data[:length])
            rest = pending.data[length:].lstrip(b"\r\n")
            if not looks_like_start_line(rest):
                return
            pending = _Pending(head, rest)

    def rest(self) -> Iterator[Head]:
        """The messages whose end was not seen."""
        for pending in self._pending.values():
            yield replace(pending.head, text=pending.data)
        self._pending.clear()


def _length(data: bytes) -> int | None:
    """The length of the message that begins `data`; None where it is not all there."""
    body = headers_end(data)
    if body is None:
        return None
    end, missing = end_of_counted(data, body, declared_length(data[:body]) or 0)
    return None if missing else end
