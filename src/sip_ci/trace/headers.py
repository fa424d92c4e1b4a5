"""The header values that SIP is routed by: Via, CSeq, name-addr (RFC 3261 §20, §25.1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.uri import CACHED_LENGTH, Uri, parse_host_port, parse_uri, split_outside_quotes, split_parameters

COMPACT_FORMS = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition", "e": "content-encoding",
    "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported", "l": "content-length", "m": "contact",
    "n": "identity-info", "o": "event", "r": "refer-to", "s": "subject", "t": "to", "u": "allow-events", "v": "via",
    "x": "session-expires", "y": "identity",
}  # fmt: skip
"""The compact forms that IANA registers, with the canonical names in lower case."""


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value: who sent the message on this hop, and how to answer (RFC 3261 §20.42, RFC 3581)."""

    text: str
    transport: str
    """Upper case, for example `UDP`."""
    host: str
    """The host of sent-by, in lower case and without brackets."""
    port: int | None
    parameters: tuple[tuple[str, str | None], ...]

    def parameter(self, name: str) -> str | None:
        """The value of a parameter, the empty string for one without value, None where it is absent."""
        for key, value in self.parameters:
            if key == name:
                return value or ""
        return None

    @property
    def branch(self) -> str:
        """The branch parameter, or the empty string."""
        return self.parameter("branch") or ""

    @property
    def effective_port(self) -> int:
        """The port of sent-by, or the transport's default (RFC 3261 §18.1.1)."""
        if self.port is not None:
            return self.port
        return {"TLS": 5061, "WS": 80, "WSS": 443}.get(self.transport, 5060)


@dataclass(frozen=True, slots=True)
class CSeq:
    """A CSeq value; `number` is None where it is no number."""

    number: int | None
    method: str


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A From, To, Contact, Route or similar value: a display name, a URI, and the header's parameters."""

    text: str
    display_name: str
    uri: Uri
    parameters: tuple[tuple[str, str | None], ...]
    bracketed: bool
    """Whether the URI stood in angle brackets; without them, `;` starts a header parameter (RFC 3261 §20)."""

    def parameter(self, name: str) -> str | None:
        """The value of a header parameter, the empty string for one without value, None where it is absent."""
        for key, value in self.parameters:
            if key == name:
                return value or ""
        return None

    @property
    def tag(self) -> str:
        """The tag parameter, or the empty string."""
        return self.parameter("tag") or ""


def parse_via(text: str) -> Via:
    """Parse one Via value, tolerating white space around the slashes and the colon."""
    return _parse_via_cached(text) if len(text) <= CACHED_LENGTH else _parse_via(text)


def _parse_via(text: str) -> Via:
    head, _, parameters = text.strip().partition(";")
    pieces = head.split("/", 2)
    protocol_rest = pieces[2].strip() if len(pieces) == 3 else head.strip()
    transport, _, sent_by = protocol_rest.replace("\t", " ").partition(" ")
    host, port = parse_host_port(sent_by.replace(" ", ""))
    return Via(text, transport.strip().upper(), host, port, split_parameters(parameters))


_parse_via_cached = lru_cache(maxsize=16_384)(_parse_via)


def parse_cseq(text: str) -> CSeq:
    """Parse a CSeq value."""
    return _parse_cseq_cached(text) if len(text) <= CACHED_LENGTH else _parse_cseq(text)


def _parse_cseq(text: str) -> CSeq:
    number, _, method = text.strip().replace("\t", " ").partition(" ")
    # Ten digits hold every legal number (RFC 3261 §8.1.1.5: below 2**31); longer ones are a defect, not a number.
    return CSeq(parse_digits(number, 9_999_999_999), method.strip())


_parse_cseq_cached = lru_cache(maxsize=4096)(_parse_cseq)


def parse_name_addr(text: str) -> NameAddr:
    """Parse a name-addr or addr-spec with its header parameters."""
    return _parse_name_addr_cached(text) if len(text) <= CACHED_LENGTH else _parse_name_addr(text)


def _parse_name_addr(text: str) -> NameAddr:
    value = text.strip()
    opening = _opening_bracket(value)
    if opening < 0:
        address, _, parameters = value.partition(";")
        return NameAddr(text, "", parse_uri(address), split_parameters(parameters), bracketed=False)
    closing = value.find(">", opening)
    end = closing if closing >= 0 else len(value)
    display = value[:opening].strip()
    if len(display) >= 2 and display[0] == display[-1] == '"':
        display = display[1:-1]
    return NameAddr(
        text, display, parse_uri(value[opening + 1 : end]), split_parameters(value[end + 1 :]), bracketed=True
    )


_parse_name_addr_cached = lru_cache(maxsize=16_384)(_parse_name_addr)


def _opening_bracket(value: str) -> int:
    """The index of the `<` that stands outside a quoted display name, or -1."""
    if not value.startswith('"'):
        return value.find("<")
    index = 1
    while index < len(value):
        if value[index] == "\\":
            index += 1
        elif value[index] == '"':
            return value.find("<", index)
        index += 1
    return -1


def split_list(value: str) -> list[str]:
    """Split a comma-separated header value into its elements, dropping empty ones."""
    return [piece.strip() for piece in split_outside_quotes(value, ",") if piece.strip()]
