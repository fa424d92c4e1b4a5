"""Who sent a message to whom, where a log says only half of it or nothing.

A program's own log knows its own side from the Via that it writes itself (RFC 3261 §18.1.1), from the Contact of its
answers, or from the Request-URI that others call it by. What is learnt from one message holds for its whole call, so
that both directions of a call meet at the same pair of addresses.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sip_ci.trace.headers import Via
from sip_ci.trace.logs.addresses import transport_named
from sip_ci.trace.logs.interface import Head
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.uri import Uri

UNNAMED = Endpoint("local", 0)
"""The writer of a log that nowhere names itself."""


@dataclass(slots=True)
class _Votes:
    """What is known of one side: certain per call, else the most frequent for the transport, else at all."""

    by_call: dict[str, Endpoint] = field(default_factory=dict)
    by_transport: dict[Transport, Counter[Endpoint]] = field(default_factory=dict)

    def add(self, call: str, transport: Transport, endpoint: Endpoint) -> None:
        self.by_call.setdefault(call, endpoint)
        self.by_transport.setdefault(transport, Counter())[endpoint] += 1

    def usual(self, transport: Transport) -> Endpoint | None:
        counter = self.by_transport.get(transport) or Counter()
        if not counter:
            for other in self.by_transport.values():
                counter.update(other)
        return counter.most_common(1)[0][0] if counter else None


def resolve(messages: Sequence[SipMessage], heads: Sequence[Head]) -> list[tuple[Endpoint | None, Endpoint | None]]:
    """The source and destination of each message, as far as they can be known.

    `heads` are those of the messages, one for one. Addresses that a log writes are taken as they are.
    """
    if any(head.sent is not None for head in heads):
        return _from_direction(messages, heads)
    return _from_headers(messages, heads)


def _from_direction(
    messages: Sequence[SipMessage], heads: Sequence[Head]
) -> list[tuple[Endpoint | None, Endpoint | None]]:
    certain, guessed, remotes = _Votes(), _Votes(), _Votes()
    for message, head in zip(messages, heads, strict=True):
        transport, call = transport_of(message, head), message.call_id
        own_via = message.is_request == bool(head.sent)
        via = _via_endpoint(message.top_via)
        if own_via and via is not None:
            certain.add(call, transport, via)
        elif via is not None and not own_via:
            remotes.add(call, transport, via)
        if head.sent and message.is_response:
            _add_address(guessed, call, transport, message.contacts[0].uri if message.contacts else None)
        elif head.sent is False and message.is_request and not message.routes:
            _add_address(guessed, call, transport, message.request_uri)
        elif head.sent and message.is_request and not message.routes:
            _add_address(remotes, call, transport, message.request_uri, names=True)
    ends: list[tuple[Endpoint | None, Endpoint | None]] = []
    for message, head in zip(messages, heads, strict=True):
        transport, call = transport_of(message, head), message.call_id
        local = (
            certain.by_call.get(call)
            or guessed.by_call.get(call)
            or certain.usual(transport)
            or guessed.usual(transport)
            or UNNAMED
        )
        remote = head.remote or remotes.by_call.get(call) or remotes.usual(transport)
        if head.source is not None or head.destination is not None or head.sent is None:
            ends.append((head.source, head.destination))
        else:
            ends.append((local, remote) if head.sent else (remote, local))
    return ends


def _from_headers(
    messages: Sequence[SipMessage], heads: Sequence[Head]
) -> list[tuple[Endpoint | None, Endpoint | None]]:
    """Texts without any direction: a request comes from its top Via, and a response goes the way back."""
    ends: list[tuple[Endpoint | None, Endpoint | None]] = []
    requests: dict[tuple[str, str, str], tuple[Endpoint | None, Endpoint | None]] = {}
    for message, head in zip(messages, heads, strict=True):
        if head.source is not None or head.destination is not None:
            ends.append((head.source, head.destination))
            continue
        transaction = (message.call_id, message.top_via.branch, message.cseq.method)
        via = _via_endpoint(message.top_via)
        if message.is_request:
            hop = message.routes[0].uri if message.routes else message.request_uri
            pair = (via, _uri_endpoint(hop) if _is_address(hop.host) else None)
            requests[transaction] = pair
            ends.append(pair)
        else:
            source, destination = requests.get(transaction, (via, None))
            ends.append((destination, source))
    return ends


def transport_of(message: SipMessage, head: Head) -> Transport:
    """The transport that the log names, else that of the top Via."""
    if head.transport is not Transport.UNKNOWN:
        return head.transport
    return transport_named(message.top_via.transport)


def _via_endpoint(via: Via) -> Endpoint | None:
    return Endpoint(via.host, via.effective_port) if via.host and " " not in via.host else None


def _uri_endpoint(uri: Uri) -> Endpoint | None:
    return Endpoint(uri.host, uri.effective_port) if uri.is_sip and uri.host else None


def _add_address(votes: _Votes, call: str, transport: Transport, uri: Uri | None, *, names: bool = False) -> None:
    if uri is None:
        return
    endpoint = _uri_endpoint(uri)
    if endpoint is not None and (names or _is_address(endpoint.host)):
        votes.add(call, transport, endpoint)


@lru_cache(maxsize=4096)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
