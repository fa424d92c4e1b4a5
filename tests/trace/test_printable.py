from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_ci.trace.printable import printable


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc\x00\x7f", r"a\x0d\x0ab\x09c\x00\x7f"),
        ("sip:\u202emoc.elpmaxe", r"sip:\u202emoc.elpmaxe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\u2028::error::", r"\u2028::error::"),
        ("\ud800", r"\ud800"),
        ("Zoë 日本 “quoted” – fine", "Zoë 日本 “quoted” – fine"),
    ],
)
def test_what_steers_a_terminal_becomes_visible(hostile: str, shown: str) -> None:
    assert printable(hostile) == shown


@given(st.text(alphabet=st.characters()))
def test_nothing_unsafe_survives_and_the_result_is_stable(text: str) -> None:
    result = printable(text)
    assert printable(result) == result
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in result)
    assert not any("\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069" for char in result)
    result.encode("utf-8")
