"""Draws a call as text: participants side by side, an arrow for each message, and marks beside the ones at fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sip_ci.results import CallLadder, LadderStep
from sip_ci.trace.printable import printable

MARK = "◀ here"
_CONTEXT = 2
"""Steps that are shown before and after one that is marked."""
_TIME_WIDTH = 10
_MAXIMUM_LABEL = 44
_MINIMUM_GAP = 16


@dataclass(frozen=True, slots=True)
class LadderLine:
    """One line of the picture."""

    text: str
    marked: bool = False


def excerpt(ladder: CallLadder, is_marked: Callable[[LadderStep], bool], maximum: int) -> CallLadder:
    """Return the part of a ladder that shows the marked steps: at most `maximum` steps, the rest counted as omitted.

    The first steps are kept where nothing is marked. The participants are reduced to those that still speak.
    """
    marked = [index for index, step in enumerate(ladder.steps) if is_marked(step)]
    if len(ladder.steps) <= maximum:
        chosen = set(range(len(ladder.steps)))
    else:
        chosen = set()
        for index in marked or [0]:
            neighbours = range(max(0, index - _CONTEXT), min(len(ladder.steps), index + _CONTEXT + 1))
            if len(chosen.union(neighbours)) > maximum:
                break
            chosen.update(neighbours)
        # What is left of the allowance shows how the call began.
        for index in range(len(ladder.steps)):
            if len(chosen) >= maximum:
                break
            chosen.add(index)
    steps = [ladder.steps[index] for index in sorted(chosen)]
    speaking = sorted({end for step in steps for end in (step.source, step.destination) if _exists(ladder, end)})
    place = {old: new for new, old in enumerate(speaking)}
    return replace(
        ladder,
        participants=tuple(ladder.participants[index] for index in speaking),
        steps=tuple(
            replace(step, source=place[step.source], destination=place[step.destination])
            for step in steps
            if step.source in place and step.destination in place
        ),
        omitted=ladder.omitted + len(ladder.steps) - len(steps),
    )


def _exists(ladder: CallLadder, participant: int) -> bool:
    return 0 <= participant < len(ladder.participants)


def draw(ladder: CallLadder, is_marked: Callable[[LadderStep], bool], width: int = 100) -> list[LadderLine]:
    """Draw a ladder in at most about `width` columns; one that is too broad for that becomes a list of messages.

    Everything from the trace is made printable, so each step is exactly one line.
    """
    names = [_clip(printable(name), 40) for name in ladder.participants]
    labels = [_label(step) for step in ladder.steps]
    gaps = [_MINIMUM_GAP] * max(len(names) - 1, 0)
    for index in range(len(gaps)):
        gaps[index] = max(gaps[index], (len(names[index]) + len(names[index + 1])) // 2 + 3)
    for step, label in zip(ladder.steps, labels, strict=True):
        left, right = sorted((step.source, step.destination))
        if left == right or right > len(gaps):
            continue
        missing = len(label) + 6 - sum(gaps[left:right])
        if missing > 0:
            gaps[left] += missing
    margin = _TIME_WIDTH + (len(names[0]) // 2 if names else 0)
    needed = margin + sum(gaps) + (len(names[-1]) // 2 if names else 0) + len(MARK) + 2
    is_whole = all(_exists(ladder, end) for step in ladder.steps for end in (step.source, step.destination))
    if len(names) < 2 or not is_whole or needed > max(width, 60):
        lines = [_listed(step, label, names, is_marked(step)) for step, label in zip(ladder.steps, labels, strict=True)]
    else:
        columns = [margin + sum(gaps[:index]) for index in range(len(names))]
        lines = [LadderLine(_header(names, columns))]
        lines += [
            _arrow(step, label, columns, is_marked(step)) for step, label in zip(ladder.steps, labels, strict=True)
        ]
    if ladder.omitted:
        lines.append(LadderLine(f"{'':{_TIME_WIDTH}}({ladder.omitted} more not shown)"))
    return lines


def _label(step: LadderStep) -> str:
    label = _clip(printable(step.label), _MAXIMUM_LABEL)
    return f"{label} ×{step.repeats}" if step.repeats > 1 else label


def _clip(text: str, maximum: int) -> str:
    return text if len(text) <= maximum else text[: maximum - 1] + "…"


def _time(step: LadderStep) -> str:
    return f"{step.time:+.3f}" if step.time is not None else ""


def _header(names: list[str], columns: list[int]) -> str:
    line = ""
    for name, column in zip(names, columns, strict=True):
        line = line.ljust(max(column - len(name) // 2, len(line) + (1 if line else 0))) + name
    return line


def _arrow(step: LadderStep, label: str, columns: list[int], marked: bool) -> LadderLine:
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


def _listed(step: LadderStep, label: str, names: list[str], marked: bool) -> LadderLine:
    ends = [names[end] if 0 <= end < len(names) else "?" for end in (step.source, step.destination)]
    text = f"{_time(step).rjust(_TIME_WIDTH - 2)}  {ends[0]} → {ends[1]}  {label}"
    return LadderLine(text + (f"  {MARK}" if marked else ""), marked)
