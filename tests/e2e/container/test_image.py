"""The image, run in the ways of other CI systems and of careful administrators."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.container import engine

SANE_SIZE = 400 * 1024 * 1024
"""Bytes that the image may add to its base; what it really adds is printed."""
LONG_WORK = 2000
"""Traces whose analysis takes several seconds at least."""
ANALYSIS = ("analyze", "call.log", "--output", "json=report.json")


@pytest.fixture
def folder(tmp_path: Path, traces: Path) -> Path:
    """A folder that anyone may write to, with one call in it."""
    tmp_path.chmod(0o777)
    (tmp_path / "call.log").write_bytes((traces / "healthy-call.log").read_bytes())
    return tmp_path


def mounted(folder: Path) -> list[str]:
    """The options that make `folder` the current one."""
    return [f"--volume={folder}:/calls", "--workdir=/calls"]


def assert_analysed(ended: engine.Ended, folder: Path) -> None:
    assert ended.exit_code == 0, ended.output
    assert json.loads((folder / "report.json").read_text())["verdict"]["conclusion"] == "success"


def test_arguments_are_those_of_the_command_line(image: str, folder: Path) -> None:
    assert_analysed(engine.run(image, *ANALYSIS, options=mounted(folder)), folder)


@pytest.mark.parametrize("program", ["sip-ci", "sip-ci-server"])
def test_both_programs_can_be_named(image: str, program: str) -> None:
    ended = engine.run(image, program, "--help")

    assert ended.exit_code == 0, ended.output
    assert program in ended.stdout


@pytest.mark.parametrize("program", ["sip-ci", "sip-ci-server"])
def test_both_programs_are_found_by_a_login_shell_in_place_of_the_entry_point(image: str, program: str) -> None:
    ended = engine.run(image, "bash", "--login", "-c", f"{program} --help", options=["--entrypoint="])

    assert ended.exit_code == 0, ended.output


def test_another_command_is_run_as_it_is(image: str) -> None:
    assert engine.run(image, "sh", "-c", "echo $((6*7))").stdout == "42\n"


def test_an_unknown_command_is_a_usage_error_of_the_program(image: str) -> None:
    assert engine.run(image, "analyse").exit_code == 2


def test_any_user_will_do(image: str, folder: Path) -> None:
    ended = engine.run(image, *ANALYSIS, options=[*mounted(folder), "--user=12345:12345"])

    assert_analysed(ended, folder)
    assert (folder / "report.json").stat().st_uid == 12345


def test_no_network_no_capability_and_nothing_to_write_to_will_do(image: str, folder: Path) -> None:
    options = [
        "--network=none",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--read-only",
        "--tmpfs=/tmp",
        "--user=12345",
    ]

    assert_analysed(engine.run(image, *ANALYSIS, options=[*mounted(folder), *options]), folder)


@pytest.fixture
def server(image: str) -> Iterator[str]:
    """A container in which the server runs as the first process; its name."""
    name = f"sip-ci-test-{time.monotonic_ns()}"
    started = engine.docker("run", "--detach", "--name", name, image, "sip-ci-server", "serve", "--port", "8080")
    assert started.exit_code == 0, started.output
    yield name
    engine.docker("rm", "--force", name)


def await_readiness(name: str) -> None:
    question = "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=1)"
    for _ in range(100):
        if engine.docker("exec", name, "/opt/sip-ci/bin/python", "-c", question).exit_code == 0:
            return
        time.sleep(0.1)
    pytest.fail(f"the server does not get ready:\n{engine.docker('logs', name).output}")


def test_the_server_ends_when_it_is_asked_to(server: str) -> None:
    await_readiness(server)

    # `docker stop` kills after the given time, which shows as exit code 137.
    stopped = engine.docker("stop", "--time", "2", server)

    assert stopped.exit_code == 0, stopped.output
    assert engine.docker("inspect", "--format", "{{.State.ExitCode}}", server).stdout.strip() in ("0", "143")


@pytest.fixture
def long_work(folder: Path) -> Path:
    """A folder with so many calls that their analysis is still under way when it is stopped."""
    content = (folder / "call.log").read_bytes()
    for number in range(LONG_WORK):
        (folder / f"call-{number}.log").write_bytes(content)
    return folder


@pytest.mark.parametrize("signal", ["TERM", "INT", "KILL"])
def test_an_analysis_that_is_stopped_leaves_no_process(image: str, long_work: Path, signal: str) -> None:
    # A shell is the first process, so that what the analysis leaves behind goes on running. Job control, because a
    # shell without it starts what is in the background with SIGINT ignored.
    script = f"""
        set -m
        running() {{ readlink /proc/[0-9]*/exe | grep -c python; }}
        sip-ci analyze . --output json=report.json & analysis=$!
        for _ in $(seq 500); do [ "$(running)" -ge 2 ] && break; sleep 0.02; done
        echo "before: $(running)"
        kill -{signal} "$analysis"
        for _ in $(seq 20); do [ "$(running)" -eq 0 ] && break; sleep 0.1; done
        echo "after: $(running)"
    """
    ended = engine.run(image, "bash", "-c", script, options=mounted(long_work))

    before, after = (int(count) for count in re.findall(r"(?:before|after): (\d+)", ended.stdout))
    assert before >= 2, f"the server was never seen: {ended.output}"
    assert after == 0, ended.output
    assert not (long_work / "report.json").exists()


def test_an_analysis_as_first_process_ends_when_it_is_asked_to(image: str, long_work: Path) -> None:
    name = f"sip-ci-test-{time.monotonic_ns()}"
    started = engine.docker("run", "--detach", "--name", name, *mounted(long_work), image, "analyze", ".")
    try:
        assert started.exit_code == 0, started.output
        for _ in range(100):
            if engine.docker("top", name).stdout.count("python") >= 2:
                break
            time.sleep(0.05)
        # `docker stop` kills after the given time, which shows as exit code 137.
        stopped = engine.docker("stop", "--time", "2", name)
        assert stopped.exit_code == 0, stopped.output
        exit_code = engine.docker("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()
        assert exit_code not in ("0", "137"), engine.docker("logs", name).output
    finally:
        engine.docker("rm", "--force", name)


def test_the_image_holds_no_tools_and_no_leavings(image: str) -> None:
    script = """
        for tool in gcc cc make g++ curl; do command -v $tool; done
        find / -xdev \\( -path /root/.cache -o -path '/home/*/.cache' -o -path '*/pip/_cache' \\) -print
        find /opt/sip-ci -name pip -o -name pip-*
        find / -xdev -maxdepth 1 -name source
        find /opt/sip-ci \\( -perm -4000 -o -perm -0002 -not -type l \\) -print
    """
    ended = engine.run(image, "bash", "-c", script)

    assert ended.stdout == ""


def test_the_size_is_sane(image: str) -> None:
    def size(of: str) -> int:
        return int(engine.docker("image", "inspect", "--format", "{{.Size}}", of).stdout)

    layers = engine.docker("history", "--format", "{{.Size}}\t{{.CreatedBy}}", image).stdout
    print(f"\nimage: {size(image) / 1e6:.0f} MB\n{layers}")
    added = engine.run(image, "sh", "-c", "du -sb /opt/sip-ci").stdout.split()[0]
    print(f"added to its base: {int(added) / 1e6:.0f} MB")
    assert int(added) < SANE_SIZE


def test_the_labels_say_what_it_is(image: str) -> None:
    labels = json.loads(engine.docker("image", "inspect", "--format", "{{json .Config.Labels}}", image).stdout)
    version = engine.run(image, "sip-ci", "--version").stdout

    assert labels["org.opencontainers.image.version"] in version
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
