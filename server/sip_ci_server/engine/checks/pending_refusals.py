"""491 Request Pending where no other request is pending (RFC 3261 §14.2)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.wording import times
from sip_ci_server.engine.checks.registry import Found, Outcome, at, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of
from sip_ci_server.engine.transactions import Transaction

REFUSALS = 3
"""Refusals of one side in a row, with the pause that each asks for, that no crossing explains."""


@check(
    "pending-without-offer",
    title="{method} is answered 491 though no other request is open",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §14.2",
    confidence=Confidence.LIKELY,
    absent="the trace holds no INVITE or UPDATE inside a call",
    only=lambda leg: any(item.method in ("INVITE", "UPDATE") for item in leg.transactions),
)
def pending_without_offer(leg: Leg, model: Model) -> Iterator[Outcome]:
    """One side refuses every change of the session with 491, three times in a row at least, and neither an INVITE nor
    an UPDATE of its own nor one without a final response is open (RFC 3261 §14.2).

    A B2BUA refuses so what crosses a request on its other side; that is over when the change is tried again.
    """
    refused: list[Transaction] = []
    for item in leg.transactions:
        if item.method not in ("INVITE", "UPDATE"):
            continue
        final = item.final
        alone = final is not None and final.status == 491 and not _crosses(item, leg)
        if not alone or (refused and refused[0].request.from_.tag != item.request.from_.tag):
            refused = []
        if alone:
            refused.append(item)
    if len(refused) < REFUSALS or model.relayed_from_further_on(refused[0]):
        return
    first, last = refused[0], refused[-1]
    assert first.final is not None
    assert last.final is not None
    yield Found(
        (
            at(first.request, f"the {first.method}, with nothing open beside it"),
            at(first.final, "refused as if another were open"),
            at(last.final, "and again when it was repeated"),
        ),
        f"{name_of(first.final)} answered {first.method} inside the call 491 {times(len(refused))} in a row, and"
        " neither side had another INVITE or UPDATE open.",
        {"method": "re-INVITE" if first.method == "INVITE" else first.method},
        key=(first.method,),
        calls=(leg.call_id,),
    )


def _crosses(item: Transaction, leg: Leg) -> bool:
    """Whether another INVITE or UPDATE of the call was open when this one was answered."""
    assert item.final is not None
    for other in (leg.invite, *leg.transactions, *leg.elsewhere):
        if other is item or other.method not in ("INVITE", "UPDATE", "PRACK") or other.request.index > item.final.index:
            continue
        if other.final is None or other.final.index > item.request.index:
            return True
        success = other.success is not None and other.method == "INVITE"
        if success and not any(ack.index < item.request.index for ack in other.acks):
            return True
    return False
