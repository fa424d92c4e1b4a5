"""Inputs that are lists: mutations change the pieces and their order, and the file around them stays right.

A piece is a byte that says what it is, two bytes of length, and that many bytes; the last one may be shorter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOST = 64
"""Pieces of one input."""


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(What it is, bytes) of each piece."""
    place = 0
    for _ in range(MOST):
        if len(data) < place + 3:
            return
        size = int.from_bytes(data[place + 1 : place + 3], "big") & 0x7FF
        yield data[place], data[place + 3 : place + 3 + size]
        place += 3 + size


def join(pieces: Iterable[tuple[int, bytes]]) -> bytes:
    """The input that holds these pieces; a piece of more than 2047 bytes is cut."""
    return b"".join(
        bytes([kind]) + len(part).to_bytes(2, "big") + part for kind, piece in pieces for part in (piece[:0x7FF],)
    )
