from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.support.command import sip_ci

from sip_ci.cli.convert import _FORMS, convert
from sip_ci.convert.forms import Form
from sip_ci.trace.reading import read_trace

ROOT = Path(__file__).parents[2]
TRACES = ROOT / "examples" / "traces"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("healthy-call.pcap", "healthy-call.log", "healthy-ten-calls.pcap"):
        shutil.copy(TRACES / name, tmp_path)
    return tmp_path


def test_the_forms_of_the_command_are_those_there_are() -> None:
    assert tuple(form.value for form in Form) == _FORMS


@pytest.mark.parametrize("form", list(Form))
def test_each_form_goes_to_a_file(form: Form, folder: Path) -> None:
    outcome = sip_ci("convert", "healthy-call.pcap", "--to", form.value, "-o", "new/out", folder=folder)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout == ""
    written = (folder / "new" / "out").read_bytes()
    assert written
    if form in (Form.SIP, Form.PCAP):
        assert len(read_trace(written, "x").messages) == 6


def test_text_goes_to_standard_output_and_everything_else_to_standard_error(folder: Path) -> None:
    outcome = sip_ci("convert", "healthy-ten-calls.pcap", "--to", "mermaid", folder=folder)
    assert outcome.returncode == 0
    assert outcome.stdout.count("sequenceDiagram") == 10
    assert all(line.startswith("sip-ci: ") for line in outcome.stderr.splitlines())


def test_standard_input_is_read(folder: Path) -> None:
    program = "from sip_ci.cli.main import run; run()"
    for name in ("healthy-call.pcap", "healthy-call.log"):
        outcome = subprocess.run(
            [sys.executable, "-c", program, "convert", "-", "--to", "json"],
            input=(folder / name).read_bytes(),
            capture_output=True,
            cwd=folder,
            env={"PYTHONPATH": str(ROOT / "src")},
            check=True,
            timeout=60,
        )
        (trace,) = json.loads(outcome.stdout)["traces"]
        assert len(trace["messages"]) == 6


def test_several_inputs_fill_a_folder_or_one_text(folder: Path) -> None:
    for _again in range(2):
        assert sip_ci("convert", ".", "--to", "pcap", "-o", "out/", folder=folder).returncode == 0
    assert {path.name for path in (folder / "out").iterdir()} == {
        "healthy-call.pcap.pcapng",
        "healthy-call.log.pcapng",
        "healthy-ten-calls.pcap.pcapng",
    }
    outcome = sip_ci("convert", "healthy-call.pcap", "healthy-call.log", "--to", "sip", folder=folder)
    assert len(read_trace(outcome.stdout.encode(), "x").messages) == 12
    outcome = sip_ci("convert", "healthy-call.pcap", "healthy-call.log", "--to", "pcap", "-o", "one", folder=folder)
    assert outcome.returncode == 2
    assert "out" not in outcome.stdout
    assert not (folder / "one").exists()


def test_one_call_is_chosen_and_a_missing_one_is_told(folder: Path) -> None:
    call = read_trace(folder / "healthy-ten-calls.pcap", "x").messages[0].call_id
    outcome = sip_ci(
        "convert", "healthy-ten-calls.pcap", "--to", "mermaid", "--call", call, "-o", "one.mmd", folder=folder
    )
    assert outcome.returncode == 0
    assert (folder / "one.mmd").read_text().startswith("sequenceDiagram\n")
    outcome = sip_ci("convert", "healthy-ten-calls.pcap", "--to", "ladder", "--call", "no such", folder=folder)
    assert outcome.returncode == 3
    assert call in outcome.stderr
    assert outcome.stdout == ""


def test_masked_messages_name_nobody(folder: Path) -> None:
    plain = sip_ci("convert", "healthy-call.pcap", "--to", "json", folder=folder).stdout
    masked = sip_ci("convert", "healthy-call.pcap", "--to", "json", "--redact", folder=folder).stdout
    assert "sip:bob@" in plain
    assert "sip:bob@" not in masked
    assert len(json.loads(masked)["traces"][0]["messages"]) == 6


def test_an_input_is_never_written_over_and_a_failure_leaves_the_old_file(folder: Path) -> None:
    before = (folder / "healthy-call.log").read_bytes()
    outcome = sip_ci("convert", "healthy-call.log", "--to", "sip", "-o", "healthy-call.log", folder=folder)
    assert outcome.returncode == 2
    assert (folder / "healthy-call.log").read_bytes() == before
    (folder / "empty.txt").write_text("nothing\n")
    (folder / "old.sip").write_text("old")
    outcome = sip_ci("convert", "empty.txt", "--to", "sip", "-o", "old.sip", folder=folder)
    assert outcome.returncode == 2
    assert (folder / "old.sip").read_text() == "old"


def test_one_bad_input_costs_only_itself(folder: Path) -> None:
    (folder / "bad.pcap").write_bytes(b"\xd4\xc3\xb2\xa1")
    outcome = sip_ci("convert", "bad.pcap", "healthy-call.log", "absent.log", "--to", "sip", folder=folder)
    assert outcome.returncode == 2
    assert len(read_trace(outcome.stdout.encode(), "x").messages) == 6
    assert "bad.pcap" in outcome.stderr
    assert "absent.log" in outcome.stderr


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--to", "sip"], 2), (["absent", "--to", "sip"], 3)])
def test_nothing_to_convert(arguments: list[str], code: int, folder: Path) -> None:
    outcome = sip_ci("convert", *arguments, folder=folder)
    assert outcome.returncode == code
    assert "Traceback" not in outcome.stderr


def test_every_option_is_documented() -> None:
    page = (ROOT / "docs" / "convert.md").read_text()
    for parameter in convert.params:
        for name in (name for name in parameter.opts if name.startswith("-")):
            assert f"`{name}" in page
    assert all(f"**{form.value}**" in page for form in Form)


def test_members_of_archives_stay_in_the_folder(folder: Path) -> None:
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for name in ("../../evil.log", "a/../../worse.log", "good.log", "/absolute.log"):
            archive.write(folder / "healthy-call.log", name)
    work = folder / "in" / "here"
    work.mkdir(parents=True)
    (folder / "all.zip").rename(work / "all.zip")
    outcome = sip_ci("convert", "all.zip", "--to", "sip", "-o", "out/", folder=work)
    assert outcome.returncode in (0, 2), outcome.stderr
    written = list(folder.rglob("*.sip"))
    assert written
    assert all(path.is_relative_to(work / "out") for path in written)


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    program = "from sip_ci.cli.main import run; run()"
    command = [sys.executable, "-c", program, "convert", "healthy-ten-calls.pcap", "--to", "json"]
    with subprocess.Popen(
        command, cwd=folder, env={"PYTHONPATH": str(ROOT / "src")}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
