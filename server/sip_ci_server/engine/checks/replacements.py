"""INVITE with Replaces: how the header is written, and whether the call that it replaces is ended (RFC 3891)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import agent_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

HUNG_UP_WITHIN = 10.0
"""Seconds in which the replaced call is ended."""
_ABSENT = "the trace holds no INVITE with Replaces"


def _replaces(transaction: Transaction) -> bool:
    return transaction.method == "INVITE" and bool(transaction.request.lines_of("replaces"))


def _tags(value: str, name: str) -> list[str]:
    pieces = (piece.partition("=") for piece in value.split(";")[1:])
    return [text.strip() for key, _, text in pieces if key.strip().lower() == name]


@check(
    "replaces-malformed",
    title="Replaces has {fault}",
    severity=Severity.MEDIUM,
    category=Category.COMPLIANCE,
    rfc="RFC 3891 §6.1",
    absent=_ABSENT,
    only=_replaces,
)
def replaces_malformed(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A Replaces has not exactly one to-tag and one from-tag (RFC 3891 §6.1); low unless it was refused."""
    if model.is_forwarded(transaction):
        return
    value = transaction.request.header("replaces") or ""
    counts = {name: len([text for text in _tags(value, name) if text]) for name in ("to-tag", "from-tag")}
    wrong = [f"{'no' if not count else 'several'} {name}" for name, count in counts.items() if count != 1]
    if not wrong:
        return
    final = transaction.final
    refused = final is not None and (final.status or 0) in (400, 481)
    yield Found(
        (at_header(transaction.request, "replaces", " and ".join(wrong)),),
        f"{name_of(transaction.request)} sent INVITE with `Replaces: {value[:140]}`, which has {' and '.join(wrong)}:"
        " it names no call.",
        {"fault": " and ".join(wrong)},
        key=(*wrong, agent_of(transaction.request)),
        calls=(transaction.call_id,),
        severity=None if refused else Severity.LOW,
    )


@check(
    "replaces-not-hung-up",
    title="A call was taken over, and the old one was not ended",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3891 §3",
    confidence=Confidence.LIKELY,
    needs=Needs.TIMES | Needs.ADDRESSES,
    absent=_ABSENT,
    only=_replaces,
)
def replaces_not_hung_up(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An INVITE with Replaces was accepted, and no BYE ends the answered call that it names (RFC 3891 §3).

    Judged only where the one who accepted is seen to be an end of that call.
    """
    success = transaction.success
    if success is None:
        return
    leg = _replaced(transaction, model)
    if leg is None:
        yield NotCheckable("the call that is replaced is not in the trace on the hop of the one who accepts")
        return
    if model.lookups.requests(leg.call_id, "BYE"):
        return
    if not model.seen.would_show(success.observation.time, HUNG_UP_WITHIN):
        yield NotCheckable(f"the trace ends less than {HUNG_UP_WITHIN:g} s after the call was taken over")
        return
    yield Found(
        (
            at(leg.invite.request, "the call that is replaced"),
            at_header(transaction.request, "replaces", "takes its place"),
            at(success, "is accepted"),
        ),
        f"{name_of(success)} accepted an INVITE that replaces the call {leg.call_id} with {phrase_of(success)}, and no"
        f" BYE ended that call in the next {HUNG_UP_WITHIN:.0f} s.",
        key=("no BYE",),
        calls=tuple(dict.fromkeys((transaction.call_id, leg.call_id))),
    )


def _replaced(transaction: Transaction, model: Model) -> Leg | None:
    value = transaction.request.header("replaces") or ""
    wanted = {*_tags(value, "to-tag"), *_tags(value, "from-tag")}
    return next(
        (
            leg
            for leg in model.dialogs.calls.get(value.split(";")[0].strip(), [])
            if leg.answer is not None
            and wanted == {leg.caller_tag, leg.callee_tag}
            and transaction.destination_node in (leg.caller, leg.callee)
        ),
        None,
    )
