"""PRACK: naming a response that was never sent, refused, or without the answer that it owes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, at, at_header, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.provisionals import Rack, rack_of
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

ABSENT = "the trace holds no PRACK"
LOOKED_AT = 24
"""Requests of the call before a PRACK among which its INVITE is looked for."""


def _is_prack(transaction: Transaction) -> bool:
    return transaction.method == "PRACK"


def _shortly_before(prack: Transaction, model: Model) -> list[Transaction]:
    known = model.transactions_of(prack.call_id)
    end = bisect_left(known, prack.number, key=lambda item: item.number)
    return known[max(0, end - LOOKED_AT) : end]


def invites_of(prack: Transaction, model: Model) -> list[Transaction]:
    """The INVITEs of the dialog shortly before a PRACK."""
    return [
        item
        for item in _shortly_before(prack, model)
        if item.method == "INVITE"
        and item.request.from_.tag == prack.request.from_.tag
        and any(response.to.tag == prack.request.to.tag for response in item.provisionals)
    ]


def _may_be_unseen(rack: Rack, sent: list[tuple[int, int | None]]) -> bool:
    """Whether a PRACK may acknowledge a later response of the same INVITE that was not captured."""
    if rack.rseq is None or rack.method != "INVITE" or rack.cseq not in {cseq for _, cseq in sent}:
        return False
    return rack.rseq > max(rseq for rseq, _ in sent)


@check(
    "rack-mismatch",
    title="PRACK acknowledges a response that was never sent",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3, §4",
    absent=ABSENT,
    only=_is_prack,
)
def rack_mismatch(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The RAck of a PRACK matches no reliable response of its INVITE (RFC 3262 §4), or it was answered 481 (§3).

    A PRACK that comes when the INVITE has ended is refused rightly, and only noted; one that is refused although it
    was due is another check's matter.
    """
    request, final = transaction.request, transaction.final
    rack = rack_of(request)
    malformed = rack.rseq is None or rack.cseq is None or not rack.method
    refused = final is not None and (final.status == 481 or (malformed and (final.status or 0) >= 300))
    if model.relayed_from_further_on(transaction) or model.is_forwarded(transaction):
        return
    invites = invites_of(transaction, model)
    sent = [
        (item.rseq, invite.request.cseq.number)
        for invite in invites
        for item in model.reliable_provisionals(invite)
        if item.tag == request.to.tag
    ]
    known = (rack.rseq, rack.cseq) in sent and rack.method == "INVITE"
    if known and (not refused or _is_due(transaction, invites, model)):
        return
    if known and earlier_prack(transaction, model) and not due_in_other_branch(transaction, invites, model):
        # What is wrong then is that it was sent at all.
        return
    if not sent and not refused and not malformed:
        yield NotCheckable("the reliable response of a PRACK is not in the trace")
        return
    if not known and not refused and _may_be_unseen(rack, sent):
        return
    over = any(invite.final is not None and invite.final.index < request.index for invite in invites)
    expected = ", ".join(f"`{number} {cseq} INVITE`" for number, cseq in sent[:4])
    yield Found(
        (
            at_header(request, "rack", "what the PRACK acknowledges"),
            *(at_header(item.response, "rseq", "what was sent") for invite in invites
              for item in model.reliable_provisionals(invite)[:2]),
            *([at(final, "its refusal")] if final is not None and refused else []),
        ),
        f"{name_of(request)} sent PRACK with `RAck: {request.header('rack') or ''}`"
        + (f"; the reliable responses of the call are to be acknowledged with {expected}." if expected else "")
        + ("" if expected else ", and no response that is to be acknowledged is in the trace.")
        + (f" {name_of(final)} answered {phrase_of(final)}." if final is not None and refused else "")
        + (" The INVITE had already ended." if over else "")
        + due_in_other_branch(transaction, invites, model),
        key=("known" if known else "unknown", "refused" if refused else "accepted"),
        calls=(transaction.call_id,),
        severity=Severity.INFO if over and known else None if refused else Severity.MEDIUM,
        confidence=Confidence.CERTAIN if sent else Confidence.LIKELY,
    )  # fmt: skip


def earlier_prack(prack: Transaction, model: Model) -> Transaction | None:
    """The PRACK that acknowledged the same response before this one, if there is one."""
    rack, request = rack_of(prack.request), prack.request
    for item in _shortly_before(prack, model):
        if item.method != "PRACK" or rack_of(item.request) != rack or item.request.to.tag != request.to.tag:
            continue
        if (item.source_node, item.destination_node) == (prack.source_node, prack.destination_node):
            return item
    return None


def due_in_other_branch(prack: Transaction, invites: list[Transaction], model: Model) -> str:
    """Names the early dialog of a fork that waits for a PRACK with this RSeq, and has another To tag."""
    rack, tag = rack_of(prack.request), prack.request.to.tag
    for invite in invites:
        done = model.acknowledged_rseqs(invite)
        for item in model.reliable_provisionals(invite):
            if item.tag != tag and item.rseq == rack.rseq and (item.tag, item.rseq) not in done:
                return (
                    f" The same RSeq came with the To tag `{item.tag}` from another phone that rings, and waits for its"
                    " PRACK: each early dialog has its own, with its own To tag."
                )
    return ""


def _is_due(prack: Transaction, invites: list[Transaction], model: Model) -> bool:
    """Whether a PRACK is the first one of a reliable response that was sent, and its INVITE had not ended."""
    rack = rack_of(prack.request)
    if rack.method != "INVITE":
        return False
    for invite in invites:
        ended = invite.final is not None and invite.final.index < prack.request.index
        if ended or invite.request.cseq.number != rack.cseq:
            continue
        sent = model.reliable_provisionals(invite)
        if any(item.rseq == rack.rseq and item.tag == prack.request.to.tag for item in sent):
            earlier = _shortly_before(prack, model)
            return not any(item.method == "PRACK" and rack_of(item.request) == rack for item in earlier)
    return False


@check(
    "prack-rejected",
    title="PRACK was refused with {status}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3",
    absent=ABSENT,
    only=_is_prack,
)
def prack_rejected(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A PRACK got a final response of 300 or above that is no challenge (RFC 3262 §3).

    With 481 only where it is the first PRACK of a response that was sent, while its INVITE is open.
    """
    final = transaction.final
    if final is None or (final.status or 0) < 300 or is_challenge(final):
        return
    if model.relayed_from_further_on(transaction):
        return
    if final.status == 481 and not _is_due(transaction, invites_of(transaction, model), model):
        return
    yield Found(
        (at_header(transaction.request, "rack", "the PRACK"), at(final, "its refusal")),
        f"{name_of(final)} answered PRACK {phrase_of(final)}, so the provisional response stays unacknowledged and is"
        " sent again until the call fails.",
        {"status": phrase_of(final)},
        key=(str(final.status),),
        calls=(transaction.call_id,),
    )


@check(
    "prack-sdp-missing",
    title="PRACK carries no answer to the offer in the {status}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3262 §5",
    absent=ABSENT,
    only=_is_prack,
)
def prack_sdp_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The INVITE had no offer, a reliable response made one, and its PRACK has no answer (RFC 3262 §5)."""
    request = transaction.request
    if model.descriptions.of(request) is not None or (request.content_length or 0) > 0:
        return
    rack = rack_of(request)
    for invite in invites_of(transaction, model):
        if model.descriptions.of(invite.request) is not None or (invite.request.content_length or 0) > 0:
            continue
        offers = [item for item in model.reliable_provisionals(invite) if model.descriptions.of(item.response)]
        # Only the first description of the call is an offer; one in a later response repeats it.
        if not offers or offers[0].rseq != rack.rseq or offers[0].tag != request.to.tag:
            continue
        offer = model.descriptions.of(offers[0].response)
        assert offer is not None
        where = offers[0].response
        yield Found(
            (
                at_sdp(where, offer.media[0].line, "the offer") if offer.media else at(where, "the offer"),
                at(request, "the PRACK, without the answer"),
            ),
            f"The INVITE carried no SDP, the reliable {phrase_of(where)} made the offer, and the PRACK for it has no"
            " body, so the offer was never answered.",
            {"status": phrase_of(where)},
            calls=(transaction.call_id,),
        )
        return
