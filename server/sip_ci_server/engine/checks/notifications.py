"""NOTIFY: refused, without state, or with a body of another kind (RFC 6665, RFC 3842)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.subscriptions import event_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.transactions import Transaction

_BODIES = {
    "message-summary": ("application/simple-message-summary",),
    "presence": (
        "application/pidf+xml",
        "application/pidf-diff+xml",
        "application/cpim-pidf+xml",
        "application/xpidf+xml",
    ),
    "dialog": ("application/dialog-info+xml",),
    "reg": ("application/reginfo+xml",),
    "conference": ("application/conference-info+xml",),
    "refer": ("message/sipfrag",),
}
"""Bodies that the event packages define (RFC 3842 §3.5, RFC 3856 §6.5, RFC 4235 §3.5, RFC 3680 §4.5, RFC 4575 §3.4,
RFC 3515 §2.4.5).
"""
_ABSENT = "the trace holds no NOTIFY"


def _is_notify(transaction: Transaction) -> bool:
    return transaction.method == "NOTIFY"


def _state_of(transaction: Transaction) -> str:
    return (transaction.request.header("subscription-state") or "").partition(";")[0].strip().lower()


@check(
    "notify-481",
    title="NOTIFY for {event} is answered 481",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.2.2",
    absent=_ABSENT,
    only=_is_notify,
)
def notify_481(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY was answered 481 (RFC 6665 §4.1.3): medium; high where the notifier sends on all the same (§4.2.2).

    Low where the NOTIFY ends the subscription or belongs to none: the subscriber may have left.
    """
    final = transaction.final
    if final is None or final.status != 481 or model.relayed_from_further_on(transaction):
        return
    same = [
        item
        for item in model.lookups.requests(transaction.call_id, "NOTIFY")
        if item.request.from_.tag == transaction.request.from_.tag
        and item.source_node == transaction.source_node
    ]  # fmt: skip
    refused = [item for item in same if item.final is not None and item.final.status == 481]
    if refused[:1] != [transaction]:
        return
    answered = final.observation.time
    more = [
        item
        for item in same
        if item.number > transaction.number
        and item.time is not None
        and answered is not None
        and item.time > answered
        and event_of(item.request) == event_of(transaction.request)
    ]
    event = event_of(transaction.request) or "an unnamed event"
    harmless = transaction.is_initial or _state_of(transaction) == "terminated"
    yield Found(
        (
            at(transaction.request, "the NOTIFY"),
            at(final, "is refused"),
            *(at(item.request, "sent on") for item in more[:1]),
        ),
        f"NOTIFY for {event} was answered 481: {final.observation.source or 'its receiver'} knows no such subscription."
        + (f" The notifier sent {len(more)} more." if more else ""),
        {"event": event},
        key=(event,),
        calls=(transaction.call_id,),
        severity=Severity.LOW if harmless else None if more else Severity.MEDIUM,
    )


@check(
    "notify-rejected",
    title="NOTIFY for {event} is refused with {status}",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.2.2",
    absent=_ABSENT,
    only=_is_notify,
)
def notify_rejected(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY was refused with another code than 481 or a challenge (RFC 6665 §4.2.2)."""
    final = transaction.final
    if final is None or (final.status or 0) < 300 or final.status in (401, 407, 481):
        return
    if model.relayed_from_further_on(transaction):
        return
    event = event_of(transaction.request) or "an unnamed event"
    yield Found(
        (at(transaction.request, "the NOTIFY"), at(final, "is refused")),
        f"NOTIFY for {event} was answered {final.status} {final.reason} by"
        f" {final.observation.source or 'its receiver'}.",
        {"event": event, "status": f"{final.status} {final.reason}".strip()},
        key=(event, str(final.status)),
        calls=(transaction.call_id,),
    )


@check(
    "notify-no-state",
    title="NOTIFY for {event} has no Subscription-State",
    severity=Severity.HIGH,
    category=Category.COMPLIANCE,
    rfc="RFC 6665 §4.2.2",
    absent=_ABSENT,
    only=_is_notify,
)
def notify_no_state(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY has no Subscription-State (RFC 6665 §4.2.2): high where it was refused, medium where it was taken.

    Low outside a subscription: keep-alives and unasked message counts often have none.
    """
    if transaction.request.lines_of("subscription-state") or transaction.request.fidelity is Fidelity.TRUNCATED:
        return
    if model.is_forwarded(transaction):
        return
    event = event_of(transaction.request) or "an unnamed event"
    refused = transaction.final is not None and (transaction.final.status or 0) in (400, 489, 481)
    yield Found(
        (at(transaction.request, "has no Subscription-State"),),
        f"NOTIFY for {event} from {transaction.source or 'the notifier'} has no Subscription-State header, so that the"
        " subscriber cannot know whether its subscription lives.",
        {"event": event},
        key=(event,),
        calls=(transaction.call_id,),
        severity=Severity.LOW if transaction.is_initial else None if refused else Severity.MEDIUM,
    )


@check(
    "notify-body-mismatch",
    title="NOTIFY for {event} carries {type}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 6665 §3.2.1",
    absent=_ABSENT,
    only=_is_notify,
)
def notify_body_mismatch(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The body of a NOTIFY is of a type that its event package does not define and the subscriber did not accept."""
    request = transaction.request
    expected = _BODIES.get(event_of(request))
    kind = request.content_type
    if not expected or not kind or not request.body.strip() or kind in expected or kind.startswith("multipart/"):
        return
    accepted = {
        value.partition(";")[0].strip().lower()
        for item in model.lookups.before(transaction, "SUBSCRIBE")
        for value in item.request.values("accept")
    }
    if kind in accepted or "*/*" in accepted or model.is_forwarded(transaction):
        return
    yield Found(
        (at_header(request, "content-type", f"the {event_of(request)} package has {expected[0]}"),),
        f"NOTIFY for {event_of(request)} carries {kind}; the package defines {expected[0]}, and the subscriber did not"
        f" say that"
        " it takes another.",
        {"event": event_of(request), "type": kind},
        key=(event_of(request), kind),
        calls=(transaction.call_id,),
    )


@check(
    "mwi-bad",
    title="A message summary without Messages-Waiting",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3842 §5.2",
    absent="the trace holds no message summary",
    only=lambda transaction: (
        transaction.method == "NOTIFY" and transaction.request.content_type == "application/simple-message-summary"
    ),
)
def mwi_bad(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A message summary does not begin with `Messages-Waiting: yes` or `no` (RFC 3842 §5.2)."""
    request = transaction.request
    if request.fidelity is Fidelity.TRUNCATED or not request.body.strip() or model.is_forwarded(transaction):
        return
    name, _, value = request.body.lstrip().split(b"\n", 1)[0].partition(b":")
    if name.strip().lower() == b"messages-waiting" and value.strip().lower() in (b"yes", b"no"):
        return
    yield Found(
        (at_header(request, "content-type", "its body does not begin with Messages-Waiting"),),
        "The message summary does not begin with `Messages-Waiting: yes` or `no`, which the lamp of the phone follows.",
        calls=(transaction.call_id,),
    )
