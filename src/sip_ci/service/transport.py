"""HTTP to one origin: the key goes there and nowhere else, redirects are not followed, sizes and times are bounded."""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from sip_ci import __version__
from sip_ci.errors import ServiceError, UsageError
from sip_ci.service.deadline import Deadline, backoff
from sip_ci.trace.printable import printable

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10.0
"""Seconds."""
MAXIMUM_RESPONSE_BYTES = 256 * 1024 * 1024
_MAXIMUM_CONNECTION_ATTEMPTS = 6
_MAXIMUM_UNAVAILABLE_ATTEMPTS = 6
"""How often a server is asked that says 503 without being overloaded: one input that kills its worker, say, does so
every time. A server that has too much to do is asked until the deadline."""
_OVERLOADED = b'"overloaded"'
_CHUNK = 64 * 1024

Body = bytes | Callable[[], Iterable[bytes]] | None
"""The bytes, or a function that gives them anew for every attempt."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]
    """With case-insensitive names."""
    body: bytes


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a URL (RFC 6454 §4)."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Take the origin out of a URL."""
        parts = urlsplit(url)
        return cls(parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0))


class _KeyForOrigin(AuthBase):
    """Adds the key to requests for one origin. Its presence also keeps `.netrc` from supplying another login."""

    def __init__(self, key: SecretStr | None, origin: Origin) -> None:
        self._key = key
        self._origin = origin

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key is not None and request.url is not None and Origin.of(request.url) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        return request


@dataclass(slots=True)
class Transport:
    """Sends requests to one server, again where that may help, until the deadline."""

    base_url: str
    key: SecretStr | None
    deadline: Deadline
    allow_http: bool = False
    check_server: Callable[[], None] | None = None
    """Called when the server cannot be reached; raises ServiceError if it is known to be dead."""
    _sessions: threading.local = field(default_factory=threading.local)

    def __post_init__(self) -> None:
        """Refuse a key that could not be sent, or not safely."""
        self.base_url = self.base_url.rstrip("/")
        if self.key is None:
            return
        if not all(0x21 <= ord(character) <= 0x7E for character in self.key.get_secret_value()):
            raise UsageError("SIP_CI_API_KEY holds blanks or characters that no key has; copy the key again")
        if self.base_url.startswith("http:") and not is_loopback(self.base_url) and not self.allow_http:
            raise UsageError(
                f"the API key is not sent over plain http to {self.base_url}: use https, "
                "or set SIP_CI_ALLOW_HTTP=true where the network between is trusted"
            )

    def send(self, method: str, path: str, *, body: Body = None, content_type: str = "", doing: str = "") -> Answer:
        """Send a request and read the answer; busy and unreachable servers are asked again.

        Raises:
            ServiceError: The server could not be reached, answered too much, or the time is over.
        """
        doing = doing or f"{method} {self.base_url}{path}"
        attempt = failures = 0
        while True:
            self.deadline.check(doing)
            try:
                answer = self._attempt(method, path, body, content_type, doing)
            except requests.RequestException as error:
                failures += 1
                self._recover(error, failures)
            else:
                overloaded = _OVERLOADED in answer.body
                if answer.status != 503 or (attempt + 1 >= _MAXIMUM_UNAVAILABLE_ATTEMPTS and not overloaded):
                    return answer
                pause = _retry_after(answer, attempt)
                logger.warning("%s is busy; asking again in %.1f seconds", self.base_url, pause)
                if not self.deadline.pause(pause):
                    return answer
            attempt += 1

    def _attempt(self, method: str, path: str, body: Body, content_type: str, doing: str) -> Answer:
        headers = {"Content-Type": content_type} if content_type else {}
        remaining = self.deadline.check(doing)
        with self._session().request(
            method,
            self.base_url + path,
            data=body() if callable(body) else body,
            headers=headers,
            timeout=(min(CONNECT_TIMEOUT, remaining), remaining),
            allow_redirects=False,
            stream=True,
        ) as response:
            pieces: list[bytes] = []
            total = 0
            for piece in response.iter_content(_CHUNK):
                self.deadline.check(doing)
                total += len(piece)
                if total > MAXIMUM_RESPONSE_BYTES:
                    raise ServiceError(f"{doing}: the server's answer is larger than {MAXIMUM_RESPONSE_BYTES} bytes")
                pieces.append(piece)
            return Answer(response.status_code, response.headers, b"".join(pieces))

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = _KeyForOrigin(self.key, Origin.of(self.base_url))
            session.headers["User-Agent"] = f"sip-ci/{__version__}"
            session.headers["Accept"] = "application/json"
            # A proxy is for the world outside; it cannot reach this machine's loopback.
            session.trust_env = not is_loopback(self.base_url)
            session.mount("https://", HTTPAdapter(max_retries=0))
            session.mount("http://", HTTPAdapter(max_retries=0))
            self._sessions.session = session
        return session

    def _recover(self, error: requests.RequestException, failures: int) -> None:
        """Wait for another attempt, or say why there will be none."""
        if self.check_server is not None:
            self.check_server()
        if isinstance(error, requests.exceptions.SSLError):
            raise ServiceError(f"{self.base_url}: TLS failed: {_reason(error)}") from None
        if isinstance(error, requests.exceptions.ReadTimeout):
            raise ServiceError(
                f"{self.base_url} did not answer within {self.deadline.seconds:g} seconds; "
                "allow more with --timeout SECONDS"
            ) from None
        retryable = isinstance(
            error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError
        )
        if not retryable or failures >= _MAXIMUM_CONNECTION_ATTEMPTS or not self.deadline.pause(backoff(failures)):
            raise ServiceError(
                f"{self.base_url} cannot be reached: {_reason(error)}; check the address, and that the server runs"
            ) from None


def _retry_after(answer: Answer, attempt: int) -> float:
    """Seconds until the next attempt: what the server asks for, within reason, else our own rhythm."""
    text = answer.headers.get("Retry-After", "")
    own = backoff(attempt)
    return max(own, min(float(text), 60.0)) if text.isascii() and text.isdigit() and len(text) < 6 else own


def _reason(error: BaseException) -> str:
    """The innermost cause in one line: libraries wrap the one thing that a person wants to know."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen and len(seen) < 10:
        seen.append(current)
        inner = getattr(current, "reason", None)
        arguments = [item for item in current.args if isinstance(item, BaseException)]
        current = inner if isinstance(inner, BaseException) else (arguments[0] if arguments else current.__cause__)
    innermost = seen[-1]
    text = innermost.strerror if isinstance(innermost, OSError) and innermost.strerror else str(innermost)
    return printable(text.rsplit(">: ", 1)[-1].rsplit("): ", 1)[-1])[:300] or type(innermost).__name__
