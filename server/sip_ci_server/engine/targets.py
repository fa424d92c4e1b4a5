"""Where a request inside a dialog belongs: the remote target and the route set (RFC 3261 §12.2.1.1)."""

from __future__ import annotations

from urllib.parse import unquote

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.uri import Uri
from sip_ci_server.engine.addresses import parse_address, same_address


def strays_from(request: SipMessage, contact_in: SipMessage) -> bool:
    """Whether the Request-URI of a request names another place than the Contact in the peer's message.

    Host and port are compared, and the user where both have one. The address that the peer's message came from counts
    as its Contact, as clients send there to get through NAT. A strict router changes the Request-URI (§12.2.1.1), so
    nothing is said of those.
    """
    contacts = contact_in.contacts
    if len(contacts) != 1 or not contacts[0].uri.is_sip or not contacts[0].uri.host:
        return False
    if any(entry.uri.parameter("lr") is None for entry in request.routes):
        return False
    target, uri = contacts[0].uri, request.request_uri
    if not uri.is_sip or uri.parameter("maddr") is not None or target.parameter("maddr") is not None:
        return False
    if _is_place(uri, target.host, target.effective_port):
        return bool(uri.user and target.user) and unquote(uri.user) != unquote(target.user)
    return not _is_source(uri, contact_in.observation.source)


def _is_place(uri: Uri, host: str, port: int) -> bool:
    return same_address(uri.host, host) and uri.effective_port == port


def _is_source(uri: Uri, source: Endpoint | None) -> bool:
    return source is None or source.is_unnamed or same_address(uri.host, source.host)


def sent_astray(request: SipMessage, contact_in: SipMessage) -> bool:
    """Whether a packet went to none of the places that it may go to: the first Route, the Request-URI, the peer."""
    destination, source = request.observation.destination, contact_in.observation.source
    if destination is None or destination.is_unnamed or source is None or destination.host == source.host:
        return False
    places = [entry.uri.host for entry in request.routes[:1]] or [request.request_uri.host]
    if any(parse_address(place) is None for place in places):
        return False
    return not any(same_address(place, destination.host) for place in places)
