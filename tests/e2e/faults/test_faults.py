"""Faults that real programs were made to have, and healthy calls of the same kind, diagnosed by the command line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest
from tests.e2e.faults.matrix import CASES
from tests.e2e.live.case import Case
from tests.e2e.live.catalogue import CASES as OTHER_CASES
from tests.e2e.live.recordings import Recordings
from tests.support.requirements import require_for_live_calls

from sip_ci.findings import Severity
from sip_ci.report.json_models import Report, ReportedFinding

pytestmark = pytest.mark.live


def _shown(findings: Iterable[ReportedFinding]) -> list[tuple[str, str, bool, str]]:
    """What is worth reading of these findings where an assertion fails."""
    return [(finding.check, str(finding.severity), finding.root, finding.detail) for finding in findings]


def _missed(findings: list[ReportedFinding], case: Case, expected: frozenset[str]) -> set[str]:
    """The expected checks that are not there as a root, as severe as they must be."""
    found = {
        finding.check
        for finding in findings
        if finding.root and finding.severity.at_least(case.severity_of(finding.check) or Severity.INFO)
    }
    return set(expected) - found


def _unrelated(findings: list[ReportedFinding], expected: frozenset[str]) -> list[ReportedFinding]:
    """What a gate acts on and is neither expected nor the effect of what is expected."""
    explained = {finding.fingerprint for finding in findings if finding.check in expected}
    before = -1
    while before < len(explained):  # an effect may be the cause of another one
        before = len(explained)
        explained |= {
            finding.fingerprint for finding in findings if not finding.root and explained.intersection(finding.causes)
        }
    return [
        finding
        for finding in findings
        if finding.severity.at_least(Severity.MEDIUM) and finding.fingerprint not in explained
    ]


def _judge(report: Report, name: str, case: Case, expected: frozenset[str]) -> None:
    findings = [finding for finding in report.findings if finding.input == name]
    assert _missed(findings, case, expected) == set(), _shown(findings)
    assert _shown(_unrelated(findings, expected)) == []


def test_names_are_unique() -> None:
    """A name is the folder of a call, and all calls of a run lie in one folder."""
    names = Counter(case.name for case in (*CASES, *OTHER_CASES))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_call_is_diagnosed(case: Case, recordings: Recordings) -> None:
    require_for_live_calls(case.call.missing())
    diagnosed = recordings.diagnosed(case)
    _judge(diagnosed.report, diagnosed.capture, case, case.capture_checks)
    if diagnosed.log is not None and case.log_checks is not None:
        _judge(diagnosed.report, diagnosed.log, case, case.log_checks)
