"""The packet blocks of a pcapng file as columns, and the interfaces that say what their numbers mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.records import RecordBatch, gather

ENHANCED_HEADER = 28
"""Bytes of an enhanced packet block in front of the packet."""
_ENHANCED_AROUND = 32
"""Bytes of an enhanced packet block besides the packet and its options."""

_NANOSECONDS = 1_000_000_000
_HIGHEST = (1 << 63) - 1
_EXACT = 1 << 33
"""Ticks a second up to which a remainder in nanoseconds fits 64 bits."""

_NAMES = ("kind", "length", "interface", "high", "low", "captured", "wire")
_LAYOUTS = {order: np.dtype([(name, order + "u4") for name in _NAMES]) for order in ("<", ">")}


@dataclass(slots=True)
class Interface:
    """What an interface description block says, and the packets lost by the last statistics of the interface."""

    link: int
    snap_length: int
    ticks_per_second: int = 1_000_000
    offset_seconds: int = 0
    dropped: int = 0

    def nanoseconds(self, ticks: int) -> int:
        """Nanoseconds since the UNIX epoch; may be more than 64 bits hold."""
        return ticks * _NANOSECONDS // self.ticks_per_second + self.offset_seconds * _NANOSECONDS

    def all_nanoseconds(self, ticks: npt.NDArray[np.uint64], last: int) -> npt.NDArray[np.int64]:
        """The same of a column; what 64 bits do not hold is the time before it, in the end `last`."""
        per_second = self.ticks_per_second
        highest = int(ticks.max()) if len(ticks) else 0
        fits = abs(self.nanoseconds(highest)) <= _HIGHEST and abs(self.offset_seconds) * _NANOSECONDS <= _HIGHEST // 2
        if fits and per_second <= _EXACT:
            seconds, rest = np.divmod(ticks, np.uint64(per_second))
            whole = (seconds * np.uint64(_NANOSECONDS)).astype(np.int64)
            part = (rest * np.uint64(_NANOSECONDS) // np.uint64(per_second)).astype(np.int64)
            result: npt.NDArray[np.int64] = whole + part + np.int64(self.offset_seconds * _NANOSECONDS)
            return result
        times = []
        for tick in ticks.tolist():
            time = self.nanoseconds(tick)
            last = time if -_HIGHEST <= time <= _HIGHEST else last
            times.append(last)
        return np.array(times, np.int64)


class PacketRows:
    """Collects the packets of a piece of the file."""

    def __init__(self, last_ns: int) -> None:
        self.last_ns = last_ns
        """The time of the packet before, which stands for times that are not known."""
        self.count = 0
        self._parts: list[tuple[npt.NDArray[np.int64], ...]] = []
        self._single: list[tuple[int, int, int, int, int]] = []

    def add(self, offset: int, captured: int, wire: int, time_ns: int | None, link: int) -> None:
        """Take one packet; `time_ns` is None where the block does not say."""
        if time_ns is not None and -_HIGHEST <= time_ns <= _HIGHEST:
            self.last_ns = time_ns
        self._single.append((offset, captured, max(wire, captured), self.last_ns, link))
        self.count += 1

    def add_enhanced(
        self, data: bytes, blocks: npt.NDArray[np.int64], order: str, interfaces: list[Interface]
    ) -> tuple[int, int]:
        """Take the packets of enhanced packet blocks, given by their offsets in a padded buffer.

        Returns how many of them are malformed, and how many packets come before the first of those.
        """
        header = gather(data, blocks, _LAYOUTS[order])
        captured = header["captured"].astype(np.int64)
        interface = header["interface"].astype(np.int64)
        good = (captured <= header["length"].astype(np.int64) - _ENHANCED_AROUND) & (interface < len(interfaces))
        malformed = len(blocks) - int(good.sum())
        before = self.count
        if malformed:
            before += int(good.argmin())
            header, captured, interface, blocks = header[good], captured[good], interface[good], blocks[good]
        if not len(blocks):
            return malformed, before
        ticks = (header["high"].astype(np.uint64) << np.uint64(32)) | header["low"].astype(np.uint64)
        times = np.empty(len(blocks), np.int64)
        links = np.empty(len(blocks), np.int64)
        used = np.unique(interface).tolist()
        for number in used:
            known = interfaces[number]
            own = slice(None) if len(used) == 1 else np.flatnonzero(interface == number)
            times[own] = known.all_nanoseconds(ticks[own], self.last_ns)
            links[own] = known.link
        self._flush()
        self._parts.append(
            (blocks + ENHANCED_HEADER, captured, np.maximum(header["wire"].astype(np.int64), captured), times, links)
        )
        self.count += len(blocks)
        self.last_ns = int(times[-1])
        return malformed, before

    def batch(self, data: bytes, first_frame: int) -> RecordBatch:
        """Everything that was taken."""
        self._flush()
        offset, captured, wire, time_ns, link = (
            self._parts[0] if len(self._parts) == 1 else tuple(map(np.concatenate, zip(*self._parts, strict=True)))
        )
        frame = first_frame + np.arange(self.count, dtype=np.int64)
        return RecordBatch(data, frame, offset, captured, wire, time_ns, link.astype(np.int32))

    def _flush(self) -> None:
        if self._single:
            self._parts.append(tuple(np.array(self._single, np.int64).T.copy()))
            self._single.clear()
