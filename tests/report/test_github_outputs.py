"""Outputs and job summary of a GitHub Actions step."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.support import sample_report as sample

from sip_ci.findings import Conclusion
from sip_ci.report.github_outputs import append_summary, outputs_of, outputs_without_verdict, write_outputs


def parse(text: str) -> dict[str, str]:
    """Read a file of outputs as the runner does (`FileCommandManager.cs`)."""
    found = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        assert "=" not in line.split("<<")[0]
        name, _, delimiter = line.partition("<<")
        value = []
        for inner in lines:
            if inner == delimiter:
                break
            value.append(inner)
        else:
            raise AssertionError(f"{name} is not closed")
        found[name] = "\n".join(value)
    return found


def test_counts_words_and_paths_are_handed_on(tmp_path: Path) -> None:
    file = tmp_path / "outputs"
    file.write_text("earlier<<x\nvalue\nx\n")
    outputs = outputs_of(sample.make().verdict, {"sarif": "out/sip-ci.sarif", "junit": "junit.xml"})
    write_outputs(outputs, {"GITHUB_OUTPUT": str(file)})
    assert parse(file.read_text()) == {
        "earlier": "value",
        "sarif-file": "out/sip-ci.sarif",
        "junit-file": "junit.xml",
        "json-file": "",
        "findings-count": "4",
        "critical-count": "1",
        "high-count": "1",
        "medium-count": "1",
        "low-count": "0",
        "info-count": "1",
        "highest-severity": "critical",
        "conclusion": "failure",
    }


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_no_value_can_write_another_output(tmp_path_factory: object, value: str) -> None:
    file = Path(tmp_path_factory.mktemp("o")) / "outputs"  # type: ignore[attr-defined]
    for hostile in (value, f"{value}\nEOF\nconclusion=success\nx<<y\n"):
        file.write_text("")
        write_outputs({"sarif-file": hostile, "conclusion": "failure"}, {"GITHUB_OUTPUT": str(file)})
        assert parse(file.read_text(encoding="utf-8")) == {"sarif-file": hostile, "conclusion": "failure"}


def test_delimiters_are_new_each_time(tmp_path: Path) -> None:
    file = tmp_path / "outputs"
    write_outputs({"a": "1", "b": "2"}, {"GITHUB_OUTPUT": str(file)})
    heads = [line for line in file.read_text().splitlines() if "<<" in line]
    assert len({head.partition("<<")[2] for head in heads}) == 2


def test_a_run_without_a_verdict_still_says_how_it_ended() -> None:
    outputs = outputs_without_verdict(Conclusion.ERROR)
    assert outputs["conclusion"] == "error"
    assert outputs["sarif-file"] == ""
    assert outputs["highest-severity"] == "none"


def test_nothing_is_written_outside_github(tmp_path: Path) -> None:
    write_outputs({"a": "1"}, {})
    append_summary("# x\n", {"GITHUB_STEP_SUMMARY": ""})
    assert list(tmp_path.iterdir()) == []


def test_the_summary_of_an_earlier_command_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    file.write_text("# earlier\n")
    append_summary("# é\n", {"GITHUB_STEP_SUMMARY": str(file)})
    assert file.read_text(encoding="utf-8") == "# earlier\n# é\n"
