"""The action, run as GitHub runs it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.e2e.container.github_runner import GithubRunner

SEVERITIES = ("critical", "high", "medium", "low", "info")
DEFAULT_FILES = {
    "sarif-file": "sip-ci-results/sip-ci.sarif",
    "junit-file": "sip-ci-results/junit.xml",
    "json-file": "sip-ci-results/report.json",
}


@pytest.fixture
def healthy(runner: GithubRunner, traces: Path) -> GithubRunner:
    """A workspace with one call that went well."""
    runner.add("traces/healthy-call.log", (traces / "healthy-call.log").read_bytes())
    return runner


@pytest.fixture
def broken(runner: GithubRunner, traces: Path) -> GithubRunner:
    """A workspace with one call whose 200 is never acknowledged."""
    runner.add("traces/ack-missing.log", (traces / "ack-missing.log").read_bytes())
    return runner


def owners(folder: Path) -> set[tuple[int, int]]:
    """Who owns what is below a folder."""
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in folder.rglob("*")}


def test_a_healthy_call_passes(healthy: GithubRunner) -> None:
    result = healthy.step({"paths": "traces"})

    assert result.outcome == "success", result.log
    assert result.outputs["conclusion"] == "success"
    assert {name: result.outputs[name] for name in DEFAULT_FILES} == DEFAULT_FILES
    assert [result.outputs[f"{severity}-count"] for severity in SEVERITIES[:3]] == ["0", "0", "0"]
    assert not result.named("error")
    assert result.summary.strip()
    assert json.loads((healthy.workspace / DEFAULT_FILES["sarif-file"]).read_text())["version"] == "2.1.0"


def test_a_broken_call_fails_and_still_reports(broken: GithubRunner) -> None:
    result = broken.step({"paths": "traces"})

    assert result.exit_code == 1, result.log
    assert result.outputs["conclusion"] == "failure"
    assert result.outputs["highest-severity"] in ("critical", "high")
    report = json.loads((broken.workspace / result.outputs["json-file"]).read_text())
    counts = {severity: int(result.outputs[f"{severity}-count"]) for severity in SEVERITIES}
    assert sum(counts.values()) == int(result.outputs["findings-count"]) == len(report["findings"])
    assert "ack-missing-2xx" in {finding["check"] for finding in report["findings"]}
    sarif = json.loads((broken.workspace / result.outputs["sarif-file"]).read_text())
    assert "ack-missing-2xx" in {found["ruleId"] for found in sarif["runs"][0]["results"]}
    assert (broken.workspace / result.outputs["junit-file"]).stat().st_size > 0
    assert result.summary.strip()
    assert result.named("error")


def test_what_is_written_belongs_to_the_owner_of_the_workspace(broken: GithubRunner) -> None:
    broken.step({"paths": "traces"})

    assert owners(broken.workspace) == {broken.owner}
    assert owners(broken.file_commands) == {broken.owner}
    modes = {path.stat().st_mode & 0o777 for path in (broken.workspace / "sip-ci-results").iterdir()}
    assert modes == {0o644}


def test_every_declared_output_is_set_and_no_other(broken: GithubRunner) -> None:
    result = broken.step({"paths": "traces"})

    assert set(result.outputs) == set(broken.action["outputs"])


def test_nothing_is_handed_to_later_steps_but_outputs(broken: GithubRunner) -> None:
    result = broken.step({"paths": "traces"})

    assert result.outputs
    assert result.environment_changes == ""


def test_inputs_with_a_dash_arrive(broken: GithubRunner) -> None:
    result = broken.step(
        {
            "paths": "traces",
            "fail-on": "never",
            "sarif-file": "out/with blank/calls.sarif\n",
            "junit-file": "out/calls.xml",
            "json-file": "out/calls.json",
            "markdown-file": "out/calls.md",
        }
    )

    assert result.outcome == "success", result.log
    assert result.outputs["conclusion"] == "success"
    assert int(result.outputs["findings-count"]) > 0
    assert result.outputs["sarif-file"] == "out/with blank/calls.sarif"
    assert sorted(path.name for path in (broken.workspace / "out").rglob("*.*")) == [
        "calls.json",
        "calls.md",
        "calls.sarif",
        "calls.xml",
    ]


def test_an_input_wins_over_the_environment_of_the_job(broken: GithubRunner) -> None:
    assert broken.step({"paths": "traces"}, {"SIP_CI_FAIL_ON": "never"}).outcome == "success"
    assert broken.step({"paths": "traces", "fail-on": "high"}, {"SIP_CI_FAIL_ON": "never"}).outcome == "failure"


def test_paths_are_lines_and_are_never_shell_text(runner: GithubRunner, traces: Path) -> None:
    runner.add("first call/a;touch injected.log", (traces / "healthy-call.log").read_bytes())
    runner.add("second/$(touch injected).log", (traces / "healthy-call.log").read_bytes())

    result = runner.step({"paths": "first call/a;touch injected.log\nsecond/*.log\n"})

    assert result.outcome == "success", result.log
    report = json.loads((runner.workspace / result.outputs["json-file"]).read_text())
    assert sorted(read["name"] for read in report["inputs"]) == [
        "first call/a;touch injected.log",
        "second/$(touch injected).log",
    ]
    assert not list(runner.workspace.rglob("injected"))


def test_annotations_and_summary_can_be_switched_off(broken: GithubRunner) -> None:
    result = broken.step({"paths": "traces", "annotations": "false", "job-summary": "false"})

    assert result.exit_code == 1
    assert not result.named("error")
    assert result.summary == ""


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        pytest.param({"fail-on": "sometimes"}, "sometimes", id="value"),
        pytest.param({"config": "missing.yml"}, "missing.yml", id="config"),
    ],
)
def test_a_mistake_is_an_error_without_a_sarif_file(healthy: GithubRunner, inputs: dict[str, str], named: str) -> None:
    result = healthy.step({"paths": "traces", **inputs})

    assert result.exit_code == 2, result.log
    assert named in result.log
    assert "Traceback" not in result.log
    assert result.outputs["conclusion"] == "error"
    assert not result.outputs.get("sarif-file")
    assert not list(healthy.workspace.rglob("*.sarif"))


def test_no_input_is_said_and_is_not_a_pass(runner: GithubRunner) -> None:
    result = runner.step({"paths": "traces/*.pcap"})

    assert result.exit_code == 3, result.log
    assert result.outputs["conclusion"] == "no-input"
    assert not result.outputs.get("sarif-file")


def test_two_lines_for_one_report_are_refused(healthy: GithubRunner) -> None:
    result = healthy.step({"paths": "traces", "sarif-file": "a.sarif\nmarkdown=b.md"})

    assert result.exit_code == 2
    assert "sarif-file" in result.log
    assert not list(healthy.workspace.rglob("*.sarif"))


def test_the_key_is_shown_nowhere(healthy: GithubRunner) -> None:
    key = "sips_" + "c0ffee" * 6
    result = healthy.step({"paths": "traces", "api-key": key})

    assert result.outcome == "success", result.log
    assert [command.message for command in result.named("add-mask")] == [key]
    visible = "\n".join(line for line in result.log.splitlines() if not line.startswith("::add-mask::"))
    assert key not in visible
    assert key not in result.summary
    for path in healthy.workspace.rglob("*"):
        assert path.is_dir() or key.encode() not in path.read_bytes()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a workspace to root")
def test_a_workspace_of_root_is_served_by_root(runner: GithubRunner, traces: Path) -> None:
    runner.owner = (0, 0)
    for folder in (runner.workspace, runner.home, runner.file_commands):
        os.chown(folder, 0, 0)
    runner.add("call.log", (traces / "healthy-call.log").read_bytes())

    result = runner.step({"paths": "call.log"})

    assert result.outcome == "success", result.log
    assert owners(runner.workspace) == {(0, 0)}
