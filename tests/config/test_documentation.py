"""What is written about the configuration is what the code does."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from sip_ci.config.documents import read_document
from sip_ci.config.options import OPTIONS, Place
from sip_ci.config.settings import config_schema

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = DOCS / "schemas" / "config.schema.json"


def test_the_committed_schema_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == config_schema(), (
        "run: sip-ci config schema > docs/schemas/config.schema.json"
    )


def test_the_schema_refuses_what_the_program_refuses() -> None:
    validator = jsonschema.Draft202012Validator(config_schema())
    validator.validate({"version": 1, "fail-on": "low", "paths": ["a"], "annotations": False})
    for wrong in ({"fial-on": "low"}, {"fail-on": "bad"}, {"paths": "a"}, {"api-key": "x"}, {"version": 2}):
        assert not validator.is_valid(wrong), wrong


def test_the_example_in_the_documentation_is_valid(tmp_path: Path) -> None:
    text = (DOCS / "configuration.md").read_text().split("```yaml\n")[1].split("```")[0]
    (tmp_path / ".sip-ci.yml").write_text(text)
    document = read_document(tmp_path / ".sip-ci.yml", tmp_path)
    jsonschema.validate({key: entry.value for key, entry in document.entries.items()}, config_schema())


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.key)
def test_every_option_has_its_row(option: object) -> None:
    from sip_ci.config.options import Option

    assert isinstance(option, Option)
    rows = (DOCS / "configuration.md").read_text().splitlines()
    (row,) = [row for row in rows if f"| `{option.variable}` |" in row]
    cells = [cell.strip() for cell in row.replace("\\|", "/").strip("|").split("|")]
    assert cells[0] == (f"`{option.key}`" if option.place is Place.EVERYWHERE else "–")
    assert option.flag in cells[2]
    assert option.default in cells[3]
    assert option.help in row.replace("\\|", "|")
