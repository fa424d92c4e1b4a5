"""Runs one input and holds the bounds: nothing raises, nothing hangs, memory follows the input.

The bound of memory is what docs/captures.md promises under "Limits".
"""

from __future__ import annotations

import os
import signal
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fuzz.interface import Target

SECONDS = 10.0
"""One input of a few kilobytes takes milliseconds; more than this, on whatever machine, is a loop that does not end."""
MEMORY_BASE = 24 << 20
"""Bytes that any input may cost: buffers of fixed size."""
MEMORY_FACTOR = 200
"""Bytes that each unfolded byte of the input may cost besides."""
_SAMPLE = 64
"""Memory is measured for one in so many inputs, always the same ones: it makes an execution several times slower."""
MEASURE_ALL = "SIP_CI_FUZZ_MEASURE_ALL"


class TimeBoundError(Exception):
    """Raised in an execution that takes too long."""


class MemoryBoundError(Exception):
    """Raised behind an execution that took too much memory."""


def execute(target: Target, data: bytes, *, alarm: bool = True, measure: bool | None = None) -> tuple[int, int]:
    """Run one input; returns (unfolded bytes, peak of memory in bytes, or 0 where it was not measured).

    Args:
        target: What reads it.
        data: The input.
        alarm: Whether to end it after `SECONDS`; libFuzzer has its own alarm.
        measure: Whether to measure memory; by default for a sample.

    Raises:
        Exception: whatever it raises is a fault of the program.
    """
    if measure is None:
        measure = bool(os.environ.get(MEASURE_ALL)) or zlib.crc32(data) % _SAMPLE == 0
    with _bounded_time() if alarm else _unbounded():
        if not measure:
            return target.run(data), 0
        tracemalloc.start()
        try:
            size = target.run(data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    if peak > MEMORY_BASE + MEMORY_FACTOR * size:
        raise MemoryBoundError(f"{target.name}: {peak} bytes of memory for {size} bytes of input")
    return size, peak


@contextmanager
def _unbounded() -> Iterator[None]:
    yield


@contextmanager
def _bounded_time() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeBoundError(f"still running after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
