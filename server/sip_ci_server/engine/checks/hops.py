"""What the hops of a path do to a message: Via, Max-Forwards, and the connections under them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.trace import TcpEvent, TcpEventKind
from sip_ci.wording import plural
from sip_ci_server.engine.addresses import parse_address, same_address
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

FEW_HOPS = 5
COMPARED = 16
"""Requests of one branch that are compared: an INVITE, its CANCEL, and what a test tool sends under it again."""


@check(
    "resp-via-received-missing",
    title="The response does not say where the request came from",
    severity=Severity.LOW,
    category=Category.NAT,
    rfc="RFC 3261 §18.2.1",
    needs=Needs.ADDRESSES | Needs.CAPTURE,
    absent="the trace holds no answered request",
    only=lambda transaction: bool(transaction.responses),
)
def resp_via_received_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The Via of a request names another address than it came from, and the response has no `received` (RFC 3261
    §18.2.1).
    """
    del model
    source, response = transaction.source, transaction.responses[0]
    via = transaction.request.top_via
    if source is None or source.is_unnamed or not via.host:
        return
    # A name in sent-by needs it too, but a test network's own names say little; an address that differs says all.
    if parse_address(via.host) is None or same_address(via.host, source.host):
        return
    if any(message.observation.other_paths for message in (transaction.request, response)):
        return
    if response.top_via.parameter("received") is not None or not response.top_via.host:
        return
    yield Found(
        (
            at_header(transaction.request, "via", f"the request came from {source}"),
            at_header(response, "via", "its response has no received parameter"),
        ),
        f"{transaction.method} came from {source}, its Via names {via.host}, and {name_of(response)} did not add"
        f" `received={source.host}` to it.",
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


def _max_forwards(transaction: Transaction) -> int | None:
    return parse_digits((transaction.request.header("max-forwards") or "").strip(), 10_000)


@check(
    "max-forwards-not-decremented",
    title="A proxy passed {method} on without counting Max-Forwards down",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §16.6",
    absent="the trace holds no request that a proxy passed on",
    only=lambda transaction: len(transaction.request.via) > 1,
)
def max_forwards_not_decremented(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A hop forwarded a request with the same Max-Forwards, or a larger one (RFC 3261 §16.6 step 3).

    That it is one request is seen from its Via: the branch of the hop before stands second in it. A B2BUA makes new
    requests, with a value of their own.
    """
    after = _max_forwards(transaction)
    if after is None:
        return
    branch = transaction.request.via[1].branch
    if not branch:
        return
    for before in model.with_branch(branch)[:COMPARED]:
        if before.number >= transaction.number or before.call_id != transaction.call_id:
            return
        if before.method != transaction.method:
            continue
        if before.destination_node != transaction.source_node or before.source_node == before.destination_node:
            continue
        arrived = _max_forwards(before)
        if arrived is None or after < arrived:
            return
        yield Found(
            (
                at_header(before.request, "max-forwards", f"the request reaches {before.destination}"),
                at_header(transaction.request, "max-forwards", "and leaves it"),
            ),
            f"{transaction.method} reached {before.destination or 'a proxy'} with Max-Forwards {arrived} and left it"
            f" with {after}. A request that runs in a circle is never stopped.",
            {"method": transaction.method},
            key=("same" if after == arrived else "larger",),
            calls=(transaction.call_id,),
        )
        return


@check(
    "max-forwards-low",
    title="{method} arrives with Max-Forwards {value}",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3261 §8.1.1.6",
    absent="the trace holds no SIP request",
    only=lambda transaction: transaction.method not in ("OPTIONS", "ACK"),
)
def max_forwards_low(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request has one to five hops left (RFC 3261 §8.1.1.6: it starts with 70); the next detour ends it with 483."""
    value = _max_forwards(transaction)
    if value is None or not 1 <= value <= FEW_HOPS or model.is_forwarded(transaction):
        return
    yield Found(
        (at_header(transaction.request, "max-forwards", "hops that are left"),),
        f"{transaction.method} from {name_of(transaction.request)} to {transaction.destination or 'the next hop'}"
        f" carries Max-Forwards {value}, after {plural(len(transaction.request.via), 'Via entry', 'Via entries')}.",
        {"method": transaction.method, "value": str(value)},
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


@check(
    "tcp-reset-mid-dialog",
    title="The TCP connection to {target} was closed before a response came",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §18.4; RFC 5626 §4.4.1",
    needs=Needs.CAPTURE,
)
def tcp_reset_mid_dialog(model: Model, _: Model) -> Iterator[Outcome]:
    """A RST, or the server's FIN, came on a connection with a request that was not yet answered (RFC 3261 §18.4).

    The orderly end is low: the response may have come and not be in the trace.
    """
    ends: dict[frozenset[Endpoint], list[TcpEvent]] = defaultdict(list)
    for event in model.trace.facts.tcp_events:
        if event.kind in (TcpEventKind.RST, TcpEventKind.FIN):
            ends[frozenset((event.source, event.destination))].append(event)
    if not ends:
        yield NotCheckable("the trace shows no end of a TCP connection")
        return
    for transaction in model.transactions:
        source, destination, sent = transaction.source, transaction.destination, transaction.time
        if source is None or destination is None or sent is None or not transaction.transport.reliable:
            continue
        if transaction.method == "ACK" or transaction.final is not None:
            continue
        later = [item for item in ends.get(frozenset((source, destination)), ()) if item.time > sent]
        # A client that closes the connection itself has given up; a server or a device between cuts it off.
        if later and later[0].kind is TcpEventKind.FIN and later[0].source == source:
            continue
        if not later or not model.seen.sees_reverse(transaction.request) or _goes_on(transaction, model):
            continue
        event = later[0]
        yield Found(
            (
                at(transaction.request, "the request"),
                Proof(
                    f"{event.source} closes the connection",
                    text=f"TCP {event.kind.value.upper()} {event.source} -> {event.destination}",
                    frame=event.frame,
                    time=event.time,
                ),
            ),
            f"{transaction.method} went to {destination} over TCP, and {event.source} closed that connection"
            f" ({event.kind.value.upper()}) {event.time - sent:.1f} s later, before a final response.",
            {"target": str(destination)},
            key=(transaction.method, event.kind.value),
            calls=(transaction.call_id,),
            severity=None if event.kind is TcpEventKind.RST and transaction.method != "OPTIONS" else Severity.LOW,
        )


def _goes_on(transaction: Transaction, model: Model) -> bool:
    """Whether a later request of the client in that call shows that the response came, and is not in the trace."""
    acks, known = model.acks_of(transaction.call_id), model.transactions_of(transaction.call_id)
    if acks and acks[-1].index > transaction.request.index:
        return True
    later = takewhile(lambda item: item.number > transaction.number, reversed(known))
    return any(item.source_node == transaction.source_node for item in later)


_TELLING = frozenset({482, 483, 500, 502, 503, 504, 513})
"""Failures that mean the same whatever was asked."""
STARTED = 35.0
"""Seconds from the beginning of a capture within which the request may have come before it (64*T1 and some)."""


@check(
    "resp-unmatched",
    title="{status} answers a request that is not in the trace",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.1.3",
    confidence=Confidence.LIKELY,
)
def resp_unmatched(model: Model, _: Model) -> Iterator[Outcome]:
    """A response matches no request by its branch and CSeq method (RFC 3261 §17.1.3).

    Medium where it stands alone in its call and speaks for itself (a loop, an overloaded or broken server); else low,
    and not judged in the first 35 s or where requests in that direction are not seen.
    """
    known: set[str] = {transaction.call_id for transaction in model.transactions}
    starts = model.seen.starts
    reported: set[tuple[str, str]] = set()
    for response in model.transactions.unmatched:
        status, time = response.status or 0, response.observation.time
        alone = status in _TELLING and response.call_id not in known and response.cseq.method != "OPTIONS"
        if not alone:
            if response.call_id not in known or not model.seen.sees_reverse(response):
                continue
            if not model.seen.timed or time is None or starts is None or time - starts < STARTED:
                continue
        if model.seen.cut_heads or model.seen.lossy or (response.call_id, str(status)) in reported:
            continue
        reported.add((response.call_id, str(status)))
        yield Found(
            (at_header(response, "via", "no request in the trace has this branch"),),
            f"{phrase_of(response)} for {response.cseq.method or 'a request'} came from {name_of(response)}, and no"
            f" request in the trace has the branch `{response.top_via.branch}` and this CSeq."
            + (" What it reports is a fault whatever was asked." if alone else ""),
            {"status": phrase_of(response)},
            key=("alone" if alone else "in a call", str(status)),
            calls=(response.call_id,),
            severity=None if alone else Severity.LOW,
        )
