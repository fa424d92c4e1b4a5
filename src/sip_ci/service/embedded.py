"""The bundled server as a child process: started on a loopback port with a key of its own, and never left behind.

The child learns its key from the environment and tells its port through a file. It stops with the run: by the context
manager, by `atexit` for an exit that passes it by, and by `--die-with-parent` where this process is killed outright.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from sip_ci.errors import ServiceError
from sip_ci.trace.printable import printable

if TYPE_CHECKING:
    from pydantic import SecretStr

logger = logging.getLogger(__name__)

KEY_VARIABLE = "SIP_CI_SERVER_LOCAL_KEY"
_START_TIMEOUT = 60.0
"""Seconds until the server must have told its port; a cold disk on a busy CI machine can be slow."""
_POLL = 0.005
_TAIL_BYTES = 8192
_LONGEST_FOLDER = 50
"""Bytes of the folder for temporary files that leave room for a socket's name."""
_TAIL_LINES = 12
_NEEDED_MODULES = ("sip_ci_server", "fastapi", "sqlalchemy", "uvicorn")
_PASSED_VARIABLES = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
)  # fmt: skip
"""What the child inherits. A CI job's environment holds tokens that an analysis server has no business with."""


@dataclass(slots=True)
class EmbeddedServer:
    """One bundled server; use it as a context manager.

    `start` returns at once, so that other work can be done while the child gets ready; `wait` gives its address. It may
    be started before it is known what the run needs: `need` says that, and the child waits for it.
    """

    file_roots: tuple[Path, ...] | None = None
    """The folders below which the server may open captures; None where `need` will tell."""
    timeout: float = _START_TIMEOUT
    """Seconds to get ready in."""
    input_bytes: int | None = None
    """The largest input that the server takes; None is its own default."""
    analysis_timeout: float | None = None
    """Seconds that the server may spend on one input; None is its own default."""
    _secret: str = field(default_factory=lambda: "sips_" + secrets.token_hex(18), repr=False)
    _process: subprocess.Popen[bytes] | None = None
    _folder: tempfile.TemporaryDirectory[str] | None = None
    _url: str = ""

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def key(self) -> SecretStr:
        """The key that the child accepts."""
        # Imported here: a start before everything else does not wait for it.
        from pydantic import SecretStr

        return SecretStr(self._secret)

    def start(self) -> None:
        """Start the child, if that was not done before.

        Raises:
            ServiceError: It cannot be started at all.
        """
        if self._process is not None:
            return
        self._folder = tempfile.TemporaryDirectory(
            prefix="sip-ci-", dir=_temporary_folder(), ignore_cleanup_errors=True
        )
        folder = Path(self._folder.name)
        # -P: without it `-m` would put the current folder, a pull request's own tree, in front of the installed code.
        command = [sys.executable, "-P", "-m", "sip_ci_server", "serve", "--host", "127.0.0.1", "--port", "0"]
        command += ["--port-file", str(self._port_file), "--die-with-parent", "--scratch", str(folder)]
        if self.file_roots is None:
            command += ["--needs", str(self._needs_file)]
        else:
            for name, value in self._needs().items():
                values = value if isinstance(value, list) else [value]
                command += [word for item in values for word in (f"--{name.replace('_', '-')}", str(item))]
        atexit.register(self.stop)
        try:
            with self._log_file.open("wb") as log:
                self._process = subprocess.Popen(
                    command,
                    # A pipe whose end tells the child that this process is gone, however it went.
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env=_environment(self._secret, folder),
                    # A group of its own: Ctrl-C reaches this process first, which then stops the whole group.
                    process_group=0,
                )
        except OSError as error:
            self.stop()
            raise ServiceError(f"the bundled server could not be started: {error.strerror or error}") from None

    def need(self, file_roots: tuple[Path, ...], input_bytes: int, analysis_timeout: float) -> None:
        """Tell a child that was started early what the run needs of it; or remember it for the start.

        Raises:
            ServiceError: It cannot be told.
        """
        waiting = self._process is not None and self.file_roots is None
        self.file_roots, self.input_bytes, self.analysis_timeout = file_roots, input_bytes, analysis_timeout
        if not waiting:
            return
        part = self._needs_file.with_suffix(".part")
        try:
            part.write_text(json.dumps(self._needs()), "utf-8")
            part.rename(self._needs_file)
        except OSError as error:
            raise ServiceError(f"the bundled server could not be started: {error.strerror or error}") from None

    def _needs(self) -> dict[str, object]:
        """What the run asks of the server, by the names of its options."""
        needs: dict[str, object] = {"root": [str(root) for root in self.file_roots or ()]}
        if self.input_bytes is not None:
            needs["capture_bytes"] = self.input_bytes
        if self.analysis_timeout is not None:
            needs["analysis_timeout"] = self.analysis_timeout
        return needs

    def wait(self) -> str:
        """Wait until the server is ready and return its base URL.

        Raises:
            ServiceError: It ended or did not get ready; the message carries what it said.
        """
        end = time.monotonic() + self.timeout
        while not self._url:
            self.check()
            if port := self._read_port():
                self._url = f"http://127.0.0.1:{port}"
            elif time.monotonic() > end:
                raise ServiceError(f"the bundled server was not ready after {self.timeout:g} seconds{self._said()}")
            else:
                time.sleep(_POLL)
        return self._url

    def check(self) -> None:
        """Do nothing while the child lives.

        Raises:
            ServiceError: It has ended; the message carries what it said.
        """
        if self._process is None or self._process.poll() is None:
            return
        status = self._process.returncode
        how = f"was killed by {_signal_name(-status)}" if status < 0 else f"ended with status {status}"
        raise ServiceError(_remedy() or f"the bundled server {how}{self._said()}")

    def stop(self) -> None:
        """End the child and whatever it started, and remove its files; doing it twice does no harm."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is not None:
            _end_group(process)
            if process.stdin is not None:
                process.stdin.close()
        if logger.isEnabledFor(logging.DEBUG):
            for line in self._log_lines():
                logger.debug("the bundled server said: %s", line)
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    @property
    def _port_file(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "port")

    @property
    def _needs_file(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "needs.json")

    @property
    def _log_file(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "log")

    def _read_port(self) -> int | None:
        try:
            text = self._port_file.read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return None
        # The newline says that the number is whole.
        return int(text) if text.endswith("\n") and text.strip().isdigit() else None

    def _said(self) -> str:
        lines = [printable(line) for line in self._log_lines()][-_TAIL_LINES:]
        return "; it said:\n  " + "\n  ".join(lines) if lines else " and said nothing"

    def _log_lines(self) -> list[str]:
        """The last lines of what the server said."""
        if self._folder is None:
            return []
        try:
            with self._log_file.open("rb") as log:
                log.seek(max(0, self._log_file.stat().st_size - _TAIL_BYTES))
                text = log.read(_TAIL_BYTES).decode("utf-8", "replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()]


def _temporary_folder() -> str:
    folder, shortest = tempfile.gettempdir(), "/tmp"  # noqa: S108 - mkdtemp makes an own folder in there
    # The child's workers listen on a socket in there, and the path of a socket has 103 bytes at most (104 with its
    # end on macOS, 108 on Linux).
    fits = len(os.fsencode(folder)) <= _LONGEST_FOLDER
    return folder if fits or not os.access(shortest, os.W_OK) else shortest


def _environment(key: str, folder: Path) -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    return {
        **passed,
        # What the child leaves behind when it is killed goes with this process's own folder.
        "TMPDIR": str(folder),
        KEY_VARIABLE: key,
        "SIP_CI_SERVER_LOG_LEVEL": "warning",
        "PYTHONUNBUFFERED": "1",
        # Looking for plugins costs time at every start, and no plugin of the job has a business in there.
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
    }


def _remedy() -> str:
    """What to do if the server's packages are not installed; empty if they are."""
    missing = [name for name in _NEEDED_MODULES if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return (
        f"the bundled server is not installed ({', '.join(missing)} missing): "
        "install sip-ci with its extra `server` (in a clone: pip install '.[server]'), "
        "or name another server with --server URL"
    )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    # The server keeps nothing, so there is nothing that it could tidy up. The group outlives its leader as long as a
    # worker of it lives, so it is signalled even if the leader has ended.
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
