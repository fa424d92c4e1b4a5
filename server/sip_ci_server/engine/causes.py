"""One fault, one finding: findings that describe the same fault from two sides are joined, effects point at causes.

What hangs together is data: `knowledge/causes/`, a file for each topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sip_ci_server.engine.knowledge.cause_files import cause_files


@dataclass(frozen=True, slots=True)
class CauseTables:
    """What all topics say together."""

    same_fault: dict[str, tuple[str, ...]]
    """A finding of a check is left out in a call where one of these, more specific ones is found."""
    effects: dict[str, tuple[str, ...]]
    """A finding of a check names the findings of these in the same call as its causes."""


@lru_cache(maxsize=1)
def cause_tables() -> CauseTables:
    """The tables of all topics joined; a check may stand in several topics."""
    same_fault: dict[str, tuple[str, ...]] = {}
    effects: dict[str, tuple[str, ...]] = {}
    for _, topic in sorted(cause_files().items()):
        for joined, table in ((same_fault, topic.same_fault), (effects, topic.effects)):
            for check, names in table.items():
                joined[check] = tuple(dict.fromkeys((*joined.get(check, ()), *names)))
    return CauseTables(same_fault, effects)
