"""Counts in sentences: the noun and the adverb in their right form."""

from __future__ import annotations

import pytest

from sip_ci.wording import more_times, plural, times


@pytest.mark.parametrize(("count", "told"), [(0, "0 calls"), (1, "1 call"), (2, "2 calls"), (1_200, "1,200 calls")])
def test_a_noun_agrees_with_its_count(count: int, told: str) -> None:
    assert plural(count, "call") == told


def test_a_noun_with_another_plural() -> None:
    assert plural(2, "Via entry", "Via entries") == "2 Via entries"


@pytest.mark.parametrize(
    ("count", "told", "again"),
    [(1, "once", "once more"), (2, "twice", "twice more"), (3, "3 times", "3 more times")],
)
def test_how_often(count: int, told: str, again: str) -> None:
    assert times(count) == told
    assert more_times(count) == again
