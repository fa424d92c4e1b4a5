"""Messages that attack their reader, show secrets, or come from nobody in the call."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci_server.engine.addresses import Scope, parse_address, scope_of
from sip_ci_server.engine.attempts import credentials_of
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.exposure import exposure_severity, is_readable_on_the_way, lowest_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

OVERSIZE = 65_536
"""Bytes: more than a UDP datagram can hold."""
MANY_HEADERS = 200
AMPLIFICATION = 5
_ESCAPED_LINE_END = re.compile(r"%0[ad]", re.IGNORECASE)
_URI_HEADERS = ("from", "to", "contact", "refer-to", "referred-by", "p-asserted-identity", "diversion")


@check(
    "sec-cred-leak",
    title="A password stands in the {place}",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 3261 §19.1.1",
)
def sec_cred_leak(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SIP URI has a password (RFC 3261 §19.1.1 advises against it), and the message is readable on its way."""
    request = transaction.request
    places = (
        ("Request-URI", None, request.request_uri),
        ("From", "from", request.from_.uri),
        ("To", "to", request.to.uri),
    )
    for place, name, uri in places:
        if not uri.password or not uri.user or model.is_forwarded(transaction):
            continue
        yield Found(
            (at_header(request, name, "user:password@host") if name else at(request, "user:password@host"),),
            f"The {place} of the {transaction.method} has the form user:password@host, and everyone on the path can"
            f" read it.",
            {"place": place},
            key=(place,),
            calls=(transaction.call_id,),
            severity=lowest_of(
                exposure_severity(request), None if is_readable_on_the_way(request) else Severity.MEDIUM
            ),
        )
        return


@check(
    "sec-header-injection",
    title="{header} holds an escaped line end",
    severity=Severity.HIGH,
    category=Category.SECURITY,
    rfc="RFC 3261 §19.1.2",
)
def sec_header_injection(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """A URI holds %0d or %0a: an element that unescapes it writes headers of the sender's choice."""
    request = transaction.request
    if b"%0" not in request.raw[: request.body_start]:
        return
    if _ESCAPED_LINE_END.search(request.start_line):
        name = "Request-URI"
        proof = at(request, "an escaped line end")
    else:
        name = next((entry for entry in _URI_HEADERS if _ESCAPED_LINE_END.search(request.header(entry) or "")), "")
        proof = at_header(request, name, "an escaped line end")
    if not name:
        return
    yield Found(
        (proof,),
        f"{name} of the {transaction.method} holds %0d or %0a. An element that unescapes the URI and writes it into"
        f" another"
        " message or a log adds lines that the sender chose.",
        {"header": name},
        key=(name,),
        calls=(transaction.call_id,),
        severity=exposure_severity(request),
    )


@check(
    "sec-oversize",
    title="A message of {size}",
    severity=Severity.MEDIUM,
    category=Category.SECURITY,
    rfc="RFC 3261 §18.1.1",
)
def sec_oversize(model: Model, _: Model) -> Iterator[Outcome]:
    """A message has more than 64 KiB or more than 200 headers, which many parsers do not stand."""
    if not model.messages:
        yield NotCheckable("the trace holds no SIP message")
    for message in model.messages:
        if len(message.raw) <= OVERSIZE and (
            message.raw.count(b"\n") <= MANY_HEADERS or len(message.headers) <= MANY_HEADERS
        ):
            continue
        size = f"{len(message.raw)} bytes" if len(message.raw) > OVERSIZE else f"{len(message.headers)} headers"
        yield Found(
            (at(message, f"has {size}"),),
            f"The {message.summary} has {len(message.raw)} bytes and {len(message.headers)} headers.",
            {
                "size": f"more than {OVERSIZE // 1024} KiB"
                if len(message.raw) > OVERSIZE
                else f"{MANY_HEADERS} headers or more"
            },
            key=("bytes" if len(message.raw) > OVERSIZE else "headers",),
            calls=(message.call_id,),
            severity=exposure_severity(message),
        )
        return


@check(
    "sec-amplification",
    title="OPTIONS over UDP is answered with {factor} times its bytes",
    severity=Severity.MEDIUM,
    category=Category.SECURITY,
    rfc="RFC 3261 §26.1.5",
    absent="the trace holds no OPTIONS over UDP",
    only=lambda transaction: transaction.method == "OPTIONS" and transaction.transport is Transport.UDP,
)
def sec_amplification(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """The responses to an OPTIONS without credentials have more than five times its bytes: who forges the source of UDP
    packets can use that against others (RFC 3261 §26.1.5).
    """
    sent = sum(len(request.raw) for request in transaction.requests)
    back = sum(len(response.raw) for response in transaction.responses)
    if back <= AMPLIFICATION * sent or credentials_of(transaction.request):
        return
    yield Found(
        (at(transaction.request, f"{sent} bytes"), at(transaction.responses[0], f"{back} bytes in all")),
        f"{sent} bytes of OPTIONS were answered with {back} bytes, without any credentials.",
        {"factor": f"more than {AMPLIFICATION}"},
        calls=(transaction.call_id,),
        severity=exposure_severity(transaction.request),
    )


@check(
    "sec-unauth-bye",
    title="{method} inside a call from a host that has no part in it",
    severity=Severity.CRITICAL,
    category=Category.SECURITY,
    rfc="RFC 3261 §26.1.4",
    confidence=Confidence.POSSIBLE,
    needs=Needs.ADDRESSES,
)
def sec_unauth_bye(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A BYE or re-INVITE of a call comes from a host that is neither party, proxy, Contact nor route of it.

    Critical where a BYE was accepted, high where it was not; a re-INVITE is medium, since phones move to other
    networks. Nothing is said where routes or contacts are names, which may stand for any host.
    """
    foreign = [item for item in leg.elsewhere if item.method in ("BYE", "INVITE") and item.source is not None]
    if not foreign:
        return
    known, named = _parties(leg, model)
    if named:
        yield NotCheckable("contacts or routes of the call are names, which may stand for any host")
        return
    for item in foreign:
        if item.source is None or item.source.host in known or scope_of(item.source.host) is not Scope.PUBLIC:
            continue
        accepted = item.success is not None
        severity = (None if accepted else Severity.HIGH) if item.method == "BYE" else Severity.MEDIUM
        yield Found(
            (
                at(item.request, f"from {item.source}"),
                *([at(item.success, "is accepted")] if item.success is not None else []),
            ),
            f"A {item.method} of the call between {leg.caller} and {leg.callee} came from {item.source}, which sent"
            f" nothing"
            " else in this call and stands in none of its contacts and routes.",
            {"method": item.method},
            key=(item.method, "accepted" if accepted else "refused"),
            calls=(leg.call_id,),
            severity=lowest_of(exposure_severity(item.request), severity),
        )
        return


def _parties(leg: Leg, model: Model) -> tuple[set[str], bool]:
    """The hosts of a call, from addresses, contacts, routes and Vias of its INVITE and answer; whether some are
    names."""
    known: set[str] = set()
    named = False
    for other in model.dialogs.calls.get(leg.call_id, []):
        for message in (other.invite.request, *other.invite.responses):
            known |= {end.host for end in (message.observation.source, message.observation.destination) if end}
            for host in _hosts_in(message):
                named = named or parse_address(host) is None
                known.add(host)
    return known, named


def _hosts_in(message: SipMessage) -> Iterator[str]:
    for entry in (*message.contacts, *message.record_routes, *message.routes):
        yield entry.uri.host
    for via in message.via:
        yield via.host
        if via.parameter("received"):
            yield via.parameter("received") or ""
