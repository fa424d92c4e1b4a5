"""Reports of VoIP projects, rebuilt as traces: the fault is the root, the fixed call is silent.

Beside each `NAME.txt` stands `NAME.yml` with what the maintainers said, and where the call was rebuilt after its fix as
well, `NAME.fixed.txt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext, WireFinding
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze
from sip_ci_server.engine.knowledge.texts import text_of

FOLDER = Path(__file__).parent.parent / "data" / "reports"


@dataclass(frozen=True, slots=True)
class Report:
    """What the maintainers said about one rebuilt report."""

    name: str
    checks: frozenset[str]
    """The checks that name the fault; one of them is enough. None where no check can name it yet."""
    severity: Severity
    """It is found at least as bad as this."""
    fix: tuple[str, ...]
    """Words of the fix, of which the advice has one."""
    beside: frozenset[str]
    """Other faults that the trace shows as well, whatever was fixed."""
    still: frozenset[str]
    """Those of them that the fixed call still shows."""
    why_open: str
    """Why the fault is not found yet; empty where it is."""


def _reports() -> Iterator[Report]:
    for path in sorted(FOLDER.glob("*.yml")):
        expected: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["expected"]
        checks = expected["checks"] if isinstance(expected["checks"], list) else []
        yield Report(
            name=path.stem,
            checks=frozenset(checks),
            severity=Severity(expected["severity"]),
            fix=tuple(expected["fix"]),
            beside=frozenset(expected.get("beside", ())),
            still=frozenset(expected.get("still", ())),
            why_open=expected.get("open", "" if checks else "no check names this fault"),
        )


REPORTS = tuple(_reports())


def _cases() -> list[Any]:
    return [
        pytest.param(
            report,
            id=report.name,
            marks=[pytest.mark.xfail(reason=report.why_open, strict=True)] if report.why_open else [],
        )
        for report in REPORTS
    ]


@cache
def _findings(name: str) -> tuple[WireFinding, ...]:
    path = FOLDER / f"{name}.txt"
    return analyze(read_trace(path, path.name), AnalysisContext()).findings


def _gating(name: str) -> set[str]:
    return {finding.check for finding in _findings(name) if finding.root and finding.severity.at_least(Severity.MEDIUM)}


def test_every_trace_has_its_verdict() -> None:
    traces = {path.name.removesuffix(".txt").removesuffix(".fixed") for path in FOLDER.glob("*.txt")}
    assert traces == {report.name for report in REPORTS}


@pytest.mark.parametrize("report", _cases())
def test_the_fault_is_the_root_and_the_advice_fits_the_fix(report: Report) -> None:
    named = [finding for finding in _findings(report.name) if finding.check in report.checks and finding.root]
    assert named, sorted(f"{finding.check} root={finding.root}" for finding in _findings(report.name))
    assert any(finding.severity.at_least(report.severity) for finding in named)
    assert all(finding.evidence for finding in named)
    advice = " ".join(
        f"{finding.title} {finding.detail} {text_of(finding.check).recommendation} "
        f"{' '.join(text_of(finding.check).platforms.values())}"
        for finding in named
    ).lower()
    assert any(word.lower() in advice for word in report.fix), advice
    assert _gating(report.name) <= report.checks | report.beside


@pytest.mark.parametrize("name", [report.name for report in REPORTS if (FOLDER / f"{report.name}.fixed.txt").exists()])
def test_the_fixed_call_is_silent(name: str) -> None:
    still = next(report.still for report in REPORTS if report.name == name)
    assert _gating(f"{name}.fixed") <= still
