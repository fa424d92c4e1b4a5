"""One call as a picture: who said what to whom, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.printable import printable

UNKNOWN_PARTICIPANT = "?"
"""Who sent or received a message whose address the trace does not give."""

_COLUMN = 28
_WIDTH = 100
_TIME_WIDTH = 10


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


def render_text(ladder: LadderModel) -> str:
    """Draw a ladder as plain text, one line per step, at most about 100 columns wide.

    Nothing from the trace can steer a terminal or break a line. Participants stand side by side as long as they fit;
    more of them become lines of the form `source → destination`.
    """
    names = [printable(name) for name in ladder.participants]
    column = max(_COLUMN, *(len(name) + 2 for name in names)) if names else _COLUMN
    if not names or _TIME_WIDTH + column * len(names) > _WIDTH + column // 2:
        lines = [_flat_line(step, names) for step in ladder.steps]
    else:
        lines = [" " * _TIME_WIDTH + "".join(name.center(column) for name in names).rstrip()]
        lines += [_arrow_line(step, len(names), column) for step in ladder.steps]
    if ladder.omitted:
        lines.append(f"({ladder.omitted} more)")
    return "\n".join(lines)


def _arrow_line(step: LadderStep, participants: int, column: int) -> str:
    canvas = ["│" if position % column == column // 2 else " " for position in range(participants * column)]
    left, right = sorted((step.source * column + column // 2, step.destination * column + column // 2))
    if left == right:
        text = " ↺ " + _label(step)
        canvas[left + 1 : left + 1 + len(text)] = text
        return _time(step) + "".join(canvas).rstrip()
    shaft = right - left - 1
    label = _label(step, shaft - 4)
    text = f" {label} ".center(shaft - 1, "─")
    canvas[left + 1 : right] = text + "▶" if step.source < step.destination else "◀" + text
    return (_time(step) + "".join(canvas)).rstrip()


def _flat_line(step: LadderStep, names: Sequence[str]) -> str:
    return f"{_time(step)}{names[step.source]} → {names[step.destination]}: {_label(step)}"


def _label(step: LadderStep, room: int = 200) -> str:
    repeats = f" ×{step.repeats}" if step.repeats > 1 else ""
    label = printable(step.label)
    if len(label) + len(repeats) > room:
        label = label[: max(room - len(repeats) - 1, 1)] + "…"
    return label + repeats


def _time(step: LadderStep) -> str:
    return (f"{step.time:8.3f}" if step.time is not None else "").ljust(_TIME_WIDTH)
