"""Captures and logs of strangers: none costs a crash, and calls that their owners call healthy are left in peace."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.support.corpus import CORPUS, needs_corpus
from tests.support.grounding import assert_grounded

from sip_ci.findings import Severity
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

pytestmark = [pytest.mark.corpus, needs_corpus]

FOLDERS = ("captures", "text", "field-bugs", "messages", "torture/rfc4475", "torture/rfc5118")


def _files() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((CORPUS / folder).glob("*"))] if CORPUS.is_dir() else []


def _healthy() -> list[str]:
    if not (CORPUS / "INDEX.tsv").is_file():
        return []
    with (CORPUS / "INDEX.tsv").open(encoding="utf-8") as index:
        rows = list(csv.DictReader(index, delimiter="\t"))
    return [row["path"] for row in rows if "healthy" in row["truth"].lower() and int(row["sip_messages"] or 0)]


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.name)
def test_no_trace_costs_a_crash(path: Path) -> None:
    trace = read_trace(path, path.name)
    report = analyze(trace)
    assert_grounded(trace, report)
    checked = {finding.check for finding in report.findings}
    assert not checked & {item.check for item in report.not_checked}


@pytest.mark.parametrize("name", _healthy())
def test_calls_that_are_called_healthy_have_nothing_at_medium_or_above(name: str) -> None:
    report = analyze(read_trace(CORPUS / name, name))
    assert [(item.check, item.title) for item in report.findings if item.severity.at_least(Severity.MEDIUM)] == []
