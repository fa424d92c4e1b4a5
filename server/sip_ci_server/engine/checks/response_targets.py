"""Where responses and redirected requests go: the port that the Via names, and the place that a 3xx names."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import TraceOrigin
from sip_ci.wording import times
from sip_ci_server.engine.addresses import parse_address, same_address
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_DEFAULT_PORT = 5060
_TRIES = 3
"""Sends of a request, or of its final response, that show that the response did not arrive."""
_NOT_SERVED = frozenset({403, 404, 416, 482, 483, 501, 604})
"""Responses of a server that does not relay to another one."""
_LOOKED_AT = 24


@check(
    "resp-sent-by-ignored",
    title="Responses go to the source port {actual}, and the Via names port {wanted}",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 3261 §18.2.2",
    needs=Needs.ADDRESSES,
    absent="no answered request over UDP leaves from another port than its Via names",
    only=lambda item: bool(item.responses) and item.transport is Transport.UDP,
)
def resp_sent_by_ignored(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The Via has no `rport`, so the response belongs to the port of sent-by (RFC 3261 §18.2.2); it went to the source
    port, and the client did not get it.

    Servers do so on purpose where NAT lies between, and clients that listen on the source port get it: silent unless
    the request, or a final response without an ACK, is sent again and again.
    """
    source, via = transaction.source, transaction.request.top_via
    if source is None or source.is_unnamed or (model.seen.origin is TraceOrigin.LOG and not model.seen.timed):
        return
    wanted = via.port or _DEFAULT_PORT
    if via.parameter("rport") is not None or via.parameter("alias") is not None or wanted == source.port:
        return
    if parse_address(via.host) is None or not same_address(via.host, source.host):
        return
    targets = [item.observation.destination for item in transaction.responses]
    if any(target is None or target.is_unnamed or target != source for target in targets) or transaction.acks:
        return
    if len(transaction.requests) < _TRIES and len(transaction.finals) < _TRIES:
        return
    response = transaction.responses[0]
    yield Found(
        (
            at_header(transaction.request, "via", f"no rport, and the port is {wanted}"),
            at(response, f"the response goes to {source}"),
            at(transaction.requests[-1], "the request, sent again"),
        ),
        f"{transaction.method} came from {source} with `{via.host}"
        + (f":{via.port}" if via.port else "")
        + f"` and no rport in its Via, so its responses belong to port {wanted}. They went to the source port"
        f" {source.port}, and the request was sent {times(len(transaction.requests))}.",
        {"actual": str(source.port), "wanted": str(wanted)},
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


@check(
    "redirect-target-ignored",
    title="A redirected {method} goes to the server that redirected it",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.1.3.4, §8.1.2",
    needs=Needs.ADDRESSES,
    absent="no request was redirected",
    only=lambda transaction: transaction.final is not None and 300 <= (transaction.final.status or 0) < 400,
)
def redirect_target_ignored(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A client follows a 3xx with a request for its Contact, and sends it to the server that redirected, which
    redirects it once more or does not serve the new URI (RFC 3261 §8.1.3.4: the new URI is where it is sent, §8.1.2).

    A request with a Route goes to the Route, and a Contact that is a name may lead to the same server.
    """
    final, place = transaction.final, transaction.destination
    if final is None or place is None or place.is_unnamed or not transaction.is_initial:
        return
    targets = [contact.uri for contact in final.contacts if parse_address(contact.uri.host) is not None]
    if len(targets) != 1 or same_address(targets[0].host, place.host):
        return
    for item in model.requests_to(targets)[:_LOOKED_AT]:
        if item.number <= transaction.number or item.source_node != transaction.source_node or item.request.routes:
            continue
        again = item.final
        if item.method != transaction.method or item.destination != place or again is None:
            continue
        refused = 300 <= (again.status or 0) < 400 or again.status in _NOT_SERVED
        if item.request.from_.uri.user != transaction.request.from_.uri.user or not refused:
            continue
        yield Found(
            (
                at_header(final, "contact", "where it should go"),
                at(item.request, f"sent to {place} again"),
                at(again, "redirected again" if (again.status or 0) < 400 else "refused"),
            ),
            f"{name_of(final)} answered {transaction.method} {phrase_of(final)} with `{targets[0].text}`. The new"
            f" {item.method} has that URI in its request line and was sent to {place} all the same, which answered"
            f" {phrase_of(again)}.",
            {"method": transaction.method},
            key=(transaction.method, str(final.status)),
            calls=tuple(dict.fromkeys((transaction.call_id, item.call_id))),
        )
        return
