"""Requests that got no response, or that had to be sent again."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.wording import times
from sip_ci_server.engine.checks.icmp_evidence import meaning_of, proof_of
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.observability import T1, TIMER_B
from sip_ci_server.engine.private_contacts import goes_to_private_contact
from sip_ci_server.engine.suspects import scanner_name
from sip_ci_server.engine.transactions import Transaction

SILENCE = 4.0
"""Seconds without any response after which silence is worth a word (policy F1)."""
CONVINCING_SENDS = 5
"""Sends after which the sender's own behaviour proves that nothing came back, even where the way back is not
captured.
"""


@check(
    "txn-no-response",
    title="No response to {method}",
    severity=Severity.CRITICAL,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.1.1.2",
    needs=Needs.ORDER,
)
def txn_no_response(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request other than ACK and BYE got no response at all (RFC 3261 §17.1.1.2, §17.1.2.2).

    INVITE without a response is critical only after three sends or 32 seconds; before that the callee may be slow. A
    trace that ends within the first four seconds shows it by the sender's third or fourth try.
    """
    if transaction.method not in ("ACK", "BYE"):
        yield from _silence(transaction, model)


@check(
    "bye-no-response",
    title="No response to {method}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §15.1.1",
    needs=Needs.ORDER,
    absent="the trace holds no BYE",
    only=lambda transaction: transaction.method == "BYE",
)
def bye_no_response(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A BYE got no response at all (RFC 3261 §15.1.1, §17.1.2.2)."""
    yield from _silence(transaction, model)


def _silence(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    # Not to answer those who search for open servers is what the operator wants.
    if transaction.responses or scanner_name(transaction):
        return
    sends, seen = len(transaction.requests), model.seen
    if not seen.timed:
        yield from _silence_in_order(transaction, model)
        return
    if transaction.time is None:
        return
    asked_again = sends >= 3 and seen.retransmits(transaction.transport) and _spaced(transaction.requests)
    if not seen.would_show(transaction.time, SILENCE) and not asked_again:
        return
    closed = seen.end_of_connection(transaction.request)
    if closed is not None and closed.source == transaction.source and closed.time - transaction.time < SILENCE:
        yield NotCheckable("the client closed the connection before a response was due")
        return
    if not seen.sees_reverse(transaction.request) and sends < CONVINCING_SENDS:
        yield NotCheckable("packets in the direction of the responses are not in the trace")
        return
    if _answered_unseen(transaction, model):
        yield NotCheckable("later requests show that responses came which are not in the trace")
        return
    window = seen.window_after(transaction.time) or 0.0
    last = transaction.requests[-1].observation.time or transaction.time
    span = last - transaction.time
    final = (sends >= 3 and window >= SILENCE) or window >= TIMER_B
    given_up = " until its timer ran out (64*T1 = 32 s)" if span >= TIMER_B - 1 else ""
    sent = f"{times(sends)} in {span:.1f} s{given_up}" if sends > 1 else "once"
    severity = _severity(transaction.method, final)
    if window < SILENCE and sends >= 4 and severity is Severity.MEDIUM and transaction.method == "INVITE":
        severity = Severity.HIGH
    yield Found(
        (
            at(transaction.request, "the request, sent first"),
            *([at(transaction.requests[-1], "the last retransmission")] if sends > 1 else []),
        ),
        f"{transaction.method} to {_target(transaction)} was sent {sent}, and no response of any kind came back in the"
        f" {window:.1f} s that the trace goes on.{_over_a_connection(transaction)}",
        {"method": transaction.method},
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=Severity.LOW if model.answered_elsewhere(transaction) else severity,
    )


def _over_a_connection(transaction: Transaction) -> str:
    """That somebody listens where a request went over a connection, so that the silence is the program's."""
    if transaction.source is None or not transaction.transport.reliable:
        return ""
    return f" It went over an open {transaction.transport.value.upper()} connection, so something listens there."


def _silence_in_order(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The same in a log without times, where only the sender's own behaviour tells."""
    sends = len(transaction.requests)
    if sends < CONVINCING_SENDS or not model.seen.retransmits(transaction.transport):
        yield NotCheckable("the trace has no times")
        return
    if _answered_unseen(transaction, model):
        yield NotCheckable("later requests show that responses came which are not in the trace")
        return
    yield Found(
        (
            at(transaction.request, "the request, sent first"),
            at(transaction.requests[-1], "the last retransmission"),
        ),
        f"{transaction.method} to {_target(transaction)} was sent {times(sends)}, and no response of any kind is in the"
        " trace.",
        {"method": transaction.method},
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=Severity.LOW if model.answered_elsewhere(transaction) else _severity(transaction.method, True),
    )


def _answered_unseen(transaction: Transaction, model: Model) -> bool:
    """Whether the sender goes on as only one can who got a response: with its ACK, or inside the dialog."""
    if transaction.method != "INVITE" or model.answered_elsewhere(transaction):
        return False
    if transaction.acks or any(
        model.nodes.source(ack) == transaction.source_node for ack in model.lookups.acks_numbered(transaction.request)
    ):
        return True
    return transaction.is_initial and model.lookups.goes_on_inside(transaction)


def _target(transaction: Transaction) -> str:
    return str(transaction.destination) if transaction.destination else transaction.request.request_uri.text


def _severity(method: str, final: bool) -> Severity:
    if not final or method in ("OPTIONS", "BYE", "CANCEL"):
        return Severity.MEDIUM
    return Severity.CRITICAL if method == "INVITE" else Severity.HIGH


@check(
    "txn-icmp-unreachable",
    title="{target} is unreachable: {meaning}",
    severity=Severity.CRITICAL,
    category=Category.SIGNALING,
    rfc="RFC 792; RFC 3261 §18.4",
    needs=Needs.CAPTURE,
)
def txn_icmp_unreachable(model: Model, _: Model) -> Iterator[Outcome]:
    """An ICMP destination-unreachable message quotes a SIP request (RFC 792, RFC 4443 §3.1; RFC 3261 §18.4).

    A request inside a dialog that went to a private Contact of the other side is the fault of that Contact
    (nat-contact-private).
    """
    by_path: dict[tuple[object, object], list[Transaction]] = {}
    for transaction in model.transactions:
        by_path.setdefault((transaction.source, transaction.destination), []).append(transaction)
    reported: set[object] = set()
    for error in model.trace.facts.icmp_errors:
        concerned = [
            item
            for item in by_path.get((error.source, error.destination), ())
            if item.time is not None and item.time <= error.time + 0.001 and not goes_to_private_contact(item, model)
        ]
        if not concerned or error.destination in reported:
            continue
        reported.add(error.destination)
        transaction = concerned[-1]
        answered = any(item.responses for item in by_path[(error.source, error.destination)])
        meaning = meaning_of(error)
        yield Found(
            (
                at(transaction.request, "the request that could not be delivered"),
                proof_of(error),
            ),
            f"{transaction.method} to {error.destination} was answered by ICMP from {error.reporter}: {meaning}."
            + (" Other requests on the same path were answered." if answered else ""),
            {"target": str(error.destination), "meaning": meaning},
            key=(transaction.method, meaning),
            calls=tuple(dict.fromkeys(item.call_id for item in concerned)),
            severity=Severity.LOW if answered else None,
        )


@check(
    "txn-invite-retransmitted",
    title="INVITE had to be sent {sends} before the first response",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.1.1.2",
    needs=Needs.TIMES,
    absent="the trace holds no INVITE",
    only=lambda transaction: transaction.method == "INVITE",
)
def txn_invite_retransmitted(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """Timer A ran out before the first response to an INVITE over UDP (RFC 3261 §17.1.1.2)."""
    if transaction.method != "INVITE" or not model.seen.retransmits(transaction.transport):
        return
    first = transaction.responses[0].observation.time if transaction.responses else None
    early = [
        request
        for request in transaction.requests
        if first is None or (request.observation.time is not None and request.observation.time < first)
    ]
    if len(early) < 2 or not _spaced(early):
        return
    size = len(transaction.request.raw)
    if first is None:
        pattern = "no response is in the trace"
    elif transaction.responses[0].status == 100:
        pattern = (
            "the first response, a 100, came late: the callee was slow to take the INVITE, or it was lost on the way"
        )
    else:
        status = transaction.responses[0].status
        pattern = f"no 100 came, and the first response was {status}: the callee does not send 100 at once"
    big = f" At {size} bytes it may have been fragmented." if size > 1300 else ""
    yield Found(
        (at(early[0], "the first send"), at(early[-1], "the last send before a response")),
        f"INVITE to {_target(transaction)} was sent {times(len(early))} before the first response; {pattern}.{big}",
        {"sends": "twice" if len(early) < 3 else "several times"},
        key=("twice" if len(early) < 3 else "several",),
        calls=(transaction.call_id,),
        severity=Severity.LOW if len(early) < 3 or (first is None and model.answered_elsewhere(transaction)) else None,
    )


def _spaced(requests: list[SipMessage]) -> bool:
    """Whether the sends are as far apart as retransmissions are; nearer ones are copies that could not be told
    apart.
    """
    times = [request.observation.time for request in requests if request.observation.time is not None]
    return len(times) >= 2 and times[1] - times[0] >= 0.35 * T1
