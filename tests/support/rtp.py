"""RTP as tables: streams from a few numbers, without packets.

    sent = stream(ALICE_MEDIA, BOB_MEDIA, 500)
    table = media_table(sent.without(range(100, 110)), stream(BOB_MEDIA, ALICE_MEDIA, 500))

Times are seconds from the start of a trace made by `tests.support.calls`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from tests.support.calls import START, Ladder

from sip_ci.trace.media_table import CONTENT_OTHER, MediaKind, MediaTable
from sip_ci.trace.observation import Endpoint
from sip_ci_server.engine.streams import Stream, build_streams

ALICE_MEDIA = Endpoint("192.0.2.10", 40_000)
BOB_MEDIA = Endpoint("198.51.100.20", 42_000)
"""Where the descriptions of `tests.support.calls` ask for media."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Packets of one SSRC in order of arrival; every column has one entry for each."""

    source: Endpoint
    destination: Endpoint
    ssrc: int
    time: npt.NDArray[np.float64]
    sequence: npt.NDArray[np.int64]
    """Not yet modulo 65536."""
    timestamp: npt.NDArray[np.int64]
    """Not yet modulo 2**32."""
    payload_type: npt.NDArray[np.int64]
    marker: npt.NDArray[np.bool_]
    size: int = 172
    """UDP payload in bytes."""
    content: npt.NDArray[np.int64] | None = None
    """What is kept of each payload, as in the table; None where that is nothing."""
    dscp: int = 0

    @property
    def contents(self) -> npt.NDArray[np.int64]:
        """The column of the table."""
        return np.full(len(self), CONTENT_OTHER) if self.content is None else self.content

    def holding(self, content: npt.NDArray[np.int64] | int, wanted: slice = slice(None)) -> Sent:
        """The same packets, of which some hold something that is kept."""
        column = self.contents.copy()
        column[wanted] = content
        return replace(self, content=column)

    def __len__(self) -> int:
        return len(self.time)

    def rows(self, wanted: Sequence[int] | npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Sent:
        """The packets of an index, in that order, with their own times."""
        return replace(
            self, time=self.time[wanted], sequence=self.sequence[wanted], timestamp=self.timestamp[wanted],
            payload_type=self.payload_type[wanted], marker=self.marker[wanted], content=self.contents[wanted],
        )  # fmt: skip

    def without(self, lost: Iterable[int]) -> Sent:
        """The packets but for those at these places."""
        keep = np.ones(len(self), bool)
        keep[list(lost)] = False
        return self.rows(keep)

    def arriving(self, order: Sequence[int] | npt.NDArray[np.int64]) -> Sent:
        """The packets in another order; the times of arrival stay where they are."""
        return replace(self.rows(order), time=self.time[: len(order)])

    def then(self, other: Sent) -> Sent:
        """These packets and then those of another, as one SSRC of the same path."""
        return replace(
            self, time=np.concatenate((self.time, other.time)),
            sequence=np.concatenate((self.sequence, other.sequence)),
            timestamp=np.concatenate((self.timestamp, other.timestamp)),
            payload_type=np.concatenate((self.payload_type, other.payload_type)),
            marker=np.concatenate((self.marker, other.marker)),
            content=np.concatenate((self.contents, other.contents)),
        )  # fmt: skip

    def late(self, seconds: npt.NDArray[np.float64] | float) -> Sent:
        """The same packets that much later."""
        return replace(self, time=self.time + seconds)


def stream(
    source: Endpoint,
    destination: Endpoint,
    packets: int,
    *,
    start: float = 1.1,
    ptime: float = 0.02,
    step: int = 160,
    payload_type: int = 0,
    ssrc: int = 0x1234,
    sequence: int = 1000,
    timestamp: int = 16_000,
    size: int = 172,
) -> Sent:
    """A stream as regular as a clock; `step` is in ticks for each packet, `ptime` in seconds."""
    places = np.arange(packets)
    marker = np.zeros(packets, bool)
    marker[:1] = True
    return Sent(
        source, destination, ssrc, start + places * ptime, sequence + places, timestamp + places * step,
        np.full(packets, payload_type), marker, size,
    )  # fmt: skip


def media_table(*sent: Sent) -> MediaTable:
    """The table of a capture that holds these streams."""
    endpoints = tuple(dict.fromkeys(end for item in sent for end in (item.source, item.destination)))
    place = {endpoint: number for number, endpoint in enumerate(endpoints)}

    def column(parts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    time_ns = column([np.round((START + item.time) * 1e9).astype(np.int64) for item in sent])
    count = len(time_ns)
    table = MediaTable(
        endpoints,
        time_ns,
        np.arange(1, count + 1),
        column([np.full(len(item), place[item.source]) for item in sent]).astype(np.int32),
        column([np.full(len(item), place[item.destination]) for item in sent]).astype(np.int32),
        np.full(count, MediaKind.RTP, np.uint8),
        column([np.full(len(item), item.size) for item in sent]).astype(np.uint16),
        column([item.payload_type for item in sent]).astype(np.uint8),
        column([item.marker.astype(np.int64) for item in sent]).astype(bool),
        (column([item.sequence for item in sent]) & 0xFFFF).astype(np.uint16),
        (column([item.timestamp for item in sent]) & 0xFFFFFFFF).astype(np.uint32),
        column([np.full(len(item), item.ssrc) for item in sent]).astype(np.uint32),
        np.zeros(count, np.uint16),
        column([np.full(len(item), item.dscp) for item in sent]).astype(np.uint8),
        column([item.contents for item in sent]).astype(np.uint32),
    )
    return table.select(np.argsort(table.time_ns, kind="stable"))


def only_stream(*sent: Sent) -> Stream:
    """The engine's view of what is one stream."""
    (found,) = build_streams(media_table(*sent))
    return found


def carry(ladder: Ladder, *sent: Sent, both_ways: bool = True) -> Ladder:
    """Let a trace hold these streams, and some packet of each pair of hosts (with `both_ways` also back)."""
    ladder.media = media_table(*sent)
    pairs = {(item.source.host, item.destination.host) for item in sent}
    pairs |= {
        (packet.source.host, packet.destination.host)
        for packet in ladder.packets
        if packet.source is not None and packet.destination is not None
    }
    if both_ways:
        pairs |= {(right, left) for left, right in pairs}
    times = [float(item.time.max()) for item in sent if len(item)]
    times += [packet.time for packet in ladder.packets if packet.time is not None]
    return ladder.know(host_pairs=frozenset(pairs), last_time=START + max(times, default=0.0))
