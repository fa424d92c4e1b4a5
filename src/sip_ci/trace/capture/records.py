"""Packet records as columns: what a container reader hands on, some mebibytes at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

PADDING = 128
"""Zero bytes behind the last record of a buffer, so that headers can be gathered without looking at lengths first."""

CHUNK = 2 << 20
"""Bytes that container readers ask for at once."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordBatch:
    """Consecutive packets; all arrays have one element for each packet."""

    buffer: bytes
    """Holds the packets, and `PADDING` zero bytes at its end."""
    frame: npt.NDArray[np.int64]
    """The 1-based number of the packet in the capture, ascending."""
    offset: npt.NDArray[np.int64]
    """Where in the buffer the packet's first byte is."""
    captured: npt.NDArray[np.int64]
    """Bytes in the file."""
    wire: npt.NDArray[np.int64]
    """Bytes on the wire; never fewer than captured."""
    time_ns: npt.NDArray[np.int64]
    """Nanoseconds since the UNIX epoch."""
    link: npt.NDArray[np.int32]
    """Link-layer header type, as in https://www.tcpdump.org/linktypes.html."""

    def __len__(self) -> int:
        return len(self.offset)

    def select(self, rows: npt.NDArray[np.int64]) -> RecordBatch:
        """The packets at some places, in that order; the buffer is shared."""
        return RecordBatch(
            self.buffer, self.frame[rows], self.offset[rows], self.captured[rows], self.wire[rows],
            self.time_ns[rows], self.link[rows],
        )  # fmt: skip


def gather(buffer: bytes, offsets: npt.NDArray[np.int64], layout: np.dtype[Any]) -> npt.NDArray[Any]:
    """Copy the structure that starts at each offset of a padded buffer; offsets must lie in front of the padding."""
    size = layout.itemsize
    overlapping: npt.NDArray[Any] = np.ndarray(
        max(len(buffer) - size + 1, 0), np.dtype((np.void, size)), buffer, strides=(1,)
    )
    return overlapping[offsets].view(layout)
