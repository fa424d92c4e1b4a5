"""A SIP message: the bytes as they were, and everything else derived from them when asked for.

Nothing here raises for content. What does not parse is absent (an empty string, None), and
`sip_ci.trace.defects` says what is wrong with it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sip_ci.trace.headers import (
    COMPACT_FORMS,
    CSeq,
    NameAddr,
    Via,
    parse_cseq,
    parse_name_addr,
    parse_via,
    split_list,
)
from sip_ci.trace.observation import Fidelity, Observation
from sip_ci.trace.uri import Uri, parse_uri

START_LINE = re.compile(
    rb"(?:(?P<method>[A-Za-z0-9.!%*_+`'~-]{1,64})[ \t]+(?P<uri>[^\r\n]*?)[ \t]+SIP/[0-9]+\.[0-9]+"
    rb"|SIP/[0-9]+\.[0-9]+[ \t]+(?P<status>[0-9]{1,10})(?:[ \t](?P<reason>[^\r\n]*))?)[ \t]*\r?(?:\n|\Z)"
)
"""A request line or status line at the place where a message begins; tolerant, so that damaged ones are messages too."""

_CANONICAL: dict[bytes, str] = {short.encode(): name for short, name in COMPACT_FORMS.items()}
_LISTS = ("via", "contact", "route", "record-route", "path", "service-route")


class Header(NamedTuple):
    """One header line, folding included."""

    name: str
    """Canonical: the long form in lower case."""
    written: str
    """The name as it was written."""
    start: int
    """Offset of the header's first byte in the message."""
    value_start: int
    end: int
    """Offset behind the value, before the line end."""


class SipMessage:
    """A SIP request or response (RFC 3261 §7)."""

    __slots__ = (
        "_body_start", "_by_name", "_call_id", "_cseq", "_from", "_headers", "_start", "_to", "_top_via",
        "fidelity", "index", "observation", "raw",
    )  # fmt: skip

    def __init__(
        self, raw: bytes, observation: Observation, fidelity: Fidelity = Fidelity.EXACT, index: int = -1
    ) -> None:
        self.raw = raw
        self.observation = observation
        self.fidelity = fidelity
        self.index = index
        """0-based place in the trace."""
        self._start: tuple[str, str, int | None, str] | None = None
        self._headers: list[Header] | None = None
        self._by_name: dict[str, list[Header]] | None = None
        self._body_start = -1
        self._call_id: str | None = None
        self._cseq: CSeq | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._top_via: Via | None = None

    def __repr__(self) -> str:
        return f"<SipMessage {self.index} {self.summary!r}>"

    # -- start line ---------------------------------------------------------------------------------------------

    def _parse_start(self) -> tuple[str, str, int | None, str]:
        """Method, request URI, status code, reason phrase."""
        if self._start is None:
            match = START_LINE.match(self.raw)
            if match is None:
                self._start = ("", "", None, "")
            elif match["method"] is not None:
                self._start = (_text(match["method"]), _text(match["uri"]), None, "")
            else:
                self._start = ("", "", int(match["status"]), _text(match["reason"] or b"").rstrip())
        return self._start

    @property
    def start_line(self) -> str:
        """The first line, without its line end."""
        end = self.raw.find(b"\n")
        return _text(self.raw if end < 0 else self.raw[:end]).rstrip("\r\n")

    @property
    def method(self) -> str:
        """The method of a request; the empty string for a response."""
        return self._parse_start()[0]

    @property
    def request_uri(self) -> Uri:
        """The Request-URI of a request."""
        return parse_uri(self._parse_start()[1])

    @property
    def status(self) -> int | None:
        """The status code of a response; None for a request."""
        return self._parse_start()[2]

    @property
    def reason(self) -> str:
        """The reason phrase of a response."""
        return self._parse_start()[3]

    @property
    def is_request(self) -> bool:
        """Whether the start line is a request line."""
        return bool(self.method)

    @property
    def is_response(self) -> bool:
        """Whether the start line is a status line."""
        return self.status is not None

    @property
    def summary(self) -> str:
        """`INVITE`, or `200 OK (INVITE)`: what a ladder shows."""
        if self.status is None:
            return self.method or self.start_line[:40]
        return f"{self.status} {self.reason}".strip() + (f" ({self.cseq.method})" if self.cseq.method else "")

    # -- headers ------------------------------------------------------------------------------------------------

    @property
    def headers(self) -> list[Header]:
        """Every header line in order, duplicates and unknown ones included."""
        if self._headers is None:
            self._headers, self._body_start = _index_headers(self.raw)
        return self._headers

    def _indexed(self) -> dict[str, list[Header]]:
        if self._by_name is None:
            by_name: dict[str, list[Header]] = {}
            for header in self.headers:
                by_name.setdefault(header.name, []).append(header)
            self._by_name = by_name
        return self._by_name

    def lines_of(self, name: str) -> list[Header]:
        """The header lines of a canonical name, in order."""
        return self._indexed().get(name, [])

    def value_of(self, header: Header) -> str:
        """The value of one header line, unfolded (RFC 3261 §7.3.1)."""
        value = _text(self.raw[header.value_start : header.end])
        if "\n" in value or "\r" in value:
            value = " ".join(piece.strip() for piece in value.replace("\r", "\n").split("\n") if piece.strip())
        return value.strip()

    def header(self, name: str) -> str | None:
        """The value of the first header line of a canonical name; None where there is none."""
        lines = self._indexed().get(name)
        return self.value_of(lines[0]) if lines else None

    def values(self, name: str) -> list[str]:
        """All values of a header in order; comma-separated lists are split."""
        values: list[str] = []
        for header in self.lines_of(name):
            values.extend(split_list(self.value_of(header)))
        return values

    def options(self, name: str) -> frozenset[str]:
        """The option tags or tokens of a header such as Supported, Require or Allow, in lower case."""
        return frozenset(value.lower() for value in self.values(name))

    def line_number(self, offset: int) -> int:
        """The 1-based line within the message that holds a byte offset."""
        return self.raw.count(b"\n", 0, offset) + 1

    def line_text(self, offset: int) -> str:
        """The line that holds a byte offset, without its line end."""
        start = self.raw.rfind(b"\n", 0, offset) + 1
        end = self.raw.find(b"\n", offset)
        return _text(self.raw[start : end if end >= 0 else len(self.raw)]).rstrip("\r")

    @property
    def call_id(self) -> str:
        """The Call-ID, or the empty string."""
        if self._call_id is None:
            self._call_id = self.header("call-id") or ""
        return self._call_id

    @property
    def cseq(self) -> CSeq:
        """The CSeq; number None and method empty where it is missing."""
        if self._cseq is None:
            self._cseq = parse_cseq(self.header("cseq") or "")
        return self._cseq

    @property
    def from_(self) -> NameAddr:
        """The From header."""
        if self._from is None:
            self._from = parse_name_addr(self.header("from") or "")
        return self._from

    @property
    def to(self) -> NameAddr:
        """The To header."""
        if self._to is None:
            self._to = parse_name_addr(self.header("to") or "")
        return self._to

    @property
    def top_via(self) -> Via:
        """The topmost Via value."""
        if self._top_via is None:
            values = self.values("via")
            self._top_via = parse_via(values[0] if values else "")
        return self._top_via

    @property
    def via(self) -> list[Via]:
        """All Via values, topmost first."""
        return [parse_via(value) for value in self.values("via")]

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact values; `*` is a NameAddr whose text is `*`."""
        return [parse_name_addr(value) for value in self.values("contact")]

    @property
    def routes(self) -> list[NameAddr]:
        """All Route values in order."""
        return [parse_name_addr(value) for value in self.values("route")]

    @property
    def record_routes(self) -> list[NameAddr]:
        """All Record-Route values in order."""
        return [parse_name_addr(value) for value in self.values("record-route")]

    @property
    def content_length(self) -> int | None:
        """The declared length of the body in bytes; None where it is missing or no number."""
        value = self.header("content-length")
        if value is None or not (value.isascii() and value.isdigit()) or len(value) > 10:
            return None
        return int(value)

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    # -- body ---------------------------------------------------------------------------------------------------

    @property
    def body_start(self) -> int:
        """Offset of the first byte behind the empty line that ends the headers."""
        if self._headers is None:
            _ = self.headers
        return self._body_start

    @property
    def body(self) -> bytes:
        """The body: what Content-Length declares where the bytes are exact, else all that follows the headers."""
        rest = self.raw[self.body_start :]
        length = self.content_length
        if self.fidelity is Fidelity.EXACT and length is not None and length <= len(rest):
            return rest[:length]
        return rest


def canonical_name(written: bytes) -> str:
    """The long form of a header name in lower case."""
    name = _CANONICAL.get(written)
    if name is None:
        lowered = _text(written).strip().lower()
        name = COMPACT_FORMS.get(lowered, lowered)
        if len(_CANONICAL) < 4096:
            _CANONICAL[written] = name
    return name


def _text(raw: bytes) -> str:
    """UTF-8 where it is, Latin-1 byte for byte where it is not: nothing is lost, nothing raises."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _index_headers(raw: bytes) -> tuple[list[Header], int]:
    """Find the header lines and the start of the body. Linear in the length of the message."""
    headers: list[Header] = []
    position = raw.find(b"\n") + 1
    size = len(raw)
    if position == 0:
        return headers, size
    while position < size:
        line_end = raw.find(b"\n", position)
        next_line = size if line_end < 0 else line_end + 1
        end = size if line_end < 0 else line_end
        if end > position and raw[end - 1] == 13:
            end -= 1
        if end == position:
            return headers, next_line
        if raw[position] in b" \t" and headers:
            last = headers[-1]
            headers[-1] = Header(last.name, last.written, last.start, last.value_start, end)
        else:
            colon = raw.find(b":", position, end)
            if colon >= 0:
                written = raw[position:colon]
                headers.append(Header(canonical_name(written.rstrip(b" \t")), _text(written), position, colon + 1, end))
            else:
                # A line without a colon is kept, nameless, so that nothing of the message is lost.
                headers.append(Header("", _text(raw[position:end]), position, end, end))
        position = next_line
    return headers, size
