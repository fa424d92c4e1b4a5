from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_ci.trace.uri import CACHED_LENGTH, parse_host_port, parse_uri, split_outside_quotes, split_parameters

WORD = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-_.!~*'()%41", min_size=1, max_size=12)
HOST = st.one_of(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=20),
    st.ip_addresses(v=4).map(str),
)
NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=8)


def test_every_part_of_a_sip_uri() -> None:
    uri = parse_uri("SIPS:al;ice?:se:cret@Example.COM:5071;Transport=tcp;lr?Subject=x&Priority=y")
    assert (uri.scheme, uri.user, uri.password) == ("sips", "al;ice?", "se:cret")
    assert (uri.host, uri.port, uri.headers) == ("example.com", 5071, "Subject=x&Priority=y")
    assert uri.parameters == (("transport", "tcp"), ("lr", None))
    assert (uri.parameter("lr"), uri.parameter("transport"), uri.parameter("maddr")) == ("", "tcp", None)


def test_tel_uri_keeps_the_number_as_user() -> None:
    uri = parse_uri("tel:+1-201-555-0123;phone-context=example.com")
    assert (uri.scheme, uri.user, uri.parameter("phone-context")) == ("tel", "+1-201-555-0123", "example.com")
    assert not uri.is_sip


@pytest.mark.parametrize(
    ("text", "port"),
    [("sip:a@h", 5060), ("sips:a@h", 5061), ("sip:a@h;transport=TLS", 5061), ("sip:a@h:7;transport=tls", 7)],
)
def test_default_ports(text: str, port: int) -> None:
    assert parse_uri(text).effective_port == port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host", ("host", None)),
        ("host:5060", ("host", 5060)),
        ("host:05060", ("host", 5060)),
        ("host:65536", ("host", None)),
        ("host:-1", ("host", None)),
        ("host:٣", ("host", None)),
        ("host:" + "9" * 5000, ("host", None)),
        ("[2001:DB8::1]:5070", ("2001:db8::1", 5070)),
        ("[2001:db8::1", ("2001:db8::1", None)),
        ("2001:db8::1", ("2001:db8::1", None)),
        ("", ("", None)),
    ],
)
def test_host_and_port(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_host_port(text) == expected


def test_separators_inside_quotes_and_brackets_do_not_separate() -> None:
    assert split_outside_quotes('a,"b,\\",c",<d,e>,f', ",") == ["a", '"b,\\",c"', "<d,e>", "f"]
    assert split_parameters(';A;b= c ;d="x;y";;=z') == (("a", None), ("b", "c"), ("d", "x;y"))


@given(st.text())
def test_any_text_is_a_uri(text: str) -> None:
    uri = parse_uri(text)
    assert uri.text == text
    assert 0 < uri.effective_port <= 65535 or uri.port == 0


@given(WORD, HOST, st.none() | st.integers(0, 65535), st.lists(st.tuples(NAME, st.none() | WORD), max_size=4))
def test_a_composed_uri_comes_apart_into_its_parts(
    user: str, host: str, port: int | None, parameters: list[tuple[str, str | None]]
) -> None:
    text = f"sip:{user}@{host}" + ("" if port is None else f":{port}")
    text += "".join(f";{name}" + ("" if value is None else f"={value}") for name, value in parameters)
    uri = parse_uri(text)
    assert (uri.user, uri.host, uri.port) == (user, host, port)
    assert uri.parameters == tuple(parameters)


def test_huge_texts_are_parsed_and_not_kept() -> None:
    text = "sip:" + "a" * CACHED_LENGTH + "@example.com"
    assert parse_uri(text) == parse_uri(text)
    assert parse_uri(text) is not parse_uri(text)
    assert parse_uri("sip:" + ":" * 1_000_000).scheme == "sip"
    assert len(parse_uri("sip:h" + ";a" * 500_000).parameters) == 500_000
