"""What is wrong with a SIP message, each defect with its bytes and the rule it breaks (RFC 3261 §7, §8, §20, §25)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.grammar import (
    DefectRule,
    Fault,
    date_faults,
    is_token,
    name_addr_faults,
    uri_faults,
    via_faults,
    warning_faults,
)
from sip_ci.trace.header_index import Header
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.uri import split_outside_quotes

__all__ = ["MAX_DEFECTS", "Defect", "DefectRule", "defects_of"]

MAX_DEFECTS = 64
"""More defects of one message are not listed: the first ones say what there is to say."""

_MANDATORY = ("via", "from", "to", "call-id", "cseq")
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
_ADDRESS_LISTS = ("contact", "route", "record-route")
_LARGEST_SCALAR = 2**32 - 1
_BODY_LINE = re.compile(rb"[a-z]=")


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong with a message."""

    rule: DefectRule
    start: int
    """Offset of the first byte concerned."""
    end: int
    """Offset behind the last byte concerned; equal to `start` for what is missing."""
    explanation: str
    """One sentence for a person, without a trailing period."""
    invalid: bool
    """Whether the message is malformed, so that an element may reject or discard it, as against tolerated."""
    header: str = ""
    """The canonical name of the header concerned; empty for the start line and the body."""


def defects_of(message: SipMessage) -> tuple[Defect, ...]:
    """Everything that is wrong with a message, in the order of its bytes, at most `MAX_DEFECTS` things.

    What a log may have changed (blanks, line ends, lengths) is judged only where the bytes are those of the wire,
    and nothing is called missing from a message that was cut.
    """
    found: dict[tuple[DefectRule, int, str], Defect] = {}
    for defect in _all_defects(message):
        found.setdefault((defect.rule, defect.start, defect.header), defect)
        if len(found) == MAX_DEFECTS:
            break
    return tuple(sorted(found.values(), key=lambda defect: defect.start))


def _all_defects(message: SipMessage) -> Iterator[Defect]:
    yield from _start_line_defects(message)
    headers = message.headers
    cut = message.fidelity is Fidelity.TRUNCATED and message.body_start == len(message.raw)
    if message.fidelity not in (Fidelity.TRUNCATED, Fidelity.DECODED):
        yield from _missing_headers(message)
    yield from _repeated_headers(message)
    # The last line of a message that was cut inside its headers is not all there.
    for header in headers[:-1] if cut else headers:
        yield from _header_defects(message, header)
    if not (cut and headers and headers[-1].name == "cseq"):
        yield from _cseq_defects(message)
    if message.fidelity is Fidelity.EXACT:
        yield from _length_defects(message)
        yield from _line_defects(message)


def _start_line_defects(message: SipMessage) -> Iterator[Defect]:
    end = len(message.start_line_bytes)
    if not message.is_request and not message.is_response:
        yield Defect(DefectRule.NO_START_LINE, 0, end, "The first line is no request line and no status line", True)
        return
    if message.sip_version != "2.0":
        yield Defect(DefectRule.VERSION, 0, end, f"The version is SIP/{message.sip_version[:20]}, not SIP/2.0", True)
    if message.status is not None and not 100 <= message.status <= 699:
        yield Defect(DefectRule.STATUS_CODE, 0, end, "A status code lies between 100 and 699", True)
    if message.is_request:
        yield from _request_line_defects(message)


def _request_line_defects(message: SipMessage) -> Iterator[Defect]:
    line = message.start_line_bytes
    stripped = line.rstrip(b" \t")
    version = stripped.rfind(b"SIP/")
    before = stripped[:version].rstrip(b" \t")
    start = len(before) - len(before[len(message.method) :].lstrip(b" \t"))
    end = len(before)
    if len(stripped) < len(line) and _keeps_blanks(message):
        explanation = "Blanks follow the request line"
        yield Defect(DefectRule.START_LINE_TRAILING_SPACE, len(stripped), len(line), explanation, True)
    one_space = line[len(message.method) : start] == b" " and line[end:version] == b" "
    if message.fidelity is Fidelity.EXACT and not one_space:
        explanation = "One space separates the parts of a request line"
        yield Defect(DefectRule.START_LINE_SPACING, 0, len(stripped), explanation, True)
    for fault in _request_uri_faults(message):
        if fault.rule is not DefectRule.REQUEST_URI_WHITE_SPACE or message.fidelity is Fidelity.EXACT:
            yield Defect(fault.rule, start, end, fault.explanation, fault.invalid)


def _keeps_blanks(message: SipMessage) -> bool:
    """Whether a blank at the end of the start line was on the wire: a log that adds blanks adds them to every line."""
    if message.fidelity is not Fidelity.LINE_ENDINGS_LOST:
        return message.fidelity is Fidelity.EXACT
    head = message.raw[len(message.start_line_bytes) : message.body_start]
    return b" \n" not in head and b" \r\n" not in head


def _request_uri_faults(message: SipMessage) -> list[Fault]:
    uri = message.request_uri
    if uri.text.startswith("<"):
        return [Fault(DefectRule.REQUEST_URI_BRACKETS, "The Request-URI stands in angle brackets")]
    if len(uri.text.split()) > 1:
        return [Fault(DefectRule.REQUEST_URI_WHITE_SPACE, "White space stands inside the Request-URI")]
    if uri.is_sip and uri.headers:
        return [Fault(DefectRule.REQUEST_URI_HEADERS, "A Request-URI carries no header fields")]
    return uri_faults(uri.text)


def _missing_headers(message: SipMessage) -> Iterator[Defect]:
    at = message.body_start
    for name in _MANDATORY:
        if not message.lines_of(name):
            yield Defect(DefectRule.MISSING_HEADER, at, at, "A header that every message has is missing", True, name)
    if message.is_request and not message.lines_of("max-forwards"):
        # RFC 3261 §16.3: a request without it passes, as those of RFC 2543 have none.
        explanation = "A header that every request has is missing"
        yield Defect(DefectRule.MISSING_HEADER, at, at, explanation, False, "max-forwards")
    if message.method == "INVITE" and not message.lines_of("contact"):
        explanation = "A header that every INVITE has is missing"
        yield Defect(DefectRule.MISSING_HEADER, at, at, explanation, False, "contact")
    if message.lines_of("from") and not message.from_.tag:
        header = message.lines_of("from")[0]
        yield Defect(DefectRule.MISSING_TAG, header.start, header.end, "From has no tag", False, "from")
    if message.body and not message.lines_of("content-type"):
        explanation = "The body has no Content-Type"
        yield Defect(DefectRule.NO_CONTENT_TYPE, at, at, explanation, False, "content-type")


def _repeated_headers(message: SipMessage) -> Iterator[Defect]:
    for name in _SINGLE:
        for header in message.lines_of(name)[1:]:
            explanation = "A header that may stand once is repeated"
            yield Defect(DefectRule.REPEATED_HEADER, header.start, header.end, explanation, True, name)


def _header_defects(message: SipMessage, header: Header) -> Iterator[Defect]:
    if not header.name:
        if header.value_start >= header.end or header.written:
            is_body = _BODY_LINE.match(message.raw, header.start) is not None
            explanation = (
                "A line of a session description stands among the headers, before the empty line that ends them"
                if is_body
                else "A header line has a name and a colon"
            )
            yield Defect(DefectRule.HEADER_WITHOUT_COLON, header.start, header.end, explanation, True)
        return
    check = _CHECKS.get(header.name)
    if check is not None:
        for fault in check(message.value_of(header)):
            yield Defect(fault.rule, header.start, header.end, fault.explanation, fault.invalid, header.name)


def _list_faults(value: str, check: Callable[[str], list[Fault]]) -> Iterator[Fault]:
    pieces = split_outside_quotes(value, ",")
    if any(not piece.strip() for piece in pieces):
        yield Fault(DefectRule.EXTRANEOUS_SEPARATOR, "A comma separates nothing")
    for piece in pieces[:MAX_DEFECTS]:
        if piece.strip():
            yield from check(piece)


def _scalar_faults(value: str) -> Iterator[Fault]:
    if parse_digits(value, _LARGEST_SCALAR) is None:
        yield Fault(DefectRule.SCALAR_RANGE, "The number lies between 0 and 4294967295", invalid=False)


def _max_forwards_faults(value: str) -> Iterator[Fault]:
    if not (value.isascii() and value.isdigit()):
        yield Fault(DefectRule.MAX_FORWARDS, "Max-Forwards is a number")
    elif parse_digits(value, 255) is None:
        # RFC 4475 §3.1.2.4: an element may go on as if the header were absent.
        yield Fault(DefectRule.SCALAR_RANGE, "Max-Forwards lies between 0 and 255", invalid=False)


def _retry_after_faults(value: str) -> Iterator[Fault]:
    yield from _scalar_faults(value.partition(";")[0].partition("(")[0].strip())


def _content_length_faults(value: str) -> Iterator[Fault]:
    if parse_digits(value, 9_999_999_999) is None:
        yield Fault(DefectRule.CONTENT_LENGTH, "Content-Length is a number of bytes")


def _call_id_faults(value: str) -> Iterator[Fault]:
    if len(value.split()) != 1:
        yield Fault(DefectRule.CALL_ID, "A Call-ID is one word, or two with an @ between them")


_CHECKS: dict[str, Callable[[str], Iterable[Fault]]] = {
    "via": lambda value: _list_faults(value, via_faults),
    "from": name_addr_faults,
    "to": name_addr_faults,
    "call-id": _call_id_faults,
    "refer-to": name_addr_faults,
    "max-forwards": _max_forwards_faults,
    "expires": _scalar_faults,
    "retry-after": _retry_after_faults,
    "content-length": _content_length_faults,
    "date": date_faults,
    "warning": lambda value: _list_faults(value, warning_faults),
} | {name: lambda value: _list_faults(value, name_addr_faults) for name in _ADDRESS_LISTS}


def _cseq_defects(message: SipMessage) -> Iterator[Defect]:
    for header in message.lines_of("cseq")[:1]:
        number, _, method = message.value_of(header).replace("\t", " ").partition(" ")
        where = (header.start, header.end)
        method = method.strip()
        if not (number.isascii() and number.isdigit()) or not is_token(method):
            yield Defect(DefectRule.CSEQ, *where, "A CSeq is a number and a method", True, "cseq")
            continue
        if (value := parse_digits(number, _LARGEST_SCALAR)) is None or value >= 2**31:
            explanation = "The number of a CSeq is less than 2147483648"
            yield Defect(DefectRule.CSEQ_NUMBER, *where, explanation, value is None, "cseq")
        if message.is_request and method != message.method:
            explanation = "The methods of the request line and of CSeq differ"
            yield Defect(DefectRule.CSEQ_METHOD, *where, explanation, True, "cseq")


def _length_defects(message: SipMessage) -> Iterator[Defect]:
    length, rest = message.content_length, len(message.raw) - message.body_start
    if length is None or length == rest:
        return
    header = message.lines_of("content-length")[0]
    if length > rest:
        explanation = f"Content-Length is {length}, and {rest} bytes follow the headers"
        yield Defect(DefectRule.CONTENT_LENGTH_TOO_LARGE, header.start, header.end, explanation, True, "content-length")
        return
    # RFC 3261 §18.3: what follows the body in a datagram is ignored.
    surplus = message.raw[message.body_start + length :]
    if _is_of_body(surplus, message.raw[message.body_start : message.body_start + length], message):
        explanation = f"Content-Length is {length} and cuts off the last {len(surplus)} of the body's {rest} bytes"
        yield Defect(DefectRule.BODY_CUT, header.start, header.end, explanation, False, "content-length")
    elif surplus.strip(b"\r\n\0"):
        explanation = f"{len(surplus)} bytes follow the body"
        end = len(message.raw)
        yield Defect(DefectRule.EXTRA_OCTETS, end - len(surplus), end, explanation, False)


def _is_of_body(surplus: bytes, body: bytes, message: SipMessage) -> bool:
    """Whether what follows the counted bytes is the rest of the body, and no padding and no keep-alive."""
    if not surplus.strip(b" \t\r\n\0") or not message.lines_of("content-type"):
        return False
    inside_line = not body.endswith((b"\n", b"\r")) and not surplus.startswith((b"\n", b"\r", b"\0"))
    return inside_line or _BODY_LINE.match(surplus) is not None


def _line_defects(message: SipMessage) -> Iterator[Defect]:
    head = message.raw[: message.body_start]
    odd = next((at for at in _line_feeds(head) if head[at - 1 : at] != b"\r"), None)
    if odd is not None:
        yield Defect(DefectRule.LINE_END, odd, odd + 1, "A line ends without CRLF", False)
    if not head.endswith((b"\n\n", b"\n\r\n", b"\r\r")):
        end = len(message.raw)
        yield Defect(DefectRule.NO_HEADER_END, end, end, "No empty line ends the headers", False)


def _line_feeds(head: bytes) -> Iterator[int]:
    at = head.find(b"\n")
    while at >= 0:
        yield at
        at = head.find(b"\n", at + 1)
