"""Subscriptions over their life: what each NOTIFY says of them, and what is sent after their end (RFC 6665)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.uri import split_parameters
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.subscriptions import event_of, expires_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_ABSENT = "the trace holds no NOTIFY inside a subscription"
_FATAL = frozenset({404, 405, 410, 416, *range(480, 486), 489, 501, 604})
"""Responses that end a subscription (RFC 6665 §4.1.2.2, §4.2.2)."""
_LARGEST = 2**32 - 1
_WHOLE = (Fidelity.EXACT, Fidelity.LINE_ENDINGS_LOST)
"""What shows all headers of a message."""


def id_of(message: SipMessage) -> str | None:
    """The id parameter of Event; None where there is none."""
    parameters = dict(split_parameters((message.header("event") or "").partition(";")[2]))
    return parameters.get("id")


def state_of(message: SipMessage) -> str:
    """What Subscription-State says, in lower case and without parameters; empty where it is not there."""
    return (message.header("subscription-state") or "").partition(";")[0].strip().lower()


def _is_notify(transaction: Transaction) -> bool:
    return transaction.method == "NOTIFY" and not transaction.is_initial


def _is_of(item: Transaction, notify: Transaction) -> bool:
    """Whether a SUBSCRIBE was sent in the dialog of a NOTIFY, or opened it."""
    request, other = item.request, notify.request
    return request.from_.tag == other.to.tag and request.to.tag in ("", other.from_.tag)


def _subscribes(notify: Transaction, model: Model) -> list[Transaction]:
    """The SUBSCRIBEs that came before a NOTIFY in its dialog."""
    near = model.lookups.before(notify, "SUBSCRIBE")
    first = model.lookups.requests(notify.call_id, "SUBSCRIBE")[:1] if near else []
    return [item for item in dict.fromkeys((*first, *near)) if _is_of(item, notify)]


@check(
    "notify-event-mismatch",
    title="NOTIFY is for {given}, and the subscription for {asked}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 6665 §3.2.1, §8.2.1",
    absent=_ABSENT,
    only=_is_notify,
)
def notify_event_mismatch(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY names another event than the SUBSCRIBEs of its dialog, or another id (RFC 6665 §3.2.1, §4.5.2, §8.2.1).

    Low unless it was refused. Judged only where the SUBSCRIBE that opened the dialog is in the trace.
    """
    request, event = transaction.request, event_of(transaction.request)
    subscribes = _subscribes(transaction, model)
    if not event or not any(item.is_initial for item in subscribes) or model.is_forwarded(transaction):
        return
    if event == "refer" and model.lookups.requests(transaction.call_id, "REFER"):
        return
    asked = {(event_of(item.request), id_of(item.request)) for item in subscribes}
    given = (event, id_of(request))
    if given in asked or any(not name for name, _ in asked):
        return
    shown = [f"{name};id={number}" if number is not None else name for name, number in (given, *sorted(asked, key=str))]
    refused = transaction.final is not None and (transaction.final.status or 0) in (400, 481, 489)
    yield Found(
        (
            at_header(subscribes[0].request, "event", "what was subscribed to"),
            at_header(request, "event", "what is reported"),
        ),
        f"{name_of(request)} sent NOTIFY for `{shown[0]}` in a dialog in which `{'`, `'.join(shown[1:4])}` was"
        " subscribed to: the subscriber finds no subscription for it.",
        {"given": shown[0], "asked": shown[1]},
        key=(event, "package" if event not in {name for name, _ in asked} else "id"),
        calls=(transaction.call_id,),
        severity=None if refused else Severity.LOW,
    )


@check(
    "notify-expires",
    title="NOTIFY says {fault}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 6665 §4.2.2",
    absent=_ABSENT,
    only=_is_notify,
)
def notify_expires(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY with the state active or pending says that the subscription lives longer than was agreed, or (info) does
    not say how long (RFC 6665 §4.2.2). RFC 3265 left it open, so that notifiers without it are common.
    """
    request = transaction.request
    if state_of(request) not in ("active", "pending") or model.is_forwarded(transaction):
        return
    value = dict(split_parameters((request.header("subscription-state") or "").partition(";")[2])).get("expires")
    left = parse_digits(value or "", _LARGEST)
    subscribes = _subscribes(transaction, model)
    if left is None:
        if request.fidelity is Fidelity.DECODED:
            return
        fault, severity = "nothing of how long the subscription lives", Severity.INFO
    else:
        spans = [expires_of(message) for item in subscribes for message in (item.request, item.success) if message]
        known = [span for span in spans if span is not None]
        if not known or not any(item.is_initial for item in subscribes) or left <= max(known):
            return
        fault, severity = f"{left} s, and the subscription is for {max(known)} s", Severity.LOW
    yield Found(
        (at_header(request, "subscription-state", "the expires parameter" + (" is missing" if left is None else "")),),
        f"{name_of(request)} sent NOTIFY for {event_of(request) or 'an unnamed event'} with"
        f" `Subscription-State: {request.header('subscription-state')}`: it says {fault}.",
        {"fault": fault if left is None else "that the subscription lives longer than was agreed"},
        key=("missing" if left is None else "longer",),
        calls=(transaction.call_id,),
        severity=severity,
    )


def _same_usage(left: SipMessage, right: SipMessage) -> bool:
    return event_of(left) == event_of(right) and id_of(left) == id_of(right)


def _end_before(transaction: Transaction, model: Model) -> tuple[SipMessage, str] | None:
    """What ended the subscription of an in-dialog request before it was sent, with the words for it.

    A NOTIFY that says terminated and was answered, or a refusal that leaves no subscription. A SUBSCRIBE or REFER that
    was accepted since then may have opened another.
    """
    request = transaction.request
    tags = {request.from_.tag, request.to.tag}
    earlier = [
        item for method in ("SUBSCRIBE", "NOTIFY", "REFER") for item in model.lookups.before(transaction, method)
    ]
    for item in sorted(earlier, key=lambda item: -item.number):
        other, final = item.request, item.final
        if not {other.from_.tag, other.to.tag} - {""} <= tags:
            continue
        if item.method == "REFER" or (item.method == "SUBSCRIBE" and item.success is not None):
            if item.method == "REFER" or expires_of(other) != 0:
                return None
            continue
        if final is None or item.is_initial or not _same_usage(other, request) or not _came_before(final, request):
            continue
        if item.method == "NOTIFY" and state_of(other) == "terminated":
            return other, "a NOTIFY had said terminated"
        if final.status in _FATAL:
            return final, f"{item.method} had been answered {phrase_of(final)}"
    return None


def _came_before(response: SipMessage, request: SipMessage) -> bool:
    """Whether a response was there when a request was sent, by more than a message takes on its way."""
    first, second = response.observation.time, request.observation.time
    return first is None or second is None or second - first > 1.0


@check(
    "sub-used-after-end",
    title="SUBSCRIBE refreshes a subscription that has ended",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 6665 §4.1.2.2, §4.1.3",
    absent="the trace holds no refresh of a subscription",
    only=lambda transaction: transaction.method == "SUBSCRIBE" and not transaction.is_initial,
)
def sub_used_after_end(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A client refreshes a subscription after its end, where it has to begin another (RFC 6665 §4.1.2.2, §4.1.3).

    The end is a NOTIFY with the state terminated, or a refusal that RFC 6665 §4.1.2.2 names. Low unless it was refused.
    """
    if expires_of(transaction.request) == 0 or model.is_forwarded(transaction):
        return
    end = _end_before(transaction, model)
    final = transaction.final
    if end is None or (final is not None and (final.status or 0) < 300):
        return
    event = event_of(transaction.request) or "an unnamed event"
    yield Found(
        (
            at(end[0], "the end of the subscription"),
            at(transaction.request, "a refresh of it"),
            *([at(final, "is refused")] if final is not None else []),
        ),
        f"{name_of(transaction.request)} sent SUBSCRIBE for {event} inside a subscription of which {end[1]}"
        + (f", and was answered {phrase_of(final)}." if final is not None else "."),
        key=(event,),
        calls=(transaction.call_id,),
        severity=None if final is not None and final.status in _FATAL else Severity.LOW,
    )


@check(
    "notify-after-end",
    title="NOTIFY for {event} after the subscription has ended",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 6665 §4.2.2",
    absent=_ABSENT,
    only=_is_notify,
)
def notify_after_end(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A notifier goes on after it said terminated, or after a refusal that ends the subscription (RFC 6665 §4.2.2).

    After 481 another check tells it. NOTIFYs of several transfers in one dialog are not judged.
    """
    request = transaction.request
    if model.is_forwarded(transaction):
        return
    end = _end_before(transaction, model)
    if end is None or end[0].status == 481:
        return
    number = end[0].cseq.number if end[0].is_request else None
    if number is not None and end[0].from_.tag == request.from_.tag and (request.cseq.number or 0) <= number:
        return
    event = event_of(request) or "an unnamed event"
    yield Found(
        (at(end[0], "the end of the subscription"), at(request, "a NOTIFY of it")),
        f"{name_of(request)} sent NOTIFY for {event} in a subscription of which {end[1]}.",
        {"event": event},
        key=(event,),
        calls=(transaction.call_id,),
    )


@check(
    "contact-missing-subscribe",
    title="{method} without a Contact",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §8.1.1.8; RFC 3515 §2",
    absent="the trace holds no SUBSCRIBE and no REFER",
    only=lambda transaction: transaction.method in ("SUBSCRIBE", "REFER"),
)
def contact_missing_subscribe(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A SUBSCRIBE that opens a dialog, or a REFER, has no Contact (RFC 3261 §8.1.1.8, RFC 3515 §2).

    Low unless it was refused with 400.
    """
    request, final = transaction.request, transaction.final
    if request.lines_of("contact") or request.fidelity not in _WHOLE or model.is_forwarded(transaction):
        return
    if transaction.method == "SUBSCRIBE" and not transaction.is_initial:
        return
    yield Found(
        (at(request, "has no Contact"),),
        f"{name_of(request)} sent {transaction.method} without a Contact: nobody knows where its NOTIFY belongs.",
        {"method": transaction.method},
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=None if final is not None and final.status == 400 else Severity.LOW,
    )
