"""Addresses that the other side cannot reach: NAT and container networks (policy F3)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.sdp import Connection, MediaDescription
from sip_ci_server.engine.addresses import Scope, same_address, scope_of
from sip_ci_server.engine.advertisements import Advertisement
from sip_ci_server.engine.checks.registry import Found, Outcome, Proof, at_header, at_sdp, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.exposure import ends_of, lowest_of
from sip_ci_server.engine.model import Model

PROVEN = 10
"""RTP packets in each direction that prove that media finds its way all the same."""
_DOUBT = tuple(Confidence)
"""From certain to possible."""
_BY_CONFIDENCE = {
    Confidence.CERTAIN: None,
    Confidence.LIKELY: Severity.MEDIUM,
    Confidence.POSSIBLE: Severity.INFO,
}
_HIDING = ("srflx", "prflx", "relay")


@check(
    "nat-sdp-private",
    title="Private IP address {address} in the SDP c= line",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="RFC 8866 §5.7",
)
def nat_sdp_private(advertised: Advertisement, model: Model) -> Iterator[Outcome]:
    """A session description sends media to a private address that its receiver cannot reach (RFC 8866 §5.7, RFC 1918).

    Silent inside one lab, where private addresses reach each other; low where ICE offers a reachable candidate,
    where an element on the path replaces the address, or where RTP flows both ways all the same. One finding for each
    side.
    """
    leg = advertised.leg
    told: set[str] = set()
    for message, media, connection in _advertised(advertised):
        side = "caller" if _from_caller(leg, message) else "callee"
        if side in told:
            continue
        sender, receiver = ends_of(message)
        address = connection.address
        realm = _realm_of_receiver(leg, message)
        confidence = model.seen.unreachable_for(address, realm, sender or "") if realm is not None else None
        if confidence is None:
            continue
        reachable = _still_reachable(leg, media, message, address, model)
        told.add(side)
        yield Found(
            (
                at_sdp(
                    message,
                    connection.line,
                    f"media is to be sent to {address}, which {receiver or 'the receiver'} cannot reach",
                ),
            ),
            f"The SDP in the {message.summary} contains `c=IN {connection.address_type} {address}`, a"
            f" {scope_of(address)} address"
            f" that is not routable over the Internet, and was sent to {receiver or 'the other side'}."
            f" The receiver cannot send RTP to it (port {media.port}).{reachable}",
            {"address": address},
            key=(side, media.media),
            calls=(advertised.call_id,),
            severity=Severity.LOW if reachable else lowest_of(_BY_CONFIDENCE[confidence], _without_media(leg)),
            confidence=confidence if realm == receiver else max(confidence, Confidence.LIKELY, key=_DOUBT.index),
        )


@check(
    "nat-sdp-loopback",
    title="Loopback address {address} in the {place} sent to another host",
    severity=Severity.CRITICAL,
    category=Category.MEDIA,
    rfc="RFC 8866 §5.7",
)
def nat_sdp_loopback(advertised: Advertisement, model: Model) -> Iterator[Outcome]:
    """A loopback address is advertised to another host (RFC 8866 §5.7; RFC 1122 §3.2.1.3: it must never leave the
    host).
    """
    leg = advertised.leg
    for message, media, connection in _advertised(advertised):
        sender, receiver = ends_of(message)
        if scope_of(connection.address) is not Scope.LOOPBACK or not _other_host(sender, receiver):
            continue
        reachable = _still_reachable(leg, media, message, connection.address, model)
        yield _loopback(
            leg, message, connection.address, "SDP c= line",
            at_sdp(message, connection.line, f"{receiver} is told to send media to itself"), bool(reachable),
        )  # fmt: skip
        return
    for message in (leg.invite.request, *([leg.answer] if leg.answer else [])) if leg is not None else ():
        sender, receiver = ends_of(message)
        for contact in message.contacts[:1]:
            if scope_of(contact.uri.host) is Scope.LOOPBACK and _other_host(sender, receiver):
                yield _loopback(
                    leg, message, contact.uri.host, "Contact",
                    at_header(message, "contact", f"{receiver} is told to send requests to itself"), lowered=False,
                )  # fmt: skip
                return


def _loopback(leg: Leg | None, message: SipMessage, address: str, place: str, proof: Proof, lowered: bool) -> Found:
    _, receiver = ends_of(message)
    return Found(
        (proof,),
        f"The {place} of the {message.summary} names {address}, and the message was sent to {receiver}, another host. A"
        " loopback address means the receiver itself there.",
        {"address": address, "place": place},
        key=("caller" if _from_caller(leg, message) else "callee", place),
        calls=(message.call_id,),
        severity=Severity.LOW if lowered else None,
    )


def _other_host(sender: str | None, receiver: str | None) -> bool:
    """Whether a message went from one host to another, as far as the trace says."""
    if sender is None or receiver is None:
        return False
    local = (Scope.LOOPBACK, Scope.UNSPECIFIED, Scope.NAME)
    return scope_of(receiver) not in local and scope_of(sender) not in local and not same_address(sender, receiver)


def _realm_of_receiver(leg: Leg | None, message: SipMessage) -> str | None:
    """An address from which the receiver's realm is known, where the message itself went to a name or an unnamed end.

    The other party's Contact tells where it is; else a sender that speaks from a public address speaks to the Internet.
    """
    sender, receiver = ends_of(message)
    if receiver is not None and scope_of(receiver) is not Scope.NAME:
        return receiver
    other = None
    if leg is not None:
        other = leg.answer if _from_caller(leg, message) else leg.invite.request
    hosts = [contact.uri.host for contact in other.contacts] if other is not None else []
    known = next((host for host in hosts if scope_of(host) is not Scope.NAME), None)
    if known is not None:
        return known
    return sender if sender is not None and scope_of(sender) is Scope.PUBLIC else None


def _advertised(advertised: Advertisement) -> Iterator[tuple[SipMessage, MediaDescription, Connection]]:
    for message, description in advertised.described:
        for media in description.media:
            if media.port and media.connection is not None and not media.connection.is_zero:
                yield message, media, media.connection


def _from_caller(leg: Leg | None, message: SipMessage) -> bool:
    """Whether the caller sent a message; of a call whose beginning is missing, whether it is a request."""
    return message.is_request if leg is None else sender_tag(message) == leg.caller_tag


def sender_tag(message: SipMessage) -> str:
    """The tag of the party that sent a message: From of a request, To of a response."""
    return message.from_.tag if message.is_request else message.to.tag


def _still_reachable(leg: Leg | None, media: MediaDescription, message: SipMessage, address: str, model: Model) -> str:
    """Why the address does no harm here; empty where nothing shows that."""
    if any(candidate.type in _HIDING or scope_of(candidate.address) is Scope.PUBLIC for candidate in media.candidates):
        return " ICE offers other candidates, so this address need not be used."
    if _answered_media(leg, message, model):
        return " RTP flows both ways all the same: the other side sends to where RTP comes from."
    if _replaced_further_on(leg, message, address, model):
        return " The next element replaces the address, so the other party never uses it."
    if leg is not None and not leg.invite.responses and len(leg.invite.requests) > 1:
        return " The INVITE was never answered, so that nobody sent media there."
    return ""


def _without_media(leg: Leg | None) -> Severity | None:
    """A call that was refused had no media: medium, for the next one that is answered will need the address."""
    refused = leg is not None and leg.answer is None and leg.invite.final is not None
    return Severity.MEDIUM if refused else None


def _answered_media(leg: Leg | None, message: SipMessage, model: Model) -> bool:
    """Whether media comes back to where the sender's own media comes from, so that the address in its SDP does no
    harm.
    """
    if leg is None:
        source = message.observation.source
        return source is not None and source.host in model.media_hosts
    session = model.session_of(leg)
    if session is None or session.ambiguous:
        return False
    caller = _from_caller(leg, message)
    own, back = (session.to_callee, session.to_caller) if caller else (session.to_caller, session.to_callee)
    sources = {stream.source for stream in own if stream.packets >= PROVEN}
    return any(stream.packets >= PROVEN and stream.destination in sources for stream in back)


def _replaced_further_on(leg: Leg | None, message: SipMessage, address: str, model: Model) -> bool:
    """Whether the same session description leaves the receiving element with another address (an SBC or media
    proxy).
    """
    receiver = model.nodes.destination(message)
    for other in model.dialogs.calls.get(message.call_id, []):
        if other is leg:
            continue
        for item in model.rounds[other.number]:
            for forwarded, description in ((item.offer_message, item.offer), (item.answer_message, item.answer)):
                if forwarded is None or description is None or model.nodes.source(forwarded) != receiver:
                    continue
                if sender_tag(forwarded) != sender_tag(message):
                    continue
                addresses = {entry.connection.address for entry in description.media if entry.connection}
                return address not in addresses
    return False
