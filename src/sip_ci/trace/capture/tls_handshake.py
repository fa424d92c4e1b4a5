"""Reads the handshake messages of TLS and DTLS that are sent in the clear (RFC 8446 §4, RFC 5246 §7.4, RFC 6347 §4.2).

Each function takes the body of one message and gives None where it is not what it should be.
"""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.capture.x509 import read_certificate
from sip_ci.trace.tls import DTLS_1_3, TLS_1_3, Certificate, ClientHello, ServerHello

CLIENT_HELLO, SERVER_HELLO, CERTIFICATE, CERTIFICATE_REQUEST = 1, 2, 11, 13

_SERVER_NAME, _USE_SRTP, _ALPN, _SUPPORTED_VERSIONS = 0, 14, 16, 43

_HELLO_RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3)."""

_MOST_CERTIFICATES = 16
_LONGEST_NAME = 255
_MOST_PROTOCOLS = 32


class _Reader:
    """Takes fields off a message; raises ValueError at its end."""

    __slots__ = ("_data", "_place")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, size: int) -> bytes:
        if size > len(self._data) - self._place:
            raise ValueError("the message ends early")
        self._place += size
        return self._data[self._place - size : self._place]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """A vector whose length is given in `size` bytes."""
        return self.take(self.number(size))

    @property
    def left(self) -> int:
        return len(self._data) - self._place


@dataclass(frozen=True, slots=True)
class Offer:
    """A ClientHello, and what only DTLS-SRTP has in it."""

    hello: ClientHello
    srtp_profiles: tuple[int, ...]


def _numbers(data: bytes) -> tuple[int, ...]:
    """Two-byte numbers without the GREASE values (RFC 8701 §2)."""
    values = (int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data) - 1, 2))
    return tuple(value for value in values if not (value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF))


def _extensions(reader: _Reader) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if reader.left < 2:
        return found
    inside = _Reader(reader.vector(2))
    while inside.left >= 4:
        found.setdefault(inside.number(2), inside.vector(2))
    return found


def _protocols(data: bytes) -> tuple[str, ...]:
    """The names in an ALPN extension (RFC 7301 §3.1)."""
    names: list[str] = []
    inside = _Reader(_Reader(data).vector(2))
    while inside.left and len(names) < _MOST_PROTOCOLS:
        names.append(inside.vector(1).decode("ascii", "replace"))
    return tuple(names)


def _server_name(data: bytes) -> str:
    """The host_name in a server_name extension (RFC 6066 §3)."""
    inside = _Reader(_Reader(data).vector(2))
    while inside.left >= 3:
        kind, name = inside.number(1), inside.vector(2)
        if kind == 0:
            return name[:_LONGEST_NAME].decode("ascii", "replace")
    return ""


def read_client_hello(body: bytes, mark: Mark, *, datagram: bool = False) -> Offer | None:
    """Read a ClientHello (RFC 8446 §4.1.2); with `datagram` one of DTLS, which has a cookie (RFC 6347 §4.2.1)."""
    try:
        reader = _Reader(body)
        version = reader.number(2)
        random = reader.take(32)
        reader.vector(1)
        if datagram:
            reader.vector(1)
        ciphers = _numbers(reader.vector(2))
        reader.vector(1)
        extensions = _extensions(reader)
        offered = extensions.get(_SUPPORTED_VERSIONS)
        versions = _numbers(_Reader(offered).vector(1)) if offered else ()
        name = extensions.get(_SERVER_NAME)
        alpn = extensions.get(_ALPN)
        srtp = extensions.get(_USE_SRTP)
        return Offer(
            ClientHello(
                mark.time_ns / 1e9, mark.frame, versions or (version,), ciphers, _server_name(name) if name else "",
                _protocols(alpn) if alpn else (), random,
            ),
            _numbers(_Reader(srtp).vector(2)) if srtp else (),
        )  # fmt: skip
    except ValueError:
        return None


def read_server_hello(body: bytes, mark: Mark) -> ServerHello | None:
    """Read a ServerHello (RFC 8446 §4.1.3); a HelloRetryRequest is none."""
    try:
        reader = _Reader(body)
        version = reader.number(2)
        if reader.take(32) == _HELLO_RETRY:
            return None
        reader.vector(1)
        cipher = reader.number(2)
        reader.take(1)
        extensions = _extensions(reader)
        chosen = extensions.get(_SUPPORTED_VERSIONS, b"")
        if len(chosen) == 2:
            version = int.from_bytes(chosen, "big")
        alpn = extensions.get(_ALPN)
        protocols = _protocols(alpn) if alpn else ()
        return ServerHello(mark.time_ns / 1e9, mark.frame, version, cipher, protocols[0] if protocols else "")
    except ValueError:
        return None


def read_certificates(body: bytes) -> tuple[Certificate, ...] | None:
    """Read the certificates of a Certificate message of TLS 1.2 or older (RFC 5246 §7.4.2), which may be none.

    What is no X.509 certificate in it is left out.
    """
    try:
        inside = _Reader(_Reader(body).vector(3))
        found: list[Certificate] = []
        count = 0
        while inside.left and count < _MOST_CERTIFICATES:
            count += 1
            certificate = read_certificate(inside.vector(3))
            if certificate is not None:
                found.append(certificate)
    except ValueError:
        return None
    return tuple(found) if found or not count else None


def hides_certificates(hello: ServerHello | None) -> bool:
    """Whether the version that a server chose encrypts everything behind its ServerHello (RFC 8446 §2)."""
    return hello is not None and hello.version in (TLS_1_3, DTLS_1_3)
