"""The JSON report: the fields of schema version 1, and a published schema that is current."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import sample_report as sample

from sip_ci.report.interface import ReportOptions
from sip_ci.report.json import render
from sip_ci.report.json_models import json_schema
from sip_ci.results import InputResult, IssueAnswer, QualityReport

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "schemas" / "report.schema.json"
OPTIONS = ReportOptions()


def test_the_committed_schema_is_current() -> None:
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == json_schema()


def test_the_report_has_the_fields_of_version_1() -> None:
    report = json.loads(render(sample.make(), OPTIONS))
    jsonschema.validate(report, json_schema())
    assert list(report) == [
        "schema_version",
        "tool",
        "inputs",
        "findings",
        "not_checked",
        "quality",
        "verdict",
        "sessions",
        "ambiguous",
    ]
    assert report["schema_version"] == 1
    assert set(report["inputs"][0]) >= {"name", "format", "messages", "calls"}
    wanted = "check severity category title detail recommendation input occurrences calls evidence location fingerprint"
    assert set(report["findings"][0]) >= {*wanted.split(), "status"}
    assert report["verdict"] == {
        "conclusion": "failure",
        "fail_on": "high",
        "counts": {"critical": 1, "high": 1, "medium": 1, "low": 0, "info": 1},
        "failing": 2,
        "effects": 0,
    }


def test_findings_stand_worst_first_with_their_places() -> None:
    findings = json.loads(render(sample.make(), OPTIONS))["findings"]
    assert [item["severity"] for item in findings] == ["critical", "high", "medium", "info"]
    assert findings[0]["location"] is None
    assert findings[1]["location"]["start_line"] == 19
    assert findings[1]["evidence"][0]["text"] == "c=IN IP4 192.168.1.100"


def test_the_answer_to_the_issue_is_told_with_its_input() -> None:
    answer = IssueAnswer("one-way-audio", "refuted", "audio flows both ways")
    data = sample.make(inputs=(replace(sample.INPUTS[0], issue=answer), sample.INPUTS[1]))
    document = json.loads(render(data, OPTIONS))
    jsonschema.validate(document, json_schema())
    assert [item["issue"] for item in document["inputs"]] == [
        {"hint": "one-way-audio", "verdict": "refuted", "reason": "audio flows both ways"},
        None,
    ]


def test_no_threshold_is_called_never() -> None:
    assert json.loads(render(sample.make(fail_on=None), OPTIONS))["verdict"]["fail_on"] == "never"


@settings(max_examples=40, deadline=None)
@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    written = render(sample.hostile(text), OPTIONS)
    document = json.loads(written.encode("utf-8"))
    expected = text.encode("utf-8", errors="backslashreplace").decode("utf-8")
    assert document["findings"][0]["title"] == expected
    jsonschema.validate(document, json_schema())


def test_lone_surrogates_and_numbers_that_are_none_do_no_harm() -> None:
    odd = InputResult("a", quality=QualityReport(kpis={"ratio": float("nan"), "delay": 1.5}))
    data = replace(sample.hostile("\udc80\ud83d"), inputs=(odd,))
    document = json.loads(render(data, OPTIONS).encode("utf-8"))
    assert document["quality"][0]["kpis"] == {"ratio": None, "delay": 1.5}
    assert document["findings"][0]["title"] == "\\udc80\\ud83d"


def test_the_same_run_gives_the_same_bytes() -> None:
    assert render(sample.make(), OPTIONS) == render(sample.make(), OPTIONS)
