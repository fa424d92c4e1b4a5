"""How calls are ended: BYEs that come too early or outside a dialog, and calls that were over at once."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.once import once_for_each_model
from sip_ci_server.engine.sequence import name_of, phrase_of, surely_before
from sip_ci_server.engine.transactions import Transaction

SHORT = 3.0
"""Seconds of talk below which a call was hardly meant."""
USUAL_SHARE = 0.5
"""The share of short calls from which on they are what is wanted."""


def _answered_in_vain(leg: Leg, model: Model) -> bool:
    """Whether a 2xx to the INVITE came that belongs to no transaction."""
    return any(
        message.call_id == leg.call_id and message.cseq.method == "INVITE" and (message.status or 0) // 100 == 2
        for message in model.transactions.unmatched
    )


@check(
    "early-bye",
    title="The callee sent BYE before it answered",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §15",
    confidence=Confidence.LIKELY,
    absent="the trace holds no INVITE that reached a callee",
    only=lambda leg: bool(leg.callee_tag),
)
def early_bye(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The callee ended an early dialog with BYE, which only the caller may do (RFC 3261 §15).

    Silent where a 2xx of the call is in the trace, however damaged: the callee has answered.
    """
    # An ACK without a visible final response is that of an answer which the trace lacks.
    unseen_answer = leg.invite.final is None and bool(leg.invite.acks)
    if not leg.invite.responses or unseen_answer or leg.answer is not None or _answered_in_vain(leg, model):
        return
    for bye in leg.transactions:
        if bye.method != "BYE" or leg.sent_by_caller(bye):
            continue
        final = leg.invite.final
        if final is not None and not surely_before(bye.request, final):
            return
        if any(
            other.request.index < bye.request.index and other.method in ("INVITE", "INFO") for other in leg.transactions
        ):
            return
        last = leg.invite.provisionals[-1] if leg.invite.provisionals else leg.invite.responses[0]
        yield Found(
            (at(leg.invite.request, "the INVITE"), at(last, "the last response to it"), at(bye.request, "the BYE")),
            f"{name_of(bye.request)} had answered the INVITE only with {phrase_of(last)} when it sent BYE. A callee"
            " refuses a call with a final response; BYE is for calls that were answered.",
            calls=(leg.call_id,),
        )
        return


@check(
    "bye-before-ack",
    title="The callee sent BYE before the ACK came",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §15",
    absent="the trace holds no answered INVITE",
    only=lambda leg: leg.answer is not None,
)
def bye_before_ack(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The callee ended its call after the 2xx and before the ACK arrived (RFC 3261 §15)."""
    del model
    acks = leg.acks
    if leg.answer is None or not acks:
        return
    for bye in leg.transactions:
        if bye.method != "BYE" or leg.sent_by_caller(bye) or not surely_before(bye.request, acks[0]):
            continue
        yield Found(
            (at(leg.answer, "the answer"), at(bye.request, "the BYE"), at(acks[0], "the ACK, which came after it")),
            f"{name_of(bye.request)} answered {phrase_of(leg.answer)} and sent BYE before the ACK came. It has to wait"
            " for the ACK, or for 64*T1 = 32 s.",
            calls=(leg.call_id,),
        )
        return


@check(
    "bye-outside-dialog",
    title="BYE carries no To tag",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §15",
    absent="the trace holds no BYE",
    only=lambda transaction: transaction.method == "BYE",
)
def bye_outside_dialog(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A BYE without a To tag belongs to no dialog (RFC 3261 §15, §12.2.1.1); low where it was accepted all the same."""
    if transaction.request.to.tag or model.is_forwarded(transaction):
        return
    accepted = transaction.success is not None
    final = transaction.final
    evidence = [at_header(transaction.request, "to", "the To of the BYE has no tag")]
    if final is not None:
        evidence.append(at(final, "its answer"))
    yield Found(
        tuple(evidence),
        f"{name_of(transaction.request)} sent BYE with `To: {transaction.request.to.text}`, so it names no dialog."
        + (f" It was answered {phrase_of(final)}." if final is not None else ""),
        key=("accepted" if accepted else "refused",),
        calls=(transaction.call_id,),
        severity=Severity.LOW if accepted else None,
    )


def _is_short(talk: float) -> bool:
    return 0 <= talk < SHORT


@once_for_each_model
def _short_share(model: Model) -> float:
    """The share of short ones among the calls from their answer to their BYE, from 0 to 1."""
    talks = [(leg.talk_time, model.repetitions.weight(leg.call_id)) for leg in model.legs if leg.talk_time is not None]
    short = sum(weight for talk, weight in talks if _is_short(talk))
    return short / max(sum(weight for _, weight in talks), 1)


@check(
    "short-call",
    title="The call ended within {seconds} s of its answer",
    severity=Severity.INFO,
    category=Category.SIGNALING,
    rfc="RFC 3261 §15",
    confidence=Confidence.POSSIBLE,
    needs=Needs.TIMES,
    absent="the trace holds no call from its answer to its BYE",
    only=lambda leg: leg.talk_time is not None,
)
def short_call(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A call was over within three seconds of its answer (RFC 3261 §15); tests do that, so it is noted only.

    Silent where callers end at least half of the answered calls so: then the test wants them short.
    """
    talk, bye = leg.talk_time, leg.bye
    if talk is None or bye is None or leg.answer is None or not _is_short(talk) or len(leg.invite.request.via) != 1:
        return
    side = "caller" if leg.sent_by_caller(bye) else "callee"
    if side == "caller" and _short_share(model) >= USUAL_SHARE:
        return
    yield Found(
        (at(leg.answer, "the answer"), at_header(bye.request, "reason", f"the {side} ends the call")),
        f"The {side} ended the call {talk:.1f} s after it was answered.",
        {"seconds": f"{SHORT:.0f}"},
        key=(side,),
        calls=(leg.call_id,),
    )
