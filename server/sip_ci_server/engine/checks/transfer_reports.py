"""Reports on a transfer: which REFER one is of, and that the last one ends the subscription (RFC 3515 §2.4)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.subscription_state import id_of, state_of
from sip_ci_server.engine.checks.transfers import is_refer, notifies_of, reported_status
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of
from sip_ci_server.engine.transactions import Transaction

ENDED_WITHIN = 5.0
"""Seconds after the last report in which the subscription may still be ended by another."""
_ABSENT = "the trace holds no REFER"


def _others(refer: Transaction, model: Model) -> list[Transaction]:
    """The other REFERs of the same sender in the same dialog."""
    request = refer.request
    return [
        item
        for item in (*model.lookups.before(refer, "REFER"), *model.lookups.after(refer, "REFER"))
        if item.request.cseq.number != request.cseq.number
        and item.request.from_.tag == request.from_.tag
        and item.request.to.tag == request.to.tag
    ]


@check(
    "refer-not-terminated",
    title="The last report on a transfer does not end its subscription",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3515 §2.4.7",
    absent=_ABSENT,
    only=is_refer,
)
def refer_not_terminated(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY reports a final response with a state other than terminated, and none follows (RFC 3515 §2.4.7).

    Silent with several REFERs in one dialog, whose reports cannot be told apart.
    """
    if model.is_forwarded(transaction) or _others(transaction, model):
        return
    reports = [item for item in notifies_of(transaction, model) if item.request.to.tag == transaction.request.from_.tag]
    final = next((item for item in reports if (reported_status(item.request) or 0) >= 200), None)
    if final is None or not state_of(final.request):
        return
    if any(state_of(item.request) == "terminated" for item in reports):
        return
    last = reports[-1].request
    if model.seen.timed and not model.seen.would_show(last.observation.time, ENDED_WITHIN):
        return
    state = state_of(last)
    yield Found(
        (at_header(last, "subscription-state", "the last report, which should say terminated"),),
        f"{name_of(last)} reported {reported_status(final.request)} on the transfer with `Subscription-State: {state}`,"
        " and no NOTIFY ended the subscription.",
        key=(state,),
        calls=(transaction.call_id,),
    )


@check(
    "refer-notify-no-id",
    title="A report on a second transfer does not say which REFER it is of",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3515 §2.4.6",
    absent=_ABSENT,
    only=lambda transaction: is_refer(transaction) and not transaction.is_initial,
)
def refer_notify_no_id(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A NOTIFY on the second REFER of a dialog has no id in Event (RFC 3515 §2.4.6).

    Judged only where a NOTIFY had ended the subscription of the first before, so that it can be of no other.
    """
    if transaction.success is None or model.is_forwarded(transaction):
        return
    earlier = [item for item in _others(transaction, model) if item.number < transaction.number]
    if not any(item.success is not None for item in earlier):
        return
    tag = transaction.request.from_.tag
    reports = [item for item in notifies_of(earlier[0], model) if item.request.to.tag == tag]
    before = [item for item in reports if item.number < transaction.number]
    ended = sum(1 for item in before if state_of(item.request) == "terminated" and not model.is_forwarded(item))
    if ended < sum(1 for item in earlier if item.success is not None and not model.is_forwarded(item)):
        return
    bare = next((item for item in reports if item.number > transaction.number and id_of(item.request) is None), None)
    if bare is None or len(_others(transaction, model)) > len(earlier):
        return
    yield Found(
        (
            at(transaction.request, "the second REFER of the dialog"),
            at_header(bare.request, "event", f"`id={transaction.request.cseq.number}` is missing"),
        ),
        f"{name_of(bare.request)} reports on the REFER with CSeq {transaction.request.cseq.number}, which is not the"
        " first of its dialog, without an id in Event.",
        key=("no id",),
        calls=(transaction.call_id,),
    )
