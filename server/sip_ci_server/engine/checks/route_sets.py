"""The routes that proxies and registrars give: recorded ones, and those for calls of a registered user."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.headers import NameAddr, parse_name_addr
from sip_ci_server.engine.addresses import parse_address, same_address
from sip_ci_server.engine.checks.dialog_headers import has_failed_inside
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.registrations import Registration
from sip_ci_server.engine.sequence import name_of
from sip_ci_server.engine.transactions import Transaction

_SHORT = 120


def _is_recorded(leg: Leg) -> bool:
    return leg.answer is not None and bool(leg.answer.record_routes)


@check(
    "record-route-no-lr",
    title="A proxy recorded itself without lr",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §16.6",
    absent="the trace holds no answered call with a Record-Route",
    only=_is_recorded,
)
def record_route_no_lr(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A URI in the Record-Route of a 2xx lacks `lr` (RFC 3261 §16.6 step 4). Low where nothing failed.

    Without brackets the parameter belongs to the header and not to the URI; that counts as missing too.
    """
    answer = leg.answer
    strict = [entry for entry in answer.record_routes if entry.uri.parameter("lr") is None] if answer else []
    if answer is None or not strict or not strict[0].uri.is_sip:
        return
    yield Found(
        (at_header(answer, "record-route", "an entry without lr"),),
        f"The 2xx records `{strict[0].text.strip()[:_SHORT]}`, which has no `lr` parameter: it asks for strict routing,"
        " which RFC 3261 replaced.",
        key=("no lr",),
        calls=(leg.call_id,),
        severity=None if has_failed_inside(leg, model) else Severity.LOW,
    )


@check(
    "record-route-private",
    title="A proxy recorded the private address {address} toward a public one",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3261 §16.6",
    needs=Needs.ADDRESSES,
    absent="the trace holds no request with a Record-Route",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.request.record_routes),
)
def record_route_private(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The topmost Record-Route of an INVITE is an address that its receiver cannot reach (RFC 3261 §16.6 step 4).

    The receiver sends its requests inside the call to this entry first; of two entries of one proxy it is the nearer.
    """
    source, destination = transaction.source, transaction.destination
    entry = transaction.request.record_routes[0]
    if source is None or destination is None or parse_address(entry.uri.host) is None:
        return
    confidence = model.seen.unreachable_for(entry.uri.host, destination.host, source.host)
    if confidence is None:
        return
    yield Found(
        (at_header(transaction.request, "record-route", f"sent to {destination}"),),
        f"{name_of(transaction.request)} sent INVITE to {destination} with"
        f" `Record-Route: {entry.text.strip()[:_SHORT]}`, and {destination.host} cannot reach {entry.uri.host}.",
        {"address": entry.uri.host},
        key=("record-route",),
        calls=(transaction.call_id,),
        confidence=confidence,
    )


@check(
    "route-preload-ignored",
    title="INVITE does not take the Service-Route of the registration",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3608 §6.1",
    absent="no registration in the trace was given a Service-Route",
    only=lambda registration: any(
        one.success and one.success.lines_of("service-route") for one in registration.transactions
    ),
)
def route_preload_ignored(registration: Registration, model: Model) -> Iterator[Outcome]:
    """A registered client calls without the Service-Route that its registrar gave (RFC 3608 §6.1).

    Low where the call was answered all the same. A client that sends straight to the first entry may leave it out.
    """
    given = next(one for one in registration.transactions if one.success and one.success.lines_of("service-route"))
    assert given.success is not None
    places = [parse_name_addr(value).uri for value in given.success.values("service-route")]
    user = registration.address_of_record.partition("@")[0]
    for attempt in model.attempts_of(user):
        first = attempt.first
        if first.method != "INVITE" or first.number < given.number or first.source_node != registration.client:
            continue
        if first.request.routes and _same_places(first.request.routes, [place.host for place in places]):
            continue
        if first.destination is not None and any(same_address(first.destination.host, one.host) for one in places):
            continue
        yield Found(
            (
                at_header(given.success, "service-route", "the route that the registrar gave"),
                at(first.request, "a later INVITE without it"),
            ),
            f"The registrar gave {registration.address_of_record} the Service-Route `{places[0].text[:_SHORT]}`, and"
            f" INVITE went to {first.destination or 'another place'} without it.",
            key=("service-route",),
            calls=(first.call_id,),
            severity=None if first.final is not None and (first.final.status or 0) >= 300 else Severity.LOW,
        )
        return


def _same_places(routes: list[NameAddr], hosts: list[str]) -> bool:
    return any(same_address(route.uri.host, host) for route in routes for host in hosts)
