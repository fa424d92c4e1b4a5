"""Calls made now, recorded, and diagnosed by the real command line."""

from __future__ import annotations

import pytest
from tests.e2e.live.case import Case
from tests.e2e.live.catalogue import CASES
from tests.e2e.live.recordings import Recordings
from tests.support.agreement import signalling_checks
from tests.support.requirements import require_for_live_calls

from sip_ci.findings import Severity
from sip_ci.report.json_models import Report, ReportedFinding

LIVE = (
    "healthy-call",
    "healthy-ipv6",
    "healthy-every-frame-twice",
    "healthy-register",
    "healthy-proxy",
    "register-wrong-password",
    "loop-483",
    "ack-missing",
    "ack-lost",
    "port-closed",
    "no-response",
    "private-sdp",
    "behind-nat",
    "no-common-codec",
    "bye-rejected",
    "final-503",
    "udp-fragments-lost",
    "no-sdp-answer",
    "reinvite-rejected",
    "tcp-refused",
    "bye-abnormal",
    "slow-callee",
)
"""The calls that are made anew in every run; the others are committed as examples, and the matrix of `tests/e2e/faults`
makes calls of their kind.
"""
LIVE_CASES = [case for case in CASES if case.name in LIVE]

pytestmark = pytest.mark.live


def _of(report: Report, name: str) -> list[ReportedFinding]:
    return [finding for finding in report.findings if finding.input == name]


def _alarms(findings: list[ReportedFinding]) -> list[tuple[str, Severity, str]]:
    return [
        (finding.check, finding.severity, finding.detail)
        for finding in findings
        if finding.severity.at_least(Severity.MEDIUM)
    ]


def _signalling(report: Report, name: str, other: str) -> set[str]:
    unanswered = {unchecked.check for unchecked in report.not_checked if unchecked.input == other}
    return signalling_checks(_of(report, name), unanswered)


def test_every_live_call_is_in_the_catalogue() -> None:
    assert {case.name for case in LIVE_CASES} == set(LIVE)


@pytest.mark.parametrize("case", LIVE_CASES, ids=lambda case: case.name)
def test_call_is_diagnosed(case: Case, recordings: Recordings) -> None:
    require_for_live_calls(case.call.missing())
    diagnosed = recordings.diagnosed(case)
    report, capture, log = diagnosed.report, diagnosed.capture, diagnosed.log

    in_capture = _of(report, capture)
    assert case.capture_checks <= {finding.check for finding in in_capture}
    if not case.capture_checks:
        assert _alarms(in_capture) == []

    if log is None:
        return
    assert case.log_checks is not None
    in_log = _of(report, log)
    assert case.log_checks <= {finding.check for finding in in_log}
    if not case.log_checks:
        assert _alarms(in_log) == []
    if case.seen_from_one_place:
        assert _signalling(report, capture, log) == _signalling(report, log, capture)
