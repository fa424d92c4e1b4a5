"""How a stream moves on in time: pauses, jumps of its timestamps, and its clock against that of the capture.

Only short facts are kept of a stream, and those once; most streams are told healthy by a few passes over their columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from sip_ci_server.engine.rtp_statistics import MAXIMUM_DROPOUT, IntArray, extended_sequence, in_order, jitter_of
from sip_ci_server.engine.streams import SILENCE, Stream

PAUSE = 0.5
"""Seconds without a packet from which a pause is looked at."""
JUMP = 1.0
"""Seconds by which a timestamp must leave both the sequence numbers and the wall clock."""
BACKLOG = 10
"""Packets after a pause that tell whether they were held back on the way."""
JITTER_LIMITS_MS = (60.0, 30.0)
"""Milliseconds of jitter that are looked for."""
LONG_ENOUGH = 30.0
"""Seconds that a stream must last before its clock can be compared."""
KEPT = 16
"""Pauses and jumps that are kept of a stream; only a broken one has more."""
VIDEO_CLOCK = 90_000
_COMFORT_NOISE = (13, 19)

_KNOWN: WeakKeyDictionary[Stream, Timing] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch without packets that the sender did not announce."""

    start: float
    """The packet before it, in UNIX seconds."""
    end: float
    frame: int
    """The packet after it."""
    lost: int
    """Sequence numbers that are missing; 0 where the packets came late, all at once."""

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Jump:
    """A timestamp that neither the sequence numbers nor the wall clock explain."""

    time: float
    frame: int
    seconds: float
    """How far the timestamp went."""
    packets: int
    """How far the sequence number went."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What is known of a stream; empty where its clock rate is unknown or it is no audio."""

    pauses: tuple[Pause, ...] = ()
    jumps: tuple[Jump, ...] = ()
    drift_percent: float | None = None
    """How much faster the sender's clock runs than the capture's; None for less than half a minute."""
    jittery: tuple[int, int] = (0, 0)
    """The packets after which the running jitter was at or above each of `JITTER_LIMITS_MS`."""
    jitter_frame: int = 0
    """The packet of the highest jitter."""
    jitter_ms: float = 0.0
    """The highest jitter, in milliseconds; 0 where it stays below `JITTER_LIMITS_MS`."""


def timing_of(stream: Stream) -> Timing:
    """The timing of a stream of audio, computed once."""
    timing = _KNOWN.get(stream)
    if timing is None:
        timing = _KNOWN[stream] = _timing(stream)
    return timing


def _timing(stream: Stream) -> Timing:
    clock = stream.clock_rate
    if clock is None or clock == VIDEO_CLOCK or stream.packets < 3:
        return Timing()
    rows = stream.rows
    time, timestamp, marker, frame, kind = rows.time_ns, rows.timestamp, rows.marker, rows.frame, rows.payload_type
    steps: IntArray | None = None
    cut: npt.NDArray[np.bool_] | None = None
    jittery: tuple[tuple[int, int], int, float] | None = None
    if not stream.is_regular:
        extended, segment = extended_sequence(rows.sequence)
        wanted = in_order(extended, segment)
        if not wanted.all():
            jittery = _jitter_of_arrivals(stream, clock, extended, segment)
        if wanted.sum() < 3:
            return Timing()
        time, timestamp, marker, frame, kind = (
            time[wanted], timestamp[wanted], marker[wanted], frame[wanted], kind[wanted],
        )  # fmt: skip
        steps = np.diff(extended[wanted])
        cut = np.diff(segment[wanted]) != 0
    arrival = np.diff(time) / 1e9
    pauses = _pauses(arrival, time, timestamp, marker, frame, kind, steps, cut, clock)
    if len(stream.payload_counts) > 1:
        # Tones have the timestamp of their beginning, so that only speech says how the clock goes.
        places = np.flatnonzero(kind == stream.speech_type)
        if len(places) < 3:
            return Timing(pauses)
        time, timestamp, marker, frame = time[places], timestamp[places], marker[places], frame[places]
        numbers = np.arange(len(kind)) if steps is None else np.concatenate(([0], np.cumsum(steps)))
        breaks = np.zeros(len(kind), np.int64) if cut is None else np.concatenate(([0], np.cumsum(cut)))
        steps, cut = np.diff(numbers[places]), np.diff(breaks[places]) != 0
        arrival = np.diff(time) / 1e9
    media = np.diff(timestamp).view(np.int32) / clock
    difference = np.abs(arrival - media)
    worst = float(difference.max())
    jumps: tuple[Jump, ...] = ()
    if worst > JUMP:
        jumps = _jumps(arrival, media, time, marker, frame, steps, cut)
    if jittery is None:
        jittery = _jittery(time, timestamp, marker, frame, clock, steps, cut)
    drift = None if jumps else _drift(arrival, media, marker, cut)
    return Timing(pauses, jumps, drift, *jittery)


def _jitter_of_arrivals(
    stream: Stream, clock: int, extended: IntArray, segment: IntArray
) -> tuple[tuple[int, int], int, float]:
    """The jitter of a stream whose packets overtook each other, in order of arrival as RFC 3550 §6.4.1 has it: those
    that came too late for their place are what a receiver has to wait for. Repeated packets do not count.
    """
    rows = stream.rows
    numbers = extended + (segment << 40)
    first = np.zeros(len(numbers), bool)
    first[np.unique(numbers, return_index=True)[1]] = True
    counted = first & (rows.payload_type == stream.speech_type) & (segment >= 0)
    if counted.sum() < 3:
        return (0, 0), 0, 0.0
    return _jittery(
        rows.time_ns[counted], rows.timestamp[counted], rows.marker[counted], rows.frame[counted], clock,
        np.diff(extended[counted]), np.diff(segment[counted]) != 0,
    )  # fmt: skip


def _jittery(
    time: IntArray, timestamp: npt.NDArray[np.uint32], marker: npt.NDArray[np.bool_], frame: IntArray, clock: int,
    steps: IntArray | None, cut: npt.NDArray[np.bool_] | None,
) -> tuple[tuple[int, int], int, float]:  # fmt: skip
    """After how many packets the running jitter was at each limit, the packet where it was highest, and how high.

    A timestamp that jumps says nothing of when its packet came, and is no jitter.
    """
    arrival, media = np.diff(time) / 1e9, np.diff(timestamp).view(np.int32) / clock
    worst = float(np.abs(arrival - media).max())
    if worst * 1000 < JITTER_LIMITS_MS[-1]:
        return (0, 0), 0, 0.0
    restart = np.zeros(len(time), bool)
    restart[1:] = marker[1:] & (arrival > SILENCE)
    if cut is not None:
        restart[1:] |= cut
    if worst > JUMP:
        restart[1:] |= _strange(arrival, media, marker, steps, cut)
    jitter = jitter_of(time, timestamp, clock, restart) * 1000
    high, low = ((jitter >= limit).sum() for limit in JITTER_LIMITS_MS)
    highest = int(jitter.argmax())
    return (int(high), int(low)), int(frame[highest]), float(jitter[highest])


def _pauses(
    arrival: npt.NDArray[np.float64], time: IntArray, timestamp: npt.NDArray[np.uint32],
    marker: npt.NDArray[np.bool_], frame: IntArray, kind: npt.NDArray[np.uint8], steps: IntArray | None,
    cut: npt.NDArray[np.bool_] | None, clock: int,
) -> tuple[Pause, ...]:  # fmt: skip
    """The pauses that neither a talkspurt (RFC 3551 §4.1) nor a clock that went on meanwhile explains."""
    if float(arrival.max()) < PAUSE:
        return ()
    found: list[Pause] = []
    for place in np.flatnonzero(arrival >= PAUSE).tolist():
        wall = float(arrival[place])
        silent = marker[place + 1] or kind[place] in _COMFORT_NOISE or kind[place + 1] in _COMFORT_NOISE
        if silent or (cut is not None and cut[place]):
            continue
        missing = (int(steps[place]) if steps is not None else 1) - 1
        passed = int(np.int32(timestamp[place + 1] - timestamp[place])) / clock
        if missing > MAXIMUM_DROPOUT:
            continue
        if missing < 5:
            # The sender sent nothing, and its clock went on or stood still; or what it sent was held back.
            following = arrival[place + 1 : place + 1 + BACKLOG]
            ticks = np.diff(timestamp[place + 1 : place + 2 + BACKLOG]).view(np.int32) / clock
            held_back = len(following) == BACKLOG and 2 * float(following.sum()) < float(ticks.sum())
            if not held_back or abs(passed - wall) < 0.2 * wall:
                continue
            missing = 0
        found.append(Pause(int(time[place]) / 1e9, int(time[place + 1]) / 1e9, int(frame[place + 1]), missing))
        if len(found) >= KEPT:
            break
    return tuple(found)


def _jumps(
    arrival: npt.NDArray[np.float64], media: npt.NDArray[np.float64], time: IntArray,
    marker: npt.NDArray[np.bool_], frame: IntArray, steps: IntArray | None, cut: npt.NDArray[np.bool_] | None,
) -> tuple[Jump, ...]:  # fmt: skip
    """The steps of the timestamp that leave the wall clock and the sequence numbers without a marker."""
    strange = _strange(arrival, media, marker, steps, cut)
    return tuple(
        Jump(
            int(time[place + 1]) / 1e9, int(frame[place + 1]), float(media[place]),
            1 if steps is None else int(steps[place]),
        )
        for place in np.flatnonzero(strange)[:KEPT].tolist()
    )  # fmt: skip


def _strange(
    arrival: npt.NDArray[np.float64], media: npt.NDArray[np.float64], marker: npt.NDArray[np.bool_],
    steps: IntArray | None, cut: npt.NDArray[np.bool_] | None,
) -> npt.NDArray[np.bool_]:  # fmt: skip
    """Which steps of the timestamp those are."""
    usual = float(np.median(media))
    numbers = np.ones(len(media)) if steps is None else steps.astype(np.float64)
    strange: npt.NDArray[np.bool_] = (
        (np.abs(media - arrival) > JUMP) & (np.abs(media - numbers * usual) > JUMP) & ~marker[1:]
    )
    return strange if cut is None else strange & ~cut


def _drift(
    arrival: npt.NDArray[np.float64], media: npt.NDArray[np.float64], marker: npt.NDArray[np.bool_],
    cut: npt.NDArray[np.bool_] | None,
) -> float | None:  # fmt: skip
    """The sender's clock against the capture's in percent, by the middle of the first and last quarters."""
    wall = float(arrival.sum())
    if wall < LONG_ENOUGH or len(arrival) < 200:
        return None
    counted = ~(marker[1:] & (arrival > SILENCE))
    if cut is not None:
        counted &= ~cut
    counted &= np.abs(media) < 10.0
    ahead = np.cumsum(np.where(counted, media - arrival, 0.0))
    quarter = len(ahead) // 4
    begin, end = float(np.median(ahead[:quarter])), float(np.median(ahead[-quarter:]))
    elapsed = np.cumsum(np.where(counted, arrival, 0.0))
    span = float(np.median(elapsed[-quarter:]) - np.median(elapsed[:quarter]))
    return 100.0 * (end - begin) / span if span > LONG_ENOUGH / 2 else None
