"""Tells packets that the capturing program lost from packets that the network lost (policy F5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sip_ci_server.engine.rtp_statistics import MAXIMUM_DROPOUT, steps_of
from sip_ci_server.engine.streams import Stream

BIN = 0.1
"""Seconds within which losses of several streams count as simultaneous."""
STREAMS = 3
"""Unrelated streams that must lose at once before the capture is blamed."""


def instants_of_loss(stream: Stream) -> list[int]:
    """The tenths of a second in which packets of a stream are missing, by the packet that arrived after the gap."""
    if stream.loss.lost <= 0:
        return []
    steps = steps_of(stream.rows.sequence, 16)
    after = np.flatnonzero((steps > 1) & (steps <= MAXIMUM_DROPOUT)) + 1
    bins: list[int] = (stream.rows.time_ns[after] // int(BIN * 1e9)).tolist()
    return bins


def streams_lost_by_capture(streams: Sequence[Stream]) -> set[int]:
    """The identities of streams most of whose gaps fall together with gaps of at least two other paths."""
    by_stream = {id(stream): instants_of_loss(stream) for stream in streams}
    paths: dict[int, set[frozenset[str]]] = {}
    for stream in streams:
        for instant in set(by_stream[id(stream)]):
            paths.setdefault(instant, set()).add(frozenset((str(stream.source), str(stream.destination))))
    shared = {instant for instant, members in paths.items() if len(members) >= STREAMS}
    suspects = set()
    for identity, instants in by_stream.items():
        counts = Counter(instant in shared for instant in instants)
        if instants and counts[True] > len(instants) / 2:
            suspects.add(identity)
    return suspects
