"""The seam between targets and what drives them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One way into the program for foreign bytes."""

    name: str
    run: Callable[[bytes], int]
    """Runs one input and asserts what holds of every result. Returns how many bytes there were to work on: those of
    the input, or what it unfolds to."""
    seeds: Callable[[], Iterable[bytes]]
    """Small inputs that reach deep; the mutations begin there."""
    tokens: tuple[bytes, ...] = ()
    """Words of the format, which mutations insert."""
    largest: int = 6000
    """Bytes of the longest input that is made."""
    weight: int = 10
    """Its part of the executions, beside that of the others: slow ones get less."""
