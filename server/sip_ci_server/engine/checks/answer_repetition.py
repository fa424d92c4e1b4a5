"""Callees that do not send their 200 again, and requests that are acknowledged though they are no INVITE."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Transport
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

REPEATED_WITHIN = 2.0
"""Seconds in which a 200 without an ACK is sent at least twice more: after 0.5 s and 1.5 s (RFC 3261 §13.3.1.4)."""


@check(
    "answer-not-repeated",
    title="{status} was sent once, though no ACK came",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §13.3.1.4",
    needs=Needs.TIMES,
    absent="the trace holds no answered INVITE over UDP",
    only=lambda leg: leg.answer is not None and leg.invite.transport is Transport.UDP,
)
def answer_not_repeated(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A 200 to an INVITE was sent over UDP once, and the caller, which goes on waiting, cancels the call later (RFC
    3261 §13.3.1.4: the callee repeats it until the ACK comes).

    An ACK alone that is missing shows nothing, for it may go another way; the CANCEL shows that no 200 arrived.
    """
    answer, cancel = leg.answer, leg.invite.cancelled_by
    if answer is None or cancel is None or len(leg.answers) > 1 or leg.acks or leg.transactions or leg.elsewhere:
        return
    start, end = answer.observation.time, cancel.time
    if start is None or end is None or end - start < REPEATED_WITHIN or model.seen.lossy or model.seen.cut_heads:
        return
    if model.is_forwarded(leg.invite) or len(leg.invite.finals) > 1:
        return
    yield Found(
        (at(answer, "the answer, sent once"), at(cancel.request, "the caller still waits, and gives up")),
        f"{name_of(answer)} sent {phrase_of(answer)} once and not again in the {end - start:.1f} s until"
        f" {name_of(cancel.request)} cancelled the call; no ACK had come.",
        {"status": phrase_of(answer)},
        key=(str(answer.status),),
        calls=(leg.call_id,),
    )


@check(
    "ack-non-invite",
    title="An ACK follows {method}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §17.1.2, §13.2.2.4",
    absent="the trace holds no answered call with requests inside it",
    only=lambda leg: leg.answer is not None and bool(leg.transactions),
)
def ack_non_invite(leg: Leg, model: Model) -> Iterator[Outcome]:
    """An ACK inside the dialog has the CSeq of a request that is no INVITE (RFC 3261 §17.1.2: none is acknowledged)."""
    invites = {item.request.cseq.number for item in model.transactions_of(leg.call_id) if item.method == "INVITE"}
    for item in leg.transactions:
        number = item.request.cseq.number
        if item.method == "INVITE" or number in invites or item.final is None:
            continue
        ack = _ack_of(item, leg, model)
        if ack is None:
            continue
        yield Found(
            (
                at_header(item.request, "cseq", f"the {item.method}"),
                at_header(ack, "cseq", "an ACK with its number"),
            ),
            f"{name_of(ack)} sent ACK with CSeq {number} after {phrase_of(item.final)} to its {item.method}; no INVITE"
            " of the call has that number.",
            {"method": item.method},
            key=(item.method,),
            calls=(leg.call_id,),
        )
        return


def _ack_of(item: Transaction, leg: Leg, model: Model) -> SipMessage | None:
    final = item.final
    for ack in model.acks_of(leg.call_id):
        if ack.cseq.number != item.request.cseq.number or ack.from_.tag != item.request.from_.tag:
            continue
        if final is not None and ack.index > final.index and model.nodes.source(ack) == item.source_node:
            return ack
    return None
