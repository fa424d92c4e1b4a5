"""The RTP packets of a trace, stream by stream, whether they are in memory or on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sip_ci.trace.media_spill import MediaSpill, SpilledStream, stable_order
from sip_ci.trace.media_table import CONTENT_CUT, CONTENT_OTHER, CONTENT_SILENCE, MediaKind, MediaTable
from sip_ci.trace.numbering import PairNumbers
from sip_ci.trace.observation import Endpoint

Selection = npt.NDArray[np.bool_] | slice


class RtpGroup:
    """The RTP packets of one SSRC from one endpoint to another, or some of them."""

    def __init__(self, source: Endpoint, destination: Endpoint, ssrc: int, packets: int) -> None:
        self.source = source
        self.destination = destination
        self.ssrc = ssrc
        self.packets = packets
        self.regular = False
        """Whether it is known that each sequence number is one more than that before it."""
        self.payload_type: int | None = None
        """The payload type, where it is known that all packets have one."""
        self.span: tuple[int, int] | None = None
        """The times of the first and the last packet in nanoseconds, where they are known."""
        self.dscp: int | None = None
        """The codepoint, where it is known that all packets have one."""
        self.silent: int | None = None
        """How many packets hold nothing but digital silence, where that is known."""
        self.cut: int | None = None
        """How many packets were not captured whole, where that is known."""

    @property
    def stored(self) -> bool:
        """Whether `rows` reads from a disk, so that what is needed of them is better kept."""
        return False

    def rows(self) -> MediaTable:
        """The packets in the order of capture."""
        raise NotImplementedError

    def part(self, selection: Selection) -> RtpGroup:
        """Some of the packets."""
        raise NotImplementedError

    def describe(self) -> None:
        """Find out what may be known without the packets."""
        rows = self.rows()
        if not len(rows):
            return
        self.regular = bool((np.diff(rows.sequence) == 1).all())
        self.payload_type = int(rows.payload_type[0]) if (rows.payload_type == rows.payload_type[0]).all() else None
        self.span = int(rows.time_ns[0]), int(rows.time_ns[-1])
        self.dscp = int(rows.dscp[0]) if (rows.dscp == rows.dscp[0]).all() else None
        self.silent = int(is_silence(rows.content).sum())
        self.cut = int((rows.content == CONTENT_CUT).sum())


class _Held(RtpGroup):
    """A stretch of a table in memory that is sorted by stream."""

    def __init__(self, table: MediaTable, start: int, end: int) -> None:
        super().__init__(
            table.endpoints[table.source[start]], table.endpoints[table.destination[start]], int(table.ssrc[start]),
            end - start,
        )  # fmt: skip
        self._table = table
        self._start = start
        self._end = end

    def rows(self) -> MediaTable:
        return self._table.select(slice(self._start, self._end))

    def part(self, selection: Selection) -> RtpGroup:
        table = self.rows().select(selection)
        return _Held(table, 0, len(table))


class _Stored(RtpGroup):
    """A stream of a spill; what was read last is kept, for it is usually asked for again."""

    def __init__(self, store: _Store, stream: SpilledStream, selections: tuple[Selection, ...], packets: int) -> None:
        endpoints = store.endpoints
        super().__init__(endpoints[stream.source], endpoints[stream.destination], stream.ssrc, packets)
        self._store = store
        self._stream = stream
        self._selections = selections

    @property
    def stored(self) -> bool:
        return True

    def rows(self) -> MediaTable:
        table = self._store.read(self._stream)
        for selection in self._selections:
            table = table.select(selection)
        return table

    def part(self, selection: Selection) -> RtpGroup:
        packets = len(range(*selection.indices(self.packets))) if isinstance(selection, slice) else int(selection.sum())
        return _Stored(self._store, self._stream, (*self._selections, selection), packets)


class _Store:
    def __init__(self, spill: MediaSpill, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        self._spill = spill
        self._last: tuple[SpilledStream, MediaTable] | None = None

    def read(self, stream: SpilledStream) -> MediaTable:
        if self._last is None or self._last[0] is not stream:
            self._last = None
            self._last = stream, self._spill.read(stream, self.endpoints)
        return self._last[1]


def rtp_groups(media: MediaTable, most: int, kind: MediaKind = MediaKind.RTP) -> list[RtpGroup]:
    """The RTP packets of each SSRC on each path, in the order of their first packets; of more than `most` the largest.

    Another `kind` gives the packets of that kind on each path. Time is linear in the number of packets.
    """
    if media.spill is not None:
        store = _Store(media.spill, media.endpoints)
        streams = [stream for stream in media.spill.streams() if stream.kind == kind]
        if len(streams) > most:
            kept = sorted(range(len(streams)), key=lambda place: -streams[place].packets)[:most]
            streams = [streams[place] for place in sorted(kept)]
        return [_Stored(store, stream, (), stream.packets) for stream in streams]
    return _held(media, most, kind)


def _held(media: MediaTable, most: int, kind: MediaKind) -> list[RtpGroup]:
    rtp = np.flatnonzero(media.kind == kind)
    if not len(rtp):
        return []
    path = (media.source[rtp].astype(np.uint64) << np.uint64(32)) | media.destination[rtp].astype(np.uint64)
    places = PairNumbers(len(rtp) + 1)
    numbers = places.numbers(path, media.ssrc[rtp].astype(np.uint64))
    order = rtp[stable_order(numbers, len(places))]
    counts = np.bincount(numbers)
    ends = np.cumsum(counts)
    begins = ends - counts
    # What all packets of a stream share is written down again: faster than to fetch it from all over the table.
    ordered = replace(
        media, time_ns=media.time_ns[order], frame=media.frame[order], size=media.size[order],
        source=np.repeat((places.first >> np.uint64(32)).astype(np.int32), counts),
        destination=np.repeat((places.first & np.uint64(0xFFFFFFFF)).astype(np.int32), counts),
        kind=np.full(len(order), kind, np.uint8), ssrc=np.repeat(places.second.astype(np.uint32), counts),
        payload_type=media.payload_type[order], marker=media.marker[order], sequence=media.sequence[order],
        timestamp=media.timestamp[order], ip_id=media.ip_id[order], dscp=media.dscp[order],
        content=media.content[order],
    )  # fmt: skip
    regular = _throughout(np.diff(ordered.sequence) == 1, begins).tolist()
    uniform = _throughout(np.diff(ordered.payload_type) == 0, begins).tolist()
    types = ordered.payload_type[begins].tolist()
    spans = list(zip(ordered.time_ns[begins].tolist(), ordered.time_ns[ends - 1].tolist(), strict=True))
    marked = _throughout(np.diff(ordered.dscp) == 0, begins).tolist()
    marks = ordered.dscp[begins].tolist()
    silent, cut = (
        np.add.reduceat(column, begins, dtype=np.int64).tolist()
        for column in (is_silence(ordered.content), ordered.content == CONTENT_CUT)
    )
    chosen = np.arange(len(counts))
    if len(counts) > most:
        chosen = np.sort(np.argsort(-counts, kind="stable")[:most])
    groups: list[RtpGroup] = []
    for place, start, end in zip(chosen.tolist(), begins[chosen].tolist(), ends[chosen].tolist(), strict=True):
        group = _Held(ordered, start, end)
        group.regular = regular[place]
        group.payload_type = types[place] if uniform[place] else None
        group.span = spans[place]
        group.dscp = marks[place] if marked[place] else None
        group.silent, group.cut = silent[place], cut[place]
        groups.append(group)
    return groups


def is_silence(content: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Which payloads, as the media table keeps them, are digital silence of G.711."""
    return (content >= CONTENT_SILENCE) & (content < CONTENT_OTHER)


def _throughout(steps: npt.NDArray[np.bool_], begins: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """For each stretch that begins at `begins`, whether all steps within it are true."""
    within = np.ones(len(steps) + 1, np.bool_)
    within[1:] = steps
    within[begins] = True
    return np.asarray(np.logical_and.reduceat(within, begins), np.bool_)
