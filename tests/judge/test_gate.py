"""The gate: what fails the build, and what is only told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.sample_report import PRIVATE_ADDRESS

from sip_ci.findings import Category, Conclusion, FindingSource, LocatedFinding, Location, Severity
from sip_ci.judge.gate import judge


def located(*severities: Severity, **changes: object) -> list[LocatedFinding]:
    return [LocatedFinding(replace(PRIVATE_ADDRESS, severity=item, **changes), None) for item in severities]  # type: ignore[arg-type]


@pytest.mark.parametrize("threshold", list(Severity))
@pytest.mark.parametrize("severity", list(Severity))
def test_a_finding_fails_the_build_at_its_severity_and_at_milder_thresholds(
    severity: Severity, threshold: Severity
) -> None:
    order = ["critical", "high", "medium", "low", "info"]
    judged, verdict = judge(located(severity), threshold)
    expected = order.index(severity) <= order.index(threshold)
    assert (verdict.conclusion is Conclusion.FAILURE) == expected
    assert judged[0].failing == expected
    assert verdict.failing == int(expected)


def test_nothing_fails_where_there_is_no_threshold() -> None:
    _, verdict = judge(located(*Severity), None)
    assert verdict.conclusion is Conclusion.SUCCESS
    assert verdict.total == 5
    assert verdict.highest is Severity.CRITICAL


def test_no_finding_is_success_with_every_severity_counted() -> None:
    judged, verdict = judge([], Severity.INFO)
    assert judged == ()
    assert verdict.conclusion is Conclusion.SUCCESS
    assert verdict.counts == dict.fromkeys(Severity, 0)


@pytest.mark.parametrize("changes", [{"category": Category.CAPTURE}, {"source": FindingSource.ASSISTANT}])
def test_findings_about_the_capture_or_of_the_assistant_never_fail_the_build(changes: dict[str, object]) -> None:
    judged, verdict = judge(located(Severity.CRITICAL, **changes), Severity.INFO)
    assert verdict.conclusion is Conclusion.SUCCESS
    assert verdict.counts[Severity.CRITICAL] == 1
    assert not judged[0].failing


def test_order_and_places_are_kept() -> None:
    place = Location("conf/pjsip.conf", 3, 4)
    findings = [LocatedFinding(PRIVATE_ADDRESS, place), *located(Severity.CRITICAL)]
    judged, _ = judge(iter(findings), Severity.HIGH)
    assert [item.finding for item in judged] == [item.finding for item in findings]
    assert judged[0].location == place


def test_an_effect_neither_counts_nor_fails_the_build_for_its_root_does() -> None:
    root, effect = located(Severity.HIGH)[0], located(Severity.CRITICAL, root=False)[0]
    judged, verdict = judge([root, effect], Severity.HIGH)
    assert [item.failing for item in judged] == [True, False]
    assert (verdict.failing, verdict.total, verdict.effects) == (1, 1, 1)
    assert verdict.highest is Severity.HIGH


def test_an_effect_alone_fails_nothing() -> None:
    _, verdict = judge(located(Severity.CRITICAL, root=False), Severity.INFO)
    assert verdict.conclusion is Conclusion.SUCCESS
