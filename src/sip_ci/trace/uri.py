"""SIP, SIPS and tel URIs as values (RFC 3261 §19.1, RFC 3966)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sip_ci.trace.digits import parse_digits

CACHED_LENGTH = 512
"""Longer texts, in characters, are parsed anew each time: a cache must not hold what a sender chose to make huge."""


@dataclass(frozen=True, slots=True)
class Uri:
    """A URI as it stood in a header; parts that are missing are empty, and nothing is rejected."""

    text: str
    scheme: str
    """Lower case; empty where there was no colon."""
    user: str
    """As written, without the password."""
    password: str
    host: str
    """Lower case, without the brackets of an IPv6 reference."""
    port: int | None
    parameters: tuple[tuple[str, str | None], ...]
    """Names in lower case; None as value of a parameter without `=`."""
    headers: str
    """What followed the `?`, as written."""

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, the empty string for one without value, None where it is absent."""
        for key, value in self.parameters:
            if key == name:
                return value or ""
        return None

    @property
    def is_sip(self) -> bool:
        """Whether the scheme is `sip` or `sips`."""
        return self.scheme in ("sip", "sips")

    @property
    def effective_port(self) -> int:
        """The port, or the default of the scheme and transport (RFC 3261 §19.1.2)."""
        if self.port is not None:
            return self.port
        secure = self.scheme == "sips" or (self.parameter("transport") or "").lower() == "tls"
        return 5061 if secure else 5060


def split_parameters(text: str) -> tuple[tuple[str, str | None], ...]:
    """Split `;a;b=c;d="x;y"` into pairs, names in lower case and quotes kept out of the values."""
    pairs: list[tuple[str, str | None]] = []
    for piece in split_outside_quotes(text, ";"):
        name, equals, value = piece.partition("=")
        name = name.strip().lower()
        if not name:
            continue
        pairs.append((name, value.strip().strip('"') if equals else None))
    return tuple(pairs)


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split at a separator that stands neither in a quoted string nor inside angle brackets."""
    if separator not in text:
        return [text]
    if '"' not in text and "<" not in text:
        return text.split(separator)
    pieces: list[str] = []
    start, quoted, angle, index, size = 0, False, False, 0, len(text)
    while index < size:
        char = text[index]
        if quoted:
            if char == "\\":
                index += 1
            elif char == '"':
                quoted = False
        elif char == '"' and not angle:
            quoted = True
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char == separator and not angle:
            pieces.append(text[start:index])
            start = index + 1
        index += 1
    pieces.append(text[start:])
    return pieces


def parse_host_port(text: str) -> tuple[str, int | None]:
    """Split `host:port`, `[v6]:port` or a bare IPv6 address; a port that is no number is None."""
    text = text.strip()
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host.lower(), _port(rest.strip().removeprefix(":"))
    if text.count(":") > 1:
        return text.lower(), None
    host, colon, port = text.partition(":")
    return host.strip().lower(), _port(port) if colon else None


def _port(text: str) -> int | None:
    return parse_digits(text.strip(), 65535)


def parse_uri(text: str) -> Uri:
    """Parse a URI tolerantly; anything at all becomes a `Uri` whose `text` is the input."""
    return _parse_uri_cached(text) if len(text) <= CACHED_LENGTH else _parse_uri(text)


def _parse_uri(text: str) -> Uri:
    stripped = text.strip()
    scheme, colon, rest = stripped.partition(":")
    if not colon:
        return Uri(text, "", "", "", "", None, (), "")
    scheme = scheme.strip().lower()
    if scheme not in ("sip", "sips"):
        number, _, parameters = rest.partition(";")
        return Uri(text, scheme, number, "", "", None, split_parameters(parameters), "")
    # A user part may contain ";" and "?" (RFC 3261 §19.1.1), so it is cut off first.
    at = rest.find("@")
    userinfo, hostpart = (rest[:at], rest[at + 1 :]) if at >= 0 else ("", rest)
    user, _, password = userinfo.partition(":")
    hostpart, _, headers = hostpart.partition("?")
    hostport, _, parameters = hostpart.partition(";")
    host, port = parse_host_port(hostport)
    return Uri(text, scheme, user, password, host, port, split_parameters(parameters), headers)


_parse_uri_cached = lru_cache(maxsize=16_384)(_parse_uri)
