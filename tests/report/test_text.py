"""The report on the terminal: readable, and nothing in it steers the terminal but our own colours."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import sample_report as sample

from sip_ci.findings import Conclusion, Confidence, Finding, Location, Severity, Status, Verdict
from sip_ci.report.interface import ReportData, ReportOptions
from sip_ci.report.text import render
from sip_ci.results import IssueAnswer, NotChecked

PLAIN = ReportOptions(width=100)
COLOURED = ReportOptions(colour=True, width=100)
STYLE = re.compile(r"\x1b\[[0-9;]*m")
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def test_the_report_goes_from_the_worst_finding_to_the_verdict() -> None:
    report = render(sample.make(), PLAIN)
    order = [
        sample.BROKEN,
        "CRITICAL",
        "packet 12",
        "HIGH",
        f"{sample.LOG}:19",
        "c=IN IP4 192.168.1.100",
        "◀ here",
        "external_media_address",
        "MEDIUM",
        "INFO",
        "4.12",
        "Not checked (2)",
        "media-one-way",
        "FAILED",
    ]
    position = 0
    for part in order:
        position = report.index(part, position)
    assert report.splitlines()[-1].startswith("FAILED: 2 findings")


def test_the_trace_comes_first_and_the_anchor_is_a_remark() -> None:
    facts = next(line for line in render(anchored(), PLAIN).splitlines() if "shown at" in line)
    assert facts.strip().startswith(f"{sample.CAPTURE} packet 12 · ")
    assert facts.endswith("shown at .sip-ci.yml:1")
    assert "shown at" not in render(sample.make([sample.PRIVATE_ADDRESS]), PLAIN)


def anchored() -> ReportData:
    """Return a run with one finding in a capture, which is shown at the anchor."""
    place = Location(".sip-ci.yml", confidence=Confidence.POSSIBLE)
    return sample.make([sample.ACK], places={sample.ACK.fingerprint: place})


def asked() -> ReportData:
    """Return a run with `--issue`, of whose inputs each says something else."""
    answers = (
        IssueAnswer("one-way-audio", "not observable", "a log holds no media"),
        IssueAnswer("one-way-audio", "confirmed", "the caller hears nothing"),
        None,
    )
    inputs = (replace(item, issue=answer) for item, answer in zip(sample.INPUTS, answers, strict=True))
    return sample.make(inputs=tuple(inputs))


def test_the_answer_to_the_issue_stands_at_the_top_confirmed_first() -> None:
    report = render(asked(), PLAIN)
    order = ["one-way-audio", "Confirmed in traces/inbound.pcap", "Not observable in traces/outbound.log", "CRITICAL"]
    places = [report.index(part) for part in order]
    assert places == sorted(places)
    assert "You asked" not in render(sample.make(), PLAIN)


def test_colours_change_nothing_but_colours() -> None:
    coloured = render(sample.make(), COLOURED)
    assert STYLE.search(coloured)
    assert STYLE.sub("", coloured) == render(sample.make(), PLAIN)
    # Each line closes what it opens, so that a folded log keeps no colour.
    assert all(line.count("\x1b[0m") * 2 == len(STYLE.findall(line)) for line in coloured.splitlines())


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_keep_to_the_width(width: int) -> None:
    # The verdict is one line wherever it is read, since scripts look for it.
    *lines, _verdict = render(sample.make(), ReportOptions(width=width)).splitlines()
    # A drawn call may be broader than the narrowest terminals; breaking its lines would spoil it.
    drawn = ("▶", "◀", "5060")
    assert [line for line in lines if len(line) > min(width, 110) and not any(mark in line for mark in drawn)] == []


@settings(max_examples=60, deadline=None)
@given(
    st.text() | st.sampled_from(["\x1b[2J", "\r\n::error::x", "\u202eabc", "\x9b31m", "\ud800", "a\u2028b\x85c\x0bd"])
)
def test_nothing_from_a_trace_steers_the_terminal(text: str) -> None:
    report = render(sample.hostile(text), PLAIN)
    assert not STEERING.search(report)
    assert report.encode("utf-8")
    assert not STEERING.search(STYLE.sub("", render(sample.hostile(text), COLOURED)))


@pytest.mark.parametrize(
    ("conclusion", "word"),
    [
        (Conclusion.SUCCESS, "PASSED"),
        (Conclusion.FAILURE, "FAILED"),
        (Conclusion.ERROR, "ERROR"),
        (Conclusion.NO_INPUT, "NOTHING"),
    ],
)
def test_the_last_line_says_how_it_ended(conclusion: Conclusion, word: str) -> None:
    data = replace(sample.make([]), verdict=Verdict(conclusion, Severity.HIGH, dict.fromkeys(Severity, 0)))
    assert render(data, PLAIN).splitlines()[-1].startswith(word)


def test_suppressed_findings_are_only_counted() -> None:
    data = sample.make()
    report = render(
        sample.with_findings(data, [replace(item, status=Status.SUPPRESSED) for item in data.findings]), PLAIN
    )
    assert "4 suppressed" in report
    assert "192.168.1.100" not in report.split("Calls and streams")[0]


def test_the_same_call_with_the_same_marks_is_drawn_once() -> None:
    again = replace(sample.PRIVATE_ADDRESS, fingerprint="2", title="Another fault of the same message")
    report = render(sample.make([sample.PRIVATE_ADDRESS, again]), PLAIN)
    assert report.count("◀ here") == 1


def findings_of(count: int, *, checks: int) -> list[Finding]:
    """Return findings of several checks, each with its own trace and with advice for a platform."""
    advice = "Do the needful.\nAsterisk: set `needful=yes`."
    return [
        replace(
            sample.ACK,
            check=f"check-{index % checks}",
            fingerprint=str(index),
            input=f"{index}.pcap",
            recommendation=advice,
        )
        for index in range(count)
    ]


def test_a_check_is_explained_once_and_every_trace_of_it_named() -> None:
    report = render(sample.make(findings_of(30, checks=1)), PLAIN)
    assert report.count("CRITICAL") == 1
    assert report.count(sample.ACK.detail) == 1
    assert report.count("needful=yes") == 1
    assert all(re.search(rf"^ +(- )?{index}\.pcap packet 12", report, re.MULTILINE) for index in range(30))


def test_further_findings_say_what_is_different() -> None:
    other = replace(sample.ACK, title="Another title", occurrences=4, input="b.pcap", fingerprint="2")
    report = render(sample.make([sample.ACK, other]), PLAIN)
    assert re.search(r"- b\.pcap packet 12 · 4 times: Another title", report)


def test_a_milder_finding_of_a_check_stands_among_the_milder_ones() -> None:
    lowered = replace(sample.ACK, severity=Severity.LOW, input="b.pcap", fingerprint="2")
    report = render(sample.make([lowered, sample.PRIVATE_ADDRESS, sample.ACK]), PLAIN)
    assert report.index("CRITICAL") < report.index("HIGH") < report.index("LOW") < report.index("b.pcap packet 12")
    assert report.count(sample.ACK.detail) == 1


def test_of_many_checks_the_mildest_are_told_in_short_with_the_way_to_the_rest() -> None:
    data = sample.make(findings_of(40, checks=40))
    known = replace(sample.CHECKS["ack-missing-2xx"], id="check-39")
    report = render(replace(data, checks={"check-39": known}), PLAIN)
    assert report.count(sample.ACK.detail) == 40
    assert "sip-ci checks check-39" in report
    # A check that this client cannot explain keeps its whole advice.
    assert report.count("needful=yes") == 39


def test_six_thousand_findings_are_cut() -> None:
    report = render(sample.make(replace(sample.ACK, fingerprint=str(index)) for index in range(6000)), PLAIN)
    assert report.count(f"{sample.CAPTURE} packet 12") == 500
    assert "5,500 milder findings" in report


def test_a_hundred_inputs_stay_readable_and_what_is_cut_is_said() -> None:
    source = sample.INPUTS[1]
    inputs = tuple(
        replace(source, name=f"{index}.pcap", not_checked=(NotChecked("kpi-ser", f"needs 20 calls, not {index}"),))
        for index in range(100)
    )
    report = render(sample.make([], inputs=inputs), PLAIN)
    assert len(report.splitlines()) < 60
    tabled = len(re.findall(r"^  \d+\.pcap$", report, re.MULTILINE))
    assert f"{100 - tabled} more inputs" in report
    reasons = len(re.findall("- Needs 20 calls", report))
    assert f"{100 - reasons} other reasons" in report


def test_of_many_inputs_the_worst_heard_are_tabled() -> None:
    source = sample.INPUTS[1]
    (stream,) = source.quality.streams
    bad = replace(source, name="bad.pcap", quality=replace(source.quality, streams=(replace(stream, mos=1.5),)))
    inputs = (*(replace(source, name=f"{index}.pcap") for index in range(50)), bad)
    assert "bad.pcap" in render(sample.make([], inputs=inputs), PLAIN)
