"""Reliable provisional responses: asked for, one after another, and acknowledged (RFC 3262 §3)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.wording import more_times, times
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.observability import T1
from sip_ci_server.engine.provisionals import ReliableProvisional, requires_100rel
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between, surely_before
from sip_ci_server.engine.transactions import Transaction

ABSENT = "the trace holds no reliable provisional response"


def is_reliable(transaction: Transaction) -> bool:
    """Whether an INVITE got a response that requires 100rel."""
    return transaction.method == "INVITE" and any(requires_100rel(response) for response in transaction.provisionals)


def _supports(invite: SipMessage) -> bool:
    return "100rel" in invite.options("supported") or "100rel" in invite.options("require")


@check(
    "prack-missing",
    title="No PRACK for the reliable {status}",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3, §4",
    needs=Needs.TIMES,
    absent=ABSENT,
    only=is_reliable,
)
def prack_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A reliable provisional response was sent three times or more, and no PRACK came (RFC 3262 §3, §4).

    Low where the call was answered all the same.
    """
    for item in model.reliable_provisionals(transaction):
        elapsed = seconds_between(item.sends[0], item.sends[1]) if len(item.sends) > 1 else None
        if item.pracks or len(item.sends) < 3 or elapsed is None or elapsed < 0.35 * T1:
            continue
        if any(item.rseq == other.rseq and other.pracks for other in _on_other_hops(transaction, model)):
            continue
        answered = transaction.success is not None and transaction.success.to.tag == item.tag
        yield Found(
            (
                at_header(item.response, "rseq", "the reliable response"),
                at(item.sends[-1], "the same, sent again because no PRACK came"),
                at_header(transaction.request, "supported", "the INVITE that asked for it"),
            ),
            f"{name_of(item.response)} sent {phrase_of(item.response)} reliably (RSeq {item.rseq})"
            f" {times(len(item.sends))} in {seconds_between(item.response, item.sends[-1]) or 0.0:.1f} s, and no PRACK"
            f" with `RAck: {item.rseq} {transaction.request.cseq.number} INVITE` is in the trace."
            + (" The call was answered all the same." if answered else ""),
            {"status": phrase_of(item.response)},
            key=(str(item.response.status),),
            calls=(transaction.call_id,),
            severity=Severity.LOW if answered else None,
        )
        return


def _on_other_hops(transaction: Transaction, model: Model) -> Iterator[ReliableProvisional]:
    for other in model.transactions_of(transaction.call_id):
        if other.method == "INVITE" and other is not transaction and is_reliable(other):
            yield from model.reliable_provisionals(other)


@check(
    "reliable-1xx-after-prack",
    title="{status} is sent again after its PRACK was accepted",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3",
    absent=ABSENT,
    only=is_reliable,
)
def reliable_1xx_after_prack(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A UAS accepted a PRACK with 2xx and sent the acknowledged response again (RFC 3262 §3: retransmissions cease)."""
    for item in model.reliable_provisionals(transaction):
        accepted = next((prack.success for prack in item.pracks if prack.success is not None), None)
        if accepted is None or accepted.observation.source != item.response.observation.source:
            continue
        after = [response for response in item.sends if surely_before(accepted, response)]
        if not after:
            continue
        yield Found(
            (
                at_header(item.response, "rseq", "the reliable response"),
                at(accepted, "its PRACK is accepted"),
                at(after[0], "the same response, sent again"),
            ),
            f"{name_of(accepted)} accepted the PRACK for its {phrase_of(item.response)} (RSeq {item.rseq}) with"
            f" {phrase_of(accepted)}, and sent that response {more_times(len(after))}.",
            {"status": phrase_of(item.response)},
            key=(str(item.response.status),),
            calls=(transaction.call_id,),
            severity=None if len(after) > 1 else Severity.LOW,
        )
        return


@check(
    "reliable-1xx-unsolicited",
    title="{status} requires 100rel, which the INVITE does not support",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3",
    absent=ABSENT,
    only=is_reliable,
)
def reliable_1xx_unsolicited(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A provisional response was sent reliably although the INVITE has 100rel neither in Supported nor in Require (RFC
    3262 §3).
    """
    invite = transaction.request
    if _supports(invite) or invite.fidelity is Fidelity.TRUNCATED or model.is_forwarded(transaction):
        return
    response = next(item for item in transaction.provisionals if requires_100rel(item))
    acknowledged = bool(model.acknowledged_rseqs(transaction))
    yield Found(
        (
            at_header(invite, "supported", "the INVITE does not offer 100rel"),
            at_header(response, "require", "the response requires it"),
        ),
        f"{name_of(response)} sent {phrase_of(response)} with `Require: {response.header('require')}`, though neither"
        " Supported nor Require of the INVITE names 100rel."
        + (" The caller acknowledged it all the same." if acknowledged else ""),
        {"status": phrase_of(response)},
        key=(str(response.status),),
        calls=(transaction.call_id,),
        severity=Severity.LOW if acknowledged else None,
    )


@check(
    "reliable-1xx-required",
    title="{status} is not sent reliably although the INVITE requires it",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3262 §3",
    absent="no INVITE requires 100rel",
    only=lambda transaction: transaction.method == "INVITE" and requires_100rel(transaction.request),
)
def reliable_1xx_required(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An INVITE requires 100rel, and a provisional response with a tag came without it (RFC 3262 §3)."""
    del model
    for response in transaction.provisionals:
        # A proxy's own response has no part in the dialog.
        if (response.status or 0) in (100, 181, 182) or not response.to.tag or requires_100rel(response):
            continue
        yield Found(
            (
                at_header(transaction.request, "require", "what the INVITE requires"),
                at(response, "a response that is not reliable"),
            ),
            f"The INVITE carries `Require: {transaction.request.header('require')}`, and {name_of(response)} sent"
            f" {phrase_of(response)} without `Require: 100rel` and RSeq.",
            {"status": phrase_of(response)},
            key=(str(response.status),),
            calls=(transaction.call_id,),
        )
        return


@check(
    "reliable-100",
    title="100 Trying is sent reliably",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3262 §3",
    absent=ABSENT,
    only=is_reliable,
)
def reliable_100(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 100 requires 100rel, though only 101 to 199 may (RFC 3262 §3): it travels one hop only."""
    del model
    response = next((item for item in transaction.provisionals if item.status == 100 and requires_100rel(item)), None)
    if response is not None:
        yield Found(
            (at_header(response, "require", "a 100 is never acknowledged"),),
            f"{name_of(response)} sent {phrase_of(response)} with `Require: {response.header('require')}`.",
            calls=(transaction.call_id,),
        )


@check(
    "reliable-1xx-overlap",
    title="A second reliable response was sent before the first was acknowledged",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3262 §3",
    absent=ABSENT,
    only=is_reliable,
)
def reliable_1xx_overlap(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The second reliable response went out before the first had its PRACK (RFC 3262 §3)."""
    firsts: dict[str, ReliableProvisional] = {}
    for item in model.reliable_provisionals(transaction):
        first = firsts.setdefault(item.tag, item)
        if item.rseq != first.rseq + 1 or not first.pracks:
            continue
        prack = first.pracks[0]
        if not surely_before(item.response, prack.request) or prack.destination_node != transaction.destination_node:
            continue
        yield Found(
            (
                at_header(first.response, "rseq", "the first reliable response"),
                at_header(item.response, "rseq", "the second"),
                at_header(prack.request, "rack", "the PRACK for the first, which came after it"),
            ),
            f"{name_of(item.response)} sent {phrase_of(item.response)} (RSeq {item.rseq}) before the PRACK for its"
            f" first reliable response, {phrase_of(first.response)} (RSeq {first.rseq}), had come.",
            calls=(transaction.call_id,),
        )
        return
