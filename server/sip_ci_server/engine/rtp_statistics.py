"""Sequence, loss and jitter arithmetic of RTP over numpy columns (RFC 3550 §6.4.1, appendix A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MAXIMUM_DROPOUT = 3000
"""A larger step forward in sequence numbers is a restart, not a loss (RFC 3550 A.1, MAX_DROPOUT)."""
MAXIMUM_MISORDER = 100
"""A larger step backward is a restart, not a reordering (RFC 3550 A.1, MAX_MISORDER)."""
LONGEST_PAUSE = 10.0
"""Seconds between packets beyond which their distance says nothing of jitter."""
_BLOCK = 128
_GAIN = 1.0 / 16.0
_FADE: FloatArray = np.power(1.0 - _GAIN, np.arange(1, _BLOCK + 1, dtype=np.float64))
"""How much is left of a value after each packet of a block."""
_KERNEL: FloatArray = np.tril((1.0 - _GAIN) ** np.abs(np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))))
"""How much each value of a block weighs in the jitter after each packet of it, in units of the gain."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What of a stream did not arrive."""

    received: int
    """Packets, duplicates not counted."""
    expected: int
    runs: npt.NDArray[np.int64]
    """The length in packets of each run of losses, in order."""
    reordered: int
    duplicates: int

    @property
    def lost(self) -> int:
        """Packets that never arrived."""
        return self.expected - self.received

    @property
    def percent(self) -> float:
        """Lost packets in percent of the expected."""
        return 100.0 * self.lost / self.expected if self.expected else 0.0

    @property
    def longest_run(self) -> int:
        """The longest run of losses, in packets."""
        return int(self.runs.max()) if len(self.runs) else 0

    @property
    def burst_ratio(self) -> float:
        """Mean observed run of losses over the mean run that random loss of this rate gives; at least 1 (ITU-T G.107
        §7.5).
        """
        if not len(self.runs) or not self.expected:
            return 1.0
        random_run = 1.0 / (1.0 - self.lost / self.expected) if self.lost < self.expected else float("inf")
        return max(1.0, float(self.runs.mean()) / random_run)


def steps_of(values: npt.NDArray[np.unsignedinteger[Any]], bits: int) -> IntArray:
    """The signed distance from each value to the next, modulo 2**bits: the shorter way round."""
    wide = values.astype(np.int64)
    half = 1 << (bits - 1)
    steps: IntArray = ((wide[1:] - wide[:-1] + half) & ((1 << bits) - 1)) - half
    return steps


def extended_sequence(sequence: npt.NDArray[np.uint16]) -> tuple[IntArray, IntArray]:
    """Unwrap 16-bit sequence numbers in order of arrival.

    Returns the extended numbers and, for each packet, the number of the segment that it belongs to: a sender that
    restarts its numbering begins a new segment, whose gap to the old one is no loss (RFC 3550 A.1). A restart takes
    two packets at the new base; a single one that is followed by the old numbering is a stray or very late packet.
    """
    if len(sequence) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    steps = steps_of(sequence, 16)
    extended = np.concatenate(([0], np.cumsum(steps))) + int(sequence[0])
    jump = (steps > MAXIMUM_DROPOUT) | (steps < -MAXIMUM_MISORDER)
    stray = _strays(steps, jump)
    jump[stray - 1] = jump[stray] = False
    segment = np.concatenate(([0], np.cumsum(jump))).astype(np.int64)
    if len(stray):
        # A very late packet of this numbering keeps its place; any other stray one is a segment of its own, below all.
        begins = extended[np.searchsorted(segment, segment[stray])]
        foreign = stray[(steps[stray - 1] > 0) | (extended[stray] < begins)]
        segment[foreign] = -1 - np.arange(len(foreign))
    return extended, segment


def _strays(steps: IntArray, jump: npt.NDArray[np.bool_]) -> IntArray:
    """The places of single packets after which the numbering goes on as before."""
    if not jump.any():
        return np.zeros(0, np.int64)
    leaves = jump[:-1] & (np.abs(steps[:-1] + steps[1:]) <= MAXIMUM_MISORDER)
    # To leave and come back takes two steps, so in a row of them only the first, third … leave.
    places = np.arange(len(leaves))
    row_begins = np.maximum.accumulate(np.where(leaves & ~np.concatenate(([False], leaves[:-1])), places, 0))
    strays: IntArray = np.flatnonzero(leaves & ((places - row_begins) % 2 == 0)) + 1
    return strays


def loss_in(sequence: npt.NDArray[np.uint16]) -> Loss:
    """Count the losses of a stream by its sequence numbers in order of arrival (RFC 3550 A.1 and A.3)."""
    steps = steps_of(sequence, 16)
    if not ((steps < 1) | (steps > MAXIMUM_DROPOUT)).any():
        # Nothing is out of order, doubled or restarted, as nearly always: each step says what is missing.
        runs = steps[steps > 1] - 1
        return Loss(len(sequence), len(sequence) + int(runs.sum()), runs, 0, 0)
    return loss_of(*extended_sequence(sequence))


def loss_of(extended: IntArray, segment: IntArray) -> Loss:
    """Count losses over all segments (RFC 3550 A.3)."""
    # Packets come nearly in order, which a stable sort makes use of.
    numbers = np.sort(_apart(extended, segment), kind="stable")
    gaps = np.diff(numbers)
    gaps = gaps[gaps > 0]
    received = len(gaps) + min(len(numbers), 1)
    # The distance to another segment, or to a stray packet far from the rest, is no stretch of losses.
    runs = gaps[(gaps > 1) & (gaps <= MAXIMUM_DROPOUT)] - 1
    reordered = int(((np.diff(extended) < 0) & (np.diff(segment) == 0)).sum())
    return Loss(received, received + int(runs.sum()), runs, reordered, len(extended) - received)


def _apart(extended: IntArray, segment: IntArray) -> IntArray:
    """The numbers with the segments moved so far apart that one sort or one running maximum serves all of them."""
    moved: IntArray = extended + segment * (1 << 42)
    return moved


def in_order(extended: IntArray, segment: IntArray) -> npt.NDArray[np.bool_]:
    """Which packets are newer than all before them in their segment."""
    if len(extended) == 0:
        return np.zeros(0, bool)
    shifted = _apart(extended, segment)
    highest = np.maximum.accumulate(shifted)
    newer = np.ones(len(extended), bool)
    newer[1:] = shifted[1:] > highest[:-1]
    return newer


def jitter_of(
    time_ns: IntArray, timestamp: npt.NDArray[np.uint32], clock_rate: int, restart: npt.NDArray[np.bool_]
) -> FloatArray:
    """The running interarrival jitter in seconds after each packet (RFC 3550 §6.4.1 and A.8).

    `restart` marks packets whose distance to the one before says nothing (a new segment); so does a pause of more than
    ten seconds by either clock, such as a hold. Equals the sequential formula J += (|D| - J) / 16; computed in blocks
    because the recursion is linear.
    """
    if len(time_ns) < 2:
        return np.zeros(len(time_ns))
    arrival = np.diff(time_ns) / 1e9
    media = steps_of(timestamp, 32) / clock_rate
    difference = np.abs(arrival - media)
    ignore = restart[1:] | (np.abs(media) > LONGEST_PAUSE) | (arrival > LONGEST_PAUSE)
    active = np.flatnonzero(~ignore)
    filtered = _smooth(difference[active])
    result = np.zeros(len(time_ns))
    result[active + 1] = filtered
    if ignore.any():
        # Where a packet says nothing the jitter stays what it was.
        holder = np.zeros(len(time_ns), np.int64)
        holder[active + 1] = active + 1
        result = result[np.maximum.accumulate(holder)]
    return result


def _smooth(values: FloatArray) -> FloatArray:
    size = len(values)
    if size == 0:
        return values
    blocks = -(-size // _BLOCK)
    padded = np.zeros(blocks * _BLOCK)
    padded[:size] = values
    partial = _GAIN * (padded.reshape(blocks, _BLOCK) @ _KERNEL.T)
    carry = 0.0
    for index in range(blocks):
        partial[index] += carry * _FADE
        carry = float(partial[index, -1])
    smoothed: FloatArray = partial.reshape(-1)[:size]
    return smoothed
