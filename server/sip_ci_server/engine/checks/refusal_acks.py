"""ACKs of a refusal that the server cannot tell as such, because they are not made from their INVITE."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.wording import times
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.message_faults import ROUND_TRIP
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.transactions import Transaction

COMPLAINS = 3
"""Sends of a refusal with which its sender says that it has no ACK; two may be one lost packet."""


def _is_refused(transaction: Transaction) -> bool:
    return transaction.method == "INVITE" and transaction.final is not None and (transaction.final.status or 0) >= 300


def _sent_by(message: SipMessage) -> str:
    return f"{message.top_via.host}:{message.top_via.effective_port}"


def _routes(message: SipMessage) -> str:
    return ", ".join(entry.uri.text for entry in message.routes)


def _differences(ack: SipMessage, invite: SipMessage, refusal: SipMessage) -> dict[str, str]:
    """By the header that holds it, the field that is not copied as it must be (RFC 3261 §17.1.1.3)."""
    pairs = {
        "via": ("branch", ack.top_via.branch, invite.top_via.branch),
        "call-id": ("Call-ID", ack.call_id, invite.call_id),
        "from": ("From tag", ack.from_.tag, invite.from_.tag),
        "to": ("To tag", ack.to.tag, refusal.to.tag),
        "cseq": ("CSeq number", str(ack.cseq.number), str(invite.cseq.number)),
        "route": ("Route", _routes(ack), _routes(invite)),
        "": ("Request-URI", ack.request_uri.text, invite.request_uri.text),
    }
    found = {
        name: f"{field} (`{one}` instead of `{other}`)" if one else f"{field} (missing, instead of `{other}`)"
        for name, (field, one, other) in pairs.items()
        if one != other
    }
    if "via" not in found and _sent_by(ack) != _sent_by(invite):
        found["via"] = f"address in Via (`{_sent_by(ack)}` instead of `{_sent_by(invite)}`)"
    if len(ack.lines_of("from")) > 1:
        found["from"] = "From (there twice)"
    return found


@check(
    "ack-differs-from-invite",
    title="ACK for {status} is not made from its INVITE: {fields}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §17.1.1.3",
    needs=Needs.TIMES,
    absent="the trace holds no INVITE that was refused",
    only=_is_refused,
)
def ack_differs_from_invite(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An ACK of a 3xx to 6xx differs from the INVITE in a field that it must copy, and the refusal keeps coming (RFC
    3261 §17.1.1.3).

    Branch, Call-ID, From, Request-URI, CSeq number and Route are those of the INVITE, To is that of the response. What
    arrives all the same is not judged here.
    """
    final, invite = transaction.final, transaction.request
    assert final is not None
    sends = [response for response in transaction.finals if response.status == final.status]
    if len(sends) < COMPLAINS or not model.seen.retransmits(transaction.transport):
        return
    candidates = (
        *transaction.acks,
        *model.lookups.acks_numbered(invite),
        *model.lookups.acks_with_branch(invite.top_via.branch),
    )
    for ack in candidates:
        same_way = (
            model.nodes.source(ack) == transaction.source_node
            and model.nodes.destination(ack) == transaction.destination_node
        )
        if not same_way or ack.index < final.index or ack.fidelity is Fidelity.TRUNCATED:
            continue
        if (seconds_between(ack, sends[-1]) or 0.0) <= ROUND_TRIP:
            continue
        different = _differences(ack, invite, final)
        if not different:
            return
        yield Found(
            (
                *(
                    proof
                    for name in different
                    for proof in (
                        (at_header(invite, name, "the INVITE"), at_header(ack, name, "its ACK"))
                        if name
                        else (at(invite, "the INVITE"), at(ack, "its ACK"))
                    )
                ),
                at(sends[-1], "the refusal, sent again"),
            ),
            f"{name_of(final)} refused INVITE with {phrase_of(final)}. The ACK differs from the INVITE in"
            f" {'; '.join(different.values())}, so it matches no transaction, and the refusal was sent"
            f" {times(len(sends))}.",
            {"status": phrase_of(final), "fields": ", ".join(words.partition(" (")[0] for words in different.values())},
            key=tuple(sorted(words.partition(" (")[0] for words in different.values())),
            calls=(transaction.call_id,),
        )
        return
