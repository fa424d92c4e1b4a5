from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sip_ci.service.chunks import Block, Place, split

CALLS = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 60)), max_size=40)


def blocks_of(shape: list[tuple[str, int]]) -> list[Block]:
    return [
        Block(call, "x" * (size - 1) + "\n", message=index, line=10 * index + 1, frame=index + 1)
        for index, (call, size) in enumerate(shape)
    ]


@given(CALLS)
def test_no_piece_exceeds_the_limit_and_no_call_is_divided(shape: list[tuple[str, int]]) -> None:
    chunks = split(blocks_of(shape), 200)
    homes: dict[str, set[int]] = {}
    for number, piece in enumerate(chunks.pieces):
        assert 0 < len(piece.text.encode()) <= 200
        for block in piece.blocks:
            homes.setdefault(block.call, set()).add(number)
    assert all(len(home) == 1 for home in homes.values())


@given(CALLS)
def test_what_fits_is_submitted_once_and_in_order(shape: list[tuple[str, int]]) -> None:
    chunks = split(blocks_of(shape), 10_000)
    assert [block.message for piece in chunks.pieces for block in piece.blocks] == list(range(len(shape)))
    assert chunks.notices == ()


def test_messages_of_interleaved_calls_keep_their_order() -> None:
    chunks = split(blocks_of([("a", 5), ("b", 5), ("a", 5), ("b", 5)]), 100)
    assert [block.call for block in chunks.pieces[0].blocks] == ["a", "b", "a", "b"]


def test_a_call_that_is_too_long_is_cut_and_said_so() -> None:
    chunks = split(blocks_of([("a", 60)] * 5), 130)
    assert [len(piece.blocks) for piece in chunks.pieces] == [2]
    assert any("3 of 5" in notice for notice in chunks.notices)


def test_a_message_longer_than_the_limit_leaves_the_others() -> None:
    chunks = split(blocks_of([("a", 500), ("b", 5)]), 100)
    assert [block.call for piece in chunks.pieces for block in piece.blocks] == ["b"]
    assert chunks.notices


def test_sizes_are_bytes_not_characters() -> None:
    blocks = [Block("a", "ü" * 60 + "\n"), Block("b", "ü" * 60 + "\n")]
    assert len(split(blocks, 200).pieces) == 2


def test_lines_and_messages_find_their_way_back() -> None:
    blocks = [
        Block("", "# remark\n"),
        Block("a", "head\nINVITE\nVia\n\n", message=4, line=100),
        Block("a", "head\nSIP/2.0 200\n\n", message=7, line=200),
    ]
    (piece,) = split(blocks).pieces
    assert piece.place_of_line(1) == Place()
    assert piece.place_of_line(3) == Place(4, 101)
    assert piece.place_of_line(7) == Place(7, 201)
    assert piece.place_of_line(99) == Place()
    assert piece.place_of_message(1) == Place(7, 200)
    assert piece.place_of_message(2) == Place()
