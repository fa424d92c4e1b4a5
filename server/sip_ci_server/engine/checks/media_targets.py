"""Where media goes after a re-INVITE or UPDATE moved it (RFC 3264 §8.3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.sdp import MediaDescription
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, check
from sip_ci_server.engine.checks.stream_evidence import LONG, shown
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round
from sip_ci_server.engine.streams import Stream

SETTLING = 2.0
"""Seconds after the agreement within which packets to the old address are no fault: both are listened on."""


@dataclass(frozen=True, slots=True)
class _Agreement:
    """What one round of offer and answer says of the audio of both sides."""

    settled: float
    """The answer, in seconds by the trace's clock."""
    message: SipMessage
    """What carries the answer."""
    caller: MediaDescription
    callee: MediaDescription

    def side(self, *, caller: bool) -> MediaDescription:
        return self.caller if caller else self.callee


@check(
    "media-old-target",
    title="RTP to the {hearer} still goes to {old} and not to {new}",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="RFC 3264 §8.3.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.TIMES | Needs.ADDRESSES,
    only=lambda session: session.leg.answer is not None and bool(session.leg.transactions),
    absent="the trace holds no answered call with requests inside it",
)
def media_old_target(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """A re-INVITE or UPDATE gave one side's audio another address or port and was answered, and the other side goes on
    sending to the old one, with nothing to the new one (RFC 3264 §8.3.1).

    Low where that side itself still sends from its old address, for which its peer may have latched on to it.
    """
    if session.ambiguous:
        return
    agreements = _agreements(session, model)
    end = session.leg.ended_at if session.leg.ended_at is not None else model.seen.ends
    if end is None:
        return
    for place, (before, after) in enumerate(pairwise(agreements), 2):
        until = agreements[place].settled if place < len(agreements) else end
        for to_caller in (True, False):
            yield from _astray(session, before, after, until, to_caller=to_caller)


def _astray(
    session: MediaSession, before: _Agreement, after: _Agreement, until: float, *, to_caller: bool
) -> Iterator[Outcome]:
    was, now = _listens_at(before.side(caller=to_caller)), _listens_at(after.side(caller=to_caller))
    sender = after.side(caller=not to_caller)
    if was is None or now is None or was == now or not sender.direction.sends:
        return
    since = after.settled + SETTLING
    incoming = session.to_caller if to_caller else session.to_callee
    outgoing = session.to_callee if to_caller else session.to_caller
    stray = _busiest(incoming, since, until, was)
    if stray is None or any(item.destination == now and item.between(after.settled, until) for item in incoming):
        return
    count = stray.between(since, until)
    hearer = "caller" if to_caller else "callee"
    from_old = any(item.source == was and item.between(since, until) for item in outgoing)
    yield Found(
        (at(after.message, f"settles {now} for the {hearer}"), shown(stray, f"goes on to {was}")),
        f"The call moved the audio of the {hearer} from {was} to {now}, and {count} packets from {stray.source} went to"
        f" the old address more than {SETTLING:g} s later; none went to the new one."
        + (f" The {hearer} still sends from the old address itself." if from_old else ""),
        {"hearer": hearer, "old": str(was), "new": str(now)},
        key=(hearer,),
        calls=(session.leg.call_id,),
        severity=Severity.LOW if from_old else None,
    )


def _busiest(streams: list[Stream], since: float, until: float, destination: Endpoint) -> Stream | None:
    """The stream to an address that goes on for at least a second of packets."""
    going = [item for item in streams if item.destination == destination and item.between(since, until) >= LONG]
    return max(going, key=lambda item: item.packets, default=None)


def _agreements(session: MediaSession, model: Model) -> list[_Agreement]:
    """The accepted rounds of a call in order, as far as they hold audio."""
    found: list[_Agreement] = []
    for item in model.rounds[session.leg.number]:
        message = item.answer_message
        if message is None or message.observation.time is None or item.rejected is not None or not _is_final(item):
            continue
        pair = next((pair for pair in item.pairs if pair.offered.media == "audio" and pair.active), None)
        if pair is None:
            continue
        caller, callee = (pair.offered, pair.answered) if item.offered_by_caller else (pair.answered, pair.offered)
        found.append(_Agreement(message.observation.time, message, caller, callee))
    return found


def _is_final(item: Round) -> bool:
    """Whether the request of the round was accepted; an answer in a provisional response of a call counts as well."""
    return item.transaction.success is not None


def _listens_at(description: MediaDescription) -> Endpoint | None:
    """Where a side wants its audio; None on hold, and with ICE, where candidates decide."""
    connection = description.connection
    if connection is None or connection.is_zero or description.port == 0 or description.candidates:
        return None
    return Endpoint(connection.address, description.port) if description.direction.receives else None
