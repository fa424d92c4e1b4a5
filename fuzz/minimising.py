"""Makes a failing input smaller, as long as it fails in the same place."""

from __future__ import annotations

import time
import traceback

from fuzz.bounds import execute, stretched
from fuzz.interface import Target

_SECONDS = 60.0


def failure(target: Target, data: bytes) -> str:
    """What an input raises and where, or the empty string."""
    try:
        execute(target, data, measure=True)
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/sip_ci" in frame.filename]
        place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].name}" if frames else "the target"
        # Which line was running when time was over is chance.
        return (
            type(error).__name__
            if type(error).__name__.endswith("BoundError")
            else f"{type(error).__name__} in {place}"
        )
    return ""


def minimised(target: Target, data: bytes) -> bytes:
    """The smallest input found that fails in the same way; the input itself where it does not fail.

    An input that fails only stretched becomes the stretched one.
    """
    wanted = failure(target, data)
    end = time.monotonic() + _SECONDS
    if not wanted:
        # It may have failed when it was stretched.
        data = stretched(data)
        wanted = failure(target, data)
    size = len(data) // 2
    while wanted and size and time.monotonic() < end:
        place = 0
        while place < len(data) and time.monotonic() < end:
            shorter = data[:place] + data[place + size :]
            if failure(target, shorter) == wanted:
                data = shorter
            else:
                place += size
        size //= 2
    return data
