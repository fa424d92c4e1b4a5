from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_ci.trace.headers import parse_cseq, parse_name_addr, parse_via, split_list

TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~", min_size=1, max_size=12)
DISPLAY = st.text(st.characters(exclude_characters='"\\\r\n', exclude_categories=["Cs", "Cc"]), max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/udp Example.COM:5070;branch=z9hG4bK1;rport;received=192.0.2.1",
        "  SIP  /  2.0\t/\tUDP   example.com : 5070 ; branch = z9hG4bK1 ;rport; received=192.0.2.1 ",
    ],
)
def test_via_parts(text: str) -> None:
    via = parse_via(text)
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "example.com", 5070, "z9hG4bK1")
    assert (via.parameter("rport"), via.parameter("received"), via.parameter("ttl")) == ("", "192.0.2.1", None)


@pytest.mark.parametrize(("transport", "port"), [("UDP", 5060), ("TLS", 5061), ("WS", 80), ("WSS", 443)])
def test_via_default_ports(transport: str, port: int) -> None:
    assert parse_via(f"SIP/2.0/{transport} [2001:db8::1]").effective_port == port


@pytest.mark.parametrize(
    ("text", "number", "method"),
    [
        ("1 INVITE", 1, "INVITE"),
        ("0009\t  INVITE", 9, "INVITE"),
        ("0" * 5000 + "7 BYE", 7, "BYE"),
        ("4294967296 BYE", 4294967296, "BYE"),
        ("9" * 5000 + " BYE", None, "BYE"),
        ("-1 BYE", None, "BYE"),
        ("1_0 BYE", None, "BYE"),
        ("٣ BYE", None, "BYE"),
        ("INVITE", None, ""),
        ("", None, ""),
    ],
)
def test_cseq(text: str, number: int | None, method: str) -> None:
    cseq = parse_cseq(text)
    assert (cseq.number, cseq.method) == (number, method)


@pytest.mark.parametrize(
    ("text", "display", "uri", "tag", "bracketed"),
    [
        ("sip:a@h;tag=1", "", "sip:a@h", "1", False),
        ("<sip:a@h;tag=no>;tag=1", "", "sip:a@h;tag=no", "1", True),
        ('"A <b>; \\" c" <sip:a@h> ; tag = 1', 'A <b>; \\" c', "sip:a@h", "1", True),
        ("A B<sip:a@h>;TAG=1", "A B", "sip:a@h", "1", True),
        ("<sip:a@h", "", "sip:a@h", "", True),
        ('"open <sip:a@h>', "", '"open <sip:a@h>', "", False),
        ("", "", "", "", False),
    ],
)
def test_name_addr(text: str, display: str, uri: str, tag: str, bracketed: bool) -> None:
    parsed = parse_name_addr(text)
    assert (parsed.display_name, parsed.uri.text, parsed.tag, parsed.bracketed) == (display, uri, tag, bracketed)


@given(DISPLAY, TOKEN, st.lists(st.tuples(TOKEN, TOKEN), max_size=4))
def test_a_composed_name_addr_comes_apart(display: str, user: str, parameters: list[tuple[str, str]]) -> None:
    text = f'"{display}" <sip:{user}@example.com;lr>' + "".join(f";{name}={value}" for name, value in parameters)
    parsed = parse_name_addr(text)
    assert (parsed.display_name, parsed.uri.user, parsed.uri.parameter("lr")) == (display, user, "")
    assert parsed.parameters == tuple(parameters)


@given(st.text())
def test_any_text_is_any_header(text: str) -> None:
    assert parse_via(text).text == text
    assert parse_name_addr(text).text == text
    number = parse_cseq(text).number
    assert number is None or number >= 0
    assert all(piece.strip() for piece in split_list(text))


@pytest.mark.parametrize("filler", ['"', "<", ">", ",", ";", "\\", '"\\', " ", "/", ":", "=", "[", '<">'])
def test_a_megabyte_of_separators_comes_to_an_end(filler: str) -> None:
    text = filler * (300_000 // len(filler))
    assert parse_via(text).text == text
    assert parse_name_addr(text).text == text
    assert parse_cseq(text).number is None
    assert sum(map(len, split_list(text))) <= len(text)
