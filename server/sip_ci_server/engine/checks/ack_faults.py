"""ACKs that were sent, but late, in vain, or as part of another transaction."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.wording import more_times, times
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.message_faults import ROUND_TRIP
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of, seconds_between
from sip_ci_server.engine.transactions import Transaction

LATE = 0.5
VERY_LATE = 2.0


def _answered(leg: Leg) -> bool:
    return leg.answer is not None


@check(
    "ack-late",
    title="ACK came {delay} after the answer",
    severity=Severity.MEDIUM,
    category=Category.TIMING,
    rfc="RFC 3261 §13.3.1.4",
    needs=Needs.TIMES,
    absent="the trace holds no answered INVITE",
    only=_answered,
)
def ack_late(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The 2xx had to be sent again before its ACK came: low from 500 ms, medium from 2 s (RFC 3261 §13.3.1.4)."""
    del model
    acks, answers = leg.acks, leg.answers
    if leg.answer is None or not acks or len(answers) < 2:
        return
    delay = seconds_between(leg.answer, acks[0])
    before = [answer for answer in answers if answer.index < acks[0].index]
    if delay is None or delay <= LATE or len(before) < 2:
        return
    yield Found(
        (at(leg.answer, "the answer"), at(before[-1], "the answer, sent again"), at(acks[0], "the first ACK")),
        f"{phrase_of(leg.answer)} was sent {times(len(before))} before the first ACK came, {delay:.1f} s after it.",
        {"delay": "more than 2 s" if delay > VERY_LATE else "more than 500 ms"},
        key=("2 s" if delay > VERY_LATE else "500 ms",),
        calls=(leg.call_id,),
        severity=None if delay > VERY_LATE else Severity.LOW,
    )


@check(
    "ack-ignored",
    title="{status} keeps coming although ACK was sent",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §13.3.1.4, §17.2.1",
    needs=Needs.ORDER,
    absent="the trace holds no INVITE with an ACK",
    only=lambda transaction: transaction.method == "INVITE" and bool(transaction.acks),
)
def ack_ignored(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The final response of an INVITE is sent again after its ACK went out (RFC 3261 §13.3.1.4, §17.2.1).

    Twice is medium, for two lost packets are possible; three times or more means that the ACK does not arrive or is
    not recognised. In a log without times their order shows it.
    """
    timed = model.seen.timed
    sends_by_tag: dict[str, list[SipMessage]] = {}
    for response in transaction.finals:
        sends_by_tag.setdefault(response.to.tag, []).append(response)
    first_acks: dict[str, SipMessage] = {}
    for item in transaction.acks:
        first_acks.setdefault(item.to.tag, item)
    for tag, sends in sends_by_tag.items():
        ack = first_acks.get(tag)
        if ack is None:
            continue
        after = [
            response
            for response in sends
            if ((seconds_between(ack, response) or 0.0) > ROUND_TRIP if timed else response.index > ack.index)
        ]
        if len(after) < (2 if timed else 3):
            continue
        span = f" over the next {seconds_between(ack, after[-1]) or 0.0:.1f} s" if timed else ""
        yield Found(
            (
                at(sends[0], "the final response"),
                at_header(ack, "via", "its ACK"),
                at(after[-1], "the same response, sent again"),
            ),
            f"{name_of(ack)} sent ACK to {ack.observation.destination or ack.request_uri.text} for the"
            f" {phrase_of(sends[0])} to its INVITE, and {name_of(sends[0])} sent that response"
            f" {more_times(len(after))}{span}: the ACK does not arrive, or it is not recognised.",
            {"status": phrase_of(sends[0])},
            key=("2xx" if (sends[0].status or 0) < 300 else "refusal",),
            calls=(transaction.call_id,),
            severity=None if len(after) >= 3 else Severity.MEDIUM,
        )


@check(
    "ack-not-repeated",
    title="The {status} keeps coming, and its ACK is not sent again",
    severity=Severity.HIGH,
    category=Category.SIGNALING,
    rfc="RFC 3261 §13.2.2.4",
    needs=Needs.TIMES,
    absent="the trace is no log of a program that called",
    only=lambda leg: leg.answer is not None and bool(leg.acks) and leg.acks[0].observation.sent is True,
)
def ack_not_repeated(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The caller's own log shows one ACK, and the 2xx that comes three times more without another one (RFC 3261
    §13.2.2.4: an ACK for each 2xx that arrives).

    The first ACK was lost, as packets may be. Logs of the callee, and captures, cannot tell whether later ones were
    sent.
    """
    del model
    if len(leg.acks) != 1 or not all(answer.observation.sent is False for answer in leg.answers):
        return
    ack = leg.acks[0]
    after = [answer for answer in leg.answers if (seconds_between(ack, answer) or 0.0) > ROUND_TRIP]
    if len(after) < 3:
        return
    yield Found(
        (
            at(ack, "the only ACK"),
            at(after[0], "the answer comes again"),
            at(after[-1], "and again, without another ACK"),
        ),
        f"{name_of(ack)} sent one ACK for the {phrase_of(leg.answers[0])}. It came {more_times(len(after))} over"
        f" {seconds_between(ack, after[-1]) or 0.0:.1f} s, and none of them was acknowledged.",
        {"status": phrase_of(leg.answers[0])},
        calls=(leg.call_id,),
    )


@check(
    "ack-branch-misuse",
    title="ACK for {status} carries {what}",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3261 §17.1.1.3, §8.1.1.7",
    absent="the trace holds no INVITE with a final response",
    only=lambda transaction: transaction.method == "INVITE" and transaction.final is not None,
)
def ack_branch_misuse(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """The ACK of a refusal has a branch of its own, or that of a 2xx has the INVITE's (RFC 3261 §17.1.1.3, §8.1.1.7).

    The second is only noted: it does no harm where no proxy keeps the transaction.
    """
    final = transaction.final
    if final is None:
        return
    invite, refused = transaction.request, (final.status or 0) >= 300
    if refused and transaction.acks:
        return
    for ack in model.lookups.acks_numbered(invite):
        same_hop = (
            model.nodes.source(ack) == transaction.source_node
            and model.nodes.destination(ack) == transaction.destination_node
        )
        if not same_hop or ack.to.tag != final.to.tag or ack.index < final.index:
            continue
        same_branch = ack.top_via.branch == invite.top_via.branch
        if refused is same_branch:
            continue
        what = "another branch than the INVITE" if refused else "the INVITE's branch"
        yield Found(
            (at_header(invite, "via", "the INVITE"), at(final, "its final response"), at_header(ack, "via", "the ACK")),
            f"The ACK for {phrase_of(final)} carries {what}"
            + (
                ", so the server transaction cannot take it as its own."
                if refused
                else f" (`{ack.top_via.branch}`), though it is a transaction of its own."
            ),
            {"status": "a refusal" if refused else "a 2xx", "what": what},
            key=("refusal" if refused else "2xx",),
            calls=(transaction.call_id,),
            severity=None if refused else Severity.INFO,
        )
        return
