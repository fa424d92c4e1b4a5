"""The gate: which findings fail the build, and the verdict over all of them."""

from __future__ import annotations

from collections.abc import Iterable

from sip_ci.findings import (
    Category,
    Conclusion,
    FindingSource,
    JudgedFinding,
    LocatedFinding,
    Severity,
    Status,
    Verdict,
)


def judge(findings: Iterable[LocatedFinding], fail_on: Severity | None) -> tuple[tuple[JudgedFinding, ...], Verdict]:
    """Judge every finding and the build as a whole.

    `fail_on` is the mildest severity that fails the build; None lets every build pass. Findings about the capture
    itself, and those that only the optional assistant claims, are counted but never fail it.
    """
    judged = tuple(JudgedFinding(located.finding, located.location) for located in findings)
    counts = dict.fromkeys(Severity, 0)
    failing = 0
    for item in judged:
        counts[item.finding.severity] += 1
        if fails(item, fail_on):
            failing += 1
    conclusion = Conclusion.FAILURE if failing else Conclusion.SUCCESS
    return judged, Verdict(conclusion, fail_on, counts, failing)


def fails(item: JudgedFinding, fail_on: Severity | None) -> bool:
    """Whether this finding alone fails the build."""
    finding = item.finding
    return (
        fail_on is not None
        and item.status is Status.NEW
        and finding.category is not Category.CAPTURE
        and finding.source is FindingSource.ENGINE
        and finding.severity.at_least(fail_on)
    )
