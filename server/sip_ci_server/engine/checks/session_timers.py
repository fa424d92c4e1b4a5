"""Session timers: values that cannot be, and what the two sides make of each other's (RFC 4028 §4 to §9)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.responses import SILENCE
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.session_intervals import (
    SHORTEST,
    interval_of,
    is_refresh_request,
    is_well_formed,
    minimum_of,
)
from sip_ci_server.engine.transactions import Transaction

ABSENT = "the trace holds no Session-Expires"


def _messages(transaction: Transaction) -> list[SipMessage]:
    """The request and its 2xx: the messages whose session interval counts."""
    return [transaction.request, *([transaction.success] if transaction.success is not None else [])]


def _has_timer(transaction: Transaction) -> bool:
    return is_refresh_request(transaction) and any(
        message.header("session-expires") is not None or message.header("min-se") is not None
        for message in _messages(transaction)
    )


def _is_agreed(transaction: Transaction) -> bool:
    success = transaction.success
    return is_refresh_request(transaction) and success is not None and success.header("session-expires") is not None


def _what(message: SipMessage) -> str:
    return message.method or phrase_of(message)


@check(
    "se-malformed",
    title="Session-Expires cannot be read",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 4028 §4",
    absent=ABSENT,
    only=_has_timer,
)
def se_malformed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A Session-Expires is no number of seconds, or names another refresher than uac or uas (RFC 4028 §4)."""
    if model.is_forwarded(transaction):
        return
    for message in _messages(transaction):
        value = message.header("session-expires")
        if value is None or is_well_formed(value):
            continue
        yield Found(
            (at_header(message, "session-expires", "seconds, and the refresher uac or uas, belong here"),),
            f"{name_of(message)} sent {_what(message)} with `Session-Expires: {value}`.",
            key=("request" if message.is_request else "2xx",),
            calls=(transaction.call_id,),
        )
        return


@check(
    "st-se-below-min-se",
    title="Session-Expires {seconds} is below Min-SE {minimum} in one message",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 4028 §7.1",
    absent=ABSENT,
    only=_has_timer,
)
def st_se_below_min_se(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A request asks for a shorter interval than it says is the least (RFC 4028 §7.1)."""
    interval, minimum = interval_of(transaction.request), minimum_of(transaction.request)
    if interval is None or minimum is None or interval.seconds >= minimum or model.is_forwarded(transaction):
        return
    accepted = transaction.success is not None
    yield Found(
        (
            at_header(transaction.request, "session-expires", "what the request asks for"),
            at_header(transaction.request, "min-se", "what it says is the least"),
        ),
        f"{name_of(transaction.request)} sent {transaction.method} with Session-Expires {interval.seconds} and Min-SE"
        f" {minimum}." + (" It was accepted all the same." if accepted else ""),
        {"seconds": str(interval.seconds), "minimum": str(minimum)},
        key=(transaction.method,),
        calls=(transaction.call_id,),
        severity=Severity.MEDIUM if accepted else None,
    )


@check(
    "st-se-below-90",
    title="Session-Expires is {seconds} s, below the least of 90 s",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 4028 §4",
    absent=ABSENT,
    only=_has_timer,
)
def st_se_below_90(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A session interval is shorter than 90 s (RFC 4028 §4)."""
    if model.is_forwarded(transaction):
        return
    for message in _messages(transaction):
        interval = interval_of(message)
        if interval is None or interval.seconds >= SHORTEST:
            continue
        yield Found(
            (at_header(message, "session-expires", "at least 90 s are due here"),),
            f"{name_of(message)} sent {_what(message)} with a session interval of {interval.seconds} s; 90 s is the"
            " least.",
            {"seconds": str(interval.seconds)},
            key=("request" if message.is_request else "2xx",),
            calls=(transaction.call_id,),
        )
        return


@check(
    "min-se-below-90",
    title="Min-SE is {seconds} s, below the least of 90 s",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 4028 §5",
    absent="the trace holds no Min-SE",
    only=lambda item: (
        is_refresh_request(item)
        and (item.request.header("min-se") is not None or (item.final is not None and item.final.status == 422))
    ),
)
def min_se_below_90(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A Min-SE is less than 90 s (RFC 4028 §5)."""
    if model.is_forwarded(transaction):
        return
    final = transaction.final
    for message in (transaction.request, *([final] if final is not None and final.status == 422 else [])):
        minimum = minimum_of(message)
        if minimum is None or minimum >= SHORTEST:
            continue
        yield Found(
            (at_header(message, "min-se", "at least 90 are due here"),),
            f"{name_of(message)} sent {_what(message)} with `Min-SE: {message.header('min-se')}`; 90 is the least.",
            {"seconds": str(minimum)},
            key=("request" if message.is_request else "422",),
            calls=(transaction.call_id,),
        )
        return


@check(
    "st-too-small-422",
    title="{method} was refused because its session interval is too short (422)",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 4028 §6, §7.3",
    absent="no request was answered 422",
    only=lambda item: item.final is not None and item.final.status == 422,
)
def st_too_small_422(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 422 was not followed by a try with the Min-SE that it names (RFC 4028 §7.3); one that was is only noted."""
    final, request = transaction.final, transaction.request
    if final is None or model.relayed_from_further_on(transaction):
        return
    minimum, interval = minimum_of(final), interval_of(request)
    retry = next(
        (
            item
            for item in model.lookups.after(transaction, transaction.method)
            if item.source_node == transaction.source_node
            and (item.request.cseq.number or 0) > (request.cseq.number or 0)
            and item.request.from_.tag == request.from_.tag
        ),
        None,
    )
    asked = f"{interval.seconds} s" if interval is not None else "no interval"
    text = f"{transaction.method} asked for {asked}, and {name_of(final)} answered {phrase_of(final)}"
    text += f" with Min-SE {minimum}." if minimum is not None else " without a Min-SE that can be read."
    evidence = [
        at_header(request, "session-expires", "what was asked for"),
        at_header(final, "min-se", "what is the least"),
    ]
    severity: Severity | None = None
    if retry is None:
        if model.seen.timed and not model.seen.would_show(final.observation.time, SILENCE):
            severity = Severity.LOW
        key, text = "given up", text + " The request was not tried again."
        if "timer" not in request.options("supported"):
            key, text = "no timer", text + " It does not support timers, so its client can make nothing of a 422."
    else:
        evidence.append(at_header(retry.request, "session-expires", "the next try"))
        again, own = interval_of(retry.request), minimum_of(retry.request)
        if again is not None and minimum is not None and again.seconds < minimum:
            key, text = "too short", text + f" The next try asks for {again.seconds} s, which is still too short."
        elif own is None or (minimum is not None and own < minimum):
            key = "no Min-SE"
            text += " The next try does not carry that Min-SE, so an element further on may refuse it again."
            severity = Severity.LOW if retry.success is not None else None
        else:
            key, text, severity = "negotiated", text + " The next try asks for enough: nothing is wrong.", Severity.INFO
    yield Found(
        tuple(evidence),
        text,
        {"method": transaction.method},
        key=(transaction.method, key),
        calls=(transaction.call_id,),
        severity=severity,
    )


@check(
    "st-refresher-missing",
    title="{status} agrees on a session interval and names no refresher",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 4028 §9",
    absent="no 2xx carries Session-Expires",
    only=_is_agreed,
)
def st_refresher_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The Session-Expires of a 2xx has no refresher (RFC 4028 §9), so that both sides may wait for the other."""
    success = transaction.success
    if success is None or model.is_forwarded(transaction):
        return
    interval = interval_of(success)
    if interval is None or interval.refresher:
        return
    yield Found(
        (at_header(success, "session-expires", "the refresher parameter is missing"),),
        f"{name_of(success)} answered {transaction.method} {phrase_of(success)} with"
        f" `Session-Expires: {success.header('session-expires')}` and does not say who refreshes the session.",
        {"status": phrase_of(success)},
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


@check(
    "st-answer-out-of-range",
    title="{status} sets a session interval of {seconds} s where {limit} is the limit",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 4028 §9",
    absent="no 2xx carries Session-Expires",
    only=_is_agreed,
)
def st_answer_out_of_range(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The 2xx makes the interval longer than the request has it, or shorter than its Min-SE (RFC 4028 §9)."""
    success = transaction.success
    if success is None or model.is_forwarded(transaction):
        return
    asked, given, minimum = interval_of(transaction.request), interval_of(success), minimum_of(transaction.request)
    if given is None:
        return
    if asked is not None and given.seconds > asked.seconds:
        limit, name, what = asked.seconds, "session-expires", "longer than the request asked for"
    elif minimum is not None and given.seconds < minimum:
        limit, name, what = minimum, "min-se", "shorter than the Min-SE of the request"
    else:
        return
    yield Found(
        (
            at_header(transaction.request, name, "the limit"),
            at_header(success, "session-expires", f"is {what}"),
        ),
        f"{name_of(success)} answered {transaction.method} with a session interval of {given.seconds} s, {what}"
        f" ({limit} s).",
        {"status": phrase_of(success), "seconds": str(given.seconds), "limit": f"{limit} s"},
        key=(name,),
        calls=(transaction.call_id,),
        severity=Severity.LOW if name == "session-expires" else None,
    )


@check(
    "st-refresher-overridden",
    title="The request names {asked} as refresher, the {status} names {given}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 4028 §9",
    absent="no 2xx carries Session-Expires",
    only=_is_agreed,
)
def st_refresher_overridden(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The 2xx names another refresher than the request does, though the UAS may only choose where it names none (RFC
    4028 §9).
    """
    del model
    success = transaction.success
    if success is None:
        return
    asked, given = interval_of(transaction.request), interval_of(success)
    if asked is None or given is None or not asked.refresher or not given.refresher:
        return
    if asked.refresher == given.refresher or "timer" not in transaction.request.options("supported"):
        return
    yield Found(
        (
            at_header(transaction.request, "session-expires", "the refresher that the request names"),
            at_header(success, "session-expires", "the one that the answer names"),
        ),
        f"{transaction.method} says refresher={asked.refresher}, and {name_of(success)} answered with"
        f" refresher={given.refresher}.",
        {"asked": asked.refresher, "given": given.refresher, "status": phrase_of(success)},
        key=(asked.refresher, given.refresher),
        calls=(transaction.call_id,),
    )


@check(
    "st-no-require-timer",
    title="{status} makes the caller refresh the session without Require: timer",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 4028 §9",
    absent="no 2xx carries Session-Expires",
    only=_is_agreed,
)
def st_no_require_timer(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The 2xx says refresher=uac and does not require timer, though the request supports it (RFC 4028 §9)."""
    success = transaction.success
    if success is None or model.is_forwarded(transaction):
        return
    given = interval_of(success)
    if given is None or given.refresher != "uac" or "timer" in success.options("require"):
        return
    if "timer" not in transaction.request.options("supported"):
        return
    yield Found(
        (at_header(success, "session-expires", "the caller is to refresh"),),
        f"{name_of(success)} answered {transaction.method} with `Session-Expires: {success.header('session-expires')}`"
        " and without `Require: timer`.",
        {"status": phrase_of(success)},
        key=(transaction.method,),
        calls=(transaction.call_id,),
    )


@check(
    "st-one-side-only",
    title="Only one side of the call supports session timers",
    severity=Severity.INFO,
    category=Category.TIMING,
    rfc="RFC 4028 §7.2, §9",
    absent="no INVITE asks for a session timer and is answered",
    only=lambda item: (
        item.method == "INVITE" and item.success is not None and item.request.header("session-expires") is not None
    ),
)
def st_one_side_only(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The INVITE asks for a session timer, and neither Session-Expires nor Supported of the 2xx speaks of one (RFC 4028
    §7.2).
    """
    success = transaction.success
    if success is None or model.is_forwarded(transaction) or "timer" not in transaction.request.options("supported"):
        return
    if success.header("session-expires") is not None:
        return
    if "timer" in success.options("supported") or "timer" in success.options("require"):
        return
    yield Found(
        (at_header(transaction.request, "session-expires", "the caller asks for a timer"), at(success, "the answer")),
        f"The INVITE asks for `Session-Expires: {transaction.request.header('session-expires')}`, and"
        f" {name_of(success)} answered {phrase_of(success)} without Session-Expires and without `timer` in Supported."
        " The caller may still refresh the session by itself.",
        key=("callee",),
        calls=(transaction.call_id,),
    )
