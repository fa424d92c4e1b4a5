"""Tells packets that the capturing program lost from packets that the network lost (policy F5).

A capture that stalls loses packets of every stream in both directions at once. A network that loses packets does so
before or after the point of capture, in one direction seen from there, and over time each stream for itself.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from sip_ci_server.engine.rtp_statistics import MAXIMUM_DROPOUT, steps_of
from sip_ci_server.engine.streams import Stream

BIN = 0.1
"""Seconds within which losses of several streams count as simultaneous."""
STREAMS = 3
"""Unrelated streams that must lose at once before the capture is blamed."""
LIFT = 3.0
"""How many times more paths than by chance must lose at once."""
Path = frozenset[str]
"""The two endpoints of a call's media, whichever way it goes."""


def instants_of_loss(stream: Stream) -> list[int]:
    """The tenths of a second in which packets of a stream are missing, by the packet that arrived after the gap."""
    if stream.loss.lost <= 0:
        return []
    steps = steps_of(stream.rows.sequence, 16)
    after = np.flatnonzero((steps > 1) & (steps <= MAXIMUM_DROPOUT)) + 1
    bins: list[int] = (stream.rows.time_ns[after] // int(BIN * 1e9)).tolist()
    return bins


def streams_lost_by_capture(streams: Sequence[Stream]) -> set[int]:
    """The identities of streams most of whose gaps fall together with gaps of at least two unrelated paths."""
    by_stream = {id(stream): instants_of_loss(stream) for stream in streams}
    losing: dict[int, list[Stream]] = defaultdict(list)
    for stream in streams:
        for instant in set(by_stream[id(stream)]):
            losing[instant].append(stream)
    shared = _shared(losing, _Activity(streams))
    suspects = set()
    for identity, instants in by_stream.items():
        together = sum(1 for instant in instants if instant in shared)
        if instants and together > len(instants) / 2:
            suspects.add(identity)
    return suspects


def path_of(stream: Stream) -> Path:
    """The path that a stream shares with the one that answers it."""
    return frozenset((str(stream.source), str(stream.destination)))


class _Activity:
    """How many paths carry media at a time."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        spans: dict[Path, tuple[int, int]] = {}
        for stream in streams:
            first, last = int(stream.starts / BIN), int(stream.ends / BIN)
            before = spans.get(path_of(stream), (first, last))
            spans[path_of(stream)] = (min(before[0], first), max(before[1], last))
        self._starts = sorted(first for first, _ in spans.values())
        self._ends = sorted(last for _, last in spans.values())
        self.total = sum(last - first + 1 for first, last in spans.values())
        """The tenths of a second of all paths together."""

    def at(self, instant: int) -> int:
        """The number of paths that are active in a tenth of a second."""
        return bisect_right(self._starts, instant) - bisect_left(self._ends, instant)


def _shared(losing: Mapping[int, list[Stream]], activity: _Activity) -> set[int]:
    """The instants in which more paths lose than the network or chance explain."""
    paths = {instant: {path_of(stream) for stream in members} for instant, members in losing.items()}
    rate = sum(len(members) for members in paths.values()) / activity.total if activity.total else 0.0
    return {
        instant
        for instant, members in paths.items()
        if len(members) >= max(STREAMS, LIFT * rate * activity.at(instant)) and not _one_way(losing[instant])
    }


def _one_way(members: list[Stream]) -> bool:
    """Whether all come from one host or all go to one: a single bad link explains their losses."""
    return len({stream.source.host for stream in members}) == 1 or len({s.destination.host for s in members}) == 1
