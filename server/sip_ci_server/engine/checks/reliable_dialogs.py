"""What reliable provisional responses do to the session (RFC 3262 §5)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_header, check
from sip_ci_server.engine.checks.reliable_provisionals import ABSENT, is_reliable
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, surely_before
from sip_ci_server.engine.transactions import Transaction


@check(
    "reliable-1xx-no-offer",
    title="The reliable {status} makes no offer, and the INVITE has none",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 3262 §5",
    absent=ABSENT,
    only=is_reliable,
)
def reliable_1xx_no_offer(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The INVITE has no body, and neither has the first reliable response (RFC 3262 §5)."""
    invite = transaction.request
    if not transaction.is_initial or invite.body or (invite.content_length or 0) > 0 or model.seen.lossy:
        return
    for item in model.reliable_provisionals(transaction)[:1]:
        response = item.response
        whole = Fidelity.TRUNCATED not in (invite.fidelity, response.fidelity)
        if not whole or item.rseq - 1 in {rseq for _, rseq in model.acknowledged_rseqs(transaction)}:
            return
        if response.body or (response.content_length or 0) > 0:
            return
        yield Found(
            (at(invite, "an INVITE without an offer"), at_header(response, "rseq", "the first reliable response")),
            f"The INVITE carries no session description, and {name_of(response)} sent {phrase_of(response)} as its"
            f" first reliable response (RSeq {item.rseq}) without one. The first reliable response has to make the"
            " offer.",
            {"status": phrase_of(response)},
            key=(str(response.status),),
            calls=(transaction.call_id,),
        )


@check(
    "answer-before-prack",
    title="The call was answered before the PRACK for the {status} came",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3262 §3, §5",
    absent=ABSENT,
    only=is_reliable,
)
def answer_before_prack(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 2xx went out while a reliable response with a session description had no PRACK yet (RFC 3262 §3, §5)."""
    success = transaction.success
    if success is None:
        return
    for item in model.reliable_provisionals(transaction):
        if item.tag != success.to.tag or model.descriptions.of(item.response) is None or not item.pracks:
            continue
        prack = item.pracks[0].request
        if not surely_before(success, prack) or item.pracks[0].destination_node != transaction.destination_node:
            continue
        yield Found(
            (at(item.response, "the response with the description"), at(success, "the answer"), at(prack, "the PRACK")),
            f"{name_of(success)} answered {phrase_of(success)} before the PRACK for its {phrase_of(item.response)} with"
            " SDP had come.",
            {"status": phrase_of(item.response)},
            calls=(transaction.call_id,),
        )
        return
