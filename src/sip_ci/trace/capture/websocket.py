"""WebSocket frames in a byte stream (RFC 6455 §5.2), as SIP over WebSocket uses them (RFC 7118)."""

from __future__ import annotations

import zlib

from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.start_line import looks_like_start_line
from sip_ci.trace.trace import NoticeKind

_CONTINUATION = 0
_TEXT = 1
_BINARY = 2
_CLOSE = 8

_COMPRESSED = 0x40
"""The bit that permessage-deflate sets on the first frame of a compressed message (RFC 7692 §6)."""
_EMPTY_BLOCK = b"\x00\x00\xff\xff"
"""What a sender leaves away behind each compressed message (RFC 7692 §7.2.1)."""
_WINDOW = 32 * 1024
"""The largest window that may be agreed on, in bytes (RFC 7692 §7.1.2)."""


class _Head:
    """The header of one frame."""

    __slots__ = ("compressed", "final", "key", "opcode", "payload", "size")

    def __init__(self, final: bool, compressed: bool, opcode: int, key: bytes, payload: int, size: int) -> None:
        self.final = final
        self.compressed = compressed
        self.opcode = opcode
        self.key = key
        """The masking key; empty where the payload is not masked."""
        self.payload = payload
        """Bytes of the payload."""
        self.size = size
        """Bytes of the header itself."""


def _head(data: bytes | bytearray, place: int) -> _Head | None:
    """The frame header at a place; None where it is not complete. Raises ValueError where it cannot be one."""
    if len(data) - place < 2:
        return None
    first, second = data[place], data[place + 1]
    opcode = first & 0x0F
    if opcode not in (_CONTINUATION, _TEXT, _BINARY, _CLOSE, 9, 10):
        raise ValueError("no opcode of RFC 6455")
    length = second & 0x7F
    extended = {126: 2, 127: 8}.get(length, 0)
    masked = second >= 0x80
    size = 2 + extended + (4 if masked else 0)
    if len(data) - place < size:
        return None
    if extended:
        length = int.from_bytes(data[place + 2 : place + 2 + extended], "big")
    key = bytes(data[place + size - 4 : place + size]) if masked else b""
    return _Head(first >= 0x80, bool(first & _COMPRESSED), opcode, key, length, size)


def _unmask(payload: bytes, key: bytes) -> bytes:
    if not key:
        return payload
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


def looks_like_frame(data: bytes) -> bool:
    """Whether a stream that was caught in its middle goes on with a data frame that holds SIP; `data` is its begin."""
    if len(data) < 16 or data[0] & 0x3F not in (_TEXT, _BINARY):
        return False
    try:
        head = _head(data, 0)
    except ValueError:
        return False
    if head is None or head.payload < 16:
        return False
    begin = _unmask(data[head.size : head.size + head.payload], head.key)
    if head.compressed:
        try:
            begin = zlib.decompressobj(-zlib.MAX_WBITS).decompress(begin, len(data))
        except zlib.error:
            return False
    begin = begin.lstrip(b"\r\n")
    method, blank, rest = begin.partition(b" ")
    return (b"\n" in begin and looks_like_start_line(begin)) or (
        bool(blank) and method.isalpha() and method.isupper() and rest.lower().startswith((b"sip:", b"sips:"))
    )


class _Inflater:
    """Unfolds the messages of one direction (RFC 7692 §7.2.2).

    It keeps the sender's window from message to message: where the sides agreed that each message stands alone
    (`no_context_takeover`), or on smaller windows, nothing refers to what is too far back, and it does no harm.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._window = b""
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)

    def message(self, payload: bytes) -> bytes | None:
        """The message; None where it cannot be unfolded, or is longer than the limit."""
        try:
            text = self._stream.decompress(payload + _EMPTY_BLOCK, self._limit + 1)
        except zlib.error:
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            self._window = b""
            return None
        if len(text) > self._limit:
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
            return None
        self._window = (self._window + text)[-_WINDOW:]
        if self._stream.eof:
            # A sender may end its block (§7.2.3.4): the next one still refers to the same window.
            self._stream = zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._window)
        return text


class WebSocketDecoder:
    """Puts the messages of one direction together."""

    def __init__(self, limit: int, notices: NoticeLog) -> None:
        self._limit = limit
        self._notices = notices
        self._parts: list[bytes] = []
        self._held = 0
        self._compressed = False
        self._inflater: _Inflater | None = None
        self.broken = False
        """Whether the stream turned out not to be WebSocket, or a frame claims more than the limit."""

    def decode(self, data: bytearray, frame: int | None = None) -> tuple[int, list[tuple[int, bytes]]]:
        """Decode all complete frames: how many bytes they take, and (offset behind it, message) for each message.

        `frame` is the number of the packet at hand, for notices.
        """
        place = 0
        messages: list[tuple[int, bytes]] = []
        while not self.broken:
            try:
                head = _head(data, place)
            except ValueError:
                self.broken = True
                break
            if head is None:
                break
            if head.payload > self._limit or self._held + head.payload > self._limit:
                self.broken = True
                break
            end = place + head.size + head.payload
            if end > len(data):
                break
            if head.opcode in (_CONTINUATION, _TEXT, _BINARY):
                payload = _unmask(bytes(data[place + head.size : end]), head.key)
                if head.opcode != _CONTINUATION:
                    self._parts, self._held = [], 0
                    self._compressed = head.compressed
                self._parts.append(payload)
                self._held += len(payload)
                if head.final:
                    message = self._whole(frame)
                    if message is not None:
                        messages.append((end, message))
                    self._parts, self._held = [], 0
            place = end
        return place, messages

    def _whole(self, frame: int | None) -> bytes | None:
        message = b"".join(self._parts)
        if not self._compressed:
            return message
        if self._inflater is None:
            self._inflater = _Inflater(self._limit)
        unfolded = self._inflater.message(message)
        if unfolded is None:
            self._notices.add(
                NoticeKind.SKIPPED_BYTES,
                "Compressed WebSocket messages could not be unfolded: what they refer to is not in the capture",
                frame=frame,
            )
        return unfolded
