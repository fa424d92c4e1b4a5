"""The example traces show what `truth.tsv` says of them, and healthy calls stay healthy however they were recorded."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.e2e.live.catalogue import CASES
from tests.support import transform
from tests.support.agreement import signalling_checks

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext, AnalysisResponse
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

TRACES = Path(__file__).parents[2] / "examples" / "traces"
MAXIMUM_BYTES = 400_000


@dataclass(frozen=True, slots=True)
class Example:
    """One row of the truth."""

    file: str
    expected: dict[str, Severity]
    """Checks that must be found, each with the severity that it has at least; empty for a healthy call."""

    @property
    def alarms(self) -> set[str]:
        """The checks among them that a gate at medium severity hears of."""
        return {check for check, severity in self.expected.items() if severity.at_least(Severity.MEDIUM)}


def _examples() -> list[Example]:
    with (TRACES / "truth.tsv").open(newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [Example(row["file"], _expected(row["expected"], row["severity"])) for row in rows]


def _expected(checks: str, severities: str) -> dict[str, Severity]:
    if checks == "healthy":
        return {}
    return dict(zip(checks.split(","), map(Severity, severities.split(",")), strict=True))


EXAMPLES = _examples()
HEALTHY = [example for example in EXAMPLES if not example.expected]
BROKEN = [example for example in EXAMPLES if example.expected]
HEALTHY_CAPTURES = [example for example in HEALTHY if not example.file.endswith(".log")]
CHAINED = (
    "healthy-announcement",
    "healthy-busy",
    "healthy-call",
    "healthy-cancelled",
    "healthy-delayed-offer",
    "healthy-early-media",
    "healthy-hold",
    "healthy-lost-answer",
    "healthy-media-relay",
    "healthy-phones",
    "healthy-prack",
    "healthy-proxy",
    "healthy-register",
    "healthy-rtp",
    "healthy-tcp",
)
"""Calls that are put one after another, each behind each: as different as they come."""


def _named(example: Example) -> str:
    return example.file


def diagnose(source: Path | bytes, name: str) -> AnalysisResponse:
    return analyze(read_trace(source, name), AnalysisContext())


def alarms(report: AnalysisResponse) -> list[tuple[str, str, str]]:
    """Findings of medium severity or worse."""
    return [
        (finding.check, finding.severity.value, finding.detail)
        for finding in report.findings
        if finding.severity.at_least(Severity.MEDIUM)
    ]


def test_truth_and_folder_agree() -> None:
    present = {path.name for path in TRACES.iterdir() if path.suffix in {".pcap", ".pcapng", ".log"}}
    assert {example.file for example in EXAMPLES} == present


@pytest.mark.parametrize("example", EXAMPLES, ids=_named)
def test_example_is_small(example: Example) -> None:
    assert (TRACES / example.file).stat().st_size < MAXIMUM_BYTES


@pytest.mark.parametrize("example", BROKEN, ids=_named)
def test_the_fault_is_found_and_nothing_else(example: Example) -> None:
    findings = diagnose(TRACES / example.file, example.file).findings
    assert set(example.expected) <= {finding.check for finding in findings}
    assert {finding.check for finding in findings if finding.severity.at_least(Severity.MEDIUM)} == example.alarms


@pytest.mark.parametrize("example", BROKEN, ids=_named)
def test_fault_is_as_bad_as_it_is(example: Example) -> None:
    findings = diagnose(TRACES / example.file, example.file).findings
    for check, least in example.expected.items():
        assert any(finding.check == check and finding.severity.at_least(least) for finding in findings), check


@pytest.mark.parametrize("example", HEALTHY, ids=_named)
def test_healthy_call_raises_no_alarm(example: Example) -> None:
    report = diagnose(TRACES / example.file, example.file)
    assert report.meta.trace is not None
    assert report.meta.trace.messages > 0
    assert alarms(report) == []


@pytest.mark.parametrize("variant", transform.VARIANTS)
@pytest.mark.parametrize("example", HEALTHY_CAPTURES, ids=_named)
def test_healthy_call_raises_no_alarm_however_recorded(example: Example, variant: str) -> None:
    capture = transform.load(TRACES / example.file)
    changed = transform.VARIANTS[variant](capture)
    assert alarms(diagnose(changed.to_pcap(), f"{variant}.pcap")) == []


@pytest.mark.parametrize("example", HEALTHY_CAPTURES, ids=_named)
def test_healthy_call_raises_no_alarm_where_the_recorder_missed_a_message(example: Example) -> None:
    capture = transform.load(TRACES / example.file)
    raised = {}
    for number in range(len(capture.sip_frames)):
        missed = transform.without_message(number)(capture)
        start_line = capture.frames[capture.sip_frames[number]].sip.partition(b"\r\n")[0]
        raised[number, start_line] = alarms(diagnose(missed.to_pcap(), f"without-{number}.pcap"))
    assert not {missed: found for missed, found in raised.items() if found}


@pytest.mark.parametrize("second", CHAINED)
@pytest.mark.parametrize("first", CHAINED)
def test_healthy_calls_one_after_another_raise_no_alarm(first: str, second: str) -> None:
    chained = transform.chained(transform.load(TRACES / f"{first}.pcap"), transform.load(TRACES / f"{second}.pcap"))
    assert alarms(diagnose(chained.to_pcap(), "chained.pcap")) == []


@pytest.mark.parametrize("example", [example for example in BROKEN if not example.file.endswith(".log")], ids=_named)
def test_fault_is_found_among_copies(example: Example) -> None:
    tripled = transform.tripled(transform.load(TRACES / example.file))
    report = diagnose(tripled.to_pcap(), "tripled.pcap")
    assert set(example.expected) <= {finding.check for finding in report.findings}
    assert {check for check, _, _ in alarms(report)} == example.alarms


@pytest.mark.parametrize("example", HEALTHY_CAPTURES, ids=_named)
def test_variants_hold_the_messages_that_they_should(example: Example) -> None:
    capture = transform.load(TRACES / example.file)
    whole = len(read_trace(TRACES / example.file, example.file).messages)

    def messages(changed: transform.Capture) -> int:
        return len(read_trace(changed.to_pcap(), "variant.pcap").messages)

    assert whole == len(capture.sip_frames)
    assert messages(transform.sip_only(capture)) == whole
    assert messages(transform.as_asterisk(0)(capture)) == whole
    assert messages(transform.without_first_messages(1)(capture)) == whole - 1
    assert messages(transform.without_last_messages(1)(capture)) == whole - 1
    assert messages(transform.without_message(1)(capture)) == whole - 1
    # A message over TCP whose end was not captured cannot be told from the stream that goes on behind it.
    if "tcp" not in example.file:
        assert messages(transform.snapped(200)(capture)) == whole
    assert messages(transform.chained(capture, capture)) == 2 * whole
    assert sum(messages(transform.one_side(side)(capture)) for side in range(len(capture.hosts))) == whole


@pytest.mark.parametrize(
    "name", [case.name for case in CASES if case.log_checks is not None and case.seen_from_one_place]
)
def test_capture_and_log_of_one_call_agree(name: str) -> None:
    capture = diagnose(TRACES / f"{name}.pcap", f"{name}.pcap")
    log = diagnose(TRACES / f"{name}.log", f"{name}.log")
    in_capture = signalling_checks(capture.findings, {unchecked.check for unchecked in log.not_checked})
    in_log = signalling_checks(log.findings, {unchecked.check for unchecked in capture.not_checked})
    assert in_capture == in_log
