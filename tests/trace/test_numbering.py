from __future__ import annotations

import numpy as np
import pytest

from sip_ci.trace.numbering import PairNumbers


def numbers(table: PairNumbers, pairs: list[tuple[int, int]]) -> list[int]:
    columns = np.array(pairs, np.uint64).reshape(-1, 2)
    return table.numbers(columns[:, 0].copy(), columns[:, 1].copy()).tolist()


def test_numbers_are_given_in_order_of_first_appearance() -> None:
    table = PairNumbers(100)
    assert numbers(table, [(5, 1), (2, 2), (5, 1), (1, 5)]) == [0, 1, 0, 2]
    assert numbers(table, [(1, 5), (9, 9), (2, 2)]) == [2, 3, 1]
    assert table.first.tolist() == [5, 2, 1, 9]
    assert table.second.tolist() == [1, 2, 5, 9]


def test_zeros_are_a_pair_like_others() -> None:
    table = PairNumbers(100)
    assert numbers(table, []) == []
    assert numbers(table, [(0, 0), (0, 1), (0, 0)]) == [0, 1, 0]


@pytest.mark.parametrize("values", [50, 3_000, 2**63])
def test_equals_a_dictionary(values: int) -> None:
    random = np.random.default_rng(values % 97)
    table = PairNumbers(10**6)
    known: dict[tuple[int, int], int] = {}
    for _ in range(6):
        pairs = [tuple(pair) for pair in random.integers(0, values, (5_000, 2), np.uint64).tolist()]
        for pair in pairs:
            known.setdefault(pair, len(known))
        assert numbers(table, pairs) == [known[pair] for pair in pairs]
    assert len(table) == len(known)


def test_more_pairs_than_allowed_get_no_number() -> None:
    table = PairNumbers(3)
    assert numbers(table, [(1, 1), (2, 2), (3, 3), (4, 4), (1, 1), (4, 4)]) == [0, 1, 2, -1, 0, -1]
    assert numbers(table, [(5, 5), (3, 3)]) == [-1, 2]
    assert table.refused == 3
    assert len(table) == 3
