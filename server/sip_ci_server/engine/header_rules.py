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
from sip_ci.trace.uri import split_outside_quotes

_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SESSION_ID = re.compile(r"[0-9a-f]{32}\Z")
_URI_PARAMETERS = frozenset({"transport", "user", "method", "ttl", "maddr", "lr"})
"""Parameters that a URI has and a header does not (RFC 3261 §19.1.1)."""
_STREAMS = (Transport.TCP, Transport.TLS)
_DEMANDED = {
    405: ("allow", "msg-405-no-allow"),
    420: ("unsupported", "msg-420-no-unsupported"),
    422: ("min-se", "msg-422-no-min-se"),
    423: ("min-expires", "msg-423-no-min-expires"),
}
"""By status code: the header that the response carries, and the check that asks for it."""
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
    yield from _of_addresses(message)
    yield from _of_extensions(message)
    if message.is_request:
        yield from _of_request(message)
    demanded = _DEMANDED.get(message.status or 0)
    if demanded is not None and not message.lines_of(demanded[0]):
        explanation = f"{message.status} {message.reason} has no {demanded[0].title()} header"
        yield demanded[1], Violation(demanded[0], None, explanation)


def _of_bytes(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    head = message.raw[: message.body_start]
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
    if not via.branch.startswith("z9hG4bK"):
        what = f"The branch `{via.branch[:40]}`" if via.branch else "A Via without a branch"
        explanation = f"{what} does not begin with the magic cookie z9hG4bK"
        yield "msg-branch-cookie", Violation("cookie", start, explanation, Severity.LOW)
    carried = message.observation.transport
    if carried in (Transport.UDP, Transport.TCP) and via.transport in ("UDP", "TCP") and via.transport != str(carried):
        explanation = f"The Via says {via.transport}, and the message came over {carried}"
        yield "msg-via-transport-mismatch", Violation(f"{via.transport} {carried}", start, explanation)


def _of_body(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    if message.observation.transport in _STREAMS and not message.lines_of("content-length"):
        explanation = f"A message over {message.observation.transport} has no Content-Length"
        yield "msg-content-length-missing-tcp", Violation("missing", None, explanation)


def _of_request(message: SipMessage) -> Iterator[tuple[str, Violation]]:
    lines = message.lines_of("max-forwards")
    hops = parse_digits((message.header("max-forwards") or "").strip(), 255)
    if hops == 0 and message.method not in ("OPTIONS", "ACK"):
        explanation = f"{message.method} arrives with Max-Forwards 0, so that no proxy may pass it on"
        yield "msg-max-forwards-zero", Violation("zero", lines[0].start, explanation)
    elif hops is not None and hops > USUAL_MAX_FORWARDS:
        explanation = f"Max-Forwards is {hops}"
        yield "msg-max-forwards-over-70", Violation("large", lines[0].start, explanation)


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
