"""ACKs that were sent, but late, to the wrong place, or so that they acknowledge nothing."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between, surely_before
from sip_ci_server.engine.targets import sent_astray, strays_from
from sip_ci_server.engine.transactions import Transaction

LATE = 0.5
VERY_LATE = 2.0
ROUND_TRIP = 0.3
"""Seconds for which a 2xx may still have been under way when its ACK was sent."""


def _answered(leg: Leg) -> bool:
    return leg.answer is not None


def _sends_after(leg: Leg, ack: SipMessage) -> list[SipMessage]:
    """The 2xx that came again although an ACK was on its way: two or more mean that it does not arrive."""
    return [answer for answer in leg.answers if (seconds_between(ack, answer) or 0.0) > ROUND_TRIP]


@check(
    "ack-late",
    title="ACK came {delay} after the answer",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 3261 §13.3.1.4",
    needs=Needs.TIMES,
    absent="the trace holds no answered INVITE",
    only=_answered,
)
def ack_late(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The 2xx had to be sent again before its ACK came: low from 500 ms, medium from 2 s (RFC 3261 §13.3.1.4)."""
    del model
    acks, answers = leg.acks, leg.answers
    if leg.answer is None or not acks or len(answers) < 2:
        return
    delay = seconds_between(leg.answer, acks[0])
    before = [answer for answer in answers if answer.index < acks[0].index]
    if delay is None or delay <= LATE or len(before) < 2:
        return
    yield Found(
        (at(leg.answer, "the answer"), at(before[-1], "the answer, sent again"), at(acks[0], "the first ACK")),
        f"{phrase_of(leg.answer)} was sent {len(before)} times before the first ACK came, {delay:.1f} s after it.",
        {"delay": "more than 2 s" if delay > VERY_LATE else "more than 500 ms"},
        key=("2 s" if delay > VERY_LATE else "500 ms",),
        calls=(leg.call_id,),
        severity=None if delay > VERY_LATE else Severity.LOW,
    )


@check(
    "ack-ignored",
    title="{status} keeps coming although ACK was sent",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §13.3.1.4, §17.2.1",
    needs=Needs.TIMES,
    absent="the trace holds no INVITE with an ACK",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.acks),
)
def ack_ignored(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The final response of an INVITE is sent again after its ACK went out (RFC 3261 §13.3.1.4, §17.2.1).

    Twice is medium, for two lost packets are possible; three times or more means that the ACK does not arrive or is
    not recognised.
    """
    del model
    for tag in dict.fromkeys(response.to.tag for response in transaction.finals):
        ack = next((item for item in transaction.acks if item.to.tag == tag), None)
        sends = [response for response in transaction.finals if response.to.tag == tag]
        if ack is None:
            continue
        after = [response for response in sends if (seconds_between(ack, response) or 0.0) > ROUND_TRIP]
        if len(after) < 2:
            continue
        yield Found(
            (
                at(sends[0], "the final response"),
                at_header(ack, "via", "its ACK"),
                at(after[-1], "the same response, sent again"),
            ),
            f"{name_of(ack)} sent ACK to {ack.observation.destination or ack.request_uri.text} for the"
            f" {phrase_of(sends[0])} to its INVITE, and {name_of(sends[0])} sent that response {len(after)} more times"
            f" over the next {seconds_between(ack, after[-1]) or 0.0:.1f} s: the ACK does not arrive, or it is not"
            " recognised.",
            {"status": phrase_of(sends[0])},
            key=("2xx" if (sends[0].status or 0) < 300 else "refusal",),
            calls=(transaction.call_id,),
            severity=None if len(after) >= 3 else Severity.MEDIUM,
        )


@check(
    "ack-wrong-target",
    title="ACK does not go to the Contact of the answer",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §12.2.1.1, §13.2.2.4",
    needs=Needs.TIMES,
    absent="the trace holds no answered INVITE",
    only=_answered,
)
def ack_wrong_target(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The Request-URI of the ACK is not the Contact of the 2xx, or the packet went elsewhere (RFC 3261 §12.2.1.1).

    High only where the callee sent its 2xx again after the ACK, so that the ACK did not arrive; else low, for some
    elements accept it all the same. The address that the 2xx came from is as good as the Contact: clients send there
    to get through NAT.
    """
    if leg.answer is None or not leg.answer.contacts:
        return
    for ack in leg.acks:
        if len(ack.via) != 1 or model.nodes.source(ack) != leg.caller:
            continue
        strays = strays_from(ack, leg.answer)
        lost = len(_sends_after(leg, ack)) >= 2
        if not strays and not (lost and sent_astray(ack, leg.answer)):
            continue
        contact = leg.answer.contacts[0].uri.text
        yield Found(
            (
                at_header(leg.answer, "contact", "the ACK is due at this Contact"),
                at(ack, f"the ACK, sent to {ack.observation.destination or 'another place'}"),
            ),
            f"The {phrase_of(leg.answer)} names `{contact}` as its Contact. The ACK has `{ack.request_uri.text}` as"
            f" Request-URI and went to {ack.observation.destination or 'an unknown place'}."
            + (
                " The answer was sent again after it, so the ACK did not arrive."
                if lost
                else " It arrived all the same."
            ),
            key=("lost" if lost else "arrived",),
            calls=(leg.call_id,),
            severity=None if lost else Severity.LOW,
        )
        return


@check(
    "ack-cseq-mismatch",
    title="ACK carries CSeq {actual} where the INVITE has another number",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §13.2.2.4, §17.1.1.3",
    absent="the trace holds no answered INVITE",
    only=_answered,
)
def ack_cseq_mismatch(leg: Leg, model: Model) -> Iterator[Outcome]:
    """No INVITE of the dialog has the CSeq number of the ACK that follows its 2xx (RFC 3261 §13.2.2.4, §17.1.1.3)."""
    if leg.answer is None or leg.acks:
        return
    numbers = {item.request.cseq.number for item in model.transactions_of(leg.call_id) if item.method == "INVITE"}
    for ack in model.acks_of(leg.call_id):
        if (ack.from_.tag, ack.to.tag) != (leg.caller_tag, leg.callee_tag) or ack.cseq.number in numbers:
            continue
        if model.nodes.source(ack) != leg.caller or not surely_before(leg.answer, ack):
            continue
        later = [item for item in leg.transactions if item.request.index < ack.index and item.method != "CANCEL"]
        if later:
            # A re-INVITE that was not captured may be what it acknowledges.
            continue
        yield Found(
            (at_header(leg.invite.request, "cseq", "the INVITE"), at_header(ack, "cseq", "the ACK for its 2xx")),
            f"The INVITE has CSeq number {leg.invite.request.cseq.number}, and the ACK for its {phrase_of(leg.answer)}"
            f" has {ack.cseq.number}. It acknowledges nothing.",
            {"actual": str(ack.cseq.number)},
            key=("CSeq",),
            calls=(leg.call_id,),
            confidence=Confidence.CERTAIN if len(leg.answers) > 1 else Confidence.LIKELY,
        )
        return


@check(
    "ack-branch-misuse",
    title="ACK for {status} carries {what}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §17.1.1.3, §8.1.1.7",
    absent="the trace holds no INVITE with a final response",
    only=lambda transaction: transaction.method == "INVITE" and transaction.final is not None,
)
def ack_branch_misuse(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The ACK of a refusal has a branch of its own, or that of a 2xx has the INVITE's (RFC 3261 §17.1.1.3, §8.1.1.7).

    The second is only noted: it does no harm where no proxy keeps the transaction.
    """
    final = transaction.final
    if final is None:
        return
    invite, refused = transaction.request, (final.status or 0) >= 300
    if refused and transaction.acks:
        return
    for ack in model.acks_of(transaction.call_id):
        same_hop = (
            model.nodes.source(ack) == transaction.source_node
            and model.nodes.destination(ack) == transaction.destination_node
        )
        if not same_hop or ack.cseq.number != invite.cseq.number or ack.to.tag != final.to.tag:
            continue
        if ack.from_.tag != invite.from_.tag or ack.index < final.index:
            continue
        same_branch = ack.top_via.branch == invite.top_via.branch
        if refused is same_branch:
            continue
        what = "another branch than the INVITE" if refused else "the INVITE's branch"
        yield Found(
            (at_header(invite, "via", "the INVITE"), at(final, "its final response"), at_header(ack, "via", "the ACK")),
            f"The ACK for {phrase_of(final)} carries {what}"
            + (
                ", so the server transaction cannot take it as its own."
                if refused
                else f" (`{ack.top_via.branch}`), though it is a transaction of its own."
            ),
            {"status": "a refusal" if refused else "a 2xx", "what": what},
            key=("refusal" if refused else "2xx",),
            calls=(transaction.call_id,),
            severity=None if refused else Severity.INFO,
        )
        return
