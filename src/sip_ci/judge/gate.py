"""The gate: which findings fail the build, and the verdict over all of them."""

from __future__ import annotations

from collections.abc import Iterable

from sip_ci.findings import (
    Category,
    Conclusion,
    Finding,
    FindingSource,
    JudgedFinding,
    LocatedFinding,
    Severity,
    Verdict,
)


def judge(findings: Iterable[LocatedFinding], fail_on: Severity | None) -> tuple[tuple[JudgedFinding, ...], Verdict]:
    """Judge every finding and the build as a whole.

    `fail_on` is the mildest severity that fails the build; None lets every build pass. Findings about the capture
    itself, and those that only the optional assistant claims, are counted but never fail it. Effects of other findings
    are neither counted nor do they fail it: their root does both, and is at least as severe.
    """
    judged = tuple(
        JudgedFinding(item.finding, item.location, failing=_fails(item.finding, fail_on)) for item in findings
    )
    counts = dict.fromkeys(Severity, 0)
    for item in judged:
        counts[item.finding.severity] += item.finding.root
    failing = sum(item.failing for item in judged)
    conclusion = Conclusion.FAILURE if failing else Conclusion.SUCCESS
    return judged, Verdict(conclusion, fail_on, counts, failing, effects=sum(not item.finding.root for item in judged))


def _fails(finding: Finding, fail_on: Severity | None) -> bool:
    return (
        fail_on is not None
        and finding.root
        and finding.category is not Category.CAPTURE
        and finding.source is FindingSource.ENGINE
        and finding.severity.at_least(fail_on)
    )
