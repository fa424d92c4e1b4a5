"""Session refreshes that did not come, were refused, or came from both sides (RFC 4028 §10)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.checks.calls import DROPPED_AFTER
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.reasons import reasons_of
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.session_intervals import SHORTEST, interval_of, is_refresh_request, refreshes_of
from sip_ci_server.engine.transactions import Transaction

BOTH_WITHIN = 10.0
"""Seconds within which refreshes of both sides show that each thinks itself the refresher."""
EARLY = 0.25
"""The share of the interval before which a refresh is needlessly early: half of it is usual (RFC 4028 §10)."""
LATER = 32.0
"""Seconds before and after the end of an interval within which the side that waits for a refresh ends the call."""
TOLERANCE = 2.0
LOOK_BACK = 200
"""Earlier requests of a call among which the last description of a side is looked for."""
ABSENT = "the trace holds no call with an agreed session interval"


def _has_timer(leg: Leg) -> bool:
    return leg.answer is not None and any(
        item.success is not None and interval_of(item.success) is not None for item in leg.invites
    )


@check(
    "st-refresh-missing",
    title="The session interval of {seconds} s ran out because nobody refreshed it",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 4028 §10",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_has_timer,
)
def st_refresh_missing(leg: Leg, model: Model) -> Iterator[Outcome]:
    """An agreed session interval passed without INVITE or UPDATE, and BYE came when it ran out (RFC 4028 §10).

    The BYE is due from the lesser of 32 s and a third of the interval before its end; one up to 32 s after it counts
    too. An interval below 90 s proves little, as calls end within it anyway, so that is low.
    """
    last = refreshes_of(leg)[-1]
    success, bye = last.success, leg.bye
    interval = interval_of(success) if success is not None else None
    if success is None or interval is None or interval.seconds < 2:
        return
    if bye is None:
        if model.seen.would_show(success.observation.time, interval.seconds + LATER):
            yield NotCheckable("no BYE is in the trace of a call whose session interval ran out")
        return
    if any(
        is_refresh_request(item) and item.number > last.number and item.number < bye.number
        for item in (*leg.transactions, *leg.elsewhere)
    ):
        # It was tried; what became of that is another check's matter.
        return
    passed = seconds_between(success, bye.request)
    if passed is None:
        return
    seconds = interval.seconds
    if not _ends(seconds, passed):
        return
    who = {"uac": "the side that sent the last request", "uas": "the side that answered it"}.get(interval.refresher)
    yield Found(
        (
            at_header(success, "session-expires", "the interval that was agreed"),
            at_header(bye.request, "reason", f"the call ends {passed:.0f} s later, without a refresh"),
        ),
        f"{phrase_of(success)} agreed on a session interval of {seconds} s, to be refreshed by"
        f" {who or 'nobody that it names'}. No INVITE or UPDATE came, and {name_of(bye.request)} sent BYE after"
        f" {passed:.0f} s.",
        {"seconds": str(seconds)},
        key=(interval.refresher or "none",),
        calls=(leg.call_id,),
        severity=None if seconds >= SHORTEST else Severity.LOW,
    )


@check(
    "st-refresh-ignored",
    title="The call ended with its first session interval, although it was refreshed",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 4028 §10",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_has_timer,
)
def st_refresh_ignored(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The side that accepted a refresh ended the call at the time that the refresh had moved (RFC 4028 §10).

    High where the Reason of the BYE names a fault, else medium, for a person may hang up just then.
    """
    del model
    refreshes, bye = refreshes_of(leg), leg.bye
    if len(refreshes) < 2 or bye is None or bye.time is None:
        return
    before, last = refreshes[-2].success, refreshes[-1].success
    first, renewed = (interval_of(item) if item is not None else None for item in (before, last))
    if before is None or last is None or first is None or renewed is None:
        return
    # Only the side that waits for refreshes ends the call by its timer.
    if leg.sent_by_caller(bye) is leg.sent_by_caller(refreshes[-1]) or first.seconds < SHORTEST:
        return
    old, new = seconds_between(before, bye.request), seconds_between(last, bye.request)
    if old is None or new is None or new >= renewed.seconds - LATER - TOLERANCE:
        return
    deadlines = (first.seconds, first.seconds - min(LATER, first.seconds / 3))
    if not any(abs(old - deadline) <= TOLERANCE for deadline in deadlines):
        return
    abnormal = any(reason.is_abnormal for reason in reasons_of(bye.request))
    yield Found(
        (
            at_header(before, "session-expires", "the interval that was agreed first"),
            at_header(last, "session-expires", f"the refresh is accepted {new:.0f} s before the end"),
            at_header(bye.request, "reason", f"the call ends {old:.0f} s after the first agreement"),
        ),
        f"A session interval of {first.seconds} s was agreed, {name_of(last)} accepted the {refreshes[-1].method} that"
        f" refreshed it, and {name_of(bye.request)} sent BYE {old:.0f} s after the first agreement all the same, only"
        f" {new:.0f} s after the refresh.",
        key=(refreshes[-1].method,),
        calls=(leg.call_id,),
        severity=None if abnormal else Severity.MEDIUM,
    )


def _ran_out(last: Transaction, refused: Transaction, bye: Transaction) -> bool:
    """Whether BYE came when the last agreed interval ended, which no request after the refused one renewed."""
    interval = interval_of(last.success) if last.success is not None else None
    if last.success is None or interval is None or last.number > refused.number:
        return False
    passed = seconds_between(last.success, bye.request)
    if passed is None:
        return False
    return _ends(interval.seconds, passed)


def _ends(seconds: int, passed: float) -> bool:
    """Whether a BYE after so many seconds is that of the side which waits for a refresh (RFC 4028 §10)."""
    return seconds - min(LATER, seconds / 3) - TOLERANCE <= passed <= seconds + LATER


def _is_refresh(leg: Leg, transaction: Transaction, model: Model) -> bool:
    """Whether a request only refreshes: no description, or the same version of its side's last one (RFC 4028 §7.4)."""
    if not is_refresh_request(transaction) or transaction is leg.invite:
        return False
    description = model.descriptions.of(transaction.request)
    if description is None:
        return transaction.method == "UPDATE" and not transaction.request.body
    own = leg.sent_by_caller(transaction)
    here = bisect_left(leg.transactions, transaction.number, key=lambda item: item.number)
    for item in (*reversed(leg.transactions[max(0, here - LOOK_BACK) : here]), leg.invite):
        message = item.request if leg.sent_by_caller(item) is own else item.success
        before = model.descriptions.of(message)
        if before is not None:
            return before.origin == description.origin
    return False


@check(
    "st-refresh-rejected",
    title="The session refresh was refused with {status}, and the call ended",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 4028 §10; RFC 3261 §12.2.1.2",
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_has_timer,
)
def st_refresh_rejected(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A request that only refreshes the session failed, and BYE followed within two seconds (RFC 4028 §10).

    Or BYE came when the interval that was not refreshed ran out.
    """
    bye = leg.bye
    if bye is None:
        return
    last = refreshes_of(leg)[-1]
    for transaction in leg.transactions:
        final = transaction.final
        if final is None or (final.status or 0) < 300 or is_challenge(final) or final.status in (422, 491):
            continue
        ended = seconds_between(final, bye.request)
        if ended is None or ended < 0 or interval_of(transaction.request) is None:
            continue
        if ended > DROPPED_AFTER and not _ran_out(last, transaction, bye):
            continue
        if model.relayed_from_further_on(transaction) or not _is_refresh(leg, transaction, model):
            continue
        yield Found(
            (
                at_header(transaction.request, "session-expires", "the refresh"),
                at(final, "its refusal"),
                at(bye.request, "the end of the call"),
            ),
            f"{name_of(transaction.request)} refreshed the session with {transaction.method}, {name_of(final)} answered"
            f" {phrase_of(final)}, and BYE followed {ended:.1f} s later.",
            {"status": phrase_of(final)},
            key=(transaction.method, str(final.status)),
            calls=(leg.call_id,),
        )
        return


@check(
    "st-refresher-conflict",
    title="Both sides refresh the session",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 4028 §9, §10",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_has_timer,
)
def st_refresher_conflict(leg: Leg, model: Model) -> Iterator[Outcome]:
    """Both sides sent a request that only refreshes within 10 s, though one is the refresher (RFC 4028 §9)."""
    refreshes = [item for item in leg.transactions[:100] if _is_refresh(leg, item, model)]
    for first, second in pairwise(refreshes):
        elapsed = seconds_between(first.request, second.request)
        if elapsed is None or elapsed > BOTH_WITHIN or leg.sent_by_caller(first) is leg.sent_by_caller(second):
            continue
        if first.method != second.method or interval_of(first.request) is None or interval_of(second.request) is None:
            continue
        yield Found(
            (
                at_header(first.request, "session-expires", "a refresh by one side"),
                at_header(second.request, "session-expires", "a refresh by the other"),
            ),
            f"{name_of(first.request)} refreshed the session with {first.method}, and {name_of(second.request)} did so"
            f" {elapsed:.1f} s later. One of them is the refresher; both at once end in 491 sooner or later.",
            key=(first.method,),
            calls=(leg.call_id,),
        )
        return


@check(
    "st-refresh-too-early",
    title="The session is refreshed every {share} % of its interval",
    severity=Severity.INFO,
    category=Category.TIMING,
    rfc="RFC 4028 §10",
    needs=Needs.TIMES,
    absent=ABSENT,
    only=_has_timer,
)
def st_refresh_too_early(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A refresh came before a quarter of the interval had passed; half of it is recommended (RFC 4028 §10)."""
    last = leg.invite
    for transaction in leg.transactions[:100]:
        before = last.success
        if is_refresh_request(transaction) and transaction.success is not None:
            last = transaction
        interval = interval_of(before) if before is not None else None
        if before is None or interval is None or not _is_refresh(leg, transaction, model):
            continue
        passed = seconds_between(before, transaction.request)
        # Some agents send UPDATE right after the answer to tell the session's final form.
        if passed is None or not 5 <= passed < EARLY * interval.seconds:
            continue
        yield Found(
            (
                at_header(before, "session-expires", "the interval that was agreed"),
                at(transaction.request, "the refresh"),
            ),
            f"A session interval of {interval.seconds} s was agreed, and {name_of(transaction.request)} refreshed it"
            f" after {passed:.0f} s.",
            {"share": f"{100 * passed / interval.seconds:.0f}"},
            key=(transaction.method,),
            calls=(leg.call_id,),
        )
        return
