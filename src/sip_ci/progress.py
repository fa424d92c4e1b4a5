"""A line on the terminal that says how far the run is; in CI logs it would only be noise."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Mapping
from typing import TextIO

from sip_ci.trace.printable import printable


class Progress:
    """Counts finished inputs on one line of a terminal, and erases it in the end; silent anywhere else."""

    def __init__(self, total: int, environment: Mapping[str, str], stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._total = total
        self._done = 0
        self._lock = threading.Lock()
        self._shown = total > 1 and self._stream.isatty() and not environment.get("CI")

    def finished(self, name: str) -> None:
        """Count one input."""
        with self._lock:
            self._done += 1
            if self._shown:
                width = max(20, shutil.get_terminal_size().columns - 1)
                text = f"{self._done}/{self._total} {printable(name)}"
                self._stream.write("\r\x1b[K" + text[:width])
                self._stream.flush()

    def close(self) -> None:
        """Erase the line."""
        with self._lock:
            if self._shown and self._done:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
                self._shown = False
