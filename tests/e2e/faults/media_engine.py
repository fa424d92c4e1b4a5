"""rtpengine as the media relay of a proxy, in user space: the kernel's module is not needed for a handful of calls."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.network import Host

CONTROL_PORT = 2223
_START_SECONDS = 10
_STOP_SECONDS = 5


def reason_without_media_engine() -> str:
    """Why rtpengine cannot be used here, in one sentence; empty where it can."""
    return "" if shutil.which("rtpengine") else "not installed: rtpengine"


@contextmanager
def media_engine_running(host: Host, folder: Path) -> Iterator[None]:
    """Runs rtpengine on `host` while the block runs; RuntimeError where it does not start."""
    log = folder / "rtpengine.log"
    command = ["rtpengine", "--foreground", "--log-stderr", "--table=-1", f"--interface={host.address}"]
    command += [f"--listen-ng=127.0.0.1:{CONTROL_PORT}", "--port-min=30000", "--port-max=30100", "--no-fallback"]
    command += ["--config-file=none", f"--pidfile={folder / 'rtpengine.pid'}", "--log-level=5"]
    with log.open("wb") as output:
        process = subprocess.Popen(host.command(*command), stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while f":{CONTROL_PORT:04X} " not in Path(f"/proc/{process.pid}/net/udp").read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"rtpengine does not start: {log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
