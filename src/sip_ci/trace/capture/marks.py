"""Where bytes came from: the packet that brought them."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """The packet that brought some bytes."""

    time_ns: int
    frame: int
    ip_id: int | None
    fragments: int = 1
