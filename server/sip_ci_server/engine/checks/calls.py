"""How calls end, and what happens inside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.observability import TIMER_B
from sip_ci_server.engine.reasons import reasons_of
from sip_ci_server.engine.transactions import Transaction

DROPPED_AFTER = 2.0
"""Seconds between a refused re-INVITE and the BYE within which the refusal ended the call."""


@check(
    "bye-rejected",
    title="BYE was refused with {status}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §15.1.2",
    absent="the trace holds no BYE",
    only=lambda transaction: transaction.method == "BYE",
)
def bye_rejected(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A BYE got a final response of 300 or above that is no challenge (RFC 3261 §15.1.2: 481 where the dialog is
    unknown).
    """
    final = transaction.final
    if transaction.method != "BYE" or final is None or (final.status or 0) < 300 or is_challenge(final):
        return
    if model.relayed_from_further_on(transaction):
        return
    request = transaction.request
    tags = {request.from_.tag, request.to.tag}
    legs = [leg for leg in model.dialogs.calls.get(transaction.call_id, []) if leg.answer]
    known = any({leg.caller_tag, leg.callee_tag} == tags for leg in legs)
    glare = any(_is_crossing(other, transaction) for leg in legs for other in (*leg.transactions, *leg.elsewhere))
    if glare:
        severity, remark = (
            Severity.INFO,
            " Both sides sent BYE at once, so the dialog was already gone: nothing is wrong.",
        )
    elif known:
        severity, remark = None, " The call had been answered within this trace with these tags, so the dialog existed."
    elif legs:
        severity, remark = None, " The call was answered with other tags than this BYE carries."
    else:
        severity, remark = Severity.LOW, " The beginning of the call is not in the trace."
    yield Found(
        (at(request, "the BYE"), at(final, "its refusal")),
        f"BYE to {request.request_uri.text} was answered {final.status} {final.reason}.{remark}",
        {"status": f"{final.status} {final.reason}".strip()},
        key=(str(final.status),),
        calls=(transaction.call_id,),
        severity=severity,
    )


def _is_crossing(other: Transaction, bye: Transaction) -> bool:
    """Whether the other BYE of a dialog was sent by the other side at about the same time."""
    if other.method != "BYE" or other is bye or other.request.from_.tag == bye.request.from_.tag:
        return False
    return other.time is None or bye.time is None or abs(other.time - bye.time) < TIMER_B


@check(
    "reinvite-rejected",
    title="{method} inside the call was refused with {status}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §14.1",
    absent="the trace holds no INVITE or UPDATE inside a call",
    only=lambda leg: leg.answer is not None and any(item.method in ("INVITE", "UPDATE") for item in leg.transactions),
)
def reinvite_rejected(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A re-INVITE or UPDATE inside an answered call failed (RFC 3261 §14.1, RFC 3311 §5.2).

    A refusal that a later offer makes good (T.38 refused and G.711 accepted, glare repeated) is low. One that came
    because the call was just ending, or because the request was cancelled, is none.
    """
    if leg.answer is None:
        return
    succeeded = _last_success(leg)
    for position, transaction in enumerate(leg.transactions):
        final = transaction.final
        if transaction.method not in ("INVITE", "UPDATE") or final is None or (final.status or 0) < 300:
            continue
        if final.status in (401, 407, 422, 487, 491, 500) and position < succeeded:
            continue
        if is_challenge(final) or _is_glare(final) or model.relayed_from_further_on(transaction):
            continue
        if _overtaken(leg, transaction, final):
            continue
        bye = leg.bye
        ended = bye.time if bye is not None else None
        refused = final.observation.time
        dropped = ended is not None and refused is not None and 0 <= ended - refused <= DROPPED_AFTER
        repaired = position < succeeded
        severity = Severity.LOW if repaired else (None if dropped or final.status in (408, 481) else Severity.MEDIUM)
        outcome = (
            "A later offer was accepted, so the call went on."
            if repaired
            else ("The call was ended right after." if dropped else "The call went on with the old session.")
        )
        yield Found(
            (at(transaction.request, f"the {transaction.method} inside the dialog"), at(final, "its refusal")),
            f"{transaction.method} inside the call was answered {final.status} {final.reason}. {outcome}",
            {
                "method": "re-INVITE" if transaction.method == "INVITE" else "UPDATE",
                "status": f"{final.status} {final.reason}".strip(),
            },
            key=(transaction.method, str(final.status)),
            calls=(leg.call_id,),
            severity=severity,
        )


def _is_glare(final: SipMessage) -> bool:
    """Whether two offers crossed: 491, or 500 with the time to wait (RFC 3261 §14.2, RFC 3311 §5.2)."""
    return final.status == 491 or (final.status == 500 and final.header("retry-after") is not None)


def _overtaken(leg: Leg, transaction: Transaction, final: SipMessage) -> bool:
    """Whether a CANCEL, or the end of the call, explains the refusal (RFC 3261 §9.2, §15.1.2)."""
    if transaction.was_cancelled and final.status == 487:
        return True
    ended, refused = leg.ended_at, final.observation.time
    return ended is not None and refused is not None and ended <= refused and final.status in (481, 487)


def _last_success(leg: Leg) -> int:
    """The place in the dialog of the last offer that was accepted; -1 where none was."""
    return max(
        (
            place
            for place, item in enumerate(leg.transactions)
            if item.method in ("INVITE", "UPDATE") and item.success is not None
        ),
        default=-1,
    )


@check(
    "bye-abnormal-cause",
    title="{method} says that the call ended abnormally: {cause}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3326 §2",
    absent="the trace holds neither BYE nor CANCEL",
    only=lambda transaction: transaction.method in ("BYE", "CANCEL"),
)
def bye_abnormal_cause(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The Reason of a BYE or CANCEL names a fault (RFC 3326 §2, ITU-T Q.850): neither a hang-up nor what a person
    chose.
    """
    if transaction.method not in ("BYE", "CANCEL") or model.is_forwarded(transaction):
        return
    for reason in reasons_of(transaction.request):
        if reason.is_abnormal:
            text = f" ({reason.text})" if reason.text else ""
            cause = f"{reason.protocol} cause {reason.cause}"
            yield Found(
                (at_header(transaction.request, "reason", "what the sender says of the end of the call"),),
                f"{transaction.method} from {transaction.source or transaction.request.from_.uri.text} carries"
                f" `{reason.written}`{text}: {meaning_of(reason.protocol, reason.cause)}.",
                {"method": transaction.method, "cause": cause},
                key=(transaction.method, cause),
                calls=(transaction.call_id,),
            )
            return


def meaning_of(protocol: str, cause: int | None) -> str:
    """What a cause value means, in a few words."""
    if protocol == "Q.850":
        return Q850.get(cause or -1, "a cause that means a failure")
    return {408: "request timeout", 481: "the dialog does not exist", 488: "not acceptable here", 500: "server error",
            503: "service unavailable", 504: "server timeout"}.get(cause or 0, "a failure")  # fmt: skip


Q850: dict[int, str] = {
    1: "unallocated number",
    2: "no route to the transit network",
    3: "no route to the destination",
    6: "channel unacceptable",
    20: "subscriber absent",
    22: "number changed",
    27: "destination out of order",
    28: "invalid number format",
    29: "facility rejected",
    34: "no circuit available",
    38: "network out of order",
    41: "temporary failure",
    42: "switching equipment congestion",
    43: "access information discarded",
    44: "requested circuit not available",
    47: "resource unavailable",
    50: "facility not subscribed",
    55: "incoming calls barred",
    57: "bearer capability not authorized",
    58: "bearer capability not available",
    63: "service not available",
    65: "bearer capability not implemented",
    69: "facility not implemented",
    79: "service not implemented",
    81: "invalid call reference",
    88: "incompatible destination",
    95: "invalid message",
    96: "mandatory information element missing",
    97: "message type not implemented",
    98: "message not compatible with call state",
    99: "information element not implemented",
    100: "invalid information element",
    101: "message not compatible with call state",
    102: "recovery on timer expiry",
    111: "protocol error",
    127: "interworking",
}
"""What the abnormal Q.850 cause values mean (ITU-T Q.850 §2.2.7)."""

SUSPICIOUS: tuple[tuple[float, str], ...] = (
    (30, "the 30 s of a media or ring timeout"),
    (32, "64*T1 = 32 s, after which a callee that got no ACK gives up"),
    (60, "the 60 s after which many firewalls and NATs forget an idle UDP flow"),
    (90, "90 s, the shortest session interval"),
    (180, "the 180 s after which many NATs forget a UDP flow"),
    (900, "900 s, half of the usual session interval of 1800 s"),
    (1800, "1800 s, the usual session interval"),
    (3600, "3600 s, the usual registration lifetime and session interval"),
)
TOLERANCE = 2.0


@check(
    "drop-at-fixed-interval",
    title="The call ended {seconds} s after its answer, close to {timer}",
    severity=Severity.HIGH,
    category=Category.TIMING,
    rfc="RFC 3261 §13.3.1.4; RFC 4028 §10",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES,
    absent="the trace holds no call from its answer to its BYE",
    only=lambda leg: leg.talk_time is not None,
)
def drop_at_fixed_interval(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The talk time equals the value of a timer, and the BYE says that it was no person who hung up.

    Without that word from the BYE, or a session interval that ran out unrefreshed, the length proves nothing: people
    and
    test scenarios talk for round numbers of seconds too, so such a call is only noted.
    """
    talk, bye = leg.talk_time, leg.bye
    if talk is None or bye is None or leg.answer is None:
        return
    interval = _session_interval(leg.answer)
    refreshed = any(item.method in ("INVITE", "UPDATE") and item.success for item in leg.transactions)
    if (
        interval is not None
        and not refreshed
        and interval - min(32.0, interval / 3) - TOLERANCE <= talk <= interval + 32
    ):
        expired = f"the session interval of {interval} s, which was agreed and never refreshed"
        yield _drop(leg, bye, talk, "its session interval", expired, None)
        return
    value, meaning = min(SUSPICIOUS, key=lambda item: abs(talk - item[0]))
    if abs(talk - value) > TOLERANCE:
        return
    timer = f"a timer of {value:.0f} s"
    if any(reason.is_abnormal for reason in reasons_of(bye.request)):
        yield _drop(leg, bye, talk, timer, meaning, None)
    elif value == 32 and not leg.sent_by_caller(bye) and not model.acks_of(leg.call_id):
        yield _drop(leg, bye, talk, timer, meaning, Severity.LOW)
    else:
        # A round number proves nothing, but who looks for dropped calls wants to see it.
        yield replace(_drop(leg, bye, talk, timer, meaning, Severity.INFO), confidence=Confidence.POSSIBLE)


def _drop(leg: Leg, bye: Transaction, talk: float, timer: str, meaning: str, severity: Severity | None) -> Found:
    assert leg.answer is not None
    side = "caller" if leg.sent_by_caller(bye) else "callee"
    return Found(
        (
            at(leg.answer, "the answer"),
            at_header(bye.request, "reason", f"the {side} ends the call {talk:.1f} s later"),
        ),
        f"The {side} ended the call {talk:.1f} s after it was answered. That is close to {meaning}.",
        {"seconds": f"{round(talk)}", "timer": timer},
        key=(str(round(talk / 10) * 10), side),
        calls=(leg.call_id,),
        severity=severity,
    )


def _session_interval(answer: SipMessage) -> int | None:
    value = (answer.header("session-expires") or "").partition(";")[0].strip()
    return int(value) if value.isascii() and value.isdigit() and 0 < len(value) <= 7 and int(value) >= 32 else None
