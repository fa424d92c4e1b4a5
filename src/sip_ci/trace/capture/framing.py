"""Finds SIP messages in one direction of a byte stream (RFC 3261 §18.3): sans-IO, fed with what arrives."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from sip_ci.trace.capture.hep import MAGIC as HEP_MAGIC
from sip_ci.trace.capture.marks import Mark as Mark
from sip_ci.trace.capture.websocket import WebSocketDecoder, looks_like_frame
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport
from sip_ci.trace.start_line import MAX_START_LINE, looks_like_start_line
from sip_ci.trace.trace import NoticeKind

_CONTENT_LENGTH = re.compile(rb"\n(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,10})[ \t]*(?=[\r\n])", re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"\n(?:content-type|c)[ \t]*:", re.IGNORECASE)
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_UPGRADE = re.compile(rb"\nupgrade[ \t]*:[^\r\n]*websocket", re.IGNORECASE)
_HTTP = re.compile(rb"GET |HTTP/1\.[01] ([0-9]{3})\b")

_FRAME_SAMPLE = 512
"""Bytes of a stream that are looked at to tell whether it begins with a WebSocket frame."""

_PATIENCE = 64 * 1024
"""Bytes of a stream that are searched for a first start line before it is held to be no SIP."""


class StreamKind(Enum):
    """What a stream was found to carry."""

    UNKNOWN = auto()
    SIP = auto()
    WEBSOCKET = auto()
    TLS = auto()
    HEP = auto()
    OTHER = auto()


Emit = Callable[[bytes, Mark, Transport, bool], None]
"""Takes a message, the packet that completed it, the transport, and whether its end is missing."""


class StreamListener(Protocol):
    """Is told what a stream carries besides messages."""

    def tls(self, data: bytes, mark: Mark) -> bool:
        """The next bytes of TLS; whether more are wanted."""

    def tls_gap(self) -> None:
        """Bytes of TLS are missing."""

    def http_head(self, head: bytes, mark: Mark) -> None:
        """A stream begins with this head of an HTTP request or response."""


class StreamFramer:
    """One direction of one connection."""

    __slots__ = (
        "_aligned", "_buffer", "_emit", "_end", "_in_http_head", "_limits", "_listener", "_lost", "_marks", "_needed",
        "_notices", "_patient", "_scanned", "_searched", "_start", "_websocket", "kind", "wants",
    )  # fmt: skip

    def __init__(
        self, emit: Emit, limits: Limits, notices: NoticeLog, *, patient: bool, listener: StreamListener | None = None
    ) -> None:
        self.kind = StreamKind.UNKNOWN
        """What it carries."""
        self.wants = True
        """Whether feeding it can still find anything."""
        self._emit = emit
        self._listener = listener
        self._limits = limits
        self._notices = notices
        self._patient = patient
        self._buffer = bytearray()
        self._start = 0
        """Stream offset of the buffer's first byte."""
        self._end = 0
        """Stream offset behind its last."""
        self._marks: deque[tuple[int, Mark]] = deque()
        """(Stream offset behind the bytes that a packet brought, the packet)."""
        self._needed = 0
        """Buffer length below which there is nothing to do."""
        self._scanned = 0
        """Buffer offset up to which the end of the headers was not found."""
        self._searched = 0
        """Bytes of noise searched for a first start line."""
        self._aligned = False
        """Whether the buffer begins right behind a message, so that what is there must be one too."""
        self._in_http_head = False
        """Whether the buffer begins with an HTTP message whose head is not complete yet."""
        self._lost = False
        """Whether the place of the next WebSocket frame is not known."""
        self._websocket: WebSocketDecoder | None = None

    @property
    def held(self) -> int:
        """Bytes in its buffer."""
        return len(self._buffer)

    def feed(self, data: bytes, mark: Mark) -> None:
        """Take the next bytes of the stream."""
        if not data or not self.wants:
            return
        if self.kind is StreamKind.TLS:
            self._tls(data, mark)
            return
        if self._lost:
            if not looks_like_frame(data[:_FRAME_SAMPLE]):
                return
            self._lost = False
        self._buffer += data
        self._end += len(data)
        self._marks.append((self._end, mark))
        kind = self._recognise() if self.kind is StreamKind.UNKNOWN else self.kind
        if kind is StreamKind.WEBSOCKET:
            self._deframe()
        elif kind in (StreamKind.SIP, StreamKind.UNKNOWN):
            if not self._in_http_head:
                self._frame()
        elif kind is StreamKind.HEP:
            self._mirrored()
        elif kind is StreamKind.TLS:
            # Told apart by its first bytes, so that nothing was cut off yet.
            base = start = self._start
            whole, pieces = bytes(self._buffer), list(self._marks)
            self._discard(len(whole))
            for end, brought in pieces:
                self._tls(whole[start - base : end - base], brought)
                start = end
        if self.kind is StreamKind.OTHER:
            self.wants = False
            self._discard(len(self._buffer))

    def _tls(self, data: bytes, mark: Mark) -> None:
        self.wants = self.wants and self._listener is not None and self._listener.tls(data, mark)

    def gap(self) -> None:
        """The bytes that follow are not the next ones: what is unfinished stays so, and a start line is sought."""
        if self.kind is StreamKind.TLS and self._listener is not None:
            self._listener.tls_gap()
        self._unfinished()
        self._discard(len(self._buffer))
        self._aligned = False
        if self._websocket is not None:
            self._websocket = WebSocketDecoder(self._limits.message_bytes, self._notices)
            self._lost = True

    def finish(self) -> None:
        """The stream has ended."""
        self._unfinished()
        self._discard(len(self._buffer))

    def _mirrored(self) -> None:
        """Hand on the HEP packets, each as a whole: what is in them has addresses of its own."""
        place = 0
        while len(self._buffer) - place >= 6:
            size = int.from_bytes(self._buffer[place + 4 : place + 6], "big")
            if self._buffer[place : place + 4] != HEP_MAGIC or size < 6:
                self.kind = StreamKind.OTHER
                break
            if len(self._buffer) - place < size:
                break
            raw = bytes(self._buffer[place : place + size])
            self._emit(raw, self._mark_at(self._start + place + size), Transport.UNKNOWN, False)
            place += size
        self._discard(place)

    def _recognise(self) -> StreamKind:
        """Tell TLS and WebSocket from what may be SIP, by the first bytes."""
        head = bytes(self._buffer[:8])
        if head[:4] == HEP_MAGIC:
            self.kind = StreamKind.HEP
        elif len(head) >= 3 and head[0] in (0x15, 0x16, 0x17) and head[1] == 3 and head[2] <= 4 and self._start == 0:
            self.kind = StreamKind.TLS
        elif (http := _HTTP.match(self._buffer)) is not None:
            end = _HEADERS_END.search(self._buffer, max(self._scanned - 3, 0), _PATIENCE)
            self._in_http_head = end is None
            self._scanned = len(self._buffer) if end is None else 0
            if end is None:
                if len(self._buffer) >= _PATIENCE:
                    self.kind = StreamKind.OTHER
            else:
                if self._listener is not None:
                    self._listener.http_head(bytes(self._buffer[: end.end()]), self._mark_at(self._start + end.end()))
                if _UPGRADE.search(self._buffer, 0, end.end()) and http[1] in (None, b"101"):
                    self._discard(end.end())
                    self.kind = StreamKind.WEBSOCKET
                    self._websocket = WebSocketDecoder(self._limits.message_bytes, self._notices)
                elif not self._patient:
                    self.kind = StreamKind.OTHER
        elif looks_like_frame(bytes(self._buffer[:_FRAME_SAMPLE])):
            self.kind = StreamKind.WEBSOCKET
            self._websocket = WebSocketDecoder(self._limits.message_bytes, self._notices)
        return self.kind

    def _deframe(self) -> None:
        assert self._websocket is not None
        frame = self._marks[-1][1].frame if self._marks else None
        used, messages = self._websocket.decode(self._buffer, frame)
        for end, message in messages:
            # RFC 7118 §5.1: each WebSocket message is one SIP message.
            text = message.lstrip(b"\r\n")
            if looks_like_start_line(text):
                self._emit(text, self._mark_at(self._start + end), Transport.WS, False)
        self._discard(used)
        if self._websocket.broken:
            self.kind = StreamKind.OTHER

    def _frame(self) -> None:
        """Cut off all complete messages."""
        buffer = self._buffer
        place = 0
        while len(buffer) - place >= max(self._needed, 1):
            # RFC 3261 §7.5 and RFC 5626 §3.5.1: line ends between messages are keep-alives.
            while place < len(buffer) and buffer[place] in b"\r\n":
                place += 1
            if place == len(buffer):
                break
            end = buffer.find(b"\n", place, place + MAX_START_LINE)
            if end < 0 and len(buffer) - place < MAX_START_LINE and self._could_start(place):
                break
            if end < 0 or not looks_like_start_line(buffer, place):
                found = self._next_start(place)
                following = self._give_up(place) if found is None else found
                if following > place:
                    self._note_skipped(place)
                place = following
                if found is None:
                    break
                continue
            self.kind = StreamKind.SIP
            size = self._message_size(place)
            if size is None:
                if self._needed > self._limits.message_bytes:
                    place = end + 1
                elif len(buffer) - place > self._limits.message_bytes:
                    place = len(buffer)
                else:
                    break
                self._too_long()
                self._needed = self._scanned = 0
                continue
            raw = bytes(buffer[place : place + size])
            self._emit(raw, self._mark_at(self._start + place + size), Transport.TCP, False)
            self._needed = self._scanned = 0
            self._aligned = True
            place += size
        self._discard(place)

    def _note_skipped(self, place: int) -> None:
        """Something lies behind a message that is neither a message nor a line end."""
        if self._aligned:
            self._notices.add(
                NoticeKind.SKIPPED_BYTES,
                "Bytes behind a SIP message in a TCP connection belong to no message and were skipped: its"
                " Content-Length is too small or missing",
                frame=self._mark_at(self._start + place + 1).frame,
            )
        self._aligned = False

    def _could_start(self, place: int) -> bool:
        """Whether the unfinished line at a place may become a start line."""
        return all(32 <= byte < 127 for byte in self._buffer[place : place + 32])

    def _message_size(self, place: int) -> int | None:
        """Bytes of the message at a place, or None where its end is not there yet."""
        buffer = self._buffer
        head = _HEADERS_END.search(buffer, place + max(self._scanned - 3, 0), place + self._limits.message_bytes)
        if head is None:
            self._scanned = len(buffer) - place
            return None
        length = _CONTENT_LENGTH.search(buffer, place, head.end())
        if length is None:
            size = head.end() - place
            if _CONTENT_TYPE.search(buffer, place, head.end()):
                # Forbidden in streams (RFC 3261 §18.3), so that any end is a guess: the next message, or what is here.
                following = self._next_start(head.end())
                size = (len(buffer) if following is None else following) - place
            return size
        size = head.end() - place + int(length[1])
        if size > len(buffer) - place:
            self._needed = size
            return None
        return size

    def _next_start(self, place: int) -> int | None:
        """Offset of the next line that is a start line. Linear: each line is looked at once."""
        buffer = self._buffer
        # Lines that may be start lines hold the version, and those are rare.
        while (version := buffer.find(b"SIP/", place)) >= 0:
            line = max(buffer.rfind(b"\n", place, version) + 1, place)
            end = buffer.find(b"\n", version, version + MAX_START_LINE)
            if end < 0:
                return line if line > place and len(buffer) - version < MAX_START_LINE else None
            if end - line < MAX_START_LINE and looks_like_start_line(buffer, line):
                return line
            place = end + 1
        return None

    def _give_up(self, place: int) -> int:
        """No start line from here on: keep the last line, which may become one, and count the rest as noise."""
        buffer = self._buffer
        last = max(buffer.rfind(b"\n", place) + 1, place)
        if len(buffer) - last > MAX_START_LINE:
            last = len(buffer)
        self._searched += last - place
        if self.kind is StreamKind.UNKNOWN and not self._patient and self._searched + (len(buffer) - last) > _PATIENCE:
            self.kind = StreamKind.OTHER
        if last == place and len(buffer) - last > 64 and not self._could_start(last):
            # Binary without line ends: nothing in it can become a start line but what follows a line end.
            self._searched += len(buffer) - 1 - last
            last = len(buffer) - 1
        return last

    def _too_long(self) -> None:
        self._notices.add(
            NoticeKind.LIMIT,
            f"A SIP message in a stream claims more than {self._limits.message_bytes} bytes",
            frame=self._marks[-1][1].frame if self._marks else None,
        )

    def _unfinished(self) -> None:
        """Hand on a message whose headers are complete and whose body is not."""
        if self.kind is not StreamKind.SIP or not self._buffer:
            return
        text = bytes(self._buffer).lstrip(b"\r\n")
        end = text.find(b"\n", 0, MAX_START_LINE)
        if end < 0 or not looks_like_start_line(text):
            return
        head = _HEADERS_END.search(text)
        if head is not None and len(text) <= self._limits.message_bytes:
            self._emit(text, self._mark_at(self._end), Transport.TCP, True)

    def _mark_at(self, offset: int) -> Mark:
        """The packet that brought the byte before a stream offset; offsets are asked for in rising order."""
        while len(self._marks) > 1 and self._marks[0][0] < offset:
            self._marks.popleft()
        return self._marks[0][1]

    def _discard(self, size: int) -> None:
        del self._buffer[:size]
        self._start += size
        while self._marks and self._marks[0][0] <= self._start:
            self._marks.popleft()
        if not self._buffer:
            self._needed = self._scanned = 0
