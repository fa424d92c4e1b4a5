"""SUBSCRIBE and PUBLISH: subscriptions that are refused, run out, or never bring news (RFC 6665, RFC 3903)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import Attempt, is_challenge
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.exposure import is_from_test_tool
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

PATIENCE = 5.0
"""Seconds within which a NOTIFY follows a SUBSCRIBE that was accepted; it is due at once."""
LOOP, LOOP_SECONDS = 5, 10.0
_ABSENT = "the trace holds no SUBSCRIBE"


def event_of(message: SipMessage) -> str:
    """The event package of a request in lower case, without parameters; empty where there is none."""
    return (message.header("event") or "").partition(";")[0].strip().lower()


def expires_of(message: SipMessage) -> int | None:
    """The Expires header in seconds."""
    return parse_digits((message.header("expires") or "").strip(), 2**32 - 1)


def _is_subscribe(transaction: Transaction) -> bool:
    return transaction.method == "SUBSCRIBE"


def _is_granted(transaction: Transaction) -> bool:
    return transaction.method == "SUBSCRIBE" and transaction.success is not None


def notifies_of(transaction: Transaction, model: Model) -> list[Transaction]:
    """The NOTIFY requests near a SUBSCRIBE of the subscription that it opens or refreshes, by either tag."""
    tag = transaction.request.from_.tag
    notifiers = {response.to.tag for response in transaction.responses} - {""}
    near = (*model.lookups.before(transaction, "NOTIFY"), *model.lookups.after(transaction, "NOTIFY"))
    return [item for item in near if item.request.to.tag == tag or item.request.from_.tag in notifiers]


@check(
    "sub-no-notify",
    title="No NOTIFY after SUBSCRIBE for {event}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.2.1.2",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
    absent="the trace holds no subscription that was granted",
    only=_is_granted,
)
def sub_no_notify(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SUBSCRIBE was accepted and no NOTIFY came within five seconds, though one is due at once (RFC 6665 §4.2.1.2).

    Medium for a refresh, low for an end of the subscription.
    """
    success = transaction.success
    if success is None or model.is_forwarded(transaction) or success.observation.time is None:
        return
    if not model.seen.would_show(success.observation.time, PATIENCE):
        yield NotCheckable(f"the trace ends less than {PATIENCE:g} s after the subscription was accepted")
        return
    if not model.seen.sees_reverse(transaction.request):
        yield NotCheckable("packets in the direction of NOTIFY are not in the trace")
        return
    started = transaction.time or success.observation.time
    if any(
        item.time is not None and started <= item.time <= success.observation.time + PATIENCE
        for item in notifies_of(transaction, model)
    ):
        return
    event = event_of(transaction.request) or "an unnamed event"
    ended = expires_of(transaction.request) == 0
    yield Found(
        (at(transaction.request, "the SUBSCRIBE"), at(success, "is accepted, and no NOTIFY follows")),
        f"The subscription of {transaction.request.from_.uri.text} to {event} was accepted with {success.status}, and"
        f" no NOTIFY"
        f" came in the next {PATIENCE:.0f} s.",
        {"event": event},
        key=(event,),
        calls=(transaction.call_id,),
        severity=Severity.LOW if ended else None if transaction.is_initial else Severity.MEDIUM,
    )


@check(
    "sub-489",
    title="Subscriptions to {event} are not supported",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.2.1.1",
    absent=_ABSENT,
    only=_is_subscribe,
)
def sub_489(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SUBSCRIBE was answered 489: the server does not know the event package (RFC 6665 §4.2.1.1)."""
    final = transaction.final
    if final is None or final.status != 489 or model.relayed_from_further_on(transaction):
        return
    event = event_of(transaction.request) or "an unnamed event"
    known = ", ".join(final.values("allow-events")[:8])
    yield Found(
        (at_header(transaction.request, "event", "the event that is asked for"), at(final, "is refused")),
        f"{final.observation.source or 'The server'} does not support subscriptions to {event}"
        + (f"; it allows {known}." if known else "."),
        {"event": event},
        key=(event,),
        calls=(transaction.call_id,),
    )


@check(
    "sub-expires-rejected-423",
    title="The lifetime of a subscription to {event} is too short for the server",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.2.1.1",
    absent=_ABSENT,
    only=_is_subscribe,
)
def sub_too_brief(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SUBSCRIBE was answered 423 and not sent again with the Min-Expires of the response (RFC 6665 §4.2.1.1)."""
    final = transaction.final
    if final is None or final.status != 423 or model.relayed_from_further_on(transaction):
        return
    if model.lookups.succeeds_later(transaction):
        return
    event = event_of(transaction.request) or "an unnamed event"
    minimum = (final.header("min-expires") or "").strip()
    yield Found(
        (
            at_header(transaction.request, "expires", "what is asked for"),
            at_header(final, "min-expires", "is too short"),
        ),
        f"SUBSCRIBE to {event} asked for {transaction.request.header('expires') or 'no'} s and was answered 423"
        + (f" with Min-Expires {minimum}" if minimum else "")
        + ", and no later SUBSCRIBE of this Call-ID succeeded.",
        {"event": event},
        key=(event,),
        calls=(transaction.call_id,),
    )


@check(
    "sub-refresh-late",
    title="A subscription to {event} was refreshed after its end",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.1.2.2",
    needs=Needs.TIMES,
    absent="the trace holds no refresh of a subscription",
    only=lambda transaction: transaction.method == "SUBSCRIBE" and not transaction.is_initial,
)
def sub_refresh_late(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SUBSCRIBE inside a subscription came after the granted lifetime and was answered 481 (RFC 6665 §4.1.2.2)."""
    final = transaction.final
    if final is None or final.status != 481 or transaction.time is None:
        return
    earlier = [
        item
        for item in model.lookups.before(transaction, "SUBSCRIBE")
        if item.success is not None and item.request.from_.tag == transaction.request.from_.tag
    ]
    if not earlier or earlier[-1].success is None or earlier[-1].success.observation.time is None:
        return
    granted = expires_of(earlier[-1].success)
    if not granted or transaction.time <= earlier[-1].success.observation.time + granted:
        return
    event = event_of(transaction.request) or "an unnamed event"
    late = transaction.time - earlier[-1].success.observation.time - granted
    yield Found(
        (
            at_header(earlier[-1].success, "expires", f"{granted} s are granted"),
            at(transaction.request, f"{late:.0f} s after that"),
            at(final, "the subscription is gone"),
        ),
        f"The subscription to {event} was granted for {granted} s and refreshed {late:.0f} s too late.",
        {"event": event},
        key=(event,),
        calls=(transaction.call_id,),
    )


@check(
    "sub-expires-missing",
    title="The {status} to SUBSCRIBE does not say how long it lives",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 6665 §3.1.1, §4.2.1.1",
    absent="the trace holds no subscription that was granted",
    only=_is_granted,
)
def sub_expires_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 2xx to SUBSCRIBE has no Expires, or a longer one than was asked for (RFC 6665 §3.1.1)."""
    success = transaction.success
    if success is None or model.is_forwarded(transaction):
        return
    asked, granted = expires_of(transaction.request), expires_of(success)
    if granted is not None and (asked is None or granted <= asked):
        return
    longer = granted is not None
    yield Found(
        (
            at_header(success, "expires", f"{granted} s, more than asked for")
            if longer
            else at(success, "has no Expires"),
        ),
        f"The {success.status} to SUBSCRIBE "
        + (f"grants {granted} s where {asked} s were asked for." if longer else "has no Expires header."),
        {"status": str(success.status)},
        key=("longer" if longer else "missing",),
        calls=(transaction.call_id,),
    )


@check(
    "event-missing",
    title="{method} without an Event header",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 6665 §3.1.2, §3.2.1; RFC 3903 §4.1",
    absent="the trace holds no SUBSCRIBE, NOTIFY or PUBLISH",
    only=lambda transaction: transaction.method in ("SUBSCRIBE", "NOTIFY", "PUBLISH"),
)
def event_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SUBSCRIBE, NOTIFY or PUBLISH has no Event header (RFC 6665 §3.1.2, §3.2.1, RFC 3903 §4.1).

    Low for a NOTIFY outside a subscription, and for what was accepted.
    """
    if transaction.request.lines_of("event") or model.is_forwarded(transaction):
        return
    unasked = transaction.method == "NOTIFY" and transaction.is_initial
    yield Found(
        (at(transaction.request, "has no Event"),),
        f"The {transaction.method} from {transaction.source or 'the far end'} has no Event header, so that its"
        f" receiver cannot"
        " know what it is about.",
        {"method": transaction.method},
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=Severity.LOW if unasked or transaction.success is not None else None,
    )


@check(
    "sub-loop",
    title="{user} subscribes to {event} again and again",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.1.2.2",
    needs=Needs.TIMES,
)
def sub_loop(model: Model, _: Model) -> Iterator[Outcome]:
    """A client sends five or more SUBSCRIBEs for one event of one user within ten seconds; challenges do not count."""
    attempts = [attempt for attempt in model.attempts if attempt.first.method == "SUBSCRIBE"]
    if not attempts:
        yield NotCheckable(_ABSENT)
    recent: dict[tuple[str, str, str, str], deque[Attempt]] = defaultdict(deque)
    told: set[tuple[str, str, str, str]] = set()
    for attempt in attempts:
        request, time = attempt.last.request, attempt.last.time
        key = (attempt.last.source_node, request.from_.uri.user, request.to.uri.user, event_of(request))
        if time is None or key in told or is_challenge(attempt.last.final) or model.is_forwarded(attempt.last):
            continue
        window = recent[key]
        window.append(attempt)
        while (window[0].last.time or 0.0) < time - LOOP_SECONDS:
            window.popleft()
        if len(window) < LOOP:
            continue
        told.add(key)
        yield Found(
            tuple(at(item.last.request, "again") for item in list(window)[:3]),
            f"{key[1]} sent {len(window)} SUBSCRIBEs to {key[3] or 'an unnamed event'} of {key[2]} within"
            f" {LOOP_SECONDS:.0f} s.",
            {"user": key[1], "event": key[3] or "an unnamed event"},
            key=(key[3],),
            calls=tuple(dict.fromkeys(item.call_id for item in window)),
            severity=Severity.INFO if is_from_test_tool(request) else None,
        )
