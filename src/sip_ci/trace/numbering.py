"""Small numbers for pairs of large ones, a whole column at a time."""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int32]

_SMALLEST = 1 << 12
_AT_ONCE = 1 << 12
"""Elements that are taken one at a time before the rest of a column is looked up again."""
_STRETCH = 1 << 15
"""Elements of a column that are looked up together."""
_ROOM = 4
"""Slots for each number at least, so that few of them are shared."""


class PairNumbers:
    """Gives each pair of 64-bit values a number, from 0 in order of first appearance.

    A hash table in arrays: looking up a column takes a few operations on whole columns, and only pairs that are new
    are taken one at a time. The hash is seeded, so that nobody can make keys that all share a slot.
    """

    def __init__(self, limit: int) -> None:
        """`limit` is the greatest count of numbers; a pair beyond it gets -1."""
        self._limit = limit
        self._first = np.zeros(_SMALLEST // _ROOM, np.uint64)
        self._second = np.zeros(_SMALLEST // _ROOM, np.uint64)
        self._count = 0
        self._factors = [np.uint64(secrets.randbits(64) | 1) for _ in range(3)]
        self._slots = np.full(_SMALLEST, -1, np.int32)
        self.refused = 0
        """How many elements of columns got no number."""

    def __len__(self) -> int:
        return self._count

    @property
    def first(self) -> Keys:
        """The first value of each pair, by number."""
        return self._first[: self._count]

    @property
    def second(self) -> Keys:
        """The second value of each pair, by number."""
        return self._second[: self._count]

    def numbers(self, first: Keys, second: Keys) -> Numbers:
        """The number of each pair; new pairs get the next ones."""
        found = np.empty(len(first), np.int32)
        start = 0
        # The first stretch is short, for all of its pairs may be new; all are so short that they stay in the cache.
        size = _STRETCH if self._count else _AT_ONCE
        while start < len(first):
            stretch = slice(start, start + size)
            found[stretch] = self._numbers(first[stretch], second[stretch])
            start, size = start + size, _STRETCH
        return found

    def _numbers(self, first: Keys, second: Keys) -> Numbers:
        found, new = self._found(first, second)
        taken = _AT_ONCE
        while len(new):
            # The first ones are taken one at a time; most of the others are then known.
            head, new = new[:taken], new[taken:]
            found[head] = self._added(first[head], second[head])
            taken *= 2
            new = self._look(first, second, self._places(first[new], second[new]), new, found)
        return found

    def known(self, first: Keys, second: Keys) -> Numbers:
        """The number of each pair that has one, -1 for the others."""
        found = np.empty(len(first), np.int32)
        for start in range(0, len(first), _STRETCH):
            stretch = slice(start, start + _STRETCH)
            found[stretch] = self._found(first[stretch], second[stretch])[0]
        return found

    def _found(self, first: Keys, second: Keys) -> tuple[Numbers, npt.NDArray[np.int64]]:
        """The number of each pair, -1 for those without, and the places of these."""
        place = self._places(first, second)
        found = self._slots[place]
        wrong = (self._first[found] != first) | (self._second[found] != second) | (found < 0)
        rows = np.flatnonzero(wrong)
        found[rows] = -1
        if len(rows):
            rows = self._look(first, second, place[rows], rows, found)
        return found, rows

    def _places(self, first: Keys, second: Keys) -> npt.NDArray[np.int64]:
        mixed = first * self._factors[0]
        mixed ^= second * self._factors[1]
        mixed ^= mixed >> np.uint64(32)
        mixed *= self._factors[2]
        bits = len(self._slots).bit_length() - 1
        return (mixed >> np.uint64(64 - bits)).astype(np.int64)

    def _look(
        self, first: Keys, second: Keys, place: npt.NDArray[np.int64], waiting: npt.NDArray[np.int64], result: Numbers
    ) -> npt.NDArray[np.int64]:
        """Enter the numbers of waiting elements into the result, which may be in the slots behind their own `place`.

        Returns the elements that have none, in order.
        """
        unknown: list[npt.NDArray[np.int64]] = []
        while len(waiting):
            found = self._slots[place]
            empty = found < 0
            if empty.any():
                unknown.append(waiting[empty])
            same = ~empty & (self._first[found] == first[waiting]) & (self._second[found] == second[waiting])
            result[waiting[same]] = found[same]
            other = ~(empty | same)
            waiting = waiting[other]
            place = (place[other] + 1) & (len(self._slots) - 1)
        return np.sort(np.concatenate(unknown)) if unknown else waiting

    def _added(self, first: Keys, second: Keys) -> Numbers:
        """The numbers of pairs that the table does not hold; there may be several of each."""
        begins = self._count
        known: dict[tuple[int, int], int] = {}
        numbers = np.full(len(first), -1, np.int32)
        for row, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
            number = known.get(pair)
            if number is None:
                number = known[pair] = begins + len(known) if begins + len(known) < self._limit else -1
                if number < 0:
                    known.pop(pair)
                    self.refused += 1
                    continue
            numbers[row] = number
        pairs = list(known)
        self._store(np.array([pair[0] for pair in pairs], np.uint64), np.array([pair[1] for pair in pairs], np.uint64))
        return numbers

    def _store(self, first: Keys, second: Keys) -> None:
        begins = self._count
        self._count += len(first)
        if self._count > len(self._first):
            size = max(2 * len(self._first), self._count)
            for name in ("_first", "_second"):
                grown = np.zeros(size, np.uint64)
                grown[:begins] = getattr(self, name)[:begins]
                setattr(self, name, grown)
        self._first[begins : self._count] = first
        self._second[begins : self._count] = second
        if self._count * _ROOM > len(self._slots):
            slots = len(self._slots)
            while slots < self._count * 2 * _ROOM:
                slots *= 2
            self._slots = np.full(slots, -1, np.int32)
            begins = 0
        self._insert(begins)

    def _insert(self, begins: int) -> None:
        """Enter the numbers from `begins` on into the slots."""
        waiting = np.arange(begins, self._count, dtype=np.int32)
        place = self._places(self._first[begins : self._count], self._second[begins : self._count])
        while len(waiting):
            free = self._slots[place] < 0
            # Of several that want one slot, one gets it; the others see so on their next look.
            self._slots[place[free]] = waiting[free]
            left = self._slots[place] != waiting
            waiting = waiting[left]
            place = (place[left] + 1) & (len(self._slots) - 1)
