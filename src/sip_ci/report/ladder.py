"""The part of a call that shows a fault, drawn as text with marks beside the messages at fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sip_ci.results import CallLadder, LadderStep
from sip_ci.trace.ladder_drawing import LadderLine
from sip_ci.trace.ladder_drawing import draw as draw_steps

_CONTEXT = 2
"""Steps that are shown before and after one that is marked."""


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
    """Draw a ladder in at most about `width` columns; one that is too broad for that becomes a list of messages."""
    return draw_steps(ladder.participants, ladder.steps, is_marked, omitted=ladder.omitted, width=width)
