from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from tests.support.command import sip_ci

from sip_ci.cli import main as main_module
from sip_ci.cli.main import EXIT_CODES, run
from sip_ci.config.options import OPTIONS, Kind
from sip_ci.errors import ConfigError, NoInputError, ServiceError

ROOT = Path(__file__).parents[2]


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as raised:
        run(list(arguments))
    assert isinstance(raised.value.code, int)
    return raised.value.code


_REAL_SIGNAL = signal.signal


def _usual_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        _REAL_SIGNAL(number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _own_signals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_arguments: None)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("SIP_CI_", "GITHUB_"))]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["analyze", "-h"], ["checks", "--help"]])
def test_questions_about_the_program_succeed(arguments: list[str]) -> None:
    assert code_of(*arguments) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["analyse"], "analyse"),
        (["analyze", "--fail-on", "bad", "x"], "--fail-on"),
        (["analyze", "--timeout", "soon", "x"], "--timeout"),
        (["analyze", "--fail"], "--fail"),
        (["analyze"], "SIP_CI_PATHS"),
        (["analyze", "--server", "gopher://x", "x"], "--server"),
        (["analyze", "--config", "absent.yml", "x"], "absent.yml"),
        (["analyze", "-o", "json=-", "-o", "sarif=-", "x"], "standard output"),
        (["analyze", "-o", "json=a", "-o", "sarif=./a", "x"], "two reports"),
        (["analyze", "--anchor", "absent", "x"], "anchor"),
        (["checks", "no-such-check"], "no-such-check"),
        (["anlyze", "x"], "sip-ci analyze"),
        (["-v", "analyze", "x"], "sip-ci analyze -v"),
        (["--fail-on", "high", "analyze", "x"], "sip-ci analyze --fail-on"),
    ],
)
def test_mistakes_of_the_user_are_code_2_and_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*arguments) == 2
    output = capsys.readouterr()
    assert told in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_a_missing_input_is_code_3_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("analyze", "absent.pcap") == 3
    output = capsys.readouterr()
    assert "absent.pcap does not exist" in output.err
    assert output.err.count("\n") == 1


def test_a_missing_command_is_forgiven_with_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.pcap").write_text("x")
    assert code_of("a.pcap") == 2
    assert "sip-ci analyze a.pcap" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("told"), 2),
        (ServiceError("told"), 2),
        (NoInputError("told"), 3),
        (click.ClickException("told"), 2),
        (click.UsageError("told"), 2),
        (ValueError("told"), 2),
        (RecursionError("told"), 2),
        (MemoryError("told"), 2),
        (OSError("told"), 2),
    ],
)
def test_every_exception_has_its_code_and_no_traceback(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_arguments: object) -> None:
        raise error

    monkeypatch.setattr(main_module.cli, "main", fail)
    assert code_of("analyze") == code
    output = capsys.readouterr()
    assert "told" in output.err
    assert "Traceback" not in output.err
    assert code_of("analyze", "--debug") == code


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_is_130(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_arguments: object) -> None:
        raise error

    class LeftError(BaseException):
        pass

    def leave(code: int) -> None:
        raise LeftError(code)

    monkeypatch.setattr(main_module.cli, "main", fail)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(LeftError, match="130"):
        run(["analyze"])


def test_an_error_that_quotes_a_stranger_stays_printable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_arguments: object) -> None:
        raise ServiceError("a\x1b[2Jb\n::error::c")

    monkeypatch.setattr(main_module.cli, "main", fail)
    assert code_of("analyze") == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert not any(line.startswith("::") for line in err.splitlines())


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\nsys.argv = ['sip-ci', *{arguments}]\n"
        "from sip_ci.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit: pass\n"
        "print([name for name in ('pydantic', 'numpy', 'requests', 'yaml', 'dpkt') if name in sys.modules])"
    )
    for arguments in (["--help"], ["--version"], ["analyze", "--help"]):
        output = subprocess.run(
            [sys.executable, "-c", script.format(arguments=arguments)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        assert output.stdout.splitlines()[-1] == "[]", arguments


def test_config_show_names_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".sip-ci.yml").write_text("fail-on: low\n")
    monkeypatch.setenv("SIP_CI_CATEGORY", "matrix")
    monkeypatch.setenv("SIP_CI_API_KEY", "sips_secret")
    output = sip_ci("config", "show", "--issue", "dtmf-failing", folder=tmp_path)
    rows = {line.split()[0]: line for line in output.stdout.splitlines()}
    assert set(rows) == {option.key for option in OPTIONS}
    assert rows["fail-on"].split()[1:] == ["low", ".sip-ci.yml:1"]
    assert rows["category"].split()[1:] == ["matrix", "SIP_CI_CATEGORY"]
    assert rows["issue"].split()[1:] == ["dtmf-failing", "--issue"]
    assert rows["timeout"].endswith("default")
    assert "sips_secret" not in output.stdout


def test_config_check_lists_every_problem(tmp_path: Path) -> None:
    (tmp_path / ".sip-ci.yml").write_text("fail-on: bad\ntimeout: 0\n")
    output = sip_ci("config", "check", folder=tmp_path)
    assert output.returncode == 2
    assert [line.split(": ")[2] for line in output.stderr.splitlines()] == [".sip-ci.yml:1", ".sip-ci.yml:2"]
    (tmp_path / ".sip-ci.yml").write_text("fail-on: low\n")
    assert sip_ci("config", "check", folder=tmp_path).returncode == 0


def test_config_schema_is_json(tmp_path: Path) -> None:
    assert json.loads(sip_ci("config", "schema", folder=tmp_path).stdout)["additionalProperties"] is False


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sip_ci", "config", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(20)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["config", "schema"], ["checks"], ["--help"], ["analyze", "a.sip"]])
def test_standard_output_that_takes_no_more_is_one_error(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "a.sip").write_text(
        "OPTIONS sip:b@192.0.2.2 SIP/2.0\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n", newline=""
    )
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "sip_ci", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "server")))},
            cwd=tmp_path,
            check=False,
        )
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert os.strerror(errno.ENOSPC) in ran.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_ends_the_run_with_its_code(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The server accepts connections and never answers, so the run waits until it is told to end."""
    import socket

    (tmp_path / "a.log").write_text("x")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sip_ci",
                "analyze",
                "a.log",
                "--server",
                f"http://127.0.0.1:{listener.getsockname()[1]}",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            cwd=tmp_path,
            # A background job may ignore SIGINT, and one under nohup SIGHUP; both would hand that down.
            preexec_fn=_usual_signals,
        )
        listener.settimeout(20)
        connection, _address = listener.accept()
        connection.recv(1)
        time.sleep(0.2)
        process.send_signal(number)
        _out, err = process.communicate(timeout=10)
        connection.close()
    assert process.returncode == code
    assert b"Traceback" not in err


def test_the_documentation_has_every_command_option_variable_and_code() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    for option in OPTIONS:
        if option.flag:
            rows = [row for row in text.splitlines() if f"| `{option.variable}` |" in row]
            assert len(rows) == 1, option.key
            assert option.flag in rows[0]
            if option.kind is Kind.BOOLEAN:
                assert f"--no-{option.key}" in rows[0]
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in text
    context = click.Context(main_module.cli)
    for name in main_module.cli.list_commands(context):
        command = main_module.cli.get_command(context, name)
        assert command is not None
        assert f"sip-ci {name}" in text
        for parameter in command.params:
            for flag in parameter.opts if isinstance(parameter, click.Option) else ():
                assert f"`{flag}" in text, flag


def test_a_closed_standard_output_is_one_error() -> None:
    command = f"exec {sys.executable} -m sip_ci checks >&-"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT / "server")))}
    ran = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, env=environment, check=False)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr
