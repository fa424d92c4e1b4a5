"""Running a small program of the tests' own on a host of a test network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired

from tests.support.network import Host

READY = "ready"
"""What the program prints when it does its work."""
_ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 5


@contextmanager
def helper_running(host: Host, *command: str) -> Iterator[None]:
    """Runs a command on `host` while the block runs. Raises RuntimeError where it does not say that it is ready."""
    process = Popen(host.command(*command), cwd=_ROOT, stdout=PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != READY:
            raise RuntimeError(f"does not start: {' '.join(command)}")
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except TimeoutExpired:
            process.kill()
            process.communicate()
