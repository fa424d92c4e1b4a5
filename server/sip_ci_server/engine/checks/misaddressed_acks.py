"""ACKs of a 2xx that go to the wrong place, or that name another INVITE than the one that was answered."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import ROUND_TRIP
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import phrase_of, seconds_between, surely_before
from sip_ci_server.engine.targets import sent_astray, strays_from
from sip_ci_server.engine.transactions import Transaction

COMPLAINS = 3
"""Sends of a 2xx with which its sender says that it has no ACK; two may be one lost packet."""


def _answered(leg: Leg) -> bool:
    return leg.answer is not None


def _two_hundreds(leg: Leg, invite: Transaction) -> list[SipMessage]:
    """Every send of the 2xx of an INVITE of the dialog."""
    if invite is leg.invite:
        return leg.answers
    return [response for response in invite.finals if (response.status or 0) < 300]


def _is_lost(ack: SipMessage, answers: list[SipMessage]) -> bool:
    """Whether the 2xx came twice or more although an ACK was on its way, which means that it does not arrive."""
    return len(answers) > 1 and (seconds_between(ack, answers[-2]) or 0.0) > ROUND_TRIP


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
    to get through NAT. An ACK of a re-INVITE that went to the former Contact and arrived is none.
    """
    if leg.answer is None:
        return
    for invite in leg.invites:
        answers = _two_hundreds(leg, invite)
        if not answers or not answers[0].contacts:
            continue
        acks = leg.acks if invite is leg.invite else invite.acks
        complained = not acks and len(answers) >= COMPLAINS
        if complained:
            acks = [ack for ack in model.lookups.acks_numbered(invite.request) if ack.to.tag == answers[0].to.tag]
        for ack in acks:
            # One that came from elsewhere was relayed, unless nothing else acknowledges and its sender made it.
            if len(ack.via) != 1 or (model.nodes.source(ack) != invite.source_node and not complained):
                continue
            lost = _is_lost(ack, answers)
            strays = strays_from(ack, answers[0])
            if strays and not lost and invite is not leg.invite:
                former = leg.answer if leg.sent_by_caller(invite) else leg.invite.request
                strays = strays_from(ack, former)
            if not strays and not (lost and sent_astray(ack, answers[0])):
                continue
            contact = answers[0].contacts[0].uri.text
            yield Found(
                (
                    at_header(answers[0], "contact", "the ACK is due at this Contact"),
                    at(ack, f"the ACK, sent to {ack.observation.destination or 'another place'}"),
                ),
                f"The {phrase_of(answers[0])} names `{contact}` as its Contact. The ACK has `{ack.request_uri.text}` as"
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
    rfc="RFC 3261 §13.2.2.4",
    absent="the trace holds no answered INVITE",
    only=_answered,
)
def ack_cseq_mismatch(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The ACK that follows a 2xx has another CSeq number than the INVITE that was answered (RFC 3261 §13.2.2.4).

    A number that another INVITE of the dialog has counts only where the 2xx of this one comes again and again, for
    the ACK of the other one may be sent twice.
    """
    waiting = [item for item in leg.invites if not (leg.acks if item is leg.invite else item.acks)]
    waiting = [item for item in waiting if _two_hundreds(leg, item)]
    if leg.answer is None or not waiting:
        return
    numbers = {item.request.cseq.number for item in model.lookups.requests(leg.call_id, "INVITE")}
    sent = sorted(item.request.index for item in leg.transactions if item.method != "CANCEL")
    for invite in waiting:
        answers = _two_hundreds(leg, invite)
        complained = len(answers) >= COMPLAINS
        mine = model.lookups.acks_within(leg.call_id, invite.request.from_.tag, answers[0].to.tag)
        following = bisect_right(mine, answers[0].index, key=lambda ack: ack.index)
        while following and not surely_before(mine[following - 1], answers[0]):
            following -= 1
        # The first one that follows: what comes after another request may acknowledge one that was not captured.
        for ack in mine[following : following + 2]:
            if ack.cseq.number in numbers and not (complained and invite is not leg.invite):
                continue
            # A number that no INVITE has tells enough by itself: on one machine an ACK follows within microseconds.
            if ack.cseq.number in numbers and not surely_before(answers[0], ack):
                continue
            if model.nodes.source(ack) != invite.source_node:
                continue
            if bisect_right(sent, ack.index) > bisect_right(sent, answers[0].index):
                continue
            number = invite.request.cseq.number
            yield Found(
                (at_header(invite.request, "cseq", "the INVITE"), at_header(ack, "cseq", "the ACK for its 2xx")),
                f"The INVITE has CSeq number {number}, and the ACK for its {phrase_of(answers[0])} has"
                f" {ack.cseq.number}. It acknowledges nothing.",
                {"actual": str(ack.cseq.number)},
                key=("CSeq",),
                calls=(leg.call_id,),
                confidence=Confidence.CERTAIN if len(answers) > 1 else Confidence.LIKELY,
            )
            return
