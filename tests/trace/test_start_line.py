from __future__ import annotations

import pytest

from sip_ci.trace.start_line import MAX_START_LINE, looks_like_start_line, parse_start_line


@pytest.mark.parametrize(
    ("line", "method", "uri"),
    [
        (b"INVITE sip:bob@example.com SIP/2.0\r\n", "INVITE", "sip:bob@example.com"),
        (b"INVITE sip:bob@example.com SIP/2.0", "INVITE", "sip:bob@example.com"),
        (b"INVITE  sip:bob@example.com;\t lr  SIP/2.0 \t\r\n", "INVITE", "sip:bob@example.com;\t lr"),
        (b"!odd-Method.%*_+`'~ tel:+1 SIP/7.0\n", "!odd-Method.%*_+`'~", "tel:+1"),
    ],
)
def test_request_lines(line: bytes, method: str, uri: str) -> None:
    parsed = parse_start_line(line)
    assert parsed is not None
    assert (parsed.method, parsed.uri, parsed.status) == (method, uri, None)
    assert looks_like_start_line(b"noise\n" + line, 6)


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"SIP/2.0 200 OK\r\n", 200, "OK"),
        (b"SIP/2.0 100 \r\n", 100, ""),
        (b"SIP/2.0 100\r\n", 100, ""),
        (b"SIP/2.0  486   Busy  Here \r\n", 486, "  Busy  Here"),
        (b"SIP/2.0 4294967301 better not\r\n", 4294967301, "better not"),
        ("SIP/2.0 200 но".encode(), 200, "но"),
        (b"SIP/2.0 200 caf\xe9", 200, "café"),
    ],
)
def test_status_lines(line: bytes, status: int, reason: str) -> None:
    parsed = parse_start_line(line)
    assert parsed is not None
    assert (parsed.method, parsed.status, parsed.reason) == ("", status, reason)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\r\n",
        b"SIP/2.0",
        b"SIP/2.0 OK",
        b"SIP/2.0 12345678901 OK",
        b"SIP/x 200 OK",
        b"INVITE SIP/2.0",
        b"INVITE sip:bob@example.com HTTP/1.1",
        b"INV\xffTE sip:bob@example.com SIP/2.0",
        b" INVITE sip:bob@example.com SIP/2.0",
        b"I" * 65 + b" sip:bob@example.com SIP/2.0",
        b"Via: SIP/2.0/UDP 192.0.2.1",
        b"INVITE sip:bob@example.com\r\n SIP/2.0",
    ],
)
def test_what_is_no_start_line(line: bytes) -> None:
    assert parse_start_line(line) is None
    assert not looks_like_start_line(line)


def test_a_line_longer_than_any_datagram_is_none() -> None:
    line = b"INVITE sip:" + b"a" * MAX_START_LINE + b" SIP/2.0\r\n"
    assert parse_start_line(line) is None


@pytest.mark.parametrize("filler", [b" ", b"\t", b"SIP/2.0 ", b"A", b"\r", b"SIP/2.0 1 ", b"0", b"\n"])
@pytest.mark.parametrize("head", [b"A", b"A ", b"SIP/2.0 ", b"SIP/", b""])
def test_megabytes_of_one_thing_come_to_an_end(head: bytes, filler: bytes) -> None:
    data = head + filler * 200_000
    parsed = parse_start_line(data)
    assert looks_like_start_line(data) == (parsed is not None)
