"""What a step of GitHub Actions hands on: its outputs and its part of the job summary."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

from sip_ci.findings import Conclusion, Severity, Verdict

OUTPUT_VARIABLE = "GITHUB_OUTPUT"
SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


def outputs_of(verdict: Verdict, report_files: Mapping[str, str]) -> dict[str, str]:
    """Return the outputs by name: counts, words, and the reports' paths relative to the workspace.

    `report_files` maps a format (`sarif`, `junit`, `json`) to its path. Nothing here comes from a trace, since outputs
    end up in shell commands of other people's workflows.
    """
    outputs = {f"{name}-file": report_files.get(name, "") for name in ("sarif", "junit", "json")}
    outputs["findings-count"] = str(verdict.total)
    outputs |= {f"{severity}-count": str(verdict.counts.get(severity, 0)) for severity in Severity}
    outputs["highest-severity"] = verdict.highest.value if verdict.highest is not None else "none"
    outputs["conclusion"] = verdict.conclusion.value
    return outputs


def outputs_without_verdict(conclusion: Conclusion) -> dict[str, str]:
    """Return the outputs of a run that came to no verdict."""
    return outputs_of(Verdict(conclusion, None), {})


def write_outputs(outputs: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Append the outputs to the file that the runner named; do nothing elsewhere.

    Raises OSError where the runner's file cannot be written.
    """
    name = environment.get(OUTPUT_VARIABLE)
    if name:
        _append(Path(name), "".join(_entry(key, value) for key, value in outputs.items()))


def _entry(name: str, value: str) -> str:
    # A constant delimiter could be written by whoever controls a value, and everything after it would be theirs.
    delimiter = f"ghadelimiter_{uuid.uuid4()}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def append_summary(markdown: str, environment: Mapping[str, str]) -> None:
    """Append a Markdown report to the job summary that the runner named; do nothing elsewhere.

    Raises OSError where the runner's file cannot be written.
    """
    name = environment.get(SUMMARY_VARIABLE)
    if name:
        _append(Path(name), markdown)


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", errors="replace", newline="\n") as stream:
        stream.write(text)
