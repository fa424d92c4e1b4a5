"""Requests and responses that took the wrong way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.headers import NameAddr
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin
from sip_ci.wording import plural, times
from sip_ci_server.engine.checks.journey_evidence import changed_before
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.checks.responses import SILENCE
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction


@check(
    "resp-misrouted",
    title="Responses go to {actual} and not to where the request came from",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3581 §4",
    needs=Needs.ADDRESSES,
    absent="the trace holds no answered request",
    only=lambda transaction: bool(transaction.responses),
)
def resp_misrouted(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The request asked for `rport`, and the response went to the Via's sent-by all the same (RFC 3581 §4, RFC 3261
    §18.2.2). Or it did not ask, and the response went neither there nor to the port in the Via.

    Medium where the client got the response there all the same, because no NAT lies between and it listens on that
    port.
    """
    source = transaction.source
    if transaction.transport is not Transport.UDP or source is None or source.is_unnamed or not transaction.responses:
        return
    # A log's own side is worked out from the very headers that are in question here.
    if model.seen.origin is TraceOrigin.LOG:
        return
    if transaction.request.top_via.parameter("rport") is None:
        yield from _sent_nowhere(transaction, source, model)
        return
    wrong = [item for item in transaction.responses if _is_astray(item, source, model)]
    # Some stacks send 100 back where the request came from, and only what the application says to the Via's address.
    told = [item for item in transaction.responses if item.status != 100] or transaction.responses
    if any(item not in wrong for item in told):
        return
    actual = wrong[0].observation.destination
    via = transaction.request.top_via
    arrived = _arrived(transaction, model)
    yield Found(
        (
            at_header(transaction.request, "via", f"the request came from {source} and asks for rport"),
            at_header(wrong[0], "via", f"the response was sent to {actual}"),
        ),
        f"{transaction.method} came from {source} with `rport` in its Via, so its response belongs there. It was"
        f" sent to"
        f" {actual}" + (", the address in the Via" if actual and actual.host == via.host else "") + "."
        f"{' The client got it there this time; behind a NAT it would not.' if arrived else ''}",
        {"actual": str(actual)},
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=Severity.MEDIUM if arrived else None,
    )


def _sent_nowhere(transaction: Transaction, source: Endpoint, model: Model) -> Iterator[Outcome]:
    """A response to a request without rport that went to another place than both its source and its Via."""
    via = transaction.request.top_via
    named = {(host, via.effective_port) for host in (source.host, via.host, via.parameter("maddr") or "")}
    for response in transaction.responses:
        actual = response.observation.destination
        if actual is None or not _is_astray(response, source, model) or (actual.host, actual.port) in named:
            return
    actual = transaction.responses[0].observation.destination
    arrived = _arrived(transaction, model)
    yield Found(
        (
            at_header(transaction.request, "via", f"the request came from {source} and names {via.host}"),
            at_header(transaction.responses[0], "via", f"the response was sent to {actual}"),
        ),
        f"{transaction.method} came from {source}, and its Via names {via.host} port {via.effective_port}. The response"
        f" was sent to {actual}, which is neither."
        f"{' The client got it all the same.' if arrived else ' The client did not get it.'}",
        {"actual": str(actual)},
        key=(transaction.method, "elsewhere"),
        calls=(transaction.call_id,),
        severity=Severity.LOW if arrived else None,
    )


def _is_astray(response: SipMessage, source: Endpoint, model: Model) -> bool:
    """Whether a response went elsewhere than to where its request came from; not where that is unknown."""
    destination, home = response.observation.destination, model.nodes.home
    return destination is not None and not destination.is_unnamed and home(destination) != home(source)


def _arrived(transaction: Transaction, model: Model) -> bool:
    """Whether the client shows that it got the response: it acknowledges a final one, or does not ask again."""
    if len(transaction.requests) > 1 or transaction.final is None:
        return False
    if transaction.method == "INVITE":
        return bool(transaction.acks)
    return model.seen.would_show(transaction.time, SILENCE)


def _status_of(transaction: Transaction, status: int, model: Model) -> bool:
    """Whether a transaction ended in this status, and no element further on gave it: the origin speaks, not the
    relays.
    """
    final = transaction.final
    return final is not None and final.status == status and not model.relayed_from_further_on(transaction)


@check(
    "loop-482",
    title="The request ran in a loop ({how})",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §16.3",
)
def loop_482(model: Model, _: Model) -> Iterator[Outcome]:
    """An element reports a loop with 482, or the same request reaches the same element again (RFC 3261 §8.2.2.2,
    §16.3).

    A request that comes back with another Request-URI or Route is a spiral and legal, so both must be the same. One
    that reaches an element twice on different ways was forked before, so its own earlier Via must be in it.
    """
    visits: dict[tuple[str, ...], list[Transaction]] = defaultdict(list)
    for transaction in model.transactions:
        request = transaction.request
        if _status_of(transaction, 482, model):
            final = transaction.final
            assert final is not None
            yield Found(
                (at(request, "the request"), at(final, "the element that detected the loop answers")),
                f"{transaction.method} to {request.request_uri.text} was answered 482 by {transaction.destination}.",
                {"how": "482"},
                key=("482", transaction.method),
                calls=(transaction.call_id,),
            )
        key = (
            transaction.call_id,
            transaction.method,
            str(request.cseq.number),
            str(transaction.destination),
            request.request_uri.text,
            *(entry.uri.text for entry in request.routes),
        )
        if transaction.destination is not None:
            visits[key].append(transaction)
    for visited in visits.values():
        if len(visited) < 2:
            continue
        first, last = visited[0], visited[-1]
        hops = [len(item.request.via) for item in visited]
        branches = [via.branch for via in last.request.via[1:]]
        if hops[-1] > hops[0] and first.request.top_via.branch in branches:
            yield Found(
                (
                    at_header(
                        first.request,
                        "via",
                        f"the request reaches {first.destination} with {plural(hops[0], 'Via entry', 'Via entries')}",
                    ),
                    at_header(last.request, "via", f"the same request reaches it again with {hops[-1]}"),
                ),
                f"{first.method} to {first.request.request_uri.text} reached {first.destination}"
                f" {times(len(visited))}, the last time with {hops[-1]} Via entries: it is sent round in a circle.",
                {"how": f"{times(len(visited))} through the same element"},
                key=("via", first.method),
                calls=(first.call_id,),
            )


@check(
    "too-many-hops-483",
    title="The request ran out of hops (483)",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §16.3",
    absent="the trace holds no SIP request",
)
def too_many_hops_483(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An element refused a request whose Max-Forwards had come down to zero (RFC 3261 §16.3 step 3).

    OPTIONS with a small Max-Forwards asks each element on the path for a sign of life (§11), so there it is noted only.
    """
    if not _status_of(transaction, 483, model):
        return
    request, final = transaction.request, transaction.final
    assert final is not None
    hops = request.header("max-forwards")
    yield Found(
        (
            at_header(
                request,
                "max-forwards",
                f"the request arrives with Max-Forwards {hops} and"
                f" {plural(len(request.via), 'Via entry', 'Via entries')}",
            ),
            at(final, "and is refused"),
        ),
        f"{transaction.method} to {request.request_uri.text} was answered 483 {final.reason} by"
        f" {transaction.destination} (Max-Forwards {hops}, {plural(len(request.via), 'Via entry', 'Via entries')} at"
        " this hop). Either it is sent round in a circle, or it started with too small a value.",
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=Severity.INFO if transaction.method == "OPTIONS" else None,
    )


@check(
    "record-route-not-honored",
    title="{method} does not take the route that the proxies recorded",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1",
    absent="the trace holds no answered call with a Record-Route",
    only=lambda leg: leg.answer is not None and bool(leg.answer.record_routes),
)
def record_route_not_honored(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A request inside the dialog lacks the Route set that the 2xx's Record-Route made (RFC 3261 §12.1.2, §12.2.1.1,
    §16.12).

    Only requests on the calling agent's own hop are judged: further on, proxies have taken their Route off. An element
    that recorded itself takes its own entry off, and the order is not judged: some proxies rewrite it on the way back.
    """
    if leg.answer is None or len(leg.invite.request.via) != 1:
        return
    recorded = list(reversed(leg.answer.record_routes))
    if not recorded or any(entry.uri.parameter("lr") is None for entry in recorded):
        return
    expected = [_place(entry) for entry in recorded]
    for message in _requests_of_caller(leg, model):
        actual = {_place(entry) for entry in message.routes}
        own = message.observation.source.host if message.observation.source else ""
        if message.fidelity is Fidelity.TRUNCATED:
            continue
        if len(message.via) != 1 or all(place in actual or place[0] == own for place in expected):
            continue
        shown = ", ".join(entry.uri.text for entry in message.routes) or "no Route at all"
        proofs, words = changed_before(leg.answer, "record-route", "the 2xx's Record-Route", model)
        yield Found(
            (
                at_header(leg.answer, "record-route", "the 2xx says which proxies stay on the path"),
                at_header(message, "route", f"the {message.method} carries {shown}"),
                *proofs,
            ),
            f"{message.method} from {message.observation.source or 'the caller'} carries {shown}; the 2xx recorded"
            f" {', '.join(entry.uri.text for entry in recorded)}, in this order.{words}",
            {"method": message.method},
            key=(message.method, "missing" if not actual else "other"),
            calls=(leg.call_id,),
        )
        return


def _place(entry: NameAddr) -> tuple[str, int]:
    return (entry.uri.host, entry.uri.effective_port)


def _requests_of_caller(leg: Leg, model: Model) -> Iterator[SipMessage]:
    for ack in model.lookups.acks_within(leg.call_id, leg.caller_tag, leg.callee_tag):
        if model.nodes.source(ack) == leg.caller:
            yield ack
    for item in (*leg.transactions, *leg.elsewhere):
        if leg.sent_by_caller(item) and item.source_node == leg.caller:
            yield item.request
