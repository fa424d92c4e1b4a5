from __future__ import annotations

import pytest

from sip_ci.collect.patterns import compile_pattern, is_pattern, split_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.pcap", ["a.pcap", ".pcap"], ["d/a.pcap", "a.pcapng"]),
        ("**/*.pcap", ["a.pcap", "d/a.pcap", "d/e/a.pcap"], ["a.log"]),
        ("d/**", ["d/a", "d/e/a"], ["a", "dd/a"]),
        ("**", ["a", "d/e/a"], []),
        ("d/**/a.log", ["d/a.log", "d/x/y/a.log"], ["d/ba.log"]),
        ("**/**/a", ["a", "x/a"], ["xa"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        ("call[12].pcap", ["call1.pcap"], ["call3.pcap"]),
        ("call[!12].pcap", ["call3.pcap"], ["call1.pcap"]),
        ("call[a-c]", ["callb"], ["calld"]),
        ("[]", ["[]"], ["x"]),
        ("a[.log", ["a[.log"], ["a.log"]),
        ("[z-a]", ["[z-a]"], ["b"]),
        ("a+b(c).{1}", ["a+b(c).{1}"], ["aab"]),
    ],
)
def test_what_a_pattern_matches(pattern: str, matching: list[str], other: list[str]) -> None:
    expression = compile_pattern(pattern)
    assert [path for path in matching if not expression.fullmatch(path)] == []
    assert [path for path in other if expression.fullmatch(path)] == []


def test_the_leading_folder() -> None:
    assert split_pattern("/a/b/**/*.log") == ("/a/b", "**/*.log")
    assert split_pattern("*.log") == ("", "*.log")
    assert split_pattern("a/b") == ("a/b", "")


def test_wildcards() -> None:
    assert all(map(is_pattern, ("*", "a?", "[a]")))
    assert not is_pattern("a{b}")
