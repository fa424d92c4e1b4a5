"""Runs one input and holds the bounds: nothing raises, nothing hangs, memory follows the input.

The bound of memory is what docs/captures.md promises under "Large captures".
"""

from __future__ import annotations

import signal
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from fuzz.interface import Target

SECONDS = 10.0
"""One input of a few kilobytes takes milliseconds; more than this, on whatever machine, is a loop that does not end."""
MEMORY_BASE = 32 << 20
"""Bytes that any input may cost: buffers of fixed size."""
MEMORY_FACTOR = 64
"""Bytes that each unfolded byte of the input may cost besides."""
_SAMPLE = 64
"""Memory is measured for one in so many inputs, always the same ones: it makes an execution several times slower."""
_STRETCH = 512
"""One in so many inputs is run again with a part of it repeated, again always the same ones: what takes time in
proportion to the square of the input shows only in long ones."""
_STRETCHED_BYTES = 64 << 10
_PARTS = (1, 2, 3, 5, 8, 20, 60, 200, 1000)
"""Bytes of the parts that are repeated."""


class TimeBoundError(Exception):
    """Raised in an execution that takes too long."""


class MemoryBoundError(Exception):
    """Raised behind an execution that took too much memory."""


def check(target: Target, data: bytes, *, alarm: bool = True) -> None:
    """Run one input, a sample of them also stretched, a sample with memory measured.

    Args:
        target: What reads it.
        data: The input.
        alarm: Whether to end it after `SECONDS`; libFuzzer has its own alarm.

    Raises:
        Exception: whatever it raises is a fault of the program.
    """
    number = zlib.crc32(data)
    execute(target, data, alarm=alarm, measure=number % _SAMPLE == 0)
    if number % _STRETCH == 1:
        execute(target, stretched(data), alarm=alarm)


def stretched(data: bytes) -> bytes:
    """The input with a part of it repeated, always the same one."""
    if not data:
        return data
    number = zlib.crc32(data)
    start, size = number // _STRETCH % len(data), _PARTS[number // 7 % len(_PARTS)]
    part = data[start : start + size]
    return data[:start] + part * (_STRETCHED_BYTES // len(part)) + data[start + size :]


def execute(target: Target, data: bytes, *, alarm: bool = True, measure: bool = False) -> tuple[int, int]:
    """Run one input; returns (unfolded bytes, peak of memory in bytes, or 0 where it was not measured).

    Args:
        target: What reads it.
        data: The input.
        alarm: Whether to end it after `SECONDS`.
        measure: Whether to measure memory.

    Raises:
        Exception: whatever it raises is a fault of the program.
    """
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
