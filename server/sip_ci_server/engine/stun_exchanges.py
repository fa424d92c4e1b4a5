"""STUN requests with what came back, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from sip_ci.trace.media_table import StunDatagram
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.sdp import SdpLine, SessionDescription
from sip_ci.trace.stun import StunClass, StunMessage, StunMethod, parse_stun
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model

_READ: WeakKeyDictionary[Model, list[StunExchange]] = WeakKeyDictionary()


@dataclass(slots=True, eq=False)
class StunExchange:
    """One transaction: the request, which may have been sent several times, and its response."""

    request: StunMessage
    sends: int = 1
    response: StunMessage | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it was answered with success."""
        return self.response is not None and self.response.kind is StunClass.SUCCESS

    @property
    def error(self) -> int | None:
        """The code of the error response; None where there is none."""
        return self.response.error if self.response is not None else None


def exchanges_in(datagrams: Iterable[StunDatagram]) -> list[StunExchange]:
    """The transactions in the order of their first requests; a copy of a request counts as sent again.

    A response belongs to the request of the same transaction on the way back (RFC 8489 §6.3). One without its
    request is left out: its beginning was not captured.
    """
    found: dict[tuple[bytes, Endpoint, Endpoint], StunExchange] = {}
    for datagram in datagrams:
        message = parse_stun(datagram)
        if message is None:
            continue
        if message.kind is StunClass.REQUEST:
            key = message.transaction, message.source, message.destination
            if key in found:
                found[key].sends += 1
            else:
                found[key] = StunExchange(message)
        elif message.kind is not StunClass.INDICATION:
            exchange = found.get((message.transaction, message.destination, message.source))
            if exchange is not None and exchange.response is None:
                exchange.response = message
    return list(found.values())


def exchanges_of(model: Model) -> list[StunExchange]:
    """The transactions of a trace, read once."""
    exchanges = _READ.get(model)
    if exchanges is None:
        exchanges = _READ[model] = exchanges_in(model.trace.media.stun)
    return exchanges


@dataclass(slots=True, eq=False)
class IceChecks:
    """The connectivity checks between the addresses of one call (RFC 8445 §7)."""

    leg: Leg
    exchanges: list[StunExchange] = field(default_factory=list)
    to_caller: dict[int, bool] = field(default_factory=dict)
    """Whether a check, by its identity, goes to an address of the caller; missing where both or none gave it."""
    fragments: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    """The user name fragments of the caller and of the callee."""
    given: list[tuple[SipMessage, SdpLine] | None] = field(default_factory=lambda: [None, None])
    """Where the caller and the callee first gave theirs."""


_CALLS: WeakKeyDictionary[Model, list[IceChecks]] = WeakKeyDictionary()


def _endpoints(description: SessionDescription) -> set[Endpoint]:
    found: set[Endpoint] = set()
    for media in description.media:
        found |= {Endpoint(one.address, one.port) for one in media.candidates}
        if media.connection is not None and media.port:
            found.add(Endpoint(media.connection.address, media.port))
    return found


def _fragments(description: SessionDescription) -> list[tuple[str, SdpLine]]:
    lines = (media.attribute_line("ice-ufrag", inherit=True) for media in description.media)
    return [(line.value.partition(":")[2].strip(), line) for line in lines if line is not None]


def ice_checks(model: Model) -> list[IceChecks]:
    """The connectivity checks of each call with ICE; an address that several calls gave belongs to none.

    What goes to an address of a call is that call's, whatever NAT it comes from.
    """
    if not model.trace.media.stun:
        return []
    found = _CALLS.get(model)
    if found is None:
        found = _CALLS[model] = _checks_of_calls(model)
    return found


def _checks_of_calls(model: Model) -> list[IceChecks]:
    calls: list[tuple[IceChecks, tuple[set[Endpoint], set[Endpoint]]]] = []
    users: dict[Endpoint, set[str]] = {}
    for leg in model.legs:
        checks = IceChecks(leg)
        ends: tuple[set[Endpoint], set[Endpoint]] = (set(), set())
        for item in model.rounds[leg.number]:
            for side, description, message in (
                (not item.offered_by_caller, item.offer, item.offer_message),
                (item.offered_by_caller, item.answer, item.answer_message),
            ):
                if description is None or message is None:
                    continue
                ends[side].update(_endpoints(description))
                for fragment, line in _fragments(description):
                    checks.fragments[side].add(fragment)
                    checks.given[side] = checks.given[side] or (message, line)
        if not checks.fragments[0] and not checks.fragments[1]:
            continue
        calls.append((checks, ends))
        for endpoint in ends[0] | ends[1]:
            users.setdefault(endpoint, set()).add(leg.call_id)
    if not calls:
        return []
    owner = {
        endpoint: (checks, endpoint in ends[0], endpoint in ends[1])
        for checks, ends in calls
        for endpoint in ends[0] | ends[1]
        if len(users[endpoint]) == 1
    }
    for exchange in exchanges_of(model):
        request = exchange.request
        if request.method != StunMethod.BINDING or request.username is None:
            continue
        held = owner.get(request.destination)
        if held is not None:
            checks, callers, callees = held
            checks.exchanges.append(exchange)
            if callers is not callees:
                checks.to_caller[id(exchange)] = callers
    return [checks for checks, _ in calls if checks.exchanges]
