"""The grammar of header values (RFC 3261 §25.1): what of a value breaks it, in one step over the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.uri import parse_uri, split_outside_quotes

_WORD_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"
_DELIMITERS = '<>"'
"""What a URI never holds as itself (RFC 3261 §25.1)."""
_NO_HOST = frozenset("${}|^`\\")
"""Characters of templates and mistakes; an underscore, which no host name holds either, is common and understood."""
_PORT = re.compile(r"[^:]:(\d+)\Z")
_LAST_PORT = 65_535
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT\Z"
)
_WARNING = re.compile(r"[0-9]{3}\s")


class DefectRule(StrEnum):
    """What a message breaks."""

    NO_START_LINE = "no-start-line"
    START_LINE_SPACING = "start-line-spacing"
    START_LINE_TRAILING_SPACE = "start-line-trailing-space"
    VERSION = "version"
    STATUS_CODE = "status-code"
    REQUEST_URI_WHITE_SPACE = "request-uri-white-space"
    REQUEST_URI_BRACKETS = "request-uri-brackets"
    REQUEST_URI_HEADERS = "request-uri-headers"
    HEADER_WITHOUT_COLON = "header-without-colon"
    MISSING_HEADER = "missing-header"
    REPEATED_HEADER = "repeated-header"
    MISSING_TAG = "missing-tag"
    CALL_ID = "call-id"
    CSEQ = "cseq"
    CSEQ_NUMBER = "cseq-number"
    CSEQ_METHOD = "cseq-method"
    CONTENT_LENGTH = "content-length"
    CONTENT_LENGTH_TOO_LARGE = "content-length-too-large"
    EXTRA_OCTETS = "extra-octets"
    BODY_CUT = "body-cut"
    NO_CONTENT_TYPE = "no-content-type"
    MAX_FORWARDS = "max-forwards"
    SCALAR_RANGE = "scalar-range"
    DATE = "date"
    WARNING = "warning"
    QUOTED_STRING = "quoted-string"
    EXTRANEOUS_SEPARATOR = "extraneous-separator"
    DISPLAY_NAME = "display-name"
    NAME_ADDR = "name-addr"
    URI = "uri"
    URI_WHITE_SPACE = "uri-white-space"
    UNBRACKETED_URI = "unbracketed-uri"
    IPV6_REFERENCE = "ipv6-reference"
    IPV6_EXTRA_COLON = "ipv6-extra-colon"
    VIA = "via"
    VIA_BRANCH = "via-branch"
    VIA_RECEIVED_BRACKETS = "via-received-brackets"
    LINE_END = "line-end"
    NO_HEADER_END = "no-header-end"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one value."""

    rule: DefectRule
    explanation: str
    """One sentence for a person, without a trailing period."""
    invalid: bool = True
    """Whether the value is malformed, as against odd and tolerated."""


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 3261 §25.1)."""
    return bool(text) and not text.strip(_WORD_CHARACTERS)


def has_open_quote(text: str) -> bool:
    """Whether a quoted string in `text` is not closed."""
    if '"' not in text:
        return False
    quoted, index = False, 0
    while index < len(text):
        if text[index] == '"':
            quoted = not quoted
        elif quoted and text[index] == "\\":
            index += 1
        index += 1
    return quoted


def uri_faults(text: str) -> list[Fault]:
    """What is wrong with a URI that stands alone, as between angle brackets."""
    if (text.strip() and len(text.split()) != 1) or text != text.strip():
        return [Fault(DefectRule.URI_WHITE_SPACE, "White space stands inside the URI")]
    if any(mark in text for mark in _DELIMITERS):
        return [Fault(DefectRule.URI, "An angle bracket or a quotation mark stands inside the URI")]
    scheme, colon, _ = text.partition(":")
    if not colon or not _SCHEME.match(scheme):
        return [Fault(DefectRule.URI, "There is no URI with a scheme")]
    uri = parse_uri(text)
    if not uri.is_sip:
        return []
    if not uri.host:
        return [Fault(DefectRule.URI, "The SIP URI has no host")]
    if not _NO_HOST.isdisjoint(uri.host):
        return [Fault(DefectRule.URI, "The host of the URI holds what no name and no address holds")]
    port = _PORT.search(text.rpartition("@")[2].partition("?")[0].partition(";")[0])
    if port is not None and parse_digits(port[1], _LAST_PORT) is None:
        return [Fault(DefectRule.URI, "The port of the URI is no number up to 65535")]
    return _host_faults(uri.host, bracketed="[" in text)


def _host_faults(host: str, *, bracketed: bool) -> list[Fault]:
    if ":" in host and not bracketed:
        return [Fault(DefectRule.IPV6_REFERENCE, "The IPv6 address stands without the brackets of an IPv6 reference")]
    if ":::" in host:
        # RFC 5118 §4.10: the grammar of RFC 3261 yields this by mistake, and robust elements read over it.
        return [Fault(DefectRule.IPV6_EXTRA_COLON, "The IPv6 reference has a colon too many", invalid=False)]
    return []


def name_addr_faults(value: str) -> list[Fault]:
    """What is wrong with one From, To, Contact or Route value (name-addr or addr-spec, with parameters)."""
    value = value.strip()
    if value == "*":
        return []
    if has_open_quote(value):
        return [Fault(DefectRule.QUOTED_STRING, "The quoted string is not closed")]
    head, *parameters = split_outside_quotes(value, ";")
    faults: list[Fault] = []
    display, opening, rest = _split_display_name(head)
    if opening:
        address, closing, behind = rest.partition(">")
        if not closing:
            faults.append(Fault(DefectRule.NAME_ADDR, "The angle bracket is not closed"))
        elif behind.strip():
            faults.append(Fault(DefectRule.NAME_ADDR, "Text other than parameters follows the angle bracket"))
        if not _is_display_name(display):
            faults.append(Fault(DefectRule.DISPLAY_NAME, "The display name has to stand in quotes"))
        faults += uri_faults(address)
    else:
        address = head.strip()
        if "?" in address or "," in address:
            # RFC 3261 §20: without brackets, the question mark and the comma would belong to the header.
            faults.append(
                Fault(DefectRule.UNBRACKETED_URI, "A URI with a question mark or a comma has to stand in brackets")
            )
        else:
            faults += uri_faults(address)
    return faults + parameter_faults(parameters)


def _split_display_name(head: str) -> tuple[str, str, str]:
    if not head.startswith('"'):
        return head.partition("<")
    end = _end_of_quotes(head)
    name, opening, rest = head[end:].partition("<")
    return head[:end] + name, opening, rest


def _end_of_quotes(text: str) -> int:
    """The place behind the quoted string that a text begins with."""
    index = 1
    while index < len(text) and text[index] != '"':
        index += 2 if text[index] == "\\" else 1
    return index + 1


def _is_display_name(text: str) -> bool:
    text = text.strip()
    if text.startswith('"'):
        return len(text) >= 2 and text.endswith('"') and _end_of_quotes(text) == len(text)
    return all(is_token(word) for word in text.split())


def parameter_faults(pieces: list[str]) -> list[Fault]:
    """What is wrong with the parameters of a value, given split at their semicolons."""
    if any(not piece.partition("=")[0].strip() for piece in pieces):
        return [Fault(DefectRule.EXTRANEOUS_SEPARATOR, "A semicolon separates nothing")]
    return []


def via_faults(value: str) -> list[Fault]:
    """What is wrong with one Via value (RFC 3261 §20.42)."""
    head, *parameters = split_outside_quotes(value.strip(), ";")
    faults = parameter_faults(parameters)
    pieces = head.split("/", 2)
    words = pieces[2].split(None, 1) if len(pieces) == 3 else []
    if len(words) != 2 or not all(is_token(word.strip()) for word in (pieces[0], pieces[1], words[0])):
        return [*faults, Fault(DefectRule.VIA, "A Via value has the form SIP/2.0/<transport> <host>")]
    sent_by = words[1].strip()
    host, bracket, port = sent_by.rpartition("]")
    if bracket:
        faults += _host_faults(host.removeprefix("["), bracketed=True)
    elif sent_by.count(":") > 1:
        faults += _host_faults(sent_by, bracketed=False)
        port = ""
    else:
        host, colon, port = sent_by.partition(":")
        port = colon + port
    port = port.strip()
    if len(host.split()) > 1 or (port and parse_digits(port.removeprefix(":").strip(), 65535) is None):
        faults.append(Fault(DefectRule.VIA, "A Via value names one host, and a port up to 65535"))
    for parameter in parameters:
        name, _, text = parameter.partition("=")
        name = name.strip().lower()
        if name == "branch" and text.strip() == "z9hG4bK":
            faults.append(Fault(DefectRule.VIA_BRANCH, "The branch is the magic cookie alone and identifies nothing"))
        elif name == "received" and text.strip().startswith("["):
            # RFC 5118 §4.5: not what the grammar says, but to be understood.
            faults.append(Fault(DefectRule.VIA_RECEIVED_BRACKETS, "received carries brackets", invalid=False))
    return faults


def date_faults(value: str) -> list[Fault]:
    """What is wrong with a Date value: it is an RFC 1123 date in GMT (RFC 3261 §20.17)."""
    return [] if _DATE.match(value) else [Fault(DefectRule.DATE, "The date has the form of RFC 1123, in GMT")]


def warning_faults(value: str) -> list[Fault]:
    """What is wrong with one Warning value: it begins with a code of three digits (RFC 3261 §20.43)."""
    return [] if _WARNING.match(value) else [Fault(DefectRule.WARNING, "A warning code has three digits")]
