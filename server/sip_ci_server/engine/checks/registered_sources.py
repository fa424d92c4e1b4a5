"""What a registrar does with the place that a REGISTER came from, and with the lifetime that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.observation import Transport
from sip_ci.wording import times
from sip_ci_server.engine.addresses import Scope, same_address, scope_of
from sip_ci_server.engine.checks.registration_traffic import LostCalls
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.registrations import Registration, granted_expires, requested_expires
from sip_ci_server.engine.transactions import Transaction

STEPS = 3
"""Registrations in a row that each ask for what the last one was granted."""
_INSIDE = (Scope.PRIVATE, Scope.SHARED, Scope.LINK_LOCAL)


@check(
    "nat-source-ignored",
    title="A call to {user} goes to {address}, not to where it registered from",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3581 §4; RFC 5626 §5.3",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.ADDRESSES,
)
def nat_source_ignored(model: Model, _: Model) -> Iterator[Outcome]:
    """A client behind NAT registered, and an INVITE to it goes to its Contact, or to the port in it, and is lost.

    The NAT forwards only what comes to the address and port that the REGISTER came from (RFC 5626 §5.3).
    """
    concerned = [item for item in model.registrations if item.transactions[0].transport is Transport.UDP]
    if not concerned:
        yield NotCheckable("the trace holds no REGISTER over UDP")
        return
    calls = LostCalls(model)
    for registration in concerned:
        yield from _past_the_source(registration, calls)


def _past_the_source(registration: Registration, calls: LostCalls) -> Iterator[Outcome]:
    bound = next((item for item in registration.transactions if item.success is not None), None)
    if bound is None or bound.source is None or bound.source.is_unnamed or not bound.request.contacts:
        return
    contact = bound.request.contacts[0].uri
    if scope_of(contact.host) not in _INSIDE or same_address(contact.host, bound.source.host):
        return
    for leg in calls.to(registration):
        invite, place = leg.invite, leg.invite.destination
        if place is None or place == bound.source or invite.number < bound.number:
            continue
        where = (place.host, place.port)
        to_contact = same_address(place.host, contact.host)
        if not to_contact and where != (bound.source.host, contact.effective_port):
            continue
        yield Found(
            (
                at(bound.request, f"registers from {bound.source}"),
                at_header(bound.request, "contact", "an address inside its network"),
                at(invite.request, f"sent to {place}, not answered"),
            ),
            f"{registration.address_of_record} registered from {bound.source} with the Contact `{contact.text}`. The"
            f" INVITE to it went to {place}, {'the Contact' if to_contact else 'the port of the Contact'}, and was not"
            " answered: the NAT lets in only what comes to the source of the REGISTER.",
            {"user": registration.address_of_record, "address": str(place)},
            key=("contact" if to_contact else "port",),
            calls=(invite.call_id,),
        )
        return


def _granted(item: Transaction) -> int | None:
    return granted_expires(item.request, item.success) if item.success is not None else None


@check(
    "reg-expiry-spiral",
    title="Each registration of {user} lives shorter than the one before",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 3261 §10.2.4, §10.3",
    absent="the trace holds no REGISTER",
)
def reg_expiry_spiral(registration: Registration, model: Model) -> Iterator[Outcome]:
    """The registrar grants less than was asked, the client asks for what it got, and so on (RFC 3261 §10.3 step 7).

    Low until a registration is refused with 423.
    """
    del model
    chain = [item for item in registration.transactions if item.success is not None]
    steps = 0
    for before, after in pairwise(chain):
        asked, granted = requested_expires(before.request), _granted(before)
        if asked is None or granted is None or not 0 < granted < asked or requested_expires(after.request) != granted:
            steps = 0
            continue
        steps += 1
    if steps < STEPS:
        return
    last = registration.transactions[-1]
    refused = last.final is not None and last.final.status == 423
    assert chain[0].success is not None
    yield Found(
        (
            at(chain[0].request, f"asks for {requested_expires(chain[0].request)} s"),
            at(chain[0].success, f"grants {_granted(chain[0])} s"),
            at(chain[-1].request, f"asks for {requested_expires(chain[-1].request)} s by now"),
            *([at(last.final, "too short now")] if refused and last.final is not None else []),
        ),
        f"The registrar granted {registration.address_of_record} less than it asked for {times(steps)} in a row, and"
        f" each time the client asked for what it got: from {requested_expires(chain[0].request)} s down to"
        f" {requested_expires(last.request)} s." + (" That was refused with 423." if refused else ""),
        {"user": registration.address_of_record},
        key=("refused" if refused else "goes on",),
        calls=tuple(dict.fromkeys(item.call_id for item in (*chain, last))),
        severity=None if refused else Severity.LOW,
    )
