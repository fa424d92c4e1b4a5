"""Requests of a dialog that leave for another place than its routes and Contacts say."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci.wording import times
from sip_ci_server.engine.addresses import parse_address, same_address
from sip_ci_server.engine.checks.dialog_headers import has_failed_inside
from sip_ci_server.engine.checks.pracks import ABSENT as NO_PRACK
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.checks.responses import SILENCE
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import ROUND_TRIP
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.provisionals import rack_of
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.targets import strays_from
from sip_ci_server.engine.transactions import Transaction

COMPLAINS = 3
"""Sends of a 2xx with which its sender says that it has no ACK; two may be one lost packet."""
_LOST = frozenset({404, 408, 410, 480, 481, 483, 502, 503, 504})
"""Responses of an element that cannot deliver a request inside a dialog."""


def _sits_in_dialog(transaction: Transaction) -> bool:
    return not transaction.is_initial and bool(transaction.request.routes) and transaction.method != "CANCEL"


@check(
    "route-not-followed",
    title="{method} is sent past its own Route",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1, §8.1.2",
    confidence=Confidence.LIKELY,
    needs=Needs.ADDRESSES,
    absent="no request inside a dialog carries Route",
    only=_sits_in_dialog,
)
def route_not_followed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request inside a dialog has a Route and went to the address in its Request-URI instead (RFC 3261 §8.1.2).

    High where it was lost, low where it was answered all the same. Routes that are names say nothing about addresses.
    """
    request, destination = transaction.request, transaction.destination
    if destination is None or destination.is_unnamed or len(request.via) != 1 or model.is_forwarded(transaction):
        return
    first = request.routes[0].uri
    target = request.request_uri.parameter("maddr") or request.request_uri.host
    if first.parameter("lr") is None or parse_address(first.host) is None or same_address(first.host, target):
        return
    if same_address(first.host, destination.host) or not same_address(target, destination.host):
        return
    final = transaction.final
    lost = final is None or (final.status or 0) in _LOST
    yield Found(
        (
            at_header(request, "route", "the request is to go here first"),
            at(request, f"it was sent to {destination}, the address in its Request-URI"),
            *([at(final, "its answer")] if final is not None else []),
        ),
        f"{name_of(request)} sent {transaction.method} to {destination}, the address of its Request-URI, though its"
        f" first Route is `{first.text[:120]}`."
        + (f" It was answered {phrase_of(final)}." if final is not None else " It got no answer."),
        {"method": transaction.method},
        key=(transaction.method, "lost" if lost else "answered"),
        calls=(transaction.call_id,),
        severity=None if lost else Severity.LOW,
    )


def _transport_of(contact: SipMessage) -> str:
    uri = contact.contacts[0].uri
    return (uri.parameter("transport") or ("tls" if (uri.scheme == "sips") else "udp")).lower()


def _came_over(invite: Transaction) -> str:
    return invite.transport.value.lower()


@check(
    "contact-other-listener",
    title="The Contact of the {message} names another port or transport than {place}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.1.1, §8.1.1.8",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.ADDRESSES,
    absent="the trace holds no answered INVITE",
    only=lambda leg: leg.answer is not None,
)
def contact_other_listener(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The callee took the INVITE on one of its ports, its Contact names another one, and the ACK does not arrive (RFC
    3261 §12.1.1: the Contact is where it wants requests of the dialog).

    Judged only where the callee sends its 2xx again and again, for a program may well listen on several ports. So is
    the caller's Contact: where a request of the callee went there over UDP in a call over a stream, and got no answer.
    """
    yield from _caller_elsewhere(leg, model)
    answer, invite = leg.answer, leg.invite
    place = invite.destination
    if answer is None or place is None or len(answer.contacts) != 1 or len(leg.answers) < COMPLAINS:
        return
    uri = answer.contacts[0].uri
    if not uri.is_sip or not same_address(uri.host, place.host) or place.port == 0:
        return
    over, named = _came_over(invite), _transport_of(answer)
    if invite.transport is Transport.UNKNOWN or (uri.effective_port == place.port and named == over):
        return
    acks = leg.acks or model.lookups.acks_numbered(invite.request)
    if acks and (seconds_between(acks[0], leg.answers[-1]) or 0.0) <= ROUND_TRIP:
        return
    # Many leave `transport` out of the Contact and are reached all the same over the connection that there is.
    if uri.effective_port == place.port and not any(ack.observation.transport is not invite.transport for ack in acks):
        return
    yield Found(
        (
            at(invite.request, f"the INVITE came to {place} over {over.upper()}"),
            at_header(answer, "contact", f"port {uri.effective_port} over {named.upper()}"),
            at(leg.answers[-1], "the answer, sent again because no ACK arrived"),
        ),
        f"The INVITE came to {place} over {over.upper()}, and the Contact of the {phrase_of(answer)} is"
        f" `{uri.text[:120]}`: port {uri.effective_port} over {named.upper()}. The answer was sent"
        f" {times(len(leg.answers))}, so no ACK arrived.",
        {"message": "answer", "place": "the call came to"},
        key=("transport" if named != over else "port",),
        calls=(leg.call_id,),
    )


def _caller_elsewhere(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The caller's Contact leads requests of the callee off the stream of the call, and they are lost."""
    invite = leg.invite
    place, request = invite.source, invite.request
    if place is None or not invite.transport.reliable or len(request.via) != 1 or len(request.contacts) != 1:
        return
    uri, over = request.contacts[0].uri, _came_over(invite)
    named = _transport_of(request)
    if not uri.is_sip or named == over or not same_address(uri.host, place.host) or request.record_routes:
        return
    for item in (*leg.transactions, *leg.elsewhere):
        went = item.destination
        if leg.sent_by_caller(item) or item.transport is not Transport.UDP or went is None or item.final is not None:
            continue
        if not same_address(went.host, uri.host) or went.port != uri.effective_port or item.request.routes:
            continue
        if item.provisionals or not model.seen.would_show(item.time, SILENCE):
            continue
        yield Found(
            (
                at(request, f"the INVITE came from {place} over {over.upper()}"),
                at_header(request, "contact", f"port {uri.effective_port} over {named.upper()}"),
                at(item.request, "a request to this Contact, which got no answer"),
            ),
            f"The INVITE came from {place} over {over.upper()}, and its Contact is `{uri.text[:120]}`: port"
            f" {uri.effective_port} over {named.upper()}. {item.method} of the callee went there and got no answer.",
            {"message": "INVITE", "place": "it came from"},
            key=("caller",),
            calls=(leg.call_id,),
        )
        return


@check(
    "record-route-other-port",
    title="The Record-Route of a proxy names another port than its Via",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §16.6",
    confidence=Confidence.LIKELY,
    absent="the trace holds no answered call with a Record-Route",
    only=lambda leg: leg.answer is not None and bool(leg.invite.request.record_routes),
)
def record_route_other_port(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The topmost Record-Route and the topmost Via name one host and transport, but not one port (RFC 3261 §16.6).

    Both are of the proxy that sent the request, and requests of the other side go to the Record-Route. Judged only
    where a request inside the call was lost: a proxy may listen on both.
    """
    if not has_failed_inside(leg, model):
        return
    request = leg.invite.request
    uri, via = request.record_routes[0].uri, request.top_via
    transport = (uri.parameter("transport") or ("tls" if (uri.scheme == "sips") else "udp")).lower()
    if not uri.is_sip or not same_address(uri.host, via.host) or via.transport.lower() != transport:
        return
    # Over TCP a request leaves from a port of its own, but both headers name the port that is listened on.
    if uri.effective_port == via.effective_port or via.parameter("rport") is not None:
        return
    yield Found(
        (
            at_header(request, "record-route", f"port {uri.effective_port}"),
            at_header(request, "via", f"port {via.effective_port}"),
        ),
        f"{name_of(request)} sent INVITE with a Via of port {via.effective_port} and `Record-Route:"
        f" {uri.text[:120]}`, port {uri.effective_port}, both over {transport.upper()}. Requests of the other side"
        " go to the port in Record-Route.",
        key=(transport,),
        calls=(leg.call_id,),
    )


@check(
    "prack-wrong-target",
    title="PRACK does not go to the Contact of the response that it acknowledges",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3262 §4; RFC 3261 §12.1.2",
    absent=NO_PRACK,
    only=lambda transaction: transaction.method == "PRACK",
)
def prack_wrong_target(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The Request-URI of a PRACK is not the Contact of the reliable response with its To tag and RSeq (RFC 3262 §4).

    Each fork is an early dialog with a target of its own (RFC 3261 §12.1.2). High where the PRACK failed, else low.
    """
    request, final, rack = transaction.request, transaction.final, rack_of(transaction.request)
    if len(request.via) != 1 or rack.rseq is None:
        return
    for invite in model.lookups.before(transaction, "INVITE"):
        if invite.request.cseq.number != rack.cseq or invite.source_node != transaction.source_node:
            continue
        item = model.reliable_provisional(invite, request.to.tag, rack.rseq)
        if item is None or not item.response.contacts:
            continue
        if not strays_from(request, item.response):
            return
        failed = final is None or (final.status or 0) >= 300
        yield Found(
            (
                at_header(item.response, "contact", "the PRACK is due at this Contact"),
                at(request, "the PRACK"),
                *([at(final, "its answer")] if final is not None else []),
            ),
            f"{name_of(request)} sent PRACK with `{request.request_uri.text}` as Request-URI; the"
            f" {phrase_of(item.response)} that it acknowledges has the Contact"
            f" `{item.response.contacts[0].uri.text}`."
            + (f" It was answered {phrase_of(final)}." if final is not None else " It got no answer."),
            key=("failed" if failed else "accepted",),
            calls=(transaction.call_id,),
            severity=None if failed else Severity.LOW,
        )
        return
