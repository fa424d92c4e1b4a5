"""The main job, against a server that answers what the test needs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.support.fake_service import Asked, FakeService, Reply, running_service

from sip_ci.config.sources import load_settings
from sip_ci.errors import NoInputError, ServiceError, UsageError
from sip_ci.pipeline import analyze
from sip_ci.publishing import failures_told


def finding(severity: str = "high", **more: object) -> dict[str, object]:
    return {
        "severity": severity,
        "category": "media",
        "title": "Private address in SDP",
        "detail": "c=IN IP4 10.0.0.1",
        "recommendation": "Set external_media_address.",
        "check": "nat-sdp-private",
        "fingerprint": "f1",
        "evidence": [{"line": 2, "text": "::error::injected", "why": "private"}],
        **more,
    }


@pytest.fixture
def service() -> Iterator[FakeService]:
    with running_service() as service:
        service.answer("GET", "/v1/info", Reply(200, {"captures": True}))
        service.answer("POST", "/v1/analyze", Reply(200, {"findings": []}))
        yield service


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "workspace"
    root.mkdir()
    (root / "a.log").write_text("INVITE\nline two\n")
    (root / "b.log").write_text("BYE\n")
    (root / "README.md").write_text("x")
    return root


def run(
    service: FakeService, workspace: Path, *paths: str, environment: dict[str, str] | None = None, **flags: Any
) -> int:
    environment = environment or {}
    values = {"paths": list(paths), "server": service.url} | {
        key.replace("_", "-"): value for key, value in flags.items()
    }
    return analyze(load_settings(values, environment, workspace), environment)


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        ("high", "high", 1),
        ("critical", "high", 1),
        ("medium", "high", 0),
        ("info", "info", 1),
        ("critical", "never", 0),
    ],
)
def test_the_exit_code_follows_the_threshold(
    service: FakeService, workspace: Path, severity: str, fail_on: str, code: int
) -> None:
    service.answer("POST", "/v1/analyze", Reply(200, {"findings": [finding(severity)]}))
    assert run(service, workspace, "a.log", fail_on=fail_on) == code


def test_reports_are_written_before_the_build_fails(service: FakeService, workspace: Path) -> None:
    service.answer("POST", "/v1/analyze", Reply(200, {"findings": [finding()]}))
    outputs = ["sarif=out/a.sarif", "junit=out/j.xml", "json=out/r.json", "markdown=out/m.md", "text=out/t.txt"]
    assert run(service, workspace, "a.log", output=outputs) == 1
    result = json.loads((workspace / "out" / "a.sarif").read_text())["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("a.log", 2)
    assert json.loads((workspace / "out" / "r.json").read_text())["verdict"]["conclusion"] == "failure"
    assert all((workspace / "out" / name).stat().st_size for name in ("j.xml", "m.md", "t.txt"))


def test_what_the_user_knows_is_sent_along(service: FakeService, workspace: Path) -> None:
    run(service, workspace, "a.log", issue="one-way-audio", endpoints=["SBC", "PBX"])
    (asked,) = [asked for asked in service.asked if asked.method == "POST"]
    assert asked.json["context"] == {"issue": "one-way-audio", "endpoints": ["SBC", "PBX"]}


def answer_by_text(service: FakeService, replies: dict[str, Reply]) -> None:
    def reply(asked: Asked) -> Reply:
        return next(reply for text, reply in replies.items() if text in asked.json["trace"])

    service.replies["POST", "/v1/analyze"] = reply


REFUSED = Reply(400, {"error": "no SIP here", "code": "unreadable-input"})
FAULTY = Reply(200, {"findings": [finding()]})
HEALTHY = Reply(200, {"findings": []})


def report_of(workspace: Path) -> Any:
    return json.loads((workspace / "r.json").read_text())


def test_one_unreadable_input_costs_the_others_nothing(service: FakeService, workspace: Path) -> None:
    answer_by_text(service, {"INVITE": FAULTY, "BYE": REFUSED})
    assert run(service, workspace, "a.log", "b.log", output=["json=r.json"]) == 1
    assert [item["name"] for item in report_of(workspace)["inputs"]] == ["a.log", "b.log"]
    assert len(report_of(workspace)["findings"]) == 1


@pytest.mark.parametrize(("healthy", "code"), [(HEALTHY, 2), (FAULTY, 1)])
def test_a_named_input_that_was_not_analysed_has_not_passed(
    service: FakeService, workspace: Path, healthy: Reply, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_by_text(service, {"INVITE": healthy, "BYE": REFUSED})
    assert run(service, workspace, "a.log", "b.log", output=["json=r.json", "sarif=a.sarif"]) == code
    assert report_of(workspace)["verdict"]["conclusion"] == ("error" if code == 2 else "failure")
    assert len(json.loads((workspace / "a.sarif").read_text())["runs"][0]["results"]) == (0 if code == 2 else 1)
    assert "1 input could not be analysed" in capsys.readouterr().out.splitlines()[-1]


def test_a_capture_of_a_folder_that_cannot_be_analysed_has_not_passed(service: FakeService, workspace: Path) -> None:
    (workspace / "b.log").rename(workspace / "b.pcap")
    answer_by_text(service, {"INVITE": HEALTHY, "BYE": REFUSED})
    assert run(service, workspace, ".") == 2


def test_what_is_missing_is_one_failed_input_among_others(service: FakeService, workspace: Path) -> None:
    service.answer("POST", "/v1/analyze", FAULTY)
    assert run(service, workspace, "a.log", "absent.pcap", output=["json=r.json"], fail_on="never") == 2
    report = report_of(workspace)
    assert [item["name"] for item in report["inputs"]] == ["a.log", "absent.pcap"]
    assert len(report["findings"]) == 1


def pack(workspace: Path, contents: dict[str, str]) -> None:
    with zipfile.ZipFile(workspace / "a.zip", "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def test_traces_in_an_archive_are_inputs_of_their_own(
    service: FakeService, workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pack(workspace, {"in/a.log": "INVITE", "in/b.log": "BYE", "in/notes.txt": "nothing", "in/shot.png": "x"})
    answer_by_text(service, {"INVITE": FAULTY, "BYE": HEALTHY, "nothing": REFUSED})
    (workspace / "README.md").unlink()
    assert run(service, workspace, "a.zip", output=["json=r.json", "sarif=a.sarif"]) == 1
    report = report_of(workspace)
    assert [item["name"] for item in report["inputs"]] == ["a.zip!/in/a.log", "a.zip!/in/b.log"]
    assert [item["input"] for item in report["findings"]] == ["a.zip!/in/a.log"]
    # A line of a member is no line of the repository: the alert stands at the archive, and names the member.
    (result,) = json.loads((workspace / "a.sarif").read_text())["runs"][0]["results"]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "a.zip"
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "a.zip!/in/a.log"
    assert "a.zip!/in/a.log" in result["message"]["text"]
    assert "codeFlows" not in result
    assert not any("--anchor" in record.message for record in caplog.records)


def test_a_damaged_member_has_not_passed(service: FakeService, workspace: Path) -> None:
    pack(workspace, {"good.log": "INVITE", "bad.log": "abcdefgh"})
    data = (workspace / "a.zip").read_bytes().replace(b"abcdefgh", b"hgfedcba")
    (workspace / "a.zip").write_bytes(data)
    answer_by_text(service, {"INVITE": HEALTHY})
    assert run(service, workspace, "a.zip", output=["json=r.json"]) == 2
    errors = {item["name"]: bool(item["error"]) for item in report_of(workspace)["inputs"]}
    assert errors == {"a.zip!/bad.log": True, "a.zip!/good.log": False}


def test_names_that_are_no_utf_8_are_kept_apart(service: FakeService, workspace: Path) -> None:
    names = ["caf\udce8.log", "caf\udce9.log"]
    for name in names:
        (workspace / name).write_text("INVITE")
    service.answer("POST", "/v1/analyze", FAULTY)
    outputs = ["json=r.json", "sarif=a.sarif", "junit=j.xml", "markdown=m.md", "text=t.txt"]
    assert run(service, workspace, *names, output=outputs) == 1
    report = report_of(workspace)
    assert len({item["name"] for item in report["inputs"]}) == 2
    assert len({item["fingerprint"] for item in report["findings"]}) == 2
    results = json.loads((workspace / "a.sarif").read_text())["runs"][0]["results"]
    uris = {item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for item in results}
    assert uris == {"caf%E8.log", "caf%E9.log"}
    suites = ElementTree.parse(workspace / "j.xml").getroot()
    assert len({suite.get("name") for suite in suites}) == 2
    assert all(name in (workspace / "t.txt").read_text("utf-8") for name in ("caf\\udce8.log", "caf\\udce9.log"))


def read(messages: int, *findings: dict[str, object], packets: int = 0, **quality: object) -> Reply:
    trace = {"messages": messages, "format": "pcap", "packets": packets}
    return Reply(200, {"findings": findings, "quality": quality, "meta": {"trace": trace}})


@pytest.mark.parametrize(("packets", "told"), [(0, "nothing"), (4711, "4711")])
def test_captures_without_any_call_are_no_input(
    service: FakeService, workspace: Path, caplog: pytest.LogCaptureFixture, packets: int, told: str
) -> None:
    answer_by_text(service, {"INVITE": read(0, finding("info", category="capture"), packets=packets), "BYE": read(0)})
    assert run(service, workspace, "a.log", "b.log", output=["json=r.json", "sarif=a.sarif"], fail_on="info") == 3
    assert report_of(workspace)["verdict"]["conclusion"] == "no-input"
    assert not (workspace / "a.sarif").exists()
    assert any(told in record.message for record in caplog.records if record.levelname == "ERROR")


@pytest.mark.parametrize(
    "reply", [read(1), read(0, streams_total=1), read(0, finding("low", category="signaling"))], ids=str
)
def test_captures_that_hold_something_are_input(service: FakeService, workspace: Path, reply: Reply) -> None:
    answer_by_text(service, {"INVITE": reply, "BYE": read(0)})
    assert run(service, workspace, "a.log", "b.log") == 0


def test_a_report_over_an_input_is_refused_before_any_work(service: FakeService, workspace: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.log"):
        run(service, workspace, "a.log", output=["json=./a.log"])
    assert service.asked == []
    assert (workspace / "a.log").read_text().startswith("INVITE")


def test_inputs_outside_the_workspace_want_an_anchor(
    service: FakeService, workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside = workspace.parent / "outside.log"
    outside.write_text("INVITE")
    run(service, workspace, str(outside), environment={"CI": "true"})
    assert not any("--anchor" in record.message for record in caplog.records)
    (workspace / "README.md").unlink()
    run(service, workspace, str(outside), "a.log")
    assert not any("--anchor" in record.message for record in caplog.records)
    run(service, workspace, str(outside), "a.log", environment={"CI": "true"})
    assert sum("--anchor" in record.message for record in caplog.records) == 1


def test_if_nothing_is_readable_the_run_is_an_error_without_sarif(service: FakeService, workspace: Path) -> None:
    service.answer("POST", "/v1/analyze", Reply(400, {"error": "no SIP here", "code": "unreadable-input"}))
    assert run(service, workspace, "a.log", "b.log", output=["sarif=a.sarif", "junit=j.xml"]) == 2
    assert not (workspace / "a.sarif").exists()
    assert "no SIP here" in (workspace / "j.xml").read_text()


def test_what_the_server_failed_on_has_not_passed(service: FakeService, workspace: Path) -> None:
    answer_by_text(service, {"INVITE": Reply(200, {"findings": []}), "BYE": Reply(500, {"error": "oops"})})
    assert run(service, workspace, "a.log", "b.log") == 2
    answer_by_text(service, {"INVITE": Reply(200, {"findings": [finding()]}), "BYE": Reply(500, {"error": "oops"})})
    assert run(service, workspace, "a.log", "b.log") == 1


def test_files_of_a_folder_that_are_no_traces_are_passed_over(service: FakeService, workspace: Path) -> None:
    refused = Reply(400, {"error": "no SIP here", "code": "unreadable-input"})
    answer_by_text(service, {"INVITE": Reply(200, {"findings": []}), "BYE": refused})
    assert run(service, workspace, ".", output=["json=r.json"]) == 0
    assert [item["name"] for item in json.loads((workspace / "r.json").read_text())["inputs"]] == ["a.log"]
    service.answer("POST", "/v1/analyze", refused)
    with pytest.raises(NoInputError):
        run(service, workspace, ".")


def test_a_failing_server_leaves_no_report(service: FakeService, workspace: Path) -> None:
    service.answer("POST", "/v1/analyze", Reply(403, {"error": "no plan"}))
    with pytest.raises(ServiceError, match="no plan"):
        run(service, workspace, "a.log", output=["sarif=a.sarif"])
    assert not (workspace / "a.sarif").exists()


def test_the_hosted_server_wants_a_key_before_anything_is_sent(workspace: Path) -> None:
    settings = load_settings({"paths": ["a.log"], "server": "hosted"}, {}, workspace)
    with pytest.raises(UsageError, match="SIP_CI_API_KEY"):
        analyze(settings, {})


def test_one_report_that_cannot_be_written_costs_the_others_nothing(service: FakeService, workspace: Path) -> None:
    (workspace / "taken").write_text("a file")
    with pytest.raises(UsageError, match="taken"):
        run(service, workspace, "a.log", output=["sarif=taken/a.sarif", "json=r.json"])
    assert (workspace / "r.json").exists()


def test_many_inputs_keep_their_order(service: FakeService, workspace: Path) -> None:
    (workspace / "t").mkdir()
    for number in range(60):
        (workspace / "t" / f"{number:03}.log").write_text(f"call {number}")
    assert run(service, workspace, "t", output=["json=r.json"]) == 0
    names = [item["name"] for item in json.loads((workspace / "r.json").read_text())["inputs"]]
    assert names == [f"t/{number:03}.log" for number in range(60)]


@pytest.fixture
def github(tmp_path: Path, workspace: Path) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(workspace),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }


def outputs_of(github: dict[str, str]) -> dict[str, str]:
    lines = iter(Path(github["GITHUB_OUTPUT"]).read_text().splitlines())
    outputs = {}
    for line in lines:
        name, _, delimiter = line.partition("<<")
        values = []
        for value in lines:
            if value == delimiter:
                break
            values.append(value)
        outputs[name] = "\n".join(values)
    return outputs


def test_github_is_told_everything(
    service: FakeService, workspace: Path, github: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer("POST", "/v1/analyze", Reply(200, {"findings": [finding()]}))
    assert run(service, workspace, "a.log", environment=github, output=["text=-", "sarif=out/a.sarif"]) == 1
    outputs = outputs_of(github)
    assert (outputs["conclusion"], outputs["high-count"], outputs["sarif-file"]) == ("failure", "1", "out/a.sarif")
    assert Path(github["GITHUB_STEP_SUMMARY"]).stat().st_size
    lines = capsys.readouterr().out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("::stop-commands::"))
    end = lines.index(f"::{lines[start].removeprefix('::stop-commands::')}::")
    commands = [line for line in lines[:start] + lines[end + 1 :] if line.startswith("::")]
    assert len(commands) == 1
    assert commands[0].startswith("::error file=a.log,line=2")


def test_annotations_and_summary_can_be_turned_off(
    service: FakeService, workspace: Path, github: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer("POST", "/v1/analyze", Reply(200, {"findings": [finding()]}))
    run(service, workspace, "a.log", environment=github, annotations=False, job_summary=False)
    assert "::error" not in [line[:7] for line in capsys.readouterr().out.splitlines()]
    assert not Path(github["GITHUB_STEP_SUMMARY"]).exists()
    assert outputs_of(github)["conclusion"] == "failure"


def test_annotations_do_not_spoil_a_report_on_standard_output(
    service: FakeService, workspace: Path, github: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    service.answer("POST", "/v1/analyze", Reply(200, {"findings": [finding()]}))
    run(service, workspace, "a.log", environment=github, output=["json=-"])
    output = capsys.readouterr()
    assert json.loads(output.out)["verdict"]["conclusion"] == "failure"
    assert output.err.startswith("::error file=")


@pytest.mark.parametrize(
    ("error", "conclusion"), [(NoInputError("none"), "no-input"), (ServiceError("bad"), "error"), (OSError(), "error")]
)
def test_github_is_told_why_there_is_no_verdict(
    error: Exception, conclusion: str, github: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(error)), failures_told(github):
        raise error
    assert outputs_of(github)["conclusion"] == conclusion
    assert outputs_of(github)["sarif-file"] == ""
    assert capsys.readouterr().out.startswith("::error title=sip-ci::")
