"""Requests that cross inside a dialog: refused as they must be, answered all the same, or repeated too soon."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Severity
from sip_ci.trace.trace import TraceOrigin
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between, surely_before
from sip_ci_server.engine.transactions import Transaction

OWNER_WAITS = 2.1
"""Seconds that the owner of the Call-ID waits at least after a 491 (RFC 3261 §14.1)."""
TOLERANCE = 0.1
SETTLED = 5.0
"""Seconds after a 491 within which the repetition has come."""
NEIGHBOURS = 8
"""Later requests that are compared with each: more do not cross one another."""
ABSENT = "the trace holds no INVITE or UPDATE inside a call"


def _renegotiates(leg: Leg) -> bool:
    return any(item.method in ("INVITE", "UPDATE") for item in leg.transactions)


def _is_offer(transaction: Transaction, model: Model) -> bool:
    """Whether a request takes part in glare: any INVITE, and an UPDATE with an offer (RFC 3311 §5.2)."""
    if transaction.method == "INVITE":
        return True
    return transaction.method == "UPDATE" and model.descriptions.of(transaction.request) is not None


def _may_cross(first: Transaction, second: Transaction, model: Model) -> bool:
    """Whether the second request may not be accepted while the first is pending.

    The offer of an INVITE may be answered long before its final response, so an UPDATE inside it is no glare.
    """
    if first.method == second.method:
        return True
    both = (first, second)
    return (first.method, second.method) == ("UPDATE", "INVITE") and all(
        model.descriptions.of(item.request) is not None for item in both
    )


def _overlaps(first: Transaction, second: Transaction, model: Model) -> bool:
    """Whether the second request was sent while the first had no final response; an unseen one says nothing.

    A capture may swap what is near; a program's own log has the order in which the program dealt with it.
    """
    if first.final is None or second.final is None:
        return False
    if model.seen.origin is TraceOrigin.LOG:
        return first.request.index < second.request.index < first.final.index
    return surely_before(first.request, second.request) and surely_before(second.request, first.final)


@check(
    "reinvite-glare",
    title="Two {method} requests crossed (491), and the change was never repeated",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §14.1, §14.2",
    absent=ABSENT,
    only=_renegotiates,
)
def reinvite_glare(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A request inside the dialog got 491 (RFC 3261 §14.1, §14.2): noted where it was repeated with success, medium
    where the call went on without it.
    """
    for position, transaction in enumerate(leg.transactions):
        final = transaction.final
        if transaction.method not in ("INVITE", "UPDATE") or final is None or final.status != 491:
            continue
        if model.relayed_from_further_on(transaction):
            continue
        caller = leg.sent_by_caller(transaction)
        later = leg.transactions[position + 1 :]
        renewed = [item for item in later if item.method in ("INVITE", "UPDATE") and item.success is not None]
        repaired = any(leg.sent_by_caller(item) is caller for item in renewed)
        over = any(item.method == "BYE" for item in later) or not model.seen.would_show(final.observation.time, SETTLED)
        severity = None if not (repaired or renewed or over) else Severity.INFO
        yield Found(
            (at(transaction.request, "the request that crossed another"), at(final, "its refusal")),
            f"{name_of(final)} answered {transaction.method} {phrase_of(final)}, as a request of its own was under"
            f" way."
            + (
                " It was repeated with success: nothing is wrong."
                if repaired
                else " The other side's change was made."
                if renewed
                else " The call ended before it could be repeated."
                if over
                else " It was not repeated, so the change was never made."
            ),
            {"method": transaction.method},
            key=(transaction.method, "lost" if severity is None else "settled"),
            calls=(leg.call_id,),
            severity=severity,
        )


@check(
    "glare-answered",
    title="{method} was accepted while the other side's own {other} was pending",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §14.2; RFC 3311 §5.2",
    absent=ABSENT,
    only=_renegotiates,
)
def glare_answered(leg: Leg, model: Model) -> Iterator[Outcome]:
    """An offer was accepted by a side whose own offer was pending, instead of refused with 491 (RFC 3261 §14.2, RFC
    3311 §5.2).

    Seen anywhere on the path: what passed before the response to the first arrived there before it too.
    """
    offers = [item for item in (leg.invite, *leg.transactions) if _is_offer(item, model)]
    for position, first in enumerate(offers):
        for second in offers[position + 1 : position + 1 + NEIGHBOURS]:
            if not _may_cross(first, second, model):
                continue
            if leg.sent_by_caller(first) is leg.sent_by_caller(second) or not _overlaps(first, second, model):
                continue
            if second.success is None or first.final is None:
                continue
            assert second.final is not None
            if second.final is not second.success:
                continue
            yield Found(
                (
                    at(first.request, f"the {first.method} of one side"),
                    at(second.request, f"the {second.method} of the other side, while that is pending"),
                    at(second.success, "accepted all the same"),
                    at(first.final, "the response to the first"),
                ),
                f"{name_of(first.request)} sent {first.method}, and {name_of(second.request)} sent {second.method}"
                f" before that was answered. {name_of(second.success)} accepted it with {phrase_of(second.success)},"
                " though 491 Request Pending is due: each side may now use the other description.",
                {"method": second.method, "other": first.method},
                key=(first.method,),
                calls=(leg.call_id,),
            )
            return


@check(
    "invite-overlapping",
    title="A second {method} was sent before the first was answered",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §14.1; RFC 3311 §5.1",
    absent=ABSENT,
    only=_renegotiates,
)
def invite_overlapping(leg: Leg, model: Model) -> Iterator[Outcome]:
    """One side sent an INVITE inside the dialog, or an UPDATE, while one of its own was pending (RFC 3261 §14.1, RFC
    3311 §5.1).

    Low where it was accepted all the same.
    """
    for method in ("INVITE", "UPDATE"):
        items = [item for item in leg.transactions if item.method == method]
        for first, second in pairwise(items):
            same_side = leg.sent_by_caller(first) is leg.sent_by_caller(second)
            if not same_side or not _overlaps(first, second, model) or first.was_cancelled:
                continue
            assert second.final is not None
            accepted = second.success is not None
            yield Found(
                (
                    at(first.request, "the first"),
                    at(second.request, "the second, before the first was answered"),
                    at(second.final, "its answer"),
                ),
                f"{name_of(second.request)} sent a second {method} inside the dialog while its first had no final"
                f" response; the second was answered {phrase_of(second.final)}.",
                {"method": method},
                key=(method, "accepted" if accepted else "refused"),
                calls=(leg.call_id,),
                severity=Severity.LOW if accepted else None,
            )
            break


@check(
    "glare-retry-early",
    title="The request that got 491 was repeated too soon",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §14.1",
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_renegotiates,
)
def glare_retry_early(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The owner of the Call-ID repeated its request sooner than 2.1 s after the 491 (RFC 3261 §14.1).

    The two sides wait for different times so that they do not cross again.
    """
    del model
    for position, transaction in enumerate(leg.transactions):
        final = transaction.final
        if transaction.method not in ("INVITE", "UPDATE") or final is None or final.status != 491:
            continue
        if not leg.sent_by_caller(transaction):
            continue
        for item in leg.transactions[position + 1 :]:
            if item.method != transaction.method or not leg.sent_by_caller(item):
                continue
            waited = seconds_between(final, item.request)
            if waited is not None and 0 <= waited < OWNER_WAITS - TOLERANCE:
                yield Found(
                    (at(final, "the refusal"), at(item.request, "the repetition")),
                    f"{name_of(item.request)} made this call, so it waits 2.1 to 4 s after a 491. It repeated its"
                    f" {item.method} after {waited:.2f} s.",
                    key=(item.method,),
                    calls=(leg.call_id,),
                )
                return
            break
