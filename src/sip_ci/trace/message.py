"""A SIP message: the bytes as they were, and everything else derived from them when asked for.

Nothing here raises for content. What does not parse is absent (an empty string, None), and
`sip_ci.trace.defects` says what is wrong with it.
"""

from __future__ import annotations

from array import array

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.header_index import Header as Header
from sip_ci.trace.header_index import canonical_name as canonical_name
from sip_ci.trace.header_index import index_headers, newline_of, unfold
from sip_ci.trace.headers import (
    CSeq,
    NameAddr,
    Via,
    parse_cseq,
    parse_name_addr,
    parse_via,
    split_list,
)
from sip_ci.trace.observation import Fidelity, Observation
from sip_ci.trace.start_line import StartLine, decode, parse_start_line
from sip_ci.trace.start_line import looks_like_start_line as looks_like_start_line
from sip_ci.trace.uri import Uri, parse_uri

_NO_START_LINE = StartLine("", "", None, "", "")


class SipMessage:
    """A SIP request or response (RFC 3261 §7)."""

    __slots__ = (
        "_body_start", "_call_id", "_cseq", "_from", "_names", "_offsets", "_start", "_to", "_top_via",
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
        self._start: StartLine | None = None
        self._names: tuple[str, ...] | None = None
        self._offsets: array[int] | None = None
        self._body_start = -1
        self._call_id: str | None = None
        self._cseq: CSeq | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._top_via: Via | None = None

    def __repr__(self) -> str:
        return f"<SipMessage {self.index} {self.summary!r}>"

    # -- start line ---------------------------------------------------------------------------------------------

    def _parse_start(self) -> StartLine:
        if self._start is None:
            self._start = parse_start_line(self.raw) or _NO_START_LINE
        return self._start

    @property
    def start_line(self) -> str:
        """The first line, without its line end."""
        return decode(self.start_line_bytes)

    @property
    def start_line_bytes(self) -> bytes:
        """The bytes of the first line, without its line end."""
        end = self.raw.find(newline_of(self.raw))
        return (self.raw if end < 0 else self.raw[:end]).rstrip(b"\r\n")

    @property
    def method(self) -> str:
        """The method of a request; the empty string for a response."""
        return self._parse_start().method

    @property
    def request_uri(self) -> Uri:
        """The Request-URI of a request."""
        return parse_uri(self._parse_start().uri)

    @property
    def status(self) -> int | None:
        """The status code of a response; None for a request."""
        return self._parse_start().status

    @property
    def reason(self) -> str:
        """The reason phrase of a response."""
        return self._parse_start().reason

    @property
    def sip_version(self) -> str:
        """The protocol version of the start line, `2.0` in every message that RFC 3261 allows."""
        return self._parse_start().version

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

    def _index(self) -> tuple[tuple[str, ...], array[int]]:
        """The canonical names of the header lines, and three offsets for each: start, value start and end."""
        if self._names is None or self._offsets is None:
            self._names, self._offsets, self._body_start = index_headers(self.raw)
        return self._names, self._offsets

    @property
    def headers(self) -> list[Header]:
        """Every header line in order, duplicates and unknown ones included."""
        return [self._header_at(index) for index in range(len(self._index()[0]))]

    def _header_at(self, index: int) -> Header:
        names, offsets = self._index()
        start, value_start, end = offsets[3 * index : 3 * index + 3]
        # A line without a colon has no value; all of it is its name as written.
        written = self.raw[start:value_start].removesuffix(b":")
        return Header(names[index], decode(written), start, value_start, end)

    def lines_of(self, name: str) -> list[Header]:
        """The header lines of a canonical name, in order."""
        names = self._index()[0]
        if name not in names:
            return []
        return [self._header_at(index) for index, other in enumerate(names) if other == name]

    def value_of(self, header: Header) -> str:
        """The value of one header line, unfolded (RFC 3261 §7.3.1)."""
        return unfold(self.raw[header.value_start : header.end])

    def header(self, name: str) -> str | None:
        """The value of the first header line of a canonical name; None where there is none."""
        names, offsets = self._index()
        if name not in names:
            return None
        at = 3 * names.index(name)
        return unfold(self.raw[offsets[at + 1] : offsets[at + 2]])

    def values(self, name: str) -> list[str]:
        """All values of a header in order; comma-separated lists are split."""
        names, offsets = self._index()
        values: list[str] = []
        if name in names:
            for index, other in enumerate(names):
                if other == name:
                    values += split_list(unfold(self.raw[offsets[3 * index + 1] : offsets[3 * index + 2]]))
        return values

    def options(self, name: str) -> frozenset[str]:
        """The option tags or tokens of a header such as Supported, Require or Allow, in lower case."""
        return frozenset(value.lower() for value in self.values(name))

    def line_number(self, offset: int) -> int:
        """The 1-based line within the message that holds a byte offset."""
        return self.raw.count(newline_of(self.raw), 0, offset) + 1

    def line_text(self, offset: int) -> str:
        """The line that holds a byte offset, without its line end."""
        start, length = self.line_span(offset)
        return decode(self.raw[start : start + length])

    def line_span(self, offset: int) -> tuple[int, int]:
        """Where the line that holds a byte offset begins, and its bytes without the line end."""
        newline = newline_of(self.raw)
        start = self.raw.rfind(newline, 0, offset) + 1
        end = self.raw.find(newline, offset)
        return start, len(self.raw[start : end if end >= 0 else len(self.raw)].rstrip(b"\r"))

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
            value = self.header("via") or ""
            if not value or "," in value:
                value = next(iter(self.values("via")), "")
            self._top_via = parse_via(value)
        return self._top_via

    @property
    def via(self) -> list[Via]:
        """All Via values, topmost first."""
        names, offsets = self._index()
        if names.count("via") == 1 and self.top_via.text:
            at = 3 * names.index("via")
            if self.raw.find(b",", offsets[at + 1], offsets[at + 2]) < 0:
                return [self.top_via]
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
        return parse_digits(self.header("content-length") or "", 9_999_999_999)

    @property
    def content_type(self) -> str:
        """The media type of the body in lower case, without parameters."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    # -- body ---------------------------------------------------------------------------------------------------

    @property
    def body_start(self) -> int:
        """Offset of the first byte behind the empty line that ends the headers."""
        self._index()
        return self._body_start

    @property
    def body(self) -> bytes:
        """The body: what Content-Length declares where the bytes are exact, else all that follows the headers."""
        rest = self.raw[self.body_start :]
        length = self.content_length
        if self.fidelity is Fidelity.EXACT and length is not None and length <= len(rest):
            return rest[:length]
        return rest
