"""How far each record of a log reaches: to where the next one begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def with_limits(records: Iterable[tuple[int, re.Match[bytes]]], end: int) -> Iterator[tuple[int, re.Match[bytes], int]]:
    """Each record, given by its offset and what was matched there, with the offset of the next one or of the end."""
    before: tuple[int, re.Match[bytes]] | None = None
    for record in records:
        if before is not None:
            yield (*before, record[0])
        before = record
    if before is not None:
        yield (*before, end)
