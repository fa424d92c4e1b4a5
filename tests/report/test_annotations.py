"""Annotations: limited, ordered, and nothing that a stranger could write becomes a command."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import sample_report as sample

from sip_ci.findings import Location, Severity
from sip_ci.report.annotations import escape_data, escape_property, render, stop_commands
from sip_ci.report.interface import AnnotationStyle, ReportOptions

GITHUB = ReportOptions(full_report="sip-ci.json")
PLAIN = ReportOptions(annotation_style=AnnotationStyle.PLAIN)
COMMAND = re.compile(r"::(error|warning|notice) ((?:(?:file|line|endLine|title)=[^:,\r\n]*,?)+)::([^\r\n]*)")


def unescape(text: str) -> str:
    """Read as the runner does (`ActionCommand.cs`): `%25` last."""
    for escaped, plain in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escaped, plain)
    return text


@given(st.text())
def test_escaping_loses_nothing(text: str) -> None:
    assert unescape(escape_property(text)) == text
    assert not set(escape_property(text)) & set("\r\n:,")
    assert not set(escape_data(text)) & set("\r\n")


@settings(max_examples=60, deadline=None)
@given(
    st.text()
    | st.sampled_from(["::error::x", "\n::set-output name=a::b", "##[error]x", "\r::stop-commands::x", "%0A::"])
)
def test_whatever_a_trace_holds_every_line_is_one_of_our_commands(text: str) -> None:
    written = render(sample.hostile(text), GITHUB)
    written.encode()
    lines = written.split("\n")
    assert lines.pop() == ""
    for line in lines:
        assert COMMAND.fullmatch(line)
    for line in render(sample.hostile(text), PLAIN).splitlines():
        assert not line.lstrip().startswith(("::", "##")) or line.startswith(" ")


def test_a_command_names_file_line_and_what_to_change() -> None:
    line = render(sample.make([sample.PRIVATE_ADDRESS]), GITHUB).rstrip("\n")
    found = COMMAND.fullmatch(line)
    assert found is not None
    properties = dict(item.split("=", 1) for item in found[2].split(","))
    assert found[1] == "error"
    assert (properties["file"], properties["line"]) == (sample.LOG, "19")
    assert "nat-sdp-private" in properties["title"]
    assert "external_media_address" in unescape(found[3])


def test_the_worst_come_first_and_the_others_are_counted() -> None:
    findings = [
        replace(sample.PRIVATE_ADDRESS, severity=severity, fingerprint=f"{severity}{index}")
        for index in range(15)
        for severity in reversed(Severity)
    ]
    lines = render(sample.make(findings), GITHUB).splitlines()
    kinds = [line.split(" ")[0] for line in lines]
    assert kinds == ["::error"] * 10 + ["::warning"] * 10 + ["::notice"] * 10
    # 20 errors over, 5 warnings over, and 30 notices of which 9 are left beside the last line.
    assert "46 more findings" in lines[-1]
    assert "20 errors, 5 warnings, 21 notices" in lines[-1]


def test_a_finding_without_a_place_stands_at_the_anchor_or_nowhere() -> None:
    data = sample.make([sample.ACK])
    assert "file=" not in render(data, GITHUB)
    assert "file=tests/calls.sh,line=1" in render(data, replace(GITHUB, anchor="tests/calls.sh"))


def test_an_annotation_at_the_anchor_names_the_trace_and_the_packet() -> None:
    data = sample.make([sample.ACK], places={sample.ACK.fingerprint: Location(".sip-ci.yml")})
    seen = f"In {sample.CAPTURE}, packet 12: "
    assert f"::{seen}" in render(data, GITHUB)
    assert render(data, PLAIN).startswith(f".sip-ci.yml:1: critical: {seen}")


def test_six_thousand_findings_make_a_handful_of_lines() -> None:
    findings = [replace(sample.ACK, fingerprint=str(index)) for index in range(6000)]
    assert len(render(sample.make(findings), GITHUB).splitlines()) == 11


def test_a_message_stays_below_what_the_runner_cuts() -> None:
    assert all(len(line) < 4096 + 1000 for line in render(sample.hostile("x" * 1_000_000), GITHUB).splitlines())


def test_other_systems_get_plain_lines() -> None:
    lines = render(sample.make(), PLAIN).splitlines()
    assert lines[1].startswith(f"{sample.LOG}:19: high: ")
    assert len(lines) == 4


@pytest.mark.parametrize("path", ["::error::x", "##[error]", " ::x"])
def test_a_path_cannot_be_a_command(path: str) -> None:
    data = sample.make([sample.PRIVATE_ADDRESS], places={sample.PRIVATE_ADDRESS.fingerprint: Location(path)})
    assert render(data, PLAIN).startswith(" ")


@given(st.text(), st.uuids())
def test_between_stop_and_resume_nothing_resumes(text: str, token: object) -> None:
    word = str(token).replace("-", "")
    lines = stop_commands(f"{text}\n::{word}::\n::error::x", word).splitlines()
    assert lines[0] == f"::stop-commands::{word}"
    assert [index for index, line in enumerate(lines) if line == f"::{word}::"] == [len(lines) - 1]
