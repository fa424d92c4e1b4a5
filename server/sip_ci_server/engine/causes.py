"""One fault, one finding: findings that describe the same fault from two sides are joined, effects point at causes.

What hangs together is data: `knowledge/causes/`, a file for each topic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from sip_ci_server.engine.knowledge.cause_files import cause_files

CauseTable = dict[str, tuple[str, ...]]
"""By check: the checks whose findings tell it better, or cause it."""


@dataclass(frozen=True, slots=True)
class CauseTables:
    """What all topics say together; a name may end in `*` and then stands for every check that begins so."""

    same_fault: CauseTable
    """A finding of a check is left out in a call where one of these, more specific ones is found."""
    effects: CauseTable
    """A finding of a check is the effect of findings of these in the same call or session."""
    effects_of_further_legs: CauseTable
    """A finding of a check is the effect of findings of these in a call that a B2BUA made of its own."""
    effects_for_user: CauseTable
    """A finding of a check is the effect of earlier findings of these about the user who calls or is called."""

    def all_effects(self) -> tuple[CauseTable, ...]:
        """The tables that link effects to causes."""
        return self.effects, self.effects_of_further_legs, self.effects_for_user

    def expanded(self, checks: Iterable[str]) -> CauseTables:
        """The tables for these checks alone, with every name written out."""
        known = sorted(checks)
        return CauseTables(
            _expanded(self.same_fault, known),
            _expanded(self.effects, known),
            _expanded(self.effects_of_further_legs, known),
            _expanded(self.effects_for_user, known),
        )


@lru_cache(maxsize=1)
def cause_tables() -> CauseTables:
    """The tables of all topics joined; a check may stand in several topics."""
    files = [topic for _, topic in sorted(cause_files().items())]
    return CauseTables(
        _joined(file.same_fault for file in files),
        _joined(file.effects for file in files),
        _joined(file.effects_of_further_legs for file in files),
        _joined(file.effects_for_user for file in files),
    )


def _joined(tables: Iterable[CauseTable]) -> CauseTable:
    joined: CauseTable = {}
    for table in tables:
        for check, names in table.items():
            joined[check] = tuple(dict.fromkeys((*joined.get(check, ()), *names)))
    return joined


def _expanded(table: CauseTable, known: list[str]) -> CauseTable:
    written: CauseTable = {}
    for pattern, names in table.items():
        matching = [name for wanted in names for name in _matching(wanted, known)]
        for check in _matching(pattern, known):
            written[check] = tuple(dict.fromkeys((*written.get(check, ()), *(n for n in matching if n != check))))
    return written


def _matching(pattern: str, known: list[str]) -> list[str]:
    if pattern.endswith("*"):
        return [name for name in known if fnmatchcase(name, pattern)]
    return [pattern] if pattern in known else []
