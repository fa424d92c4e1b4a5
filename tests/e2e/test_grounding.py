"""Every finding of every example and of the corpus is borne out by lines, streams or packets of its trace."""

from __future__ import annotations

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
