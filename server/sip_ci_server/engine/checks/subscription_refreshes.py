"""SUBSCRIBE requests that mean a subscription and are sent beside it (RFC 6665 §4.1.2.2)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.subscription_state import state_of
from sip_ci_server.engine.checks.subscriptions import event_of, expires_of, notifies_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of
from sip_ci_server.engine.transactions import Transaction


@check(
    "sub-refresh-outside-dialog",
    title="A subscription to {event} is {purpose} outside its dialog",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.1.2.2",
    confidence=Confidence.LIKELY,
    absent="the trace holds no subscription that was granted",
    only=lambda transaction: transaction.method == "SUBSCRIBE" and transaction.is_initial,
)
def sub_refresh_outside_dialog(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SUBSCRIBE has Call-ID, From tag and event of a subscription that lives, and no To tag (RFC 6665 §4.1.2.2).

    Each one makes a further subscription at the notifier, and the first is never refreshed nor ended. Low where the
    server refused it.
    """
    request = transaction.request
    if model.is_forwarded(transaction) or not request.from_.tag:
        return
    first = next(
        (item for item in model.transactions_of(transaction.call_id) if _lives(item, transaction, model)), None
    )
    if first is None or first.success is None:
        return
    purpose = "ended" if expires_of(request) == 0 else "refreshed"
    final = transaction.final
    yield Found(
        (
            at_header(first.success, "to", "the tag of the subscription that was granted"),
            at_header(request, "to", "the same subscription, and no tag"),
            *((at(final, "its answer"),) if final is not None else ()),
        ),
        f"{name_of(request)} holds a subscription to {event_of(request) or 'an unnamed event'} of"
        f" {request.to.uri.text[:120]} under To tag `{first.success.to.tag[:40]}`. It sent SUBSCRIBE again with the"
        " same Call-ID and From tag, a higher CSeq, and no To tag: for the notifier this is a new subscription.",
        {"event": event_of(request) or "an unnamed event", "purpose": purpose},
        key=(event_of(request), purpose),
        calls=(transaction.call_id,),
        severity=None if final is None or (final.status or 0) < 300 else Severity.LOW,
    )


def _lives(item: Transaction, later: Transaction, model: Model) -> bool:
    """Whether a SUBSCRIBE made a subscription that the later one repeats, and nothing had ended it by then."""
    success, request = item.success, item.request
    if (
        item is later
        or item.method != "SUBSCRIBE"
        or success is None
        or not success.to.tag
        or item.number > later.number
    ):
        return False
    if item.source_node != later.source_node or item.destination_node != later.destination_node:
        return False
    same = request.from_.tag == later.request.from_.tag and event_of(request) == event_of(later.request)
    if not same or request.to.uri != later.request.to.uri:
        return False
    if (request.cseq.number or 0) >= (later.request.cseq.number or 0):
        return False
    granted = expires_of(success) or expires_of(request) or 0
    if granted == 0 or item.time is None or later.time is None or later.time > item.time + granted:
        return False
    return not any(
        notify.number < later.number and state_of(notify.request) == "terminated"
        for notify in notifies_of(item, model)
        if notify.request.from_.tag == success.to.tag
    )
