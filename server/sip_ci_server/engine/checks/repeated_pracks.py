"""PRACKs that are sent again with a number of their own (RFC 3262 §4)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.pracks import ABSENT, due_in_other_branch, earlier_prack, invites_of
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction


@check(
    "prack-repeated",
    title="A reliable response is acknowledged by two PRACKs",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3262 §4",
    absent=ABSENT,
    only=lambda transaction: transaction.method == "PRACK",
)
def prack_repeated(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A second PRACK with a new CSeq names the response that an earlier one has acknowledged; the first one answered a
    repetition of that response, which is to be discarded (RFC 3262 §4).

    Low where it was accepted all the same, or has no session description. One that follows a challenge or a refusal of
    the first is none.
    """
    before = earlier_prack(transaction, model)
    if (
        before is None
        or before.request.cseq.number == transaction.request.cseq.number
        or model.is_forwarded(transaction)
    ):
        return
    if (
        before.final is not None
        and (before.final.status or 0) >= 300
        and before.final.index < transaction.request.index
    ):
        return
    if due_in_other_branch(transaction, invites_of(transaction, model), model):
        return
    final, body = transaction.final, model.descriptions.of(transaction.request)
    refused = final is not None and (final.status or 0) >= 300
    yield Found(
        (
            at_header(before.request, "rack", "the response is acknowledged"),
            at_header(transaction.request, "rack", "and once more"),
            *([at(final, "its refusal")] if final is not None and refused else []),
        ),
        f"{name_of(transaction.request)} sent PRACK with CSeq {transaction.request.cseq.number} and"
        f" `RAck: {transaction.request.header('rack') or ''}`, which its PRACK with CSeq {before.request.cseq.number}"
        " had acknowledged"
        + (", this time with a session description, which is a new offer." if body is not None else ".")
        + (f" It was answered {phrase_of(final)}." if final is not None else ""),
        key=("offer" if body is not None else "empty", "refused" if refused else "accepted"),
        calls=(transaction.call_id,),
        severity=None if refused and body is not None else Severity.LOW,
    )
