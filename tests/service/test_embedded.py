from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sip_ci.errors import ServiceError
from sip_ci.service import embedded as embedded_module
from sip_ci.service.embedded import EmbeddedServer

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT / "src"), str(ROOT / "server"))))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    # pytest's own folders are too deep for the sockets that the server's workers listen on.
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as name:
        yield Path(name)


def test_the_server_takes_what_the_client_submits(tmp_path: Path) -> None:
    with EmbeddedServer((tmp_path,), input_bytes=5 << 30, analysis_timeout=1234.5) as server:
        info = requests.get(f"{server.wait()}/v1/info", timeout=10).json()
    assert info["limits"]["capture_bytes"] == 5 << 30


@pytest.mark.parametrize("depth", [0, 12])
def test_a_run_leaves_no_file_behind(tmp_path: Path, short_folder: Path, depth: int) -> None:
    folder = short_folder.joinpath(*["folder"] * depth)
    folder.mkdir(parents=True, exist_ok=True)
    program = """
from pathlib import Path
from sip_ci.service.embedded import EmbeddedServer
with EmbeddedServer((Path("/"),)) as server:
    server.wait()
    print(server._folder.name)
"""
    environment = {**os.environ, "TMPDIR": str(folder)}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    )
    assert not Path(ran.stdout.strip()).exists()
    assert list(folder.iterdir()) == []


def test_it_serves_its_own_key_only_and_stops(tmp_path: Path) -> None:
    with EmbeddedServer((tmp_path,)) as server:
        url = server.wait()
        assert requests.get(f"{url}/v1/info", timeout=10).status_code == 200
        assert requests.get(f"{url}/v1/keys", timeout=10).status_code == 401
        process = server._process
        assert process is not None
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert server.key.get_secret_value().encode() not in arguments
    assert gone(process.pid)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/v1/info", timeout=10)


def test_the_jobs_secrets_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("ACTIONS_RUNTIME_TOKEN", "secret")
    with EmbeddedServer((tmp_path,)) as server:
        server.wait()
        assert server._process is not None
        environment = Path(f"/proc/{server._process.pid}/environ").read_bytes()
    assert b"TOKEN" not in environment


def test_modules_of_the_current_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sip_ci_server.py").write_text("raise SystemExit('hijacked')")
    (tmp_path / "click.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    with EmbeddedServer((tmp_path,)) as server:
        assert server.wait().startswith("http://127.0.0.1:")


def test_its_last_words_are_shown_when_it_fails_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "broken" / "sip_ci_server"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "__main__.py").write_text("import sys; sys.exit('the disk \\x1b[31m is full')")
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    with EmbeddedServer((tmp_path,)) as server, pytest.raises(ServiceError, match="is full") as raised:
        server.wait()
    assert "\x1b" not in str(raised.value)
    assert "status 1" in str(raised.value)


def test_a_missing_extra_names_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_module, "_NEEDED_MODULES", ("sip_ci_server", "no_such_module_anywhere"))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with EmbeddedServer((tmp_path,)) as server, pytest.raises(ServiceError, match=r"extra `server`"):
        server.wait()


def test_an_interpreter_that_cannot_run_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with pytest.raises(ServiceError, match="could not be started"):
        EmbeddedServer((tmp_path,)).start()


def test_a_server_that_never_gets_ready_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "slow" / "sip_ci_server"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "__main__.py").write_text("import time; time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(folder.parent))
    with EmbeddedServer((tmp_path,), timeout=0.3) as server:
        process = server._process
        assert process is not None
        with pytest.raises(ServiceError, match="not ready"):
            server.wait()
    assert gone(process.pid)


PARENT = """
import sys, time
from pathlib import Path
from sip_ci.service.embedded import EmbeddedServer
server = EmbeddedServer((Path("/tmp"),))
server.start()
server.wait()
print(server._process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_does_not_outlive_its_parent_and_leaves_no_file(number: signal.Signals, short_folder: Path) -> None:
    # A shell's background job ignores SIGINT, and would hand that down.
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(short_folder)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(number)
    parent.wait(10)
    assert gone(child)
    parent.stdout.close()
    assert list(short_folder.iterdir()) == []
