"""Every finding of every example and of the corpus is borne out by lines, streams or packets of its trace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.grounding import assert_grounded

from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

TRACES = Path(__file__).parents[2] / "examples" / "traces"
FILES = sorted(path for path in TRACES.iterdir() if path.suffix in (".log", ".pcap"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_findings_of_the_examples_are_grounded(path: Path) -> None:
    trace = read_trace(path, path.name)

    assert_grounded(trace, analyze(trace, AnalysisContext()))


ONE_OF_SEVERAL = re.compile(r"(?<![\d.,:/-])1 (?!was\b|has\b|is\b)[a-z]{2,}s\b")
"""A count of one before a noun in the plural; `1 ms` is none."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_findings_of_the_examples_are_sentences(path: Path) -> None:
    for finding in analyze(read_trace(path, path.name), AnalysisContext()).findings:
        for text in (finding.title, finding.detail, finding.recommendation):
            assert not ONE_OF_SEVERAL.search(text.replace("1 ms", "")), text
            assert "  " not in text, "two blanks"
        assert finding.detail.endswith("."), finding.detail
        assert not finding.title.endswith("."), finding.title
