"""One call as a picture: who said what to whom, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint

UNKNOWN_PARTICIPANT = "?"
"""Who sent or received a message whose address the trace does not give."""


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One arrow."""

    time: float | None
    """Seconds since the first message of the ladder."""
    source: int
    """Index into the ladder's participants."""
    destination: int
    label: str
    """The start line's meaning, with `(SDP)` behind it where the message carries a session description."""
    message: int
    """`SipMessage.index` of the first copy."""
    line: int | None
    frame: int | None
    repeats: int = 1
    """How often the message was seen in a row of copies, retransmissions included."""


@dataclass(frozen=True, slots=True)
class LadderModel:
    """A call's messages, drawn."""

    participants: tuple[str, ...]
    """In order of appearance: `host:port`, `local` for the unnamed writer of a log, or `?`."""
    steps: tuple[LadderStep, ...]
    omitted: int = 0
    """Steps left out of the middle because the ladder would be too long."""


def build_ladder(messages: Sequence[SipMessage], limit: int = 60) -> LadderModel:
    """Draw messages in the order given; retransmissions are folded into the message that they repeat.

    Of more than `limit` steps the first two thirds and the last third are kept: how a call began and how it ended.
    """
    endpoints = [(m.observation.source, m.observation.destination) for m in messages]
    names = _names([endpoint for pair in endpoints for endpoint in pair])
    places = {name: index for index, name in enumerate(dict.fromkeys(names.values()))}
    origin = next((m.observation.time for m in messages if m.observation.time is not None), None)
    steps: list[LadderStep] = []
    seen: dict[tuple[object, ...], int] = {}
    for message, pair in zip(messages, endpoints, strict=True):
        identity = (
            pair,
            message.start_line,
            message.top_via.branch,
            message.cseq,
            message.to.tag,
            message.header("rseq"),
        )
        known = seen.get(identity)
        if known is not None and message.top_via.branch:
            steps[known] = replace(steps[known], repeats=steps[known].repeats + message.observation.copies)
            continue
        seen[identity] = len(steps)
        source, destination = (places[names[endpoint]] for endpoint in pair)
        steps.append(_step(message, source, destination, origin))
    head = max(limit - limit // 3, 0)
    omitted = max(len(steps) - limit, 0)
    if omitted:
        steps = steps[:head] + steps[len(steps) - (limit - head) :]
    return LadderModel(tuple(places), tuple(steps), omitted)


def _step(message: SipMessage, source: int, destination: int, origin: float | None) -> LadderStep:
    observation = message.observation
    time = observation.time - origin if observation.time is not None and origin is not None else None
    label = message.summary + (" (SDP)" if message.content_type == "application/sdp" else "")
    position = observation.position
    return LadderStep(
        time, source, destination, label, message.index, position.line, position.frame, observation.copies
    )


def _names(endpoints: Sequence[Endpoint | None]) -> dict[Endpoint | None, str]:
    """A name for each endpoint, in order of appearance."""
    return {
        endpoint: UNKNOWN_PARTICIPANT if endpoint is None else "local" if endpoint.is_unnamed else str(endpoint)
        for endpoint in dict.fromkeys(endpoints)
    }
