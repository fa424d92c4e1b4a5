"""The lists of requirements: each names a check that exists or says why none does, and no check is forgotten."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from pydantic import ValidationError

from sip_ci_server.engine.checks.registry import all_checks
from sip_ci_server.engine.knowledge.conformance_files import (
    Requirement,
    reasons_beyond,
    requirement_files,
    requirements,
    unlisted,
)
from sip_ci_server.engine.knowledge.conformance_page import conformance_page

FILES = requirement_files()


@pytest.mark.parametrize("name", FILES)
def test_every_check_that_is_named_exists(name: str) -> None:
    assert FILES[name]
    named = {entry.check for entry in FILES[name] if entry.check is not None}
    assert named <= set(all_checks())


@pytest.mark.parametrize("name", FILES)
def test_sections_are_in_order(name: str) -> None:
    places = [entry.place for entry in FILES[name]]
    assert places == sorted(places)


@pytest.mark.parametrize("number", requirements())
def test_no_requirement_stands_twice(number: int) -> None:
    stated = [(entry.section, entry.requirement) for entry in requirements()[number]]
    assert len(set(stated)) == len(stated)


def test_every_check_of_a_listed_rfc_is_in_its_list_or_has_a_reason() -> None:
    assert unlisted({check.id: check.rfc for check in all_checks().values()}) == []


def test_no_reason_is_left_of_a_check_that_is_gone() -> None:
    for pattern, reason in reasons_beyond().items():
        assert reason
        assert any(fnmatchcase(check, pattern) for check in all_checks()), pattern


def test_a_check_that_nothing_names_is_told() -> None:
    assert unlisted({"no-such-check": "RFC 3261 §8.1.1"}) == ["no-such-check"]
    assert unlisted({"no-such-check": "RFC 99999 §1"}) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"section": "1", "requirement": "a", "check": "b", "reason": "c"},
        {"section": "1", "requirement": "a", "check": None, "reason": None},
        {"section": "one", "requirement": "a", "check": "b", "reason": None},
        {"section": "1", "requirement": "", "check": "b", "reason": None},
        {"section": "1", "requirement": "a", "check": "b", "reason": None, "more": "c"},
    ],
)
def test_an_entry_of_another_shape_is_an_error(broken: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError):
        Requirement.model_validate(broken)


def test_sections_sort_by_number() -> None:
    entries = [
        Requirement(section=section, requirement="a", check="b", reason=None) for section in ("10.2", "9.1", "B.1")
    ]
    assert [entry.section for entry in sorted(entries, key=lambda entry: entry.place)] == ["9.1", "10.2", "B.1"]


def test_the_page_holds_every_requirement_with_its_check_or_reason() -> None:
    page = conformance_page()
    for number, entries in requirements().items():
        assert f"## RFC {number}" in page
        for entry in entries:
            assert entry.requirement.replace("|", "\\|") in page
            assert (f"checks/{entry.check}.md" if entry.check else entry.reason or "") in page
