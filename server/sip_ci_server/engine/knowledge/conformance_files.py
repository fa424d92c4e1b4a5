"""Loads which requirements of RFCs a trace can decide, and by which check: `conformance/*.yml`.

A file is `rfc<number>.yml`, or `rfc<number>-<part>.yml` where an RFC is long; `beyond.yml` names the checks that rest
on an RFC without being one of its requirements.
"""

from __future__ import annotations

import re
from collections import defaultdict
from fnmatch import fnmatchcase
from importlib import resources

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from sip_ci_server.engine.knowledge.texts import load_yaml

_NAME = re.compile(r"rfc([0-9]{1,5})(?:-[a-z0-9-]+)?\.yml")
_BEYOND = "beyond.yml"


class Requirement(BaseModel):
    """A requirement of an RFC; an entry of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section: str = Field(pattern=r"^([0-9]+|[A-Z])(\.[0-9]+)*$", description="Where it stands, without the sign.")
    requirement: str = Field(min_length=1, description="What it asks for, in short own words.")
    check: str | None = Field(description="The check that decides it, or null.")
    reason: str | None = Field(description="Why no check decides it; null where one does.")

    @model_validator(mode="after")
    def _check_or_reason(self) -> Requirement:
        if (self.check is None) is not bool(self.reason):
            raise ValueError(f"§{self.section}: give a check or the reason why there is none, and not both")
        return self

    @property
    def place(self) -> tuple[tuple[int, int | str], ...]:
        """What requirements are sorted by: the numbers of the section, appendices last."""
        return tuple((0, int(part)) if part.isdigit() else (1, part) for part in self.section.split("."))


_REQUIREMENTS = TypeAdapter(tuple[Requirement, ...])
_REASONS = TypeAdapter(dict[str, str])


def requirement_files() -> dict[str, tuple[Requirement, ...]]:
    """The requirements of each file by its name.

    Raises pydantic.ValidationError for a file of another shape, and ValueError for a file of another name, which a test
    forbids.
    """
    folder = resources.files(__package__) / "conformance"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yml") and entry.name != _BEYOND)
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"conformance/{name}: a file is called rfc<number>.yml or rfc<number>-<part>.yml")
    return {name: _REQUIREMENTS.validate_python(load_yaml(f"conformance/{name}")) for name in names}


def requirements() -> dict[int, list[Requirement]]:
    """The requirements of each RFC, by its number, in the order of its sections."""
    joined: dict[int, list[Requirement]] = defaultdict(list)
    for name, entries in requirement_files().items():
        match = _NAME.fullmatch(name)
        assert match is not None
        joined[int(match[1])] += entries
    return {number: sorted(joined[number], key=lambda entry: entry.place) for number in sorted(joined)}


def reasons_beyond() -> dict[str, str]:
    """Why a check is no requirement of the RFC that it rests on, by its id or a pattern of ids such as `final-*`."""
    return _REASONS.validate_python(load_yaml(f"conformance/{_BEYOND}"))


def unlisted(rfcs: dict[str, str]) -> list[str]:
    """The checks that rest on an RFC whose requirements are listed, without being among them or having a reason.

    `rfcs` gives by check what it rests on, as in `RFC 3261 §8.1.1; RFC 3581 §4`.
    """
    listed = requirements()
    named = {entry.check for entries in listed.values() for entry in entries}
    patterns = reasons_beyond()
    return sorted(
        check
        for check, rfc in rfcs.items()
        if check not in named
        and any(int(number) in listed for number in re.findall(r"RFC (\d+)", rfc))
        and not any(fnmatchcase(check, pattern) for pattern in patterns)
    )
