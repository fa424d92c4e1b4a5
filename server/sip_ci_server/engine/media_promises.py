"""What was agreed of audio over time: in which spans of a call each side was to send (RFC 3264 §5.1, §6.1, §8.4)."""

from __future__ import annotations

from dataclasses import dataclass

from sip_ci.trace.sdp import MediaDescription
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round


@dataclass(frozen=True, slots=True)
class Span:
    """A part of an answered call in which one agreement holds."""

    start: float
    """The message that settled it, in seconds by the trace's clock."""
    end: float
    """The next offer, a transfer, the BYE or the end of the trace."""
    to_caller: bool
    """Whether audio to the caller was agreed."""
    to_callee: bool
    first: bool
    """Whether it begins with the answer to the call."""
    last: bool
    """Whether the call ends with it."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start

    @property
    def both_ways(self) -> bool:
        """Whether audio was to flow both ways."""
        return self.to_caller and self.to_callee


def spans_of(session: MediaSession, model: Model) -> list[Span]:
    """The spans of an answered call, in order; nothing before the answer, for early media is nobody's duty."""
    leg = session.leg
    answered = leg.answered_at
    end = leg.ended_at if leg.ended_at is not None else model.seen.ends
    if answered is None or end is None:
        return []
    changes: list[tuple[float, float, Round]] = []
    for item in model.rounds[leg.number]:
        offered, settled = item.offer_message.observation.time, _time_of_answer(item)
        if item.answer is None or settled is None or offered is None or item.rejected is not None:
            if item.rejected is None and offered is not None and offered > answered:
                # An offer without an answer leaves open what holds from then on.
                end = min(end, offered)
            continue
        changes.append((max(settled, answered), offered, item))
    changes = [change for change in changes if change[0] < end]
    transfers = [item.time for item in leg.transactions if item.method == "REFER" and item.time is not None]
    spans: list[Span] = []
    for place, (start, _, item) in enumerate(changes):
        until = changes[place + 1][1] if place + 1 < len(changes) else end
        until = min([until, *(time for time in transfers if time > start)])
        if until > start:
            toward = _agreed(item)
            spans.append(Span(start, until, *toward, start == answered, until == end))
    return spans


def _time_of_answer(item: Round) -> float | None:
    return item.answer_message.observation.time if item.answer_message is not None else None


def _agreed(item: Round) -> tuple[bool, bool]:
    """Whether audio to the caller, and to the callee, was agreed."""
    pair = next((pair for pair in item.pairs if pair.offered.media == "audio" and pair.active), None)
    if pair is None or any(pair.offered.media == "image" and pair.active for pair in item.pairs):
        return False, False
    caller, callee = (pair.offered, pair.answered) if item.offered_by_caller else (pair.answered, pair.offered)
    return _flows(callee, caller), _flows(caller, callee)


def _flows(sender: MediaDescription, receiver: MediaDescription) -> bool:
    """Whether one side sends and the other receives; at the null address nobody receives (RFC 3264 §8.4)."""
    held = receiver.connection is not None and receiver.connection.is_zero
    return sender.direction.sends and receiver.direction.receives and not held


def is_promised(session: MediaSession, model: Model, *, toward_caller: bool, start: float, end: float) -> bool:
    """Whether audio in one direction was agreed throughout, from `start` to `end`."""
    return any(
        span.start <= start and end <= span.end and (span.to_caller if toward_caller else span.to_callee)
        for span in spans_of(session, model)
    )
