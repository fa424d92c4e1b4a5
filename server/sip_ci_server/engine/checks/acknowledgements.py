"""ACK: missing, or without the answer that it owes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.wording import plural, times
from sip_ci_server.engine.checks.journey_evidence import changed_before
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, Proof, at, at_header, at_sdp, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round
from sip_ci_server.engine.transactions import Transaction

GIVE_UP = (28.0, 36.0)
"""Seconds after its 2xx within which a callee that got no ACK ends the call (64*T1 = 32 s, RFC 3261 §13.3.1.4)."""
_SPEAKS_OF_ACK = re.compile(r"\back\b", re.IGNORECASE)


@check(
    "ack-missing-2xx",
    each=True,
    title="No ACK for the {status} that answered the call",
    severity=Severity.CRITICAL,
    category=Category.SIGNALING,
    rfc="RFC 3261 §13.3.1.4",
    needs=Needs.TIMES,
    absent="the trace holds no answered INVITE",
    only=lambda leg: leg.answer is not None,
)
def ack_missing_2xx(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The callee answered and sent the answer again, and no ACK came (RFC 3261 §13.3.1.4, §13.2.2.4).

    The retransmission is the callee's own word that it has no ACK; a single 2xx without a visible ACK is no fault, for
    the ACK may take another path than the INVITE.
    """
    if leg.answer is None:
        return
    for invite in leg.invites:
        answers = leg.answers if invite is leg.invite else [item for item in invite.finals if (item.status or 0) < 300]
        acks = leg.acks if invite is leg.invite else invite.acks
        if not answers or acks or _acknowledged_elsewhere(leg, invite, model):
            continue
        if invite is leg.invite and _missing_before(leg, model):
            continue
        complaint = _complaint_of_callee(leg, invite, answers, model)
        if complaint is None:
            continue
        later = _later_request(leg, invite, answers[0])
        talking = invite is leg.invite and _talks_on(leg, answers[0], model)
        contact = answers[0].contacts[0].uri.text if answers[0].contacts else "no Contact at all"
        proofs, words = changed_before(answers[0], "contact", "the Contact", model)
        route = (
            f" through {plural(len(answers[0].record_routes), 'Record-Route entry', 'Record-Route entries')}"
            if answers[0].record_routes
            else ""
        )
        visible = (
            f" The caller did send {later.method} afterwards, so the ACK may have taken a path that is not in the"
            f" trace."
            if later is not None
            else " Media went both ways for longer than a callee waits for its ACK, so the ACK may have taken a path"
            " that is not in the trace."
            if talking
            else ""
        )
        yield Found(
            (
                at_header(answers[0], "contact", "the 2xx; the ACK is due at this Contact"),
                *([at(answers[-1], "the 2xx, sent again because no ACK came")] if len(answers) > 1 else []),
                *complaint,
                *proofs,
            ),
            f"{invite.request.method} was answered {answers[0].status} {answers[0].reason} by {_name(answers[0])},"
            f" which sent that answer {times(len(answers))} and got no ACK. The ACK is due at"
            f" {contact}{route}.{_over_connection(answers[0])}{words}{visible}",
            {"status": f"{answers[0].status} {answers[0].reason}".strip()},
            key=("re-INVITE" if invite is not leg.invite else "INVITE",),
            calls=(leg.call_id,),
            severity=Severity.MEDIUM if later is not None or talking else None,
        )


def _over_connection(answer: SipMessage) -> str:
    """What to say where the Contact is one of a browser, which only its own connection leads to (RFC 7118 §5)."""
    host = answer.contacts[0].uri.host if answer.contacts else ""
    if not host.endswith(".invalid") or answer.record_routes:
        return ""
    return " That name is in no DNS: the ACK has to go back over the connection that the client opened."


def _name(message: SipMessage) -> str:
    source = message.observation.source
    return str(source) if source is not None else "the callee"


def _complaint_of_callee(leg: Leg, invite: Transaction, answers: list[SipMessage], model: Model) -> list[Proof] | None:
    """What shows that the callee waits for an ACK; None where nothing does."""
    first = answers[0].observation.time
    if len(answers) >= 4 or (len(answers) >= 3 and model.seen.would_show(first, 3.4)):
        return []
    bye = leg.bye
    if bye is None or leg.sent_by_caller(bye) or first is None or bye.time is None or invite is not leg.invite:
        return None
    reason = bye.request.header("reason") or ""
    if _SPEAKS_OF_ACK.search(reason):
        return [at_header(bye.request, "reason", "the callee ends the call because no ACK came")]
    if len(answers) >= 2 and GIVE_UP[0] <= bye.time - first <= GIVE_UP[1]:
        return [at(bye.request, "the callee gives up 64*T1 = 32 s after its answer")]
    return None


def _acknowledged_elsewhere(leg: Leg, invite: Transaction, model: Model) -> bool:
    """Whether an ACK reached the far end of the dialog on another path than this hop."""
    legs = model.dialogs.calls.get(leg.call_id, [])
    callers, callees = {other.caller for other in legs}, {other.callee for other in legs}
    by_caller = leg.sent_by_caller(invite)
    terminal = callees - callers if by_caller else callers - callees
    far_tag = leg.callee_tag if by_caller else leg.caller_tag
    return any(
        ack.to.tag == far_tag and model.nodes.destination(ack) in terminal
        for ack in model.lookups.acks_numbered(invite.request)
    )


def _missing_before(leg: Leg, model: Model) -> bool:
    """Whether the hop before this one misses the ACK too, so that the fault is reported there."""
    return any(
        other.callee == leg.caller
        and (other.caller_tag, other.callee_tag) == (leg.caller_tag, leg.callee_tag)
        and not other.acks
        and len(other.answers) >= 3
        for other in model.dialogs.calls.get(leg.call_id, [])
        if other is not leg
    )


def _later_request(leg: Leg, invite: Transaction, answer: SipMessage) -> Transaction | None:
    """A request that only one who got the answer can send: inside the dialog, by the INVITE's sender, after it."""
    for item in (*leg.transactions, *leg.elsewhere):
        same_side = leg.sent_by_caller(item) is leg.sent_by_caller(invite)
        if same_side and item.time is not None and (answer.observation.time or 0) < item.time:
            return item
    return None


def _talks_on(leg: Leg, answer: SipMessage, model: Model) -> bool:
    """Whether RTP flows both ways for longer after the answer than a callee without ACK keeps the call."""
    if answer.observation.time is None:
        return False
    until = answer.observation.time + GIVE_UP[1]
    return any(
        any(stream.ends > until for stream in session.to_caller)
        and any(stream.ends > until for stream in session.to_callee)
        for session in model.sessions
        if session.leg is leg
    )


@check(
    "ack-missing-non2xx",
    title="No ACK for the {status} that refused the call",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.1.1.3",
    absent="the trace holds no INVITE",
    only=lambda transaction: transaction.method == "INVITE",
)
def ack_missing_non2xx(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A final response of 300 or above was sent again and again (timer G), and no ACK came (RFC 3261 §17.2.1,
    §17.1.1.3).
    """
    final = transaction.final
    if transaction.method != "INVITE" or final is None or (final.status or 0) < 300 or transaction.acks:
        return
    sends = [response for response in transaction.finals if response.status == final.status]
    if len(sends) < 3 or not model.seen.retransmits(transaction.transport):
        return
    stray = next(
        (ack for ack in model.lookups.acks_numbered(transaction.request) if ack.to.tag == final.to.tag),
        None,
    )
    remark = " An ACK was sent with another branch than the INVITE, which belongs to no transaction." if stray else ""
    yield Found(
        (
            at(final, "the final response"),
            at(sends[-1], "the same response, sent again because no ACK came"),
            *([at_header(stray, "via", "an ACK with another branch than the INVITE")] if stray else []),
        ),
        f"INVITE was refused with {final.status} {final.reason}, and {_name(final)} sent that response"
        f" {times(len(sends))} because no ACK of this transaction came from"
        f" {transaction.source or 'the caller'}.{remark}",
        {"status": f"{final.status} {final.reason}".strip()},
        calls=(transaction.call_id,),
    )


@check(
    "ack-sdp-missing",
    title="ACK carries no answer to the offer in the {status}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3261 §13.2.1",
    absent="the trace holds no call whose offer came in a response",
    only=lambda item: item.delayed,
)
def ack_sdp_missing(item: Round, model: Model) -> Iterator[Outcome]:
    """The INVITE had no offer, the 2xx made one, and the ACK has no answer (RFC 3261 §13.2.1, delayed offer)."""
    del model
    if not item.delayed or item.answer is not None or not item.transaction.acks:
        return
    if (item.offer_message.status or 0) < 200:
        return
    ack = item.transaction.acks[0]
    if ack.fidelity is Fidelity.TRUNCATED or (ack.content_length or 0) > 0:
        return
    yield Found(
        (
            at_sdp(item.offer_message, item.offer.media[0].line, "the offer")
            if item.offer.media
            else at(item.offer_message, "the offer"),
            at(ack, "the ACK, without the answer"),
        ),
        f"The INVITE carried no SDP, the {item.offer_message.status} made the offer, and the ACK has no body, so"
        f" the offer"
        " was never answered.",
        {"status": f"{item.offer_message.status} {item.offer_message.reason}".strip()},
        calls=(item.leg.call_id,),
    )
