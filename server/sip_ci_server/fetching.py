"""Fetches what a `pcap_url` names over HTTP, from public addresses only.

The guard against server-side request forgery: the host is resolved once, every address must be public, and the
connection is made to one of the addresses that were checked, so that a second, different answer of the name server
changes nothing. Redirects are followed by hand and checked like the first URL. No proxy or credentials of the
environment are used.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import SplitResult, urljoin, urlsplit

from sip_ci_server.addresses import is_public

logger = logging.getLogger(__name__)

MAXIMUM_REDIRECTS = 3
_CONNECT_TIMEOUT = 10.0
_READ_TIMEOUT = 30.0
_CHUNK = 1 << 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Resolver = Callable[[str, int], list[str]]
Dialer = Callable[[str, int, float], socket.socket]


class FetchError(Exception):
    """Raised when a URL is not fetched; the text says why to whoever sent it, and names no address."""


class TooLargeError(FetchError):
    """Raised when a file is larger than this server takes."""


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system resolves it."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def dial(address: str, port: int, timeout: float) -> socket.socket:
    """Connect to an address."""
    return socket.create_connection((address, port), timeout=timeout)


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What may be fetched."""

    allow_http: bool
    ports: tuple[int, ...]
    """Ports that URLs may name; 80 is added where `http:` is allowed."""
    maximum_bytes: int
    timeout: float
    """Seconds for everything together."""


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.scheme == "https" else 80) else f"{name}:{self.port}"


class Fetcher:
    """Fetches URLs that users name."""

    def __init__(
        self,
        policy: FetchPolicy,
        resolver: Resolver = resolve,
        dialer: Dialer = dial,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._dialer = dialer
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = False

    def close(self) -> None:
        """End all transfers at once and refuse new ones."""
        with self._lock:
            self._closed = True
            for raw in self._open:
                _abort(raw)

    def fetch(self, url: str, into: BinaryIO) -> None:
        """Write the file that `url` names into `into`.

        Raises:
            TooLargeError: if it is larger than the policy allows.
            FetchError: if it may not or cannot be fetched.
        """
        deadline = time.monotonic() + self._policy.timeout
        for _ in range(MAXIMUM_REDIRECTS + 1):
            location = self._request(self._target(url), deadline, into)
            if location is None:
                return
            following = urljoin(url, location)
            if url.startswith("https:") and not following.startswith("https:"):
                raise FetchError("pcap_url redirects from https to another scheme")
            url = following
        raise FetchError(f"pcap_url redirects more than {MAXIMUM_REDIRECTS} times")

    def _target(self, url: str) -> _Target:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise FetchError("pcap_url is not a valid URL") from None
        schemes = ("https", "http") if self._policy.allow_http else ("https",)
        if parts.scheme not in schemes:
            raise FetchError(f"pcap_url must begin with {' or '.join(scheme + '://' for scheme in schemes)}")
        if parts.username is not None or parts.password is not None:
            raise FetchError("pcap_url must not hold a user name or password")
        host = _ascii_host(parts)
        port = port if port is not None else (443 if parts.scheme == "https" else 80)
        if port not in (*self._policy.ports, *((80,) if self._policy.allow_http else ())):
            raise FetchError(f"pcap_url names port {port}, which this server does not fetch from")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if any(ord(character) <= 0x20 or ord(character) >= 0x7F for character in path):
            raise FetchError("pcap_url holds characters that must be percent-encoded")
        return _Target(parts.scheme, host, port, path)

    def _address(self, target: _Target) -> str:
        try:
            addresses = self._resolver(target.host, target.port)
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise FetchError("the host of pcap_url cannot be resolved")
        if not all(is_public(address) for address in addresses):
            raise FetchError(
                "the host of pcap_url is not a public address; upload the capture or send its text instead"
            )
        return addresses[0]

    def _request(self, target: _Target, deadline: float, into: BinaryIO) -> str | None:
        """Fetch one URL; return where it redirects to, or None when the file was written."""
        address = self._address(target)
        connection = http.client.HTTPConnection(target.host, target.port)
        guarded: socket.socket | None = None
        watchdog: threading.Timer | None = None
        try:
            raw = self._dialer(address, target.port, min(_CONNECT_TIMEOUT, _remaining(deadline)))
            raw.settimeout(min(_READ_TIMEOUT, _remaining(deadline)))
            # The timeout of a socket begins anew with every byte; a server that drips is ended by the watchdog.
            guarded = self._guard(raw)
            watchdog = threading.Timer(_remaining(deadline), _abort, (guarded,))
            watchdog.daemon = True
            watchdog.start()
            if target.scheme == "https":
                context = self._tls or ssl.create_default_context()
                raw = context.wrap_socket(raw, server_hostname=target.host)
            connection.sock = raw
            connection.putrequest("GET", target.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", target.host_header)
            connection.putheader("Accept-Encoding", "identity")
            connection.putheader("User-Agent", "sip-ci-server")
            connection.endheaders()
            return self._receive(connection.getresponse(), deadline, into)
        except ssl.SSLError:
            raise FetchError(
                "the TLS handshake with the host of pcap_url failed, or its certificate is not valid"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            logger.info("fetch failed: %s", error)
            raise FetchError("the host of pcap_url did not answer with the file in time") from None
        finally:
            if watchdog is not None:
                watchdog.cancel()
            if guarded is not None:
                with self._lock:
                    self._open.discard(guarded)
                guarded.close()
            connection.close()

    def _guard(self, raw: socket.socket) -> socket.socket:
        """Return a second handle of a connection, by which another thread can end it."""
        with self._lock:
            if self._closed:
                raw.close()
                raise ConnectionAbortedError("the server is shutting down")
            guarded = raw.dup()
            self._open.add(guarded)
            return guarded

    def _receive(self, response: http.client.HTTPResponse, deadline: float, into: BinaryIO) -> str | None:
        if response.status in _REDIRECTS:
            location = response.getheader("Location")
            if not location:
                raise FetchError("pcap_url redirects to nowhere")
            return location
        if response.status != 200:
            raise FetchError(f"the host of pcap_url answered {response.status}")
        if response.getheader("Content-Type", "").lower().startswith("text/html"):
            raise FetchError("pcap_url names a web page, not a capture")
        declared = response.length
        if declared is not None and declared > self._policy.maximum_bytes:
            raise self._too_large()
        received = 0
        while chunk := response.read(_CHUNK):
            received += len(chunk)
            if received > self._policy.maximum_bytes:
                raise self._too_large()
            _remaining(deadline)
            into.write(chunk)
        # A transfer that was ended from here looks complete where no length was declared.
        _remaining(deadline)
        if self._closed or (declared is not None and received < declared):
            raise FetchError("the host of pcap_url ended the transfer early")
        return None

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"the capture is larger than this server takes ({self._policy.maximum_bytes} bytes)")


def _ascii_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    try:
        ascii_host = host if ":" in host else host.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_host = ""
    if not ascii_host or any(character in ascii_host for character in " \t\r\n\0/\\@%"):
        raise FetchError("pcap_url names no valid host")
    return ascii_host


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def _abort(raw: socket.socket) -> None:
    with suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)
