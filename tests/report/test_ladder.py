"""The drawn call: arrows between the right columns, marks where the fault is, and never too much of it."""

from __future__ import annotations

from tests.support.sample_report import LADDER, SECOND_LADDER

from sip_ci.report.ladder import draw, excerpt
from sip_ci.results import CallLadder, LadderStep
from sip_ci.trace.ladder_drawing import MARK


def notable(step: LadderStep) -> bool:
    return step.notable


def test_every_arrow_ends_at_the_columns_of_its_participants() -> None:
    header, *arrows = [line.text for line in draw(SECOND_LADDER, notable)]
    names = SECOND_LADDER.participants
    columns = [header.index(name) + len(name) // 2 for name in names]
    for step, line in zip(SECOND_LADDER.steps, arrows, strict=True):
        tip = line.index("▶") + 1 if "▶" in line else line.index("◀") - 1
        assert abs(columns[step.destination] - tip) <= 1
        assert step.label in line


def test_marked_steps_carry_the_mark() -> None:
    lines = draw(LADDER, notable)
    assert [line.text.endswith(MARK) for line in lines] == [line.marked for line in lines]
    assert sum(line.marked for line in lines) == 1


def test_an_excerpt_keeps_the_marked_steps_and_counts_the_rest() -> None:
    steps = tuple(
        LadderStep(index % 2, 1 - index % 2, f"OPTIONS {index}", notable=index == 700) for index in range(1000)
    )
    part = excerpt(CallLadder("a", ("x", "y", "never speaks"), steps, omitted=5), notable, 12)
    assert len(part.steps) == 12
    assert any(step.notable for step in part.steps)
    assert part.omitted == 1000 - 12 + 5
    assert part.participants == ("x", "y")
    assert str(part.omitted) in draw(part, notable)[-1].text


def test_an_excerpt_keeps_to_its_maximum_where_all_is_marked() -> None:
    steps = tuple(LadderStep(0, 1, "INVITE", notable=True) for _ in range(1000))
    assert len(excerpt(CallLadder("a", ("x", "y"), steps), notable, 12).steps) == 12


def test_a_ladder_too_broad_for_the_terminal_becomes_a_list() -> None:
    names = tuple(f"participant-number-{index}.example.org:5060" for index in range(12))
    ladder = CallLadder("a", names, (LadderStep(0, 11, "INVITE", 0.0, notable=True),))
    whole = draw(ladder, notable, 80)
    assert len(whole) == 1
    assert names[0] in whole[0].text
    assert names[11] in whole[0].text
    assert whole[0].marked


def test_a_message_to_oneself_and_participants_that_do_not_exist_do_no_harm() -> None:
    odd = CallLadder(
        "a", ("x", "y"), (LadderStep(0, 0, "to myself"), LadderStep(0, 7, "to nobody"), LadderStep(0, 1, "ok"))
    )
    lines = [line.text for line in draw(excerpt(odd, notable, 10), notable)]
    assert any("to myself" in line for line in lines)
    assert draw(CallLadder("a", (), ()), notable) == []
    assert draw(CallLadder("a", ("x",), (LadderStep(0, 0, "alone"),)), notable)
    assert draw(odd, notable)
