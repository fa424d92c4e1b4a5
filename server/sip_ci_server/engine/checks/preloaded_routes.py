"""Routes that a registered client gives its requests and that are not those of its registrar (RFC 3608)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.headers import parse_name_addr
from sip_ci.trace.message import SipMessage
from sip_ci.trace.uri import Uri
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.checks.registry import Found, Outcome, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.registrations import Registration
from sip_ci_server.engine.sequence import phrase_of
from sip_ci_server.engine.transactions import Transaction

_SHORT = 120
_READ = 8
"""Values of one header that are looked at."""
Place = tuple[str, str, int]


def _place_of(uri: Uri) -> Place:
    return uri.user, uri.host.lower().rstrip("."), uri.effective_port


def _places(message: SipMessage, name: str) -> dict[Place, str]:
    """What the URIs of a header name, with the text of each."""
    entries = [parse_name_addr(value) for value in message.values(name)[:_READ]]
    return {_place_of(entry.uri): entry.text.strip() for entry in entries if entry.uri.host}


def _granted(registration: Registration, model: Model, before: int) -> list[tuple[Transaction, SipMessage]]:
    """The accepted REGISTERs of the client for this address of record before a request, at whichever registrar."""
    accepted = [
        (item, item.success)
        for other in model.registrations_of(registration.address_of_record)
        if other.client == registration.client
        for item in other.transactions
        if item.success is not None and item.number < before
    ]
    return sorted(accepted, key=lambda pair: pair[0].number)


def _calls_of(registration: Registration, model: Model) -> Iterator[Transaction]:
    """Requests outside a dialog with a Route that the registered client sent."""
    for attempt in model.attempts_of(registration.address_of_record.partition("@")[0]):
        first = attempt.first
        if first.method == "REGISTER" or first.source_node != registration.client or not first.is_initial:
            continue
        if first.request.routes:
            yield attempt.last


def _gives(header: str, registration: Registration) -> bool:
    return any(item.success is not None and item.success.lines_of(header) for item in registration.transactions)


def _severity(request: Transaction) -> Severity | None:
    """Low where the request got through all the same."""
    final = request.final
    failed = final is not None and (final.status or 0) >= 300 and not is_challenge(final)
    return None if failed else Severity.LOW


@check(
    "route-path-used",
    title="{method} takes the Path of the registration as its Route",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3608 §6.1; RFC 3327 §5.1",
    absent="no registration in the trace was answered with a Path",
    only=lambda registration: _gives("path", registration),
)
def route_path_used(registration: Registration, model: Model) -> Iterator[Outcome]:
    """A registered client puts an entry of the Path that its registrar returned into the Route of its own requests.

    The Path is the way towards the client, which ignores it (RFC 3327 §5.1); its own requests take the Service-Route
    (RFC 3608 §6.1). Low where they were accepted all the same; silent where the Service-Route has the same entry.
    """
    for request in _calls_of(registration, model):
        granted = _granted(registration, model, request.number)
        if not granted:
            continue
        answer = granted[-1][1]
        path, service = _places(answer, "path"), _places(answer, "service-route")
        wrong = next(
            (place for place in _places(request.request, "route") if place in path and place not in service), None
        )
        if wrong is None:
            continue
        end = f" It was answered {phrase_of(request.final)}." if request.final is not None else ""
        yield Found(
            (
                at_header(answer, "path", "the way towards the client"),
                at_header(request.request, "route", "taken for the way out"),
            ),
            f"{request.method} of {registration.address_of_record} has `{path[wrong][:_SHORT]}` in its Route, which its"
            f" registrar named in Path and not in Service-Route.{end}",
            {"method": request.method},
            key=(request.method,),
            calls=(request.call_id,),
            severity=_severity(request),
        )


@check(
    "route-preload-stale",
    title="{method} takes a Service-Route that is no longer valid",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3608 §6.1",
    absent="no registration in the trace was given a Service-Route",
    only=lambda registration: _gives("service-route", registration),
)
def route_preload_stale(registration: Registration, model: Model) -> Iterator[Outcome]:
    """A request takes an entry of an earlier Service-Route that the latest 200 to REGISTER of the server that it is
    sent to does not have (RFC 3608 §6.1: the latest 200 replaces what was stored, or clears it).

    Low where the request was accepted all the same.
    """
    for request in _calls_of(registration, model):
        granted = _granted(registration, model, request.number)
        here = [pair for pair in granted if pair[0].destination_node == request.destination_node]
        if not here:
            continue
        now = _places(here[-1][1], "service-route")
        asked = _places(here[-1][0].request, "route")
        used = [place for place in _places(request.request, "route") if place not in now and place not in asked]
        for item, answer in granted:
            old = _places(answer, "service-route") if item.number < here[-1][0].number else {}
            stale = next((place for place in used if place in old), None)
            if stale is None:
                continue
            yield Found(
                (
                    at_header(answer, "service-route", "the route that an earlier registration brought"),
                    at_header(here[-1][1], "service-route", "the latest registration, which does not have it"),
                    at_header(request.request, "route", "taken all the same"),
                ),
                f"{request.method} of {registration.address_of_record} has `{old[stale][:_SHORT]}` in its Route; the"
                f" latest 200 to its REGISTER at that server"
                + (" gives another Service-Route." if now else " gives no Service-Route, which clears it.")
                + (f" It was answered {phrase_of(request.final)}." if request.final is not None else ""),
                {"method": request.method},
                key=(request.method, "replaced" if now else "cleared"),
                calls=(request.call_id,),
                severity=_severity(request),
            )
            break
