"""Draws a call as text: participants side by side, an arrow for each message, and marks beside the ones at fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sip_ci.trace.printable import printable

MARK = "◀ here"
_TIME_WIDTH = 10
_MAXIMUM_LABEL = 44
_MINIMUM_GAP = 16
_NARROWEST = 60


class Arrow(Protocol):
    """What is known of one step of a ladder."""

    @property
    def source(self) -> int:
        """Index into the participants."""

    @property
    def destination(self) -> int:
        """Index into the participants."""

    @property
    def label(self) -> str:
        """What stands at the arrow."""

    @property
    def time(self) -> float | None:
        """Seconds since the first step; None where unknown."""

    @property
    def repeats(self) -> int:
        """How often the message was seen."""


Step = TypeVar("Step", bound=Arrow)


@dataclass(frozen=True, slots=True)
class LadderLine:
    """One line of the picture."""

    text: str
    marked: bool = False


def draw(
    participants: Sequence[str],
    steps: Sequence[Step],
    is_marked: Callable[[Step], bool] = lambda _: False,
    *,
    omitted: int = 0,
    width: int = 100,
) -> list[LadderLine]:
    """Draw a ladder in at most about `width` columns; one that is too broad for that becomes a list of messages.

    Everything from the trace is made printable, so each step is exactly one line, and nothing can steer a terminal.
    """
    names = [_clip(printable(name), 40) for name in participants]
    labels = [_label(step) for step in steps]
    gaps = [_MINIMUM_GAP] * max(len(names) - 1, 0)
    for index in range(len(gaps)):
        gaps[index] = max(gaps[index], (len(names[index]) + len(names[index + 1])) // 2 + 3)
    for step, label in zip(steps, labels, strict=True):
        left, right = sorted((step.source, step.destination))
        if left == right or right > len(gaps):
            continue
        missing = len(label) + 6 - sum(gaps[left:right])
        if missing > 0:
            gaps[left] += missing
    margin = _TIME_WIDTH + (len(names[0]) // 2 if names else 0)
    needed = margin + sum(gaps) + (len(names[-1]) // 2 if names else 0) + len(MARK) + 2
    is_whole = all(0 <= end < len(names) for step in steps for end in (step.source, step.destination))
    if len(names) < 2 or not is_whole or needed > max(width, _NARROWEST):
        lines = [_listed(step, label, names, is_marked(step)) for step, label in zip(steps, labels, strict=True)]
    else:
        columns = [margin + sum(gaps[:index]) for index in range(len(names))]
        lines = [LadderLine(_header(names, columns))]
        lines += [_arrow(step, label, columns, is_marked(step)) for step, label in zip(steps, labels, strict=True)]
    if omitted:
        lines.append(LadderLine(f"{'':{_TIME_WIDTH}}({omitted} more not shown)"))
    return lines


def _label(step: Arrow) -> str:
    label = _clip(printable(step.label), _MAXIMUM_LABEL)
    return f"{label} ×{step.repeats}" if step.repeats > 1 else label


def _clip(text: str, maximum: int) -> str:
    return text if len(text) <= maximum else text[: maximum - 1] + "…"


def _time(step: Arrow) -> str:
    return f"{step.time:+.3f}" if step.time is not None else ""


def _header(names: list[str], columns: list[int]) -> str:
    line = ""
    for name, column in zip(names, columns, strict=True):
        line = line.ljust(max(column - len(name) // 2, len(line) + (1 if line else 0))) + name
    return line


def _arrow(step: Arrow, label: str, columns: list[int], marked: bool) -> LadderLine:
    row = list(" " * (columns[-1] + 1))
    for column in columns:
        row[column] = "│"
    left, right = sorted((step.source, step.destination))
    if left == right:
        text = f"⟲ {label}"
        room = "".join(row[: columns[left] + 2]).ljust(columns[left] + 2)
        drawn = room + text
    else:
        inner = columns[right] - columns[left] - 1
        if step.source < step.destination:
            shaft = f"─ {label} ".ljust(inner - 1, "─") + "▶"
        else:
            shaft = "◀" + f" {label} ─".rjust(inner - 1, "─")
        row[columns[left] + 1 : columns[right]] = list(shaft)
        drawn = "".join(row)
    drawn = _time(step).rjust(_TIME_WIDTH - 2) + drawn[_TIME_WIDTH - 2 :]
    return LadderLine(drawn.rstrip() + (f"  {MARK}" if marked else ""), marked)


def _listed(step: Arrow, label: str, names: list[str], marked: bool) -> LadderLine:
    ends = [names[end] if 0 <= end < len(names) else "?" for end in (step.source, step.destination)]
    text = f"{_time(step).rjust(_TIME_WIDTH - 2)}  {ends[0]} → {ends[1]}  {label}"
    return LadderLine(text + (f"  {MARK}" if marked else ""), marked)
