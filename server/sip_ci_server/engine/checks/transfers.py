"""Transfers by REFER (RFC 3515, RFC 5589): accepted, reported on, and what became of the target."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.transactions import Transaction

FAILED = 300
"""Status codes from which a call has failed."""
_NO_REFER = "the trace holds no REFER"
NOTIFIED_WITHIN = 5.0
"""Seconds after the 2xx within which the first NOTIFY has come, which RFC 3515 §2.4.4 wants at once."""
REPORTED_WITHIN = 32.0
RINGING = 180.0
"""Seconds for which a phone may ring (timer C, RFC 3261 §16.6)."""
_USERS_CHOICE = frozenset({480, 486, 487, 600, 603})


def is_refer(transaction: Transaction) -> bool:
    """Whether a transaction is a REFER."""
    return transaction.method == "REFER"


def notifies_of(refer: Transaction, model: Model) -> list[Transaction]:
    """The NOTIFY requests that report on a REFER, on any hop, in order."""
    return [item for item in model.lookups.after(refer, "NOTIFY") if _reports(item.request)]


def _reports(notify: SipMessage) -> bool:
    event = (notify.header("event") or "").partition(";")[0].strip().lower()
    return event == "refer" or (not event and notify.content_type == "message/sipfrag")


def reported_status(notify: SipMessage) -> int | None:
    """The status code that the body of a NOTIFY reports; None where it holds none."""
    words = notify.body.lstrip()[:16].split()
    if len(words) < 2 or not words[0].upper().startswith(b"SIP/"):
        return None
    return parse_digits(words[1].decode("latin-1"), 699)


def reports_failure(refer: Transaction, model: Model) -> bool:
    """Whether a NOTIFY says that the call which a REFER asked for was refused."""
    return any((reported_status(item.request) or 0) >= FAILED for item in notifies_of(refer, model))


def _wants_no_reports(refer: Transaction) -> bool:
    messages = [refer.request, *([refer.success] if refer.success else [])]
    silent = any((message.header("refer-sub") or "").strip().lower().startswith("false") for message in messages)
    return silent or any("nosub" in message.options("require") for message in messages)


@check(
    "refer-rejected",
    title="The transfer was refused with {status}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3515 §2.4.2",
    absent=_NO_REFER,
    only=is_refer,
)
def refer_rejected(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A REFER got a final response of 300 or above (RFC 3515 §2.4.2).

    Challenges, 491 and answers with Retry-After ask for another try; 603 is what a person or a policy decided.
    """
    final = transaction.final
    if final is None or (final.status or 0) < 300 or final.status in (401, 407, 491):
        return
    if final.lines_of("retry-after") or model.relayed_from_further_on(transaction):
        return
    target = transaction.request.header("refer-to") or "nobody"
    yield Found(
        (at_header(transaction.request, "refer-to", "the transfer"), at(final, "refused")),
        f"{name_of(transaction.request)} asked {transaction.destination or 'the other side'} to call `{target[:100]}`,"
        f" and was answered {phrase_of(final)}.",
        {"status": phrase_of(final)},
        key=(str(final.status),),
        calls=(transaction.call_id,),
        severity=Severity.INFO if final.status == 603 else None,
    )


@check(
    "refer-no-notify",
    title="A transfer was accepted and nothing was reported on it",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3515 §2.4.4",
    needs=Needs.TIMES,
    absent=_NO_REFER,
    only=is_refer,
)
def refer_no_notify(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """No NOTIFY followed the 2xx of a REFER (RFC 3515 §2.4.4), though none was declined (Refer-Sub, RFC 4488 §4).

    Low where the one who transferred hung up at once and so did not wait for it.
    """
    success = transaction.success
    if success is None or _wants_no_reports(transaction) or notifies_of(transaction, model):
        return
    if model.is_forwarded(transaction) or not model.seen.would_show(success.observation.time, NOTIFIED_WITHIN):
        return
    if not model.seen.sees_reverse(transaction.request):
        yield NotCheckable("packets in the direction of the NOTIFY are not in the trace")
        return
    hung_up = any(
        (seconds_between(success, item.request) or 0.0) < NOTIFIED_WITHIN
        for item in model.lookups.after(transaction, "BYE")
    )
    yield Found(
        (at(transaction.request, "the transfer"), at(success, "accepted")),
        f"{transaction.destination or 'The other side'} accepted REFER with {phrase_of(success)}, and sent no NOTIFY.",
        key=("no NOTIFY",),
        calls=(transaction.call_id,),
        severity=Severity.LOW if hung_up else None,
    )


@check(
    "refer-no-final-notify",
    title="The outcome of a transfer was never reported",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3515 §2.4.5, §2.4.7",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
    absent=_NO_REFER,
    only=is_refer,
)
def refer_no_final_notify(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The last NOTIFY of a transfer reports a provisional response (RFC 3515 §2.4.5, §2.4.7).

    Where the call is still up the target may be ringing, so three minutes are waited; low where the one who
    transferred hung up before. A NOTIFY that ends the subscription is the last one (RFC 6665 §4.4.1), so nothing is
    waited for after it.
    """
    notifies = notifies_of(transaction, model)
    if transaction.success is None or not notifies:
        return
    states = [reported_status(item.request) for item in notifies]
    if states[-1] is None or any(status is not None and status >= 200 for status in states):
        return
    bye = next(iter(model.lookups.requests(transaction.call_id, "BYE")), None)
    wait = REPORTED_WITHIN if bye is not None else RINGING
    last = notifies[-1].request
    ended = (last.header("subscription-state") or "").partition(";")[0].strip().lower() == "terminated"
    if not ended and not model.seen.would_show(bye.time if bye else last.observation.time, wait):
        return
    left = not ended and bye is not None and bye.request.from_.tag == transaction.request.from_.tag
    yield Found(
        (at(transaction.request, "the transfer"), at(last, f"the last report: {states[-1]}")),
        f"The last NOTIFY on the transfer reports {states[-1]}, and none said how it ended.",
        key=("no final",),
        calls=(transaction.call_id,),
        severity=Severity.LOW if left else None,
    )


@check(
    "refer-target-failed",
    title="The transfer failed: the target answered {status}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3515 §2.4.5",
    absent="the trace holds no NOTIFY about a transfer",
    only=lambda transaction: transaction.method == "NOTIFY" and _reports(transaction.request),
)
def refer_target_failed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY reports a final response of 300 or above from the target (RFC 3515 §2.4.5); info for busy and such."""
    status = reported_status(transaction.request)
    if status is None or status < 300 or status in (401, 407) or model.is_forwarded(transaction):
        return
    line = transaction.request.body.lstrip().split(b"\n", 1)[0].strip()[8:80].decode("latin-1")
    refer = next(iter(model.lookups.requests(transaction.call_id, "REFER")), None)
    target = (refer.request.header("refer-to") or "")[:100] if refer is not None else ""
    yield Found(
        (
            *([at_header(refer.request, "refer-to", "the transfer")] if refer is not None else []),
            at(transaction.request, f"reports {line}"),
        ),
        f"{name_of(transaction.request)} reports that the transfer{f' to `{target}`' if target else ''} ended in"
        f" {line}.",
        {"status": line},
        key=(str(status),),
        calls=(transaction.call_id,),
        severity=Severity.INFO if status in _USERS_CHOICE else None,
    )


@check(
    "refer-notify-sipfrag-invalid",
    title="A report on a transfer holds no status line",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3515 §2.4.5",
    absent="the trace holds no NOTIFY about a transfer",
    only=lambda transaction: transaction.method == "NOTIFY" and _reports(transaction.request),
)
def refer_notify_sipfrag_invalid(transaction: Transaction, _: Model) -> Iterator[Outcome]:
    """The body of a NOTIFY for a REFER does not begin with a status line (RFC 3515 §2.4.5)."""
    request = transaction.request
    if request.fidelity.value in ("truncated", "decoded") or reported_status(request) is not None:
        return
    begin = request.body.lstrip()[:60].split(b"\r")[0].decode("latin-1")
    yield Found(
        (at(request, "the report"),),
        f"{name_of(request)} reports on a transfer with `{begin.replace('`', chr(39)) or 'nothing'}`"
        f" ({request.content_type or 'no Content-Type'}) and not with a status line.",
        key=("empty" if not begin else "other",),
        calls=(transaction.call_id,),
    )


@check(
    "refer-orphan",
    title="The one who transferred had hung up when the transfer failed",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 5589 §6, §6.3",
    absent=_NO_REFER,
    only=is_refer,
)
def refer_orphan(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The transferor sent BYE before the report that the target failed, so nobody takes the call back (RFC 5589 §6.3).

    RFC 5589 §6 allows it to one who wants no part in the recovery; the transferee is left alone then.
    """
    failed = next((one for one in notifies_of(transaction, model) if (reported_status(one.request) or 0) >= 300), None)
    bye = next(iter(model.lookups.after(transaction, "BYE")), None)
    if failed is None or bye is None or bye.number > failed.number:
        return
    if bye.request.from_.tag != transaction.request.from_.tag or model.is_forwarded(transaction):
        return
    status = reported_status(failed.request)
    yield Found(
        (at(transaction.request, "the transfer"), at(bye.request, "its end"), at(failed.request, f"reports {status}")),
        f"{name_of(transaction.request)} hung up after REFER, and then the transfer was reported to have failed with"
        f" {status}: nobody could take the call back.",
        key=("orphan",),
        calls=(transaction.call_id,),
    )
