"""What the timers of transactions show: messages that had to be sent again, and ends that never came."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.wording import more_times, times
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.observability import T1, TIMER_B
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.transactions import Transaction

SLOW_TRYING = 0.2
"""Seconds within which a server transaction answers an INVITE, if only with 100 (RFC 3261 §17.2.1)."""
TIMER_C = 180.0
"""Seconds after the last provisional response after which a proxy gives an INVITE up (RFC 3261 §16.6 item 11)."""
LOOKED_AT = 50
"""Later requests of a call that are looked at."""
AFTER_BYE = 5.0
"""Seconds within which a pending INVITE ends after its early dialog was ended by BYE."""
CROSSING = 1.0
"""Seconds for which a retransmission may still have been under way when the final response was sent."""


def _spaced(messages: list[SipMessage]) -> bool:
    """Whether messages are as far apart as retransmissions, and no copies that could not be told apart."""
    elapsed = seconds_between(messages[0], messages[1]) if len(messages) > 1 else None
    return elapsed is not None and elapsed >= 0.35 * T1


@check(
    "txn-noninvite-retransmitted",
    title="{method} had to be sent several times before its response",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.1.2.2",
    needs=Needs.TIMES,
    absent="the trace holds no request other than INVITE over an unreliable transport",
    only=lambda transaction: transaction.method not in ("INVITE", "ACK") and not transaction.transport.reliable,
)
def txn_noninvite_retransmitted(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request other than INVITE was sent at least three times before it was answered (timer E, RFC 3261
    §17.1.2.2).
    """
    del model
    if not transaction.responses:
        return
    first = transaction.responses[0]
    early = [request for request in transaction.requests if request.index < first.index]
    if len(early) < 3 or not _spaced(early):
        return
    yield Found(
        (at(early[0], "the first send"), at(early[-1], "the last send before a response"), at(first, "the response")),
        f"{transaction.method} to {transaction.destination or transaction.request.request_uri.text} was sent"
        f" {len(early)} times in {seconds_between(early[0], early[-1]) or 0.0:.1f} s before the first response,"
        f" {phrase_of(first)}.",
        {"method": transaction.method},
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


@check(
    "txn-slow-100",
    title="The first response to INVITE took longer than 200 ms",
    severity=Severity.LOW,
    category=Category.TIMING,
    rfc="RFC 3261 §17.2.1",
    needs=Needs.TIMES,
    absent="the trace holds no answered INVITE",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.responses),
)
def txn_slow_100(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The first response to an INVITE came later than 200 ms and the round trip (RFC 3261 §17.2.1).

    The round trip is the shortest time in which the same element answered anything on the same path.
    """
    first = transaction.responses[0]
    # An INVITE that was lost on the way says nothing of the element, so the last send before the response counts.
    asked = [request for request in transaction.requests if request.index < first.index] or transaction.requests
    delay = seconds_between(asked[-1], first)
    if delay is None or delay <= SLOW_TRYING or model.is_forwarded(transaction):
        return
    own = delay - model.round_trip(transaction)
    if own <= SLOW_TRYING:
        return
    yield Found(
        (at(asked[-1], "the INVITE"), at(first, "the first response to it")),
        f"{name_of(first)} took {delay * 1000:.0f} ms to give the first response, {phrase_of(first)}, to an INVITE."
        f" A 100 Trying is due within 200 ms unless the real response comes by then.",
        key=("100" if first.status == 100 else "other",),
        calls=(transaction.call_id,),
    )


@check(
    "txn-no-final-response",
    title="INVITE never got a final response after {status}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §16.6, §13.3.1.1",
    needs=Needs.TIMES,
    absent="the trace holds no INVITE that was answered with a provisional response",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.provisionals),
)
def txn_no_final_response(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An INVITE got provisional responses and then nothing (RFC 3261 §16.6 item 11 timer C, §16.8, §15.1.2).

    High 180 s after the last one, when every proxy has given up. Medium where nothing but 100 came for 32 s, or where
    the early dialog was ended by BYE and the INVITE stayed open. A phone that merely rings is none.
    """
    if transaction.final is not None or transaction.was_cancelled:
        return
    last = transaction.provisionals[-1]
    waited = model.seen.window_after(last.observation.time) or 0.0
    if _goes_on(transaction, model):
        return
    if model.answered_elsewhere(transaction):
        # Another branch of the fork took the call; its proxy cancels this one, perhaps on a path that is not seen.
        return
    bye = _early_bye(transaction, model)
    ringing = any((response.status or 0) > 100 for response in transaction.provisionals)
    if waited >= TIMER_C:
        severity, remark = None, f" {waited:.0f} s have passed since then; proxies give up after 180 s (timer C)."
    elif bye is not None and (model.seen.window_after(bye.observation.time) or 0.0) >= AFTER_BYE:
        severity = Severity.MEDIUM
        remark = " The caller ended the early dialog with BYE, and a 487 for the INVITE is due then."
    elif not ringing and waited >= TIMER_B:
        severity = Severity.MEDIUM
        remark = f" Nothing but 100 came, and {waited:.0f} s have passed: whatever was to happen to the call did not."
    else:
        if waited >= TIMER_B:
            yield NotCheckable("the trace ends while a call rings")
        return
    yield Found(
        (at(transaction.request, "the INVITE"), at(last, "the last response to it"))
        + ((at(bye, "the BYE that ends the early dialog"),) if bye is not None else ()),
        f"INVITE to {transaction.request.request_uri.text} got {phrase_of(last)} from {name_of(last)} and no final"
        f" response.{remark}",
        {"status": phrase_of(last)},
        key=("ringing" if ringing else "trying",),
        calls=(transaction.call_id,),
        severity=severity,
    )


def _early_bye(transaction: Transaction, model: Model) -> SipMessage | None:
    """A BYE by the caller inside the early dialog that was accepted."""
    tag = transaction.request.from_.tag
    for item in model.transactions_of(transaction.call_id):
        if item.method == "BYE" and item.request.from_.tag == tag and item.success is not None:
            return item.request
    return None


def _goes_on(transaction: Transaction, model: Model) -> bool:
    """Whether the fault lies with the next hop, or what the caller does next shows that a final response came."""
    request = transaction.request
    number = request.cseq.number
    if model.lookups.acks_numbered(request):
        return True
    known = model.transactions_of(request.call_id)
    begin = bisect_right(known, transaction.number, key=lambda item: item.number)
    for other in known[begin : begin + LOOKED_AT]:
        if other.method == "INVITE":
            downstream = other.source_node == transaction.destination_node and other.request.cseq.number == number
            again = other.request.from_.tag == request.from_.tag and other.source_node == transaction.source_node
            if downstream or again:
                return True
        early = ("PRACK", "UPDATE", "BYE", "CANCEL", "INFO")
        if not other.is_initial and other.method not in early:
            return True
    return False


@check(
    "resp-conflicting-finals",
    title="One {method} got two different final responses: {first} and {second}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.2.1, §17.2.2; RFC 6026 §7.1",
    absent="the trace holds no request that got more than one final response",
    only=lambda transaction: len(transaction.finals) > 1,
)
def resp_conflicting_finals(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """One server transaction sent two different final responses with one To tag (RFC 3261 §17.2.1, §17.2.2; RFC 6026
    §7.1).

    Responses with different tags come from different branches of a fork, and a client that sends other credentials
    under the same branch asks a new question.
    """
    del model
    if any(request.raw != transaction.request.raw for request in transaction.requests[1:]):
        return
    by_tag: dict[str, SipMessage] = {}
    for response in transaction.finals:
        tag = response.to.tag
        if not tag or is_challenge(response):
            continue
        first = by_tag.setdefault(tag, response)
        if first.status == response.status:
            continue
        yield Found(
            (at(transaction.request, "the request"), at(first, "a final response"), at(response, "a different one")),
            f"{name_of(first)} answered one {transaction.method} {phrase_of(first)} and then {phrase_of(response)},"
            f" both with the To tag `{tag}`. Only the first may count; clients disagree on which does.",
            {"method": transaction.method, "first": phrase_of(first), "second": phrase_of(response)},
            key=(transaction.method, str(first.status), str(response.status)),
            calls=(transaction.call_id,),
        )
        return


@check(
    "txn-response-ignored",
    title="{method} is sent again and again although {status} was sent",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.1.1.2, §17.1.2.2",
    needs=Needs.TIMES,
    absent="the trace holds no answered request over an unreliable transport",
    only=lambda transaction: bool(transaction.finals) and not transaction.transport.reliable,
)
def txn_response_ignored(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A client goes on to retransmit a request after its final response was sent (RFC 3261 §17.1.1.2, §17.1.2.2).

    The response does not reach it, or it does not match it to the request. One late retransmission proves nothing.
    """
    del model
    final = transaction.final
    if final is None or len(transaction.requests) < 3 or not _spaced(transaction.requests):
        return
    late = [
        request for request in transaction.requests if (seconds_between(final, request) or 0.0) > CROSSING
    ]  # fmt: skip
    if len(late) < 2:
        return
    again = sum(1 for response in transaction.finals if response.status == final.status)
    yield Found(
        (
            at_header(transaction.request, "via", "where the client wants its response"),
            at_header(final, "via", "the final response"),
            at(late[-1], "the client still asks"),
        ),
        f"{name_of(final)} answered {transaction.method} {phrase_of(final)} ({times(again)}), sent to"
        f" {final.observation.destination or 'the client'}. The client {transaction.source or ''} went on to send the"
        f" request {more_times(len(late))} over {seconds_between(final, late[-1]) or 0.0:.1f} s: the response does not"
        f" reach it, or it does not recognise it.".replace("  ", " "),
        {"method": transaction.method, "status": phrase_of(final)},
        key=(transaction.method, str(final.status)),
        calls=(transaction.call_id,),
        severity=None if len(late) >= 4 else Severity.MEDIUM,
    )
