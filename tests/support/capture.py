"""Recording a test call with tcpdump."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.network import Host

_START_SECONDS = 10
_STOP_SECONDS = 10
_SETTLE_SECONDS = 0.3


def reason_without_tcpdump() -> str:
    """Why tcpdump cannot be used here, in one sentence; empty where it can."""
    return "" if shutil.which("tcpdump") else "not installed: tcpdump"


@contextmanager
def recorded(path: Path, host: Host | None, interface: str = "eth0", capture_filter: str = "") -> Iterator[None]:
    """Records into `path` what `interface` of `host` sees while the block runs; `host` None is this machine itself.

    The block is entered when tcpdump says that it listens, and left when it has written its last packet. Raises
    RuntimeError where tcpdump does not start.
    """
    command = ["tcpdump", "-i", interface, "-n", "-U", "--immediate-mode", "-Z", "root", "-w", str(path)]
    if capture_filter:
        command.append(capture_filter)
    process = subprocess.Popen(
        host.command(*command) if host else command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        _await_listening(process)
        yield
        # The last packets are still on their way from the kernel to tcpdump.
        time.sleep(_SETTLE_SECONDS)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
        if process.stderr:
            process.stderr.close()


def _await_listening(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    said: list[str] = []
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        line = process.stderr.readline()
        if "listening on" in line:
            return
        if not line:
            break
        said.append(line)
    process.kill()
    raise RuntimeError(f"tcpdump does not listen: {''.join(said)}")
