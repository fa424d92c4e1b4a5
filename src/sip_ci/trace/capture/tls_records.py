"""Cuts one direction of a TLS connection into records and handshake messages (RFC 8446 §5.1): sans-IO."""

from __future__ import annotations

from dataclasses import dataclass, field

from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.capture.tls_handshake import (
    CERTIFICATE,
    CERTIFICATE_REQUEST,
    CLIENT_HELLO,
    SERVER_HELLO,
    read_certificates,
    read_client_hello,
    read_server_hello,
)
from sip_ci.trace.tls import Certificate, ClientHello, ServerHello

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23

_RECORD_HEAD = 5
_LARGEST_RECORD = 16384 + 2048
"""Bytes that a record's fragment may have (RFC 5246 §6.2.3)."""
_LARGEST_MESSAGE = 128 * 1024
_ENOUGH_PROTECTED = 4
"""Protected records behind which nothing that is readable follows."""


@dataclass(slots=True)
class TlsSide:
    """What one side of a connection said in the clear."""

    first: Mark | None = None
    """The packet that brought the head of its first record."""
    opening: int = 0
    """The type of the handshake message that it begins with; 0 where it begins with none."""
    client_hello: ClientHello | None = None
    server_hello: ServerHello | None = None
    certificates: tuple[Certificate, ...] | None = None
    certificate_requested: bool = False
    alerts: list[tuple[Mark, bool, int]] = field(default_factory=list)
    """(Packet, whether it is fatal, description)."""
    protected: list[int] = field(default_factory=list)
    """The lengths in bytes of the first protected records."""
    gap: bool = False
    """Whether bytes were missing before its handshake was over."""


class TlsRecordReader:
    """Fed with what one side sends, until `done`."""

    __slots__ = ("_buffer", "_changed", "_message", "done", "side")

    def __init__(self) -> None:
        self.side = TlsSide()
        self.done = False
        """Whether nothing that can be read follows."""
        self._buffer = bytearray()
        self._message = bytearray()
        self._changed = False
        """Whether a ChangeCipherSpec was seen: handshake records behind it are protected, up to TLS 1.2 by it."""

    @property
    def held(self) -> int:
        """Bytes that it keeps."""
        return len(self._buffer) + len(self._message)

    def feed(self, data: bytes, mark: Mark) -> None:
        """Take the next bytes of the stream."""
        if self.done:
            return
        self._buffer += data
        buffer = self._buffer
        place = 0
        while len(buffer) - place >= _RECORD_HEAD:
            kind, length = buffer[place], int.from_bytes(buffer[place + 3 : place + 5], "big")
            if kind not in (CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, 24) or length > _LARGEST_RECORD:
                self._stop()
                return
            if self.side.first is None:
                self.side.first = mark
            if not self.side.opening and kind == HANDSHAKE and not self._changed and len(buffer) > place + _RECORD_HEAD:
                self.side.opening = buffer[place + _RECORD_HEAD]
            end = place + _RECORD_HEAD + length
            if end > len(buffer):
                break
            if not self._record(kind, bytes(buffer[place + _RECORD_HEAD : end]), mark):
                self._stop()
                return
            place = end
        del buffer[:place]

    def gap(self) -> None:
        """Bytes are missing: what follows cannot be told into records any more."""
        if not self.done:
            self.side.gap = True
            self._stop()

    def _stop(self) -> None:
        self.done = True
        self._buffer.clear()
        self._message.clear()

    def _record(self, kind: int, fragment: bytes, mark: Mark) -> bool:
        """Take a record; whether anything that can be read may follow."""
        side = self.side
        if kind == CHANGE_CIPHER_SPEC:
            self._changed = True
        if kind == APPLICATION_DATA or (self._changed and kind in (HANDSHAKE, ALERT)):
            side.protected.append(len(fragment))
            return len(side.protected) < _ENOUGH_PROTECTED
        if kind == ALERT and len(fragment) == 2 and len(side.alerts) < 16:
            side.alerts.append((mark, fragment[0] == 2, fragment[1]))
        if kind == HANDSHAKE:
            return self._handshake(fragment, mark)
        return True

    def _handshake(self, fragment: bytes, mark: Mark) -> bool:
        """Handshake messages lie in records in any way: many in one, one over many."""
        message = self._message
        message += fragment
        place = 0
        while len(message) - place >= 4:
            length = int.from_bytes(message[place + 1 : place + 4], "big")
            if length > _LARGEST_MESSAGE:
                return False
            end = place + 4 + length
            if end > len(message):
                break
            self._take(message[place], bytes(message[place + 4 : end]), mark)
            place = end
        del message[:place]
        return True

    def _take(self, kind: int, body: bytes, mark: Mark) -> None:
        side = self.side
        if kind == CLIENT_HELLO and side.client_hello is None:
            offer = read_client_hello(body, mark)
            side.client_hello = offer.hello if offer is not None else None
        elif kind == SERVER_HELLO and side.server_hello is None:
            side.server_hello = read_server_hello(body, mark)
        elif kind == CERTIFICATE and side.certificates is None:
            side.certificates = read_certificates(body)
        elif kind == CERTIFICATE_REQUEST:
            side.certificate_requested = True
