"""Contacts and Vias that lead nowhere from outside: NAT, and routers that rewrite SIP (policy F3)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity, Transport
from sip_ci.trace.sdp import SdpLine, sdp_of
from sip_ci_server.engine.addresses import Scope, same_address, scope_of
from sip_ci_server.engine.checks.icmp_evidence import meaning_of, proof_of
from sip_ci_server.engine.checks.registration_traffic import LostCalls
from sip_ci_server.engine.checks.registry import (
    Found,
    Needs,
    NotCheckable,
    Outcome,
    Proof,
    at,
    at_header,
    at_sdp,
    check,
)
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.exposure import ends_of, lowest_of
from sip_ci_server.engine.message_faults import ROUND_TRIP
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.private_contacts import private_contacts, undelivered
from sip_ci_server.engine.registrations import Registration
from sip_ci_server.engine.sequence import seconds_between
from sip_ci_server.engine.transactions import Transaction

QUIET = 60.0
"""Seconds after which many NATs forget a UDP binding; RFC 4787 asks for two minutes, and few keep to it."""
_INSIDE = (Scope.PRIVATE, Scope.SHARED, Scope.LINK_LOCAL)


@check(
    "nat-contact-private",
    title="Contact {address} cannot be reached from where it was sent",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3261 §8.1.1.8",
    confidence=Confidence.LIKELY,
)
def nat_contact_private(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A private Contact opens a dialog with a public host (RFC 3261 §8.1.1.8, §12.1.1: later requests go to it).

    High where such a request went unanswered, or the ACK never came or did not arrive. Else low: receivers that look
    at the source of packets, and proxies that stay on the path, do not need the Contact.
    """
    for contact in private_contacts(leg, model):
        message, sender, receiver = contact.message, contact.sender, contact.receiver
        caller = message.is_request
        back = [item for item in (*leg.transactions, *leg.elsewhere) if leg.sent_by_caller(item) is not caller]
        refused = next((item for item in back if undelivered(item, contact, leg, model) is not None), None)
        lost = refused or next((item for item in back if not item.responses and _is_due(item, leg, model)), None)
        error = undelivered(refused, contact, leg, model) if refused is not None else None
        confidence = contact.confidence if error is None else Confidence.CERTAIN
        no_ack = not caller and leg.answer is not None and len(leg.answers) > 1 and not leg.acks
        # Where a proxy recorded itself, the ACK goes to that proxy and not to the Contact.
        in_vain = not caller and not message.record_routes and _answers_after_ack(leg) >= 2
        severity = None if lost or no_ack or in_vain else Severity.LOW
        if caller and leg.answer is not None and not leg.acks and not leg.transactions and error is None:
            # The call was never confirmed, so nothing was ever to be sent to this Contact.
            continue
        if confidence is not Confidence.CERTAIN:
            severity = lowest_of(severity, Severity.MEDIUM if severity is None else Severity.LOW)
        yield Found(
            (
                at_header(message, "contact", f"{receiver} is to send its requests there"),
                *([at(lost.request, "such a request, which was not answered")] if lost else []),
                *([proof_of(error)] if error else []),
            ),
            f"The {message.summary} from {sender} to {receiver} has the Contact {contact.uri.text}, a"
            f" {scope_of(contact.uri.host)} address that {receiver} cannot reach."
            + (f" Its {lost.method} was not answered." if lost else "")
            + (f" {error.reporter} said by ICMP why: {meaning_of(error)}." if error else "")
            + (" Its answer was never acknowledged." if no_ack else "")
            + (" Its answer came again after the ACK, which did not arrive." if in_vain else ""),
            {"address": contact.uri.host},
            key=("caller" if caller else "callee",),
            calls=(leg.call_id,),
            severity=severity,
            confidence=confidence,
        )


def _answers_after_ack(leg: Leg) -> int:
    """How often the 2xx came again although an ACK was on its way."""
    if not leg.acks:
        return 0
    return sum((seconds_between(leg.acks[0], answer) or 0.0) > ROUND_TRIP for answer in leg.answers)


def _is_due(transaction: Transaction, leg: Leg, model: Model) -> bool:
    """Whether an answer would be in the trace: from where the request went, or from the other end of the dialog."""
    ends = (transaction.request, leg.invite.request, *leg.answers[:1])
    return model.seen.would_show(transaction.time, 4.0) and any(model.seen.sees_reverse(message) for message in ends)


@check(
    "nat-sdp-linklocal",
    title="Link-local address {address} in the {place} sent beyond its link",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3927 §2.6.2; RFC 4291 §2.5.6",
)
def nat_sdp_linklocal(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A link-local address is advertised to a host that is on another link, as far as its own address says."""
    for message in (leg.invite.request, *([leg.answer] if leg.answer else [])):
        _, receiver = ends_of(message)
        if receiver is None or scope_of(receiver) in (Scope.LINK_LOCAL, Scope.LOOPBACK, Scope.NAME, Scope.UNSPECIFIED):
            continue
        for address, line in _advertised(message, model):
            if scope_of(address) is not Scope.LINK_LOCAL:
                continue
            place, proof = _shown(message, line)
            yield Found(
                (proof,),
                f"The {place} of the {message.summary} names {address}, which only reaches hosts on the same link, and"
                f" was"
                f" sent to {receiver}.",
                {"address": address, "place": place},
                key=("caller" if message.is_request else "callee", place),
                calls=(leg.call_id,),
            )
            break


@check(
    "nat-cgnat",
    title="{place} names {address}, an address of carrier-grade NAT",
    severity=Severity.LOW,
    category=Category.NAT,
    rfc="RFC 6598 §4",
)
def nat_cgnat(leg: Leg, model: Model) -> Iterator[Outcome]:
    """An address of 100.64.0.0/10 is advertised to a host outside that range (RFC 6598)."""
    for message in (leg.invite.request, *([leg.answer] if leg.answer else [])):
        sender, receiver = ends_of(message)
        if receiver is None or scope_of(receiver) in (Scope.SHARED, Scope.NAME, Scope.UNSPECIFIED):
            continue
        for address, line in _advertised(message, model):
            if scope_of(address) is not Scope.SHARED or (sender is not None and same_address(address, sender)):
                continue
            place, proof = _shown(message, line)
            yield Found(
                (proof,),
                f"The {place} of the {message.summary} names {address}: the sender is behind its carrier's NAT, and"
                f" {receiver} cannot reach that address.",
                {"address": address, "place": place},
                key=("caller" if message.is_request else "callee",),
                calls=(leg.call_id,),
            )
            break


def _advertised(message: SipMessage, model: Model) -> Iterator[tuple[str, SdpLine | None]]:
    """The addresses of the Contact and of media; a line for those of media."""
    for contact in message.contacts[:1]:
        yield contact.uri.host, None
    description = model.descriptions.of(message)
    for media in description.media if description is not None else ():
        if media.port and media.connection is not None and not media.candidates:
            yield media.connection.address, media.connection.line


def _shown(message: SipMessage, line: SdpLine | None) -> tuple[str, Proof]:
    """What a place is called, and the line that shows it."""
    if line is None:
        return "Contact", at_header(message, "contact", "where requests are to go")
    return "SDP c= line", at_sdp(message, line, "where media is to go")


@check(
    "nat-rport-missing",
    title="{method} leaves from another port than its Via says, without rport",
    severity=Severity.LOW,
    category=Category.NAT,
    rfc="RFC 3581 §3",
    needs=Needs.ADDRESSES,
    absent="the trace holds no request over UDP",
    only=lambda transaction: transaction.transport is Transport.UDP and transaction.source is not None,
)
def nat_rport_missing(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """A UDP request comes from another port than its top Via says and has no rport, so the answer goes to the other."""
    via, source = transaction.request.top_via, transaction.source
    if source is None or not via.host or source.port == via.effective_port or via.parameter("rport") is not None:
        return
    if via.parameter("maddr") is not None or source.port == 0:
        return
    yield Found(
        (at_header(transaction.request, "via", f"but the packet came from {source}"),),
        f"{transaction.method} came from {source}, its Via says port {via.effective_port} and has no rport: responses"
        f" go to"
        f" {via.host}:{via.effective_port}" + ("." if transaction.responses else ", and none is in the trace."),
        {"method": transaction.method},
        calls=(transaction.call_id,),
    )


@check(
    "nat-alg-suspected",
    title="A router on the way rewrites SIP (ALG)",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3261 §18.3",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE,
    absent="the trace holds no INVITE or REGISTER",
    only=lambda transaction: transaction.method in ("INVITE", "REGISTER"),
)
def nat_alg_suspected(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """At least two signs that an application-level gateway changed a request from a public address.

    Signs: Content-Length is not the length of the body; Via is public and Contact private; the SDP's c= is public and
    its o= private; the top Via already has `received`, which only its receiver may add.
    """
    request = transaction.request
    if transaction.source is None or scope_of(transaction.source.host) is not Scope.PUBLIC or len(request.via) != 1:
        return
    signs = list(_signs(request))
    if len(signs) < 2 or model.is_forwarded(transaction):
        return
    yield Found(
        tuple(proof for _, proof in signs),
        f"The {transaction.method} from {transaction.source} contradicts itself: "
        + "; ".join(text for text, _ in signs)
        + "."
        " Only an element between its sender and this point can have written that.",
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


def _signs(request: SipMessage) -> Iterator[tuple[str, Proof]]:
    length, present = request.content_length, len(request.raw) - request.body_start
    if request.fidelity is Fidelity.EXACT and length is not None and length != present:
        yield (
            f"Content-Length is {length} and the body has {present} bytes",
            at_header(request, "content-length", "not the length of the body"),
        )
    via = request.top_via
    contact = next(iter(request.contacts), None)
    if scope_of(via.host) is Scope.PUBLIC and contact is not None and scope_of(contact.uri.host) in _INSIDE:
        yield (
            f"Via names {via.host} and Contact {contact.uri.host}",
            at_header(request, "contact", "private, beside a public Via"),
        )
    description = sdp_of(request)
    if description is not None:
        origin = (description.origin.split() or [""])[-1]
        line = next((media.connection for media in description.media if media.connection is not None), None)
        if line is not None and scope_of(line.address) is Scope.PUBLIC and scope_of(origin) in _INSIDE:
            yield (
                f"c= names {line.address} and o= {origin}",
                at_sdp(request, line.line, "public, beside a private origin"),
            )
    if via.parameter("received"):
        yield "its own Via already has `received`", at_header(request, "via", "`received` is for the receiver to add")


@check(
    "nat-keepalive-gap",
    title="{user} was not reachable after {seconds} s without a packet",
    severity=Severity.MEDIUM,
    category=Category.NAT,
    rfc="RFC 5626 §4.4",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.ADDRESSES,
)
def nat_keepalive_gap(model: Model, _: Model) -> Iterator[Outcome]:
    """A client behind NAT registered over UDP, no SIP passed for more than a minute, and an INVITE to it was lost."""
    concerned = [item for item in model.registrations if item.transactions[0].transport is Transport.UDP]
    if not concerned:
        yield NotCheckable("the trace holds no REGISTER over UDP")
        return
    calls = LostCalls(model)
    for registration in concerned:
        yield from _closed(registration, calls, model)


def _closed(registration: Registration, calls: LostCalls, model: Model) -> Iterator[Outcome]:
    bound = next((item for item in registration.transactions if item.success is not None), None)
    if bound is None or bound.source is None or not _is_behind_nat(bound):
        return
    for leg in calls.to(registration):
        invite = leg.invite
        if invite.time is None or invite.destination != bound.source:
            continue
        last = max(
            (
                message.observation.time
                for message in model.messages
                if message.observation.time is not None
                and message.observation.time < invite.time
                and bound.source in (message.observation.source, message.observation.destination)
            ),
            default=None,
        )
        if last is None or invite.time - last <= QUIET:
            continue
        gap = f"{invite.time - last:.0f}"
        yield Found(
            (at(bound.request, f"registers from {bound.source}"), at(invite.request, f"{gap} s later, not answered")),
            f"{registration.address_of_record} registered over UDP from behind NAT ({bound.source}). For {gap} s no"
            f" SIP passed,"
            " and the INVITE that came then was not answered: the NAT had closed the way back.",
            {"user": registration.address_of_record, "seconds": gap},
            calls=(leg.call_id,),
        )
        return


def _is_behind_nat(transaction: Transaction) -> bool:
    source = transaction.source
    if source is None:
        return False
    hosts = [transaction.request.top_via.host, *(contact.uri.host for contact in transaction.request.contacts)]
    return any(scope_of(host) in _INSIDE and not same_address(host, source.host) for host in hosts)
