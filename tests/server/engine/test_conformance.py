"""The lists of requirements name checks that exist, or say why none does."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import pytest
import yaml

from sip_ci_server.engine.checks.registry import all_checks

FOLDER = resources.files("sip_ci_server.engine.knowledge") / "conformance"
FILES = sorted(entry.name for entry in FOLDER.iterdir() if entry.name.endswith(".yml"))


@pytest.mark.parametrize("name", FILES)
def test_each_requirement_has_a_check_or_a_reason(name: str) -> None:
    rows: list[dict[str, Any]] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))

    assert re.fullmatch(r"rfc\d+\.yml", name)
    assert rows
    for row in rows:
        assert set(row) == {"section", "requirement", "check", "reason"}
        assert row["section"]
        assert row["requirement"]
        assert (row["check"] is None) is bool(row["reason"]), row
        assert row["check"] is None or row["check"] in all_checks(), row
