"""The numbers of reliable provisional responses: there, in range, and one after another (RFC 3262 §3)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci_server.engine.checks.registry import Found, Outcome, at_header, check
from sip_ci_server.engine.checks.reliable_provisionals import ABSENT, is_reliable
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.provisionals import LARGEST, ReliableProvisional, requires_100rel, rseq_of
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction


@check(
    "rseq-missing",
    title="{status} requires 100rel and carries no RSeq",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3",
    absent=ABSENT,
    only=is_reliable,
)
def rseq_missing(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A provisional response requires 100rel without a RSeq that a PRACK could name (RFC 3262 §3)."""
    del model
    for response in transaction.provisionals:
        if response.status == 100 or not requires_100rel(response) or response.fidelity is Fidelity.TRUNCATED:
            continue
        written = response.header("rseq")
        if rseq_of(response) is not None:
            continue
        yield Found(
            (at_header(response, "require", "the response is to be acknowledged"),),
            f"{name_of(response)} sent {phrase_of(response)} with `Require: {response.header('require')}` and "
            + ("no RSeq" if written is None else f"`RSeq: {written}`, which is no number")
            + ", so no PRACK can name it.",
            {"status": phrase_of(response)},
            key=(str(response.status),),
            calls=(transaction.call_id,),
        )
        return


@check(
    "rseq-gap",
    title="RSeq goes from {first} to {second}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3, §4",
    absent=ABSENT,
    only=is_reliable,
)
def rseq_gap(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The next reliable response's RSeq is not the last one plus 1 (RFC 3262 §3), so the client must not acknowledge it
    (§4).
    """
    if model.seen.lossy or model.seen.cut_heads:
        return
    last: dict[str, ReliableProvisional] = {}
    acknowledged = model.acknowledged_rseqs(transaction)
    for item in model.reliable_provisionals(transaction):
        before = last.get(item.tag)
        last[item.tag] = item
        if before is None or item.rseq == before.rseq + 1 or (item.tag, item.rseq - 1) in acknowledged:
            continue
        yield Found(
            (
                at_header(before.response, "rseq", "one reliable response"),
                at_header(item.response, "rseq", "the next one"),
            ),
            f"{name_of(item.response)} numbered its reliable responses {before.rseq} and then {item.rseq};"
            f" {before.rseq + 1} was due. The client has to take the second for one that came too early.",
            {"first": str(before.rseq), "second": str(item.rseq)},
            key=("back" if item.rseq < before.rseq else "ahead",),
            calls=(transaction.call_id,),
        )
        return


@check(
    "rseq-reused",
    title="Two different responses have the RSeq {rseq}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3262 §3, §4",
    absent=ABSENT,
    only=is_reliable,
)
def rseq_reused(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A reliable response has the To tag and RSeq of an earlier one, and another status or other media: the client must
    discard it as a retransmission (RFC 3262 §4).
    """
    for item in model.reliable_provisionals(transaction):
        first = item.response
        for later in item.sends[1:]:
            if later.fidelity is Fidelity.TRUNCATED or first.fidelity is Fidelity.TRUNCATED:
                continue
            other_media = _media_of(later, model) != _media_of(first, model)
            if later.status == first.status and not other_media:
                continue
            if later.observation.source != first.observation.source:
                continue
            what = "another description" if other_media else f"another status ({phrase_of(later)})"
            yield Found(
                (at_header(first, "rseq", "one reliable response"), at_header(later, "rseq", f"{what}, same number")),
                f"{name_of(later)} sent {phrase_of(first)} and later {phrase_of(later)} with {what}, both with RSeq"
                f" {item.rseq}. The client has to take the second for a repetition of the first and to discard it.",
                {"rseq": str(item.rseq)},
                key=("media" if other_media else "status",),
                calls=(transaction.call_id,),
            )
            return


def _media_of(response: SipMessage, model: Model) -> list[tuple[str, int, str]]:
    """Where the streams of a response's description go."""
    description = model.descriptions.of(response)
    if description is None:
        return []
    return [
        (media.media, media.port, media.connection.address if media.connection else "") for media in description.media
    ]


@check(
    "rseq-out-of-range",
    title="The first RSeq is {value}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3262 §3",
    absent=ABSENT,
    only=is_reliable,
)
def rseq_out_of_range(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The first RSeq of an INVITE is not between 1 and 2**31 - 1 (RFC 3262 §3)."""
    for item in model.reliable_provisionals(transaction)[:1]:
        if 1 <= item.rseq <= LARGEST:
            return
        yield Found(
            (at_header(item.response, "rseq", "the first RSeq"),),
            f"{name_of(item.response)} begins with RSeq {item.rseq}; it has to lie between 1 and {LARGEST}.",
            {"value": str(item.rseq) if item.rseq == 0 else "too large"},
            key=("0" if item.rseq == 0 else "large",),
            calls=(transaction.call_id,),
        )
