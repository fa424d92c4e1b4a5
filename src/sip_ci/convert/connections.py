"""TCP connections rebuilt around the messages that they carried: handshake, segments, acknowledgements, end."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from sip_ci.convert.frames import ACK, FIN, PSH, RST, SYN, Frame, Socket, segment_frame
from sip_ci.trace.trace import TcpEventKind

_MAXIMUM_SEGMENT = {4: 1460, 6: 1440}
"""Bytes of a segment on Ethernet, by the version of IP."""
_EPHEMERAL = 32_768
"""Where the ports begin that systems give to clients."""

_WEBSOCKET_KEY = base64.b64encode(b"the sample nonce").decode()
_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455 §1.3."""


class Connection:
    """One TCP connection: what each side has sent so far."""

    __slots__ = (
        "_acknowledged",
        "_answered",
        "_client",
        "_identifications",
        "_next",
        "_opened",
        "_server",
        "finished",
        "has_websocket",
    )

    def __init__(self, client: Socket, server: Socket, identifications: Iterator[int]) -> None:
        self._identifications = identifications
        self._client = client
        self._server = server
        self._next = {client: _first_sequence(client, server), server: _first_sequence(server, client)}
        self._opened = False
        self._answered = False
        self._acknowledged = False
        self.has_websocket = False
        self.finished: set[Socket] = set()
        """The sides that will send no more."""

    @property
    def is_fresh(self) -> bool:
        """Whether no data was sent yet and nobody answered."""
        return not self._answered

    def event(self, kind: TcpEventKind, source: Socket) -> Iterator[Frame]:
        """The segment of an event that the trace tells of."""
        destination = self._server if source == self._client else self._client
        match kind:
            case TcpEventKind.SYN:
                if self._opened:
                    # The same segment once more: nobody answered.
                    self._next[source] -= 1
                self._opened = True
                yield self._segment(source, destination, SYN, b"")
            case TcpEventKind.SYN_ACK:
                if not self._opened:
                    self._next[destination] += 1
                self._opened = self._answered = True
                yield self._segment(source, destination, SYN | ACK, b"")
            case TcpEventKind.RST:
                self.finished |= {source, destination}
                yield self._segment(source, destination, RST | ACK, b"")
            case TcpEventKind.FIN:
                self.finished.add(source)
                yield self._segment(source, destination, FIN | ACK, b"")

    def data(self, source: Socket, payload: bytes) -> Iterator[Frame]:
        """The segments of a payload and their acknowledgement, behind as much of a handshake as is missing."""
        destination = self._server if source == self._client else self._client
        yield from self._handshake()
        step = _MAXIMUM_SEGMENT[source.address.version]
        for start in range(0, len(payload), step):
            piece = payload[start : start + step]
            flags = ACK | PSH if start + step >= len(payload) else ACK
            yield self._segment(source, destination, flags, piece)
        yield self._segment(destination, source, ACK, b"")

    def websocket(self, source: Socket, payload: bytes) -> Iterator[Frame]:
        """A payload as one WebSocket message, behind the HTTP upgrade where that has not been (RFC 7118 §4)."""
        if not self.has_websocket:
            self.has_websocket = True
            host = f"[{self._server.address}]" if self._server.address.version == 6 else str(self._server.address)
            request = (
                f"GET / HTTP/1.1\r\nHost: {host}:{self._server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {_WEBSOCKET_KEY}\r\nSec-WebSocket-Protocol: sip\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n"
            )
            digest = hashlib.sha1((_WEBSOCKET_KEY + _WEBSOCKET_GUID).encode(), usedforsecurity=False).digest()
            response = (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
            )
            yield from self.data(self._client, request.encode())
            yield from self.data(self._server, response.encode())
        yield from self.data(source, _websocket_frame(payload, masked=source == self._client))

    def _handshake(self) -> Iterator[Frame]:
        client, server = self._client, self._server
        if not self._opened:
            yield from self.event(TcpEventKind.SYN, client)
        if not self._answered:
            yield from self.event(TcpEventKind.SYN_ACK, server)
        if not self._acknowledged:
            self._acknowledged = True
            yield self._segment(client, server, ACK, b"")

    def _segment(self, source: Socket, destination: Socket, flags: int, payload: bytes) -> Frame:
        frame = segment_frame(
            source,
            destination,
            payload,
            flags=flags,
            sequence=self._next[source],
            acknowledged=self._next[destination] if flags & ACK else 0,
            identification=next(self._identifications),
        )
        self._next[source] += len(payload) + bool(flags & (SYN | FIN))
        return frame


class Connections:
    """All TCP connections of a capture that is written."""

    def __init__(self, identifications: Iterator[int]) -> None:
        self._identifications = identifications
        self._open: dict[frozenset[Socket], Connection] = {}

    def for_event(self, kind: TcpEventKind, source: Socket, destination: Socket) -> Connection:
        """The connection that an event concerns; a first SYN begins a new one."""
        key = frozenset((source, destination))
        known = self._open.get(key)
        answered = kind in (TcpEventKind.SYN_ACK, TcpEventKind.RST)
        client, server = (destination, source) if answered else (source, destination)
        if known is None or (kind is TcpEventKind.SYN and not known.is_fresh) or known.finished == key:
            known = self._open[key] = Connection(client, server, self._identifications)
        return known

    def for_message(self, source: Socket, destination: Socket, *, is_request: bool) -> Connection:
        """The connection that carries a message."""
        key = frozenset((source, destination))
        known = self._open.get(key)
        if known is None or source in known.finished:
            client, server = (source, destination) if _dials(source, destination, is_request) else (destination, source)
            known = self._open[key] = Connection(client, server, self._identifications)
        return known


def _dials(source: Socket, destination: Socket, is_request: bool) -> bool:
    """Whether the source of a connection's first message is the side that opened it, as far as ports tell."""
    if (source.port >= _EPHEMERAL) != (destination.port >= _EPHEMERAL):
        return source.port >= _EPHEMERAL
    return is_request


def _first_sequence(source: Socket, destination: Socket) -> int:
    """An initial sequence number that is the same in every run."""
    ends = f"{source.address} {source.port} {destination.address} {destination.port}"
    return int.from_bytes(hashlib.sha256(ends.encode()).digest()[:3], "big")


def _websocket_frame(payload: bytes, *, masked: bool) -> bytes:
    """One final text frame (RFC 6455 §5.2); the mask of a client is all zeros, so that the text can be read."""
    mask = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = bytes([0x81, mask | size])
    elif size < 1 << 16:
        head = bytes([0x81, mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x81, mask | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload
