"""Words that reports of the client and findings of the server form alike."""

from __future__ import annotations


def plural(count: int, one: str, many: str = "") -> str:
    """Return the count with the noun in its right form: `1 call`, `2 calls`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def times(count: int) -> str:
    """Return how often something happened: `once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def more_times(count: int) -> str:
    """Return how often something happened again: `once more`, `twice more`, `3 more times`."""
    return f"{times(count)} more" if count in (1, 2) else f"{count:,} more times"
