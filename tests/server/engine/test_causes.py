"""The tables of causes and effects, which are data."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from sip_ci_server.engine.causes import cause_tables
from sip_ci_server.engine.checks.registry import all_checks
from sip_ci_server.engine.knowledge.cause_files import cause_files


@pytest.mark.parametrize("topic", sorted(cause_files()))
def test_each_topic_names_checks_that_exist(topic: str) -> None:
    file = cause_files()[topic]
    for table in (file.same_fault, file.effects, file.effects_of_further_legs, file.effects_for_user):
        for name in {*table, *(name for names in table.values() for name in names)}:
            assert [check for check in all_checks() if fnmatchcase(check, name)], name
    for table in (file.same_fault, file.effects):
        assert not [check for check, names in table.items() if check in names]


def test_no_check_is_a_cause_of_its_own_cause() -> None:
    effects = cause_tables().expanded(all_checks()).effects

    def causes_of(check: str) -> set[str]:
        found: set[str] = set()
        waiting = [check]
        while waiting:
            for name in effects.get(waiting.pop(), ()):
                if name not in found:
                    found.add(name)
                    waiting.append(name)
        return found

    assert not [check for check in effects if check in causes_of(check)]


def test_what_several_topics_say_of_one_check_is_joined() -> None:
    files = cause_files().values()
    for check, names in cause_tables().effects.items():
        assert set(names) == {name for file in files for name in file.effects.get(check, ())}
