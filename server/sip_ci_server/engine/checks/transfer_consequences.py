"""What follows a transfer: sent once more as if to refresh it, and a call that is forgotten together with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.subscription_state import state_of
from sip_ci_server.engine.checks.transfers import reported_status
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_ABSENT = "the trace holds no REFER inside a call"


def _has_refer(leg: Leg) -> bool:
    return leg.answer is not None and any(item.method == "REFER" for item in leg.transactions)


def _is_report(item: Transaction) -> bool:
    event = (item.request.header("event") or "").partition(";")[0].strip().lower()
    return item.method == "NOTIFY" and event == "refer"


@check(
    "refer-repeated",
    title="A transfer that has succeeded is asked for again",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3515 §2.4.4, §2.4.6",
    absent=_ABSENT,
    only=_has_refer,
)
def refer_repeated(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A second REFER with the same Refer-To in one dialog after a report that the first one succeeded, while its
    subscription is alive: each REFER begins a transfer (RFC 3515 §2.4.6), and SUBSCRIBE refreshes (§2.4.4).
    """
    del model
    refers = [item for item in leg.transactions if item.method == "REFER"]
    for before, again in pairwise(refers):
        same = before.request.from_.tag == again.request.from_.tag and (
            (before.request.header("refer-to") or "") == (again.request.header("refer-to") or "")
        )
        if not same or before.success is None or again.request.cseq.number == before.request.cseq.number:
            continue
        reports = [item for item in leg.transactions if _is_report(item) and before.number < item.number < again.number]
        done = next((item for item in reports if 200 <= (reported_status(item.request) or 0) < 300), None)
        if done is None or state_of(reports[-1].request) in ("", "terminated"):
            continue
        target = (again.request.header("refer-to") or "").strip()
        yield Found(
            (
                at_header(before.request, "refer-to", "the transfer"),
                at_header(done.request, "subscription-state", "it has succeeded, and the subscription goes on"),
                at_header(again.request, "refer-to", "the same transfer once more"),
            ),
            f"{name_of(again.request)} asked for a transfer to `{target[:80]}`, was told that it succeeded with"
            f" `Subscription-State: {state_of(reports[-1].request)}`, and sent the same REFER again: the other side"
            " calls the target a second time.",
            key=("refer",),
            calls=(leg.call_id,),
        )
        return


@check(
    "call-ended-with-refer",
    title="A side forgot the call when the transfer in it was over",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 5057 §4.1, §4.2",
    confidence=Confidence.LIKELY,
    absent=_ABSENT,
    only=_has_refer,
)
def call_ended_with_refer(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The side that sent the last report on a transfer, with `terminated`, answers the next request of the dialog 481.

    Nobody has ended the call: the end of a subscription is not that of the dialog's other usages (RFC 5057 §4.1, §4.2).
    """
    previous: Transaction | None = None
    for item in leg.transactions:
        final = item.final
        if item.method == "BYE" and (final is None or final.status != 481):
            return
        if (
            previous is not None
            and _is_report(previous)
            and state_of(previous.request) == "terminated"
            and previous.source_node == item.destination_node
            and final is not None
            and final.status == 481
            and not model.relayed_from_further_on(item)
            and item.method in ("BYE", "INVITE", "UPDATE", "INFO", "REFER")
        ):
            yield Found(
                (
                    at_header(previous.request, "subscription-state", "the subscription of the transfer ends"),
                    at(item.request, f"{item.method} in the call itself"),
                    at(final, "the call is unknown now"),
                ),
                f"{name_of(previous.request)} ended the subscription of a transfer with NOTIFY, and answered the"
                f" {item.method} that came next in the same dialog {phrase_of(final)}, though no BYE had ended the"
                " call.",
                key=(item.method,),
                calls=(leg.call_id,),
            )
            return
        previous = item
