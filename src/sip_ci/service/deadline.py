"""How much time is left, and how long to wait before the next attempt."""

from __future__ import annotations

import random
import threading
import time

from sip_ci.errors import ServiceError

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 10.0


class Deadline:
    """A point on the monotonic clock that all requests of a run share; it can also be called off."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._cancelled = threading.Event()

    @property
    def remaining(self) -> float:
        """Seconds left; 0 when the time is over or the run was called off."""
        return 0.0 if self._cancelled.is_set() else max(0.0, self._end - time.monotonic())

    def cancel(self) -> None:
        """Call the run off: nothing waits any longer."""
        self._cancelled.set()

    def check(self, doing: str) -> float:
        """Return the seconds left.

        Raises:
            ServiceError: None is left.
        """
        remaining = self.remaining
        if remaining <= 0:
            raise ServiceError(
                f"{doing} was not finished within {self.seconds:g} seconds; allow more with --timeout SECONDS"
            )
        return remaining

    def pause(self, seconds: float) -> bool:
        """Wait, and return True; or return False at once where the time that is left would not be enough."""
        if seconds >= self.remaining:
            return False
        return not self._cancelled.wait(seconds)


def backoff(attempt: int) -> float:
    """The pause in seconds before another attempt, `attempt` counting from 0: exponential, with jitter.

    Many jobs that a busy server turned away at the same moment must not come back at the same moment.
    """
    ceiling: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(attempt, 10))
    return ceiling * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, keeps no secret
