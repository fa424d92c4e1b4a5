"""Media packets of a large capture on disk, in the order of their streams, so that memory does not grow with the file.

Rows come in runs, each sorted by stream before it is written to a nameless temporary file. What stays in memory is
where in each run a stream's rows are. A stream is read when it is asked for.
"""

from __future__ import annotations

import logging
import tempfile
import weakref
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sip_ci.trace.media_table import MediaKind, MediaTable
from sip_ci.trace.numbering import PairNumbers
from sip_ci.trace.observation import Endpoint

logger = logging.getLogger(__name__)

STREAMS = 200_000
"""Streams that are told apart; the packets of more are counted, and not kept."""
_NOISE_STREAMS = 1_000
"""Streams of a single packet in one run on one path from which on those are noise."""
_ROW = np.dtype(
    [
        ("time_ns", "<i8"), ("frame", "<i8"), ("timestamp", "<u4"), ("size", "<u2"), ("sequence", "<u2"),
        ("ip_id", "<u2"), ("payload_type", "u1"), ("marker", "?"), ("content", "<u4"), ("dscp", "u1"),
    ]
)  # fmt: skip
"""What differs between the packets of a stream."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SpilledStream:
    """Where the packets of one stream are."""

    kind: int
    source: int
    """Endpoint number."""
    destination: int
    ssrc: int
    packets: int
    first: int
    """The place of its first extent among those of the spill."""
    extents: int


class MediaSpill:
    """Takes rows, then gives them back stream by stream."""

    def __init__(self) -> None:
        """Open the file.

        Raises:
            OSError: There is no place for temporary files.
        """
        # The file has no name where the system allows that, and is closed when this set goes, with all of the object:
        # a compiled class takes no weak references itself.
        self._file = tempfile.TemporaryFile(prefix="sip-ci-media-", buffering=0)  # noqa: SIM115
        self._lifetime: set[int] = set()
        weakref.finalize(self._lifetime, self._file.close)
        self._numbers = PairNumbers(STREAMS)
        self._noisy = np.zeros(0, np.uint64)
        """The paths that were found to carry noise."""
        self._written = 0
        self._broken = False
        self._runs: list[npt.NDArray[np.void] | int] = []
        """For each run where in the file it begins, in bytes, or the run itself where the disk took no more."""
        self._index: list[tuple[Indices, Indices, Indices]] = []
        """For each run: the streams in it, and the places and counts of their rows."""
        self._extents: tuple[Indices, Indices, Indices] | None = None
        self.rows = 0
        """Rows that were kept."""
        self.rtp_rows = 0
        """Those of them that are RTP."""

    @property
    def refused(self) -> int:
        """Rows that were not kept, because they belong to more streams than are told apart."""
        return self._numbers.refused

    def add(self, table: MediaTable) -> None:
        """Write a run of rows, which follow those of all earlier runs in the capture."""
        path = (table.kind.astype(np.uint64) << np.uint64(56)) | (
            (table.source.astype(np.uint64) << np.uint64(28)) | table.destination.astype(np.uint64)
        )
        ssrc = table.ssrc.astype(np.uint64)
        numbers = self._numbers.known(path, ssrc)
        new = np.flatnonzero(numbers < 0)
        if len(new):
            new = new[~self._noise(path[new], ssrc[new])]
            numbers[new] = self._numbers.numbers(path[new], ssrc[new])
        order = stable_order(numbers, len(self._numbers))
        order = order[int((numbers < 0).sum()) :]
        if not len(order):
            return
        sorted_numbers = numbers[order]
        begins = np.concatenate(([0], np.flatnonzero(np.diff(sorted_numbers)) + 1))
        counts = np.diff(np.concatenate((begins, [len(order)])))
        rows = np.empty(len(order), _ROW)
        for name in _ROW.names or ():
            rows[name] = getattr(table, name)[order]
        self._index.append((sorted_numbers[begins].astype(np.int64), begins.astype(np.int64), counts.astype(np.int64)))
        self._runs.append(self._stored(rows))
        self.rows += len(order)
        self.rtp_rows += int((table.kind[order] == MediaKind.RTP).sum())

    def streams(self) -> list[SpilledStream]:
        """All streams, in the order of their first rows; there must be no more `add` after it."""
        runs = np.repeat(np.arange(len(self._index)), [len(numbers) for numbers, _, _ in self._index])
        numbers, begins, counts = (
            np.concatenate([run[place] for run in self._index] or [np.zeros(0, np.int64)]) for place in range(3)
        )
        order = np.argsort(numbers, kind="stable")
        self._extents = runs[order], begins[order], counts[order]
        bounds = np.searchsorted(numbers[order], np.arange(len(self._numbers) + 1)).tolist()
        totals = np.add.reduceat(counts[order], bounds[:-1]).tolist() if len(order) else []
        found = []
        paths, ssrcs = self._numbers.first.tolist(), self._numbers.second.tolist()
        for path, ssrc, packets, first, end in zip(paths, ssrcs, totals, bounds[:-1], bounds[1:], strict=True):
            source, destination = (path >> 28) & 0xFFFFFFF, path & 0xFFFFFFF
            found.append(SpilledStream(path >> 56, source, destination, ssrc, packets, first, end - first))
        return found

    def read(self, stream: SpilledStream, endpoints: tuple[Endpoint, ...]) -> MediaTable:
        """The rows of a stream in the order of capture.

        Raises:
            OSError: The file cannot be read.
        """
        assert self._extents is not None
        chosen = slice(stream.first, stream.first + stream.extents)
        runs, begins, counts = (column[chosen].tolist() for column in self._extents)
        rows = np.empty(stream.packets, _ROW)
        place = 0
        for run, begin, count in zip(runs, begins, counts, strict=True):
            self._read(self._runs[run], begin, rows[place : place + count])
            place += count
        return MediaTable(
            endpoints, rows["time_ns"].copy(), rows["frame"].copy(), np.full(len(rows), stream.source, np.int32),
            np.full(len(rows), stream.destination, np.int32), np.full(len(rows), stream.kind, np.uint8),
            rows["size"].copy(), rows["payload_type"].copy(), rows["marker"].copy(), rows["sequence"].copy(),
            rows["timestamp"].copy(), np.full(len(rows), stream.ssrc, np.uint32), rows["ip_id"].copy(),
            rows["dscp"].copy(), rows["content"].copy(),
        )  # fmt: skip

    def _noise(self, path: npt.NDArray[np.uint64], ssrc: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Single packets of a thousand new streams on one path: encrypted or scrambled, and RTP by chance only."""
        table = PairNumbers(len(path) + 1)
        streams = table.numbers(path, ssrc)
        if len(table) <= _NOISE_STREAMS and not len(self._noisy):
            return np.zeros(len(path), np.bool_)
        single = np.bincount(streams, minlength=len(table)) == 1
        paths, inverse = np.unique(table.first, return_inverse=True)
        # The shape of the inverse differs between numpy versions.
        inverse = inverse.reshape(-1)
        many = np.bincount(inverse[single], minlength=len(paths)) > _NOISE_STREAMS
        self._noisy = np.union1d(self._noisy, paths[many])
        noise: npt.NDArray[np.bool_] = (single & np.isin(paths, self._noisy)[inverse])[streams]
        return noise

    def _stored(self, rows: npt.NDArray[np.void]) -> npt.NDArray[np.void] | int:
        begin = self._written
        if not self._broken:
            data = rows.view(np.uint8).data
            try:
                self._file.seek(begin)
                while len(data):
                    data = data[self._file.write(data) or 0 :]
            except OSError as error:
                self._broken = True
                logger.warning(
                    "%s takes no more (%s): media packets stay in memory; name another folder in TMPDIR",
                    tempfile.gettempdir(), error.strerror,
                )  # fmt: skip
            else:
                self._written = begin + rows.nbytes
                return begin
        return rows

    def _read(self, run: npt.NDArray[np.void] | int, begin: int, into: npt.NDArray[np.void]) -> None:
        if not isinstance(run, int):
            into[:] = run[begin : begin + len(into)]
            return
        data = into.view(np.uint8).data
        self._file.seek(run + begin * _ROW.itemsize)
        while len(data):
            got = self._file.readinto(data)
            if not got:
                raise OSError("a temporary file of media packets is shorter than it was")
            data = data[got:]


def stable_order(numbers: npt.NDArray[np.int32], count: int) -> Indices:
    """The places of small numbers in ascending order; `count` is more than all of them. Equal ones keep their order."""
    # Numbers of 16 bits are sorted by radix, in linear time.
    order: Indices = np.argsort(numbers.astype(np.int16) if count < 1 << 15 else numbers, kind="stable")
    return order
