"""Recording a test call with tcpdump or dumpcap."""

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

    A path that ends in `.pcapng` is recorded with dumpcap, any other with tcpdump. The block is entered when the
    program says that it listens, and left when it has written its last packet. Raises RuntimeError where it does not
    start.
    """
    if path.suffix == ".pcapng":
        command = ["dumpcap", "-i", interface, "-q", "-w", str(path)]
        command += ["-f", capture_filter] if capture_filter else []
        ready = "File: "
    else:
        # In immediate mode the kernel keeps a slot of the snap length for each packet: the default buffer holds eight.
        command = ["tcpdump", "-i", interface, "-n", "-U", "--immediate-mode", "-B", "65536", "-Z", "root"]
        command += ["-w", str(path)]
        command += [capture_filter] if capture_filter else []
        ready = "listening on"
    process = subprocess.Popen(
        host.command(*command) if host else command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        _await_listening(process, ready, command[0])
        yield
        # The last packets are still on their way from the kernel.
        time.sleep(_SETTLE_SECONDS)
    finally:
        # Not SIGINT: a shell's background job ignores it, and so would the recorder.
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
        if process.stderr:
            process.stderr.close()


def _await_listening(process: subprocess.Popen[str], ready: str, program: str) -> None:
    assert process.stderr is not None
    said: list[str] = []
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        line = process.stderr.readline()
        if ready in line:
            return
        if not line:
            break
        said.append(line)
    process.kill()
    raise RuntimeError(f"{program} does not record: {''.join(said)}")
