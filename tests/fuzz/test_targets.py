"""Every target of `fuzz/`: inputs that once failed, and a moment of mutations."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from fuzz.bounds import MEMORY_BASE, MEMORY_FACTOR, MemoryBoundError, TimeBoundError, check, execute
from fuzz.interface import Target
from fuzz.minimising import failure, minimised
from fuzz.mutations import mutations
from fuzz.pieces import join, split
from fuzz.registry import TARGETS

KEPT = Path(__file__).parents[1] / "data" / "fuzz"
REGRESSIONS = sorted(path for path in KEPT.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_once_failed(path: Path) -> None:
    execute(TARGETS[path.parent.name], path.read_bytes(), measure=True)


def test_every_regression_belongs_to_a_target() -> None:
    assert {path.parent.name for path in REGRESSIONS} <= set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_a_moment_of_mutations(name: str) -> None:
    for data in islice(mutations(TARGETS[name], seed=1), 40):
        check(TARGETS[name], data)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read_within_the_bound_of_memory(name: str) -> None:
    target = TARGETS[name]
    for data in islice(target.seeds(), 12):
        execute(target, data[: target.largest], measure=True)


def test_a_target_that_fails_is_found_and_its_input_made_smaller() -> None:
    def run(data: bytes) -> int:
        assert b"\x80" not in data
        return len(data)

    target = Target("x", run, lambda: [b"abc"])
    bad = next(data for data in mutations(target, seed=2) if failure(target, data))
    assert minimised(target, bad) == b"\x80"


def test_the_bounds_hold_what_they_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(data: bytes) -> int:
        bytearray(MEMORY_BASE + MEMORY_FACTOR * len(data) + 1)
        return len(data)

    def endless(_data: bytes) -> int:
        while True:
            pass

    monkeypatch.setattr("fuzz.bounds.SECONDS", 0.05)
    with pytest.raises(MemoryBoundError):
        execute(Target("greedy", greedy, list), b"abc", measure=True, alarm=False)
    with pytest.raises(TimeBoundError):
        execute(Target("endless", endless, list), b"abc")


def test_pieces_come_back() -> None:
    pieces = [(1, b"a"), (255, b""), (0, b"x" * 2047)]
    assert list(split(join(pieces))) == pieces
