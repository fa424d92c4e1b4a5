"""Words that reports of the client and findings of the server form alike."""

from __future__ import annotations


def plural(count: int, one: str, many: str = "") -> str:
    """Return the count with the noun in its right form: `1 call`, `2 calls`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
