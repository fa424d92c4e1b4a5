"""WebSocket frames in a byte stream (RFC 6455 §5.2), as SIP over WebSocket uses them (RFC 7118)."""

from __future__ import annotations

from sip_ci.trace.start_line import looks_like_start_line

_CONTINUATION = 0
_TEXT = 1
_BINARY = 2
_CLOSE = 8


class _Head:
    """The header of one frame."""

    __slots__ = ("final", "key", "opcode", "payload", "size")

    def __init__(self, final: bool, opcode: int, key: bytes, payload: int, size: int) -> None:
        self.final = final
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
    return _Head(first >= 0x80, opcode, key, length, size)


def _unmask(payload: bytes, key: bytes) -> bytes:
    if not key:
        return payload
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


def looks_like_frame(data: bytes) -> bool:
    """Whether a stream that was caught in its middle begins with a data frame that holds SIP."""
    if len(data) < 16 or data[0] & 0x7F not in (_TEXT, _BINARY):
        return False
    try:
        head = _head(data, 0)
    except ValueError:
        return False
    if head is None or head.payload < 16:
        return False
    begin = _unmask(data[head.size :], head.key).lstrip(b"\r\n")
    method, blank, rest = begin.partition(b" ")
    return (b"\n" in begin and looks_like_start_line(begin)) or (
        bool(blank) and method.isalpha() and method.isupper() and rest.lower().startswith((b"sip:", b"sips:"))
    )


class WebSocketDecoder:
    """Puts the messages of one direction together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0
        self._compressed = False
        self.broken = False
        """Whether the stream turned out not to be WebSocket, or a frame claims more than the limit."""

    def decode(self, data: bytearray) -> tuple[int, list[tuple[int, bytes]]]:
        """Decode all complete frames: how many bytes they take, and (offset behind it, message) for each message."""
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
                self._parts.append(payload)
                self._held += len(payload)
                if head.final:
                    messages.append((end, b"".join(self._parts)))
                    self._parts, self._held = [], 0
            place = end
        return place, messages
