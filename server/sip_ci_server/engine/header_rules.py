"""Rules for single headers that the grammar alone does not decide: what a method or a status code asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sip_ci.findings import Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.grammar import is_token
from sip_ci.trace.headers import parse_name_addr
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci.trace.uri import split_outside_quotes, split_parameters

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PROTOCOL = re.compile(r"\s*SIP\s*/\s*2\.0\s*/", re.IGNORECASE)
_SESSION_ID = re.compile(r"[0-9a-f]{32}\Z")
_URI_PARAMETERS = frozenset({"transport", "user", "method", "ttl", "maddr", "lr"})
"""Parameters that a URI has and a header does not (RFC 3261 §19.1.1)."""
_STREAMS = (Transport.TCP, Transport.TLS)
_DEMANDED = {
    405: (("allow",), "msg-405-no-allow"),
    415: (("accept", "accept-encoding", "accept-language"), "msg-415-no-accept"),
    420: (("unsupported",), "msg-420-no-unsupported"),
    421: (("require",), "msg-421-no-require"),
    422: (("min-se",), "msg-422-no-min-se"),
    423: (("min-expires",), "msg-423-no-min-expires"),
}
"""By status code: the headers of which the response carries one, and the check that asks for it."""
_ADDRESSES = ("from", "to", "contact", "route", "record-route")
_CREDENTIALS = ("authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate")
_FURTHER_SCHEME = re.compile(r"(?:digest|basic|bearer)\s+[\w-]+\s*=", re.IGNORECASE)
_ONE_CONTACT = ("INVITE", "SUBSCRIBE", "REFER")
"""Requests that can make a dialog (RFC 3261 §8.1.1.8)."""
_UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104  # compared, not bound
_READ = 8
"""Lines of one header, and values of one line, that are read."""
USUAL_MAX_FORWARDS = 70


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a message breaks."""

    topic: str
    offset: int | None
    """Byte offset of the line that shows it; None is the start line."""
    explanation: str
    """One sentence, without a trailing period."""
    severity: Severity | None = None


def violations_of(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    """The rules that a message breaks, each with the id of its check."""
    yield from _of_bytes(message)
    yield from _of_via(message)
    yield from _of_body(message)
    yield from _of_multipart(message)
    yield from _of_contact(message)
    yield from _of_addresses(message)
    yield from _of_extensions(message)
    yield from _of_parameters(message)
    yield from _of_credentials(message)
    if message.is_request:
        yield from _of_request(message)
    demanded = _DEMANDED.get(message.status or 0)
    if demanded is not None and not any(message.lines_of(name) for name in demanded[0]):
        explanation = f"{message.status} {message.reason} has no {demanded[0][0].title()} header"
        yield demanded[1], Violation(demanded[0][0], None, explanation)


def _of_bytes(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    head = message.raw[: message.body_start]
    first = message.raw.find(b"\n") + 1
    if 0 < first < message.body_start and message.raw[first : first + 1] in (b" ", b"\t"):
        explanation = "The first header line begins with a blank and would continue the start line"
        yield "msg-fold-bad", Violation("first line", first, explanation)
    control = _CONTROL.search(head)
    if control is not None:
        explanation = f"The control byte 0x{control.group()[0]:02x} stands in the headers"
        yield "msg-control-byte", Violation("control byte", control.start(), explanation)
    if not head.isascii():
        try:
            head.decode("utf-8")
        except UnicodeDecodeError as error:
            explanation = f"The byte 0x{head[error.start]:02x} in the headers is no UTF-8"
            yield "msg-nonutf8", Violation("encoding", error.start, explanation)


def _of_via(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    if not message.is_request or not message.lines_of("via"):
        return
    via, start = message.top_via, message.lines_of("via")[0].start
    if via.text and not _PROTOCOL.match(via.text):
        explanation = f"The Via says `{via.text.split()[0][:20]}`, and its protocol is SIP/2.0"
        yield "msg-header-malformed", Violation("via protocol", start, explanation)
    if not via.branch.startswith("z9hG4bK"):
        what = f"The branch `{via.branch[:40]}`" if via.branch else "A Via without a branch"
        explanation = f"{what} does not begin with the magic cookie z9hG4bK"
        yield "msg-branch-cookie", Violation("cookie", start, explanation, Severity.LOW)
    rport = via.parameter("rport")
    if rport and len(message.via) == 1:
        explanation = f"The Via of the client holds `rport={rport[:10]}`; it has to send `rport` without a value"
        yield "msg-rport-value", Violation("rport", start, explanation)
    carried = message.observation.transport
    if carried in (Transport.UDP, Transport.TCP) and via.transport in ("UDP", "TCP") and via.transport != str(carried):
        explanation = f"The Via says {via.transport}, and the message came over {carried}"
        yield "msg-via-transport-mismatch", Violation(f"{via.transport} {carried}", start, explanation)


def _of_body(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    kind = message.lines_of("content-type")
    if kind and message.body and message.content_type.startswith("multipart/"):
        parameters = split_parameters(message.value_of(kind[0]).partition(";")[2])
        if not any(name == "boundary" and value for name, value in parameters):
            explanation = "Content-Type says multipart and names no boundary, so that no part can be found"
            yield "msg-header-malformed", Violation("boundary", kind[0].start, explanation)
    if message.observation.transport in _STREAMS and not message.lines_of("content-length"):
        explanation = f"A message over {message.observation.transport} has no Content-Length"
        yield "msg-content-length-missing-tcp", Violation("missing", None, explanation)


def _of_multipart(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    """A multipart body of the length that Content-Length gives lacks its last boundary (RFC 2046 §5.1.1)."""
    kind, length = message.lines_of("content-type"), message.lines_of("content-length")
    if not kind or not length or not message.content_type.startswith("multipart/"):
        return
    if not message.body or message.content_length != len(message.body):
        return
    parameters = split_parameters(message.value_of(kind[0]).partition(";")[2])
    boundary = next((value for name, value in parameters if name == "boundary" and value), "")
    first = f"--{boundary}".encode()
    if boundary and first in message.body and first + b"--" not in message.body:
        explanation = f"Content-Length {len(message.body)} ends the multipart body before its last boundary"
        yield "msg-content-length-mismatch", Violation("closing boundary", length[0].start, explanation)


def _of_request(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    lines = message.lines_of("max-forwards")
    hops = parse_digits((message.header("max-forwards") or "").strip(), 255)
    if hops == 0 and message.method not in ("OPTIONS", "ACK"):
        explanation = f"{message.method} arrives with Max-Forwards 0, so that no proxy may pass it on"
        yield "msg-max-forwards-zero", Violation("zero", lines[0].start, explanation)
    elif hops is not None and hops > USUAL_MAX_FORWARDS:
        explanation = f"Max-Forwards is {hops}"
        yield "msg-max-forwards-over-70", Violation("large", lines[0].start, explanation)


def _of_contact(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    lines = message.lines_of("contact")
    if not lines or len(lines) > _READ:
        return
    makes_dialog = message.method in _ONE_CONTACT and message.is_request
    # The same Contact written twice leads to one place.
    if makes_dialog and len({contact.uri.text for contact in message.contacts}) > 1:
        explanation = f"{message.method} has {len(message.contacts)} Contacts and may have one"
        yield "msg-contact-uri-bad", Violation("several", lines[-1].start, explanation)
    if any(contact.uri.host in _UNSPECIFIED for contact in message.contacts):
        explanation = "The Contact is the unspecified address, which nothing can be sent to"
        yield "msg-contact-uri-bad", Violation("unspecified", lines[0].start, explanation)


def _of_addresses(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    for name in ("from", "to", "contact"):
        for line in message.lines_of(name)[:8]:
            for value in split_outside_quotes(message.value_of(line), ",")[:8]:
                if "<" in value or ";" not in value:
                    continue
                moved = sorted({key for key, _ in parse_name_addr(value).parameters} & _URI_PARAMETERS)
                if moved:
                    severity = None if name == "contact" else Severity.LOW
                    explanation = (
                        f"In {name.title()} the URI stands without angle brackets, so that `;{moved[0]}` belongs to the"
                        " header and is lost for the URI"
                    )
                    yield "msg-uri-param-demoted", Violation(name, line.start, explanation, severity)
    stars = [line for line in message.lines_of("contact") if message.value_of(line).partition(";")[0].strip() == "*"]
    if stars and message.method != "REGISTER":
        explanation = f"Contact: * stands in {message.summary}, and only a REGISTER may have it"
        yield "msg-contact-star", Violation("star", stars[0].start, explanation)


def _of_extensions(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    for name in ("p-asserted-identity", "p-preferred-identity"):
        for line in message.lines_of(name)[:4]:
            keys = [key for key, _ in parse_name_addr(message.value_of(line)).parameters]
            if "tag" in keys:
                yield "msg-pai-params", Violation(name, line.start, f"{line.written} carries a tag")
    for line in message.lines_of("reason")[:4]:
        for value in split_outside_quotes(message.value_of(line), ",")[:8]:
            protocol, *parameters = split_outside_quotes(value, ";")
            causes = [one.partition("=")[2].strip() for one in parameters if one.strip().lower().startswith("cause")]
            if not is_token(protocol.strip()) or any(not (one.isascii() and one.isdigit()) for one in causes):
                explanation = "Reason has the form `protocol;cause=number`"
                yield "msg-reason", Violation("form", line.start, explanation)
                break
    for line in message.lines_of("session-id")[:1]:
        value = message.value_of(line).partition(";")[0].strip()
        if not _SESSION_ID.match(value):
            explanation = "A Session-ID begins with 32 hexadecimal digits in lower case"
            yield "msg-session-id", Violation("form", line.start, explanation)


def _of_parameters(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    for name in ("via", *_ADDRESSES):
        for line in message.lines_of(name)[:_READ]:
            for value in split_outside_quotes(message.value_of(line), ",")[:_READ]:
                if name == "via":
                    twice = _repeated(split_parameters(value.partition(";")[2]))
                else:
                    address = parse_name_addr(value)
                    twice = _repeated(address.parameters) or _repeated(address.uri.parameters)
                if twice:
                    explanation = f"The parameter `{twice[:40]}` stands twice in one value of {name.title()}"
                    yield "msg-parameter-repeated", Violation(f"{name} {twice}", line.start, explanation)
                    break


def _repeated(parameters: tuple[tuple[str, str | None], ...]) -> str:
    """The first parameter name that comes a second time, or the empty string."""
    seen: set[str] = set()
    for key, _ in parameters:
        if key in seen:
            return key
        seen.add(key)
    return ""


def _of_credentials(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    for name in _CREDENTIALS:
        for line in message.lines_of(name)[:_READ]:
            values = split_outside_quotes(message.value_of(line), ",")
            if any(_FURTHER_SCHEME.match(value.lstrip()) for value in values[1:]):
                explanation = f"One line of {name.title()} holds two values, and each needs a line of its own"
                yield "msg-credentials-joined", Violation(name, line.start, explanation)
