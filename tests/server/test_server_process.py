"""The server as a process: starts, announces, serves, ends, and leaves nobody behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "sips_" + "0123456789ab" * 3
OPTIONS = (
    "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\n"
    "To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
WAIT = 60.0


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIP_CI_")}
    return kept | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'server'}"} | more


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sip_ci_server", *arguments]


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(**more), capture_output=True, text=True, timeout=WAIT, check=False
    )


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def descendants(pid: int) -> set[int]:
    """All processes below `pid`, by Linux's process table."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def is_running(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def request(port: int, method: str, path: str, body: object = None) -> tuple[int, dict[str, object], dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Authorization": f"Bearer {KEY}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read()), {k.lower(): v for k, v in response.getheaders()}
    finally:
        connection.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], int]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[bytes], int]:
        port_file = tmp_path / "port"
        process = subprocess.Popen(
            command("serve", "--port", "0", "--port-file", str(port_file), "--workers", "2", *arguments),
            env=environment(SIP_CI_SERVER_LOCAL_KEY=KEY),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stderr=(tmp_path / "log").open("wb"),
        )
        started.append(process)
        wait_until(lambda: port_file.exists() or process.poll() is not None, "the server does not start")
        assert process.poll() is None, (tmp_path / "log").read_text()
        return process, int(port_file.read_text())

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def test_serves_and_ends_on_sigterm_with_all_its_processes(serve, tmp_path: Path) -> None:
    process, port = serve()
    assert request(port, "GET", "/readyz")[0] == 200
    status, body, headers = request(port, "POST", "/v1/analyze", {"trace": OPTIONS})
    assert status == 200
    assert body["meta"]["trace"]["messages"] == 1
    assert body["meta"]["plan"] == "local"
    assert int(headers["x-ratelimit-remaining"]) > 1000
    assert f"listening on http://127.0.0.1:{port}" in (tmp_path / "log").read_text()
    # An embedded server leaves no file.
    assert {path.name for path in tmp_path.iterdir()} == {"port", "log"}

    below = descendants(process.pid)
    assert len(below) >= 2
    process.terminate()
    assert process.wait(timeout=WAIT) == 0
    wait_until(lambda: not any(map(is_running, below)), "a process was left behind")
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_sigterm_answers_a_running_analysis_before_it_ends(serve, tmp_path: Path) -> None:
    # A large log keeps a worker busy for longer than the server waits.
    root = tmp_path / "root"
    root.mkdir()
    (root / "big.txt").write_text(OPTIONS * 200_000, newline="")
    process, port = serve("--root", str(root))
    body = json.dumps({"pcap_url": f"file://{root}/big.txt"})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request("POST", "/v1/analyze", body, {"Authorization": f"Bearer {KEY}"})
    time.sleep(1)
    process.terminate()
    response = connection.getresponse()
    assert response.status in (200, 503)
    if response.status == 503:
        assert response.getheader("Retry-After")
        assert json.loads(response.read())["request_id"]
    assert process.wait(timeout=WAIT) == 0


def test_a_killed_worker_is_replaced(serve) -> None:
    process, port = serve()
    assert request(port, "POST", "/v1/analyze", {"trace": OPTIONS})[0] == 200
    # All but the fork server, which is the direct child.
    helpers = {pid for pid in descendants(process.pid) if pid not in children(process.pid)}
    assert helpers
    for pid in helpers:
        os.kill(pid, signal.SIGKILL)
    statuses = [request(port, "POST", "/v1/analyze", {"trace": OPTIONS})[0] for _ in range(6)]
    assert set(statuses) <= {200, 503}
    assert statuses[-2:] == [200, 200]


def children(pid: int) -> set[int]:
    return set(map(int, (Path(f"/proc/{pid}/task/{pid}/children")).read_text().split()))


def test_a_busy_worker_does_not_stop_the_api(serve, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "big.txt").write_text(OPTIONS * 100_000, newline="")
    _, port = serve("--root", str(root), "--workers", "1")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    body = json.dumps({"pcap_url": f"file://{root}/big.txt"})
    connection.request("POST", "/v1/analyze", body, {"Authorization": f"Bearer {KEY}"})
    time.sleep(0.3)
    assert request(port, "GET", "/v1/keys")[0] == 200
    assert 'sip_ci_requests_total{method="POST",route="/v1/analyze"' not in metrics(port)
    connection.close()


def metrics(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_an_endless_body_is_refused_while_it_streams(serve) -> None:
    _, port = serve()
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
        head = (
            f"POST /v1/analyze HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        connection.sendall(head.encode())
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        sent = 0
        try:
            for _ in range(2000):
                connection.sendall(chunk)
                sent += 65_536
        except OSError:
            pass
        assert sent < 100_000_000
        connection.settimeout(5)
        try:
            answer = connection.recv(65_536)
        except OSError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413")
    assert request(port, "GET", "/healthz")[0] == 200


@pytest.mark.parametrize(
    "garbage", [b"\0" * 1000, b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"a" * 200_000, b"\x16\x03\x01"]
)
def test_garbage_on_the_socket_costs_nothing(serve, garbage: bytes) -> None:
    _, port = serve()
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
        connection.sendall(garbage)
    assert request(port, "GET", "/healthz")[0] == 200


PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE if {pipe} else subprocess.DEVNULL)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's process table")
@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("busy", [True, False])
def test_a_parent_that_is_killed_leaves_no_orphan(tmp_path: Path, pipe: bool, busy: bool) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "big.txt").write_text(OPTIONS * 400_000, newline="")
    port_file = tmp_path / "port"
    arguments = command("serve", "--port", "0", "--port-file", str(port_file), "--die-with-parent", "--root", str(root))
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(pipe=pipe), *arguments],
        env=environment(SIP_CI_SERVER_LOCAL_KEY=KEY),
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(port_file.exists, "the server does not start")
        port = int(port_file.read_text())
        assert request(port, "POST", "/v1/analyze", {"trace": OPTIONS})[0] == 200
        if busy:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
            body = json.dumps({"pcap_url": f"file://{root}/big.txt"})
            connection.request("POST", "/v1/analyze", body, {"Authorization": f"Bearer {KEY}"})
            time.sleep(0.3)
        below = descendants(parent.pid)
        assert len(below) >= 4  # the server, its fork server and tracker, its workers
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not any(map(is_running, below)), "a process was left behind")


def test_a_thread_of_the_parent_may_end(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    program = """
import subprocess, sys, threading, time
thread = threading.Thread(target=lambda: subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL))
thread.start(); thread.join(); time.sleep(600)
"""
    arguments = command("serve", "--port", "0", "--port-file", str(port_file), "--die-with-parent")
    parent = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        env=environment(SIP_CI_SERVER_LOCAL_KEY=KEY),
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(port_file.exists, "the server does not start")
        time.sleep(0.6)
        assert request(int(port_file.read_text()), "GET", "/healthz")[0] == 200
        below = descendants(parent.pid)
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not any(map(is_running, below)), "a process was left behind")


@pytest.mark.parametrize(
    "arguments", [("users", "list"), ("keys", "list"), ("keys", "create", "--user", "a", "--name", "b")]
)
def test_a_command_in_the_wrong_folder_makes_no_database(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "accounts.db"
    refused = run(*arguments, SIP_CI_SERVER_DATABASE=f"sqlite:///{file}")
    assert refused.returncode == 2
    assert str(file) in refused.stderr
    assert "SIP_CI_SERVER_DATABASE" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_says_which_database_it_used(tmp_path: Path) -> None:
    file = tmp_path / "accounts.db"
    for arguments in (("users", "add", "ann", "--plan", "local"), ("users", "list"), ("keys", "list")):
        assert f"database: {file}" in run(*arguments, SIP_CI_SERVER_DATABASE=f"sqlite:///{file}").stderr


def test_users_and_keys_from_the_command_line(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'accounts.db'}"
    assert run("users", "add", "ann", "--plan", "pro", SIP_CI_SERVER_DATABASE=database).returncode == 0
    assert "ann\tpro" in run("users", "list", SIP_CI_SERVER_DATABASE=database).stdout
    created = run("keys", "create", "--user", "ann", "--name", "ci", SIP_CI_SERVER_DATABASE=database)
    key = created.stdout.strip()
    assert created.returncode == 0
    assert len(key) == 41
    listed = run("keys", "list", SIP_CI_SERVER_DATABASE=database)
    assert key not in listed.stdout
    assert listed.stdout.split("\t")[1] == key[:13]
    revoked = run("keys", "revoke", key[:13], SIP_CI_SERVER_DATABASE=database)
    assert revoked.returncode == 0
    assert "revoked" in run("keys", "list", "--user", "ann", SIP_CI_SERVER_DATABASE=database).stdout


@pytest.mark.parametrize(
    ("arguments", "variables", "word"),
    [
        (("keys", "create", "--user", "nobody", "--name", "x"), {}, "nobody"),
        (("keys", "revoke", "sips_00000000"), {}, "sips_00000000"),
        (("users", "add", "x", "--plan", "gold"), {}, "gold"),
        (("users", "list"), {"SIP_CI_SERVER_DATABASE": "sqlite:////no/such/folder/a.db"}, "database"),
        (("users", "list"), {"SIP_CI_SERVER_DATABASE": "mysql://x/y"}, "mysql"),
        (("serve", "--port", "70000"), {}, "--port"),
        (("serve",), {"SIP_CI_SERVER_WORKERS": "many"}, "SIP_CI_SERVER_WORKERS"),
        (("serve", "--host", "192.0.2.77", "--port", "0"), {"SIP_CI_SERVER_LOCAL_KEY": KEY}, "192.0.2.77"),
        (("serve", "--port", "0"), {"SIP_CI_SERVER_LOCAL_KEY": "hunter2"}, "LOCAL_KEY"),
        (("serve", "--port", "0", "--captures-dir", "/proc/x"), {"SIP_CI_SERVER_LOCAL_KEY": KEY}, "/proc/x"),
        (("frobnicate",), {}, "frobnicate"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], word: str
) -> None:
    variables = {"SIP_CI_SERVER_DATABASE": f"sqlite:///{tmp_path / 'accounts.db'}"} | variables
    if arguments[0] == "keys":
        assert run("users", "add", "ann", "--plan", "local", **variables).returncode == 0
    result = run(*arguments, **variables)
    assert result.returncode == 2
    assert word in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert "hunter2" not in result.stderr


def test_a_port_in_use_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--port", str(taken.getsockname()[1]), SIP_CI_SERVER_LOCAL_KEY=KEY)
    assert result.returncode == 2
    assert "in use" in result.stderr
