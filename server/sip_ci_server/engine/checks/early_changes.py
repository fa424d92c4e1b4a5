"""Changes of a call that come before the call stands: a re-INVITE ahead of the ACK."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between, surely_before


@check(
    "reinvite-before-ack",
    title="The called side changed the call before the ACK had come",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3261 §14.1",
    absent="the trace holds no answered call that was changed",
    only=lambda leg: leg.answer is not None and any(item.method == "INVITE" for item in leg.transactions),
)
def reinvite_before_ack(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The callee sent a re-INVITE after its 2xx and before the ACK of it (RFC 3261 §14.1: the first INVITE transaction
    is to be confirmed before).

    Low where the re-INVITE was accepted all the same. Whoever captures on the path sees both in this order too: an ACK
    that had come to the callee before would have passed there before.
    """
    del model
    answer, acks = leg.answer, leg.acks
    if answer is None or not acks:
        return
    first = next((item for item in leg.transactions if item.method == "INVITE"), None)
    if first is None or leg.sent_by_caller(first) or first.source_node != leg.callee or len(first.request.via) != 1:
        return
    if first.request.index < answer.index or not surely_before(first.request, acks[0]):
        return
    final = first.final
    refused = final is not None and (final.status or 0) >= 300
    delay = seconds_between(answer, first.request)
    yield Found(
        (
            at(answer, "the answer"),
            at(first.request, "the re-INVITE"),
            *([at(final, "refused")] if final is not None and refused else []),
            at(acks[0], "the ACK comes only now"),
        ),
        f"{name_of(first.request)} sent a re-INVITE"
        + (f" {delay * 1000:.0f} ms" if delay is not None else "")
        + f" after its {phrase_of(answer)}, before the ACK of it had come."
        + (f" It was refused with {phrase_of(final)}." if final is not None and refused else ""),
        key=("refused" if refused else "accepted",),
        calls=(leg.call_id,),
        severity=None if refused else Severity.LOW,
    )
