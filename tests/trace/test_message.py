from __future__ import annotations

import inspect

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.messages import message_of, request

from sip_ci.trace.message import SipMessage, canonical_name
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.sdp import sdp_of

PROPERTIES = [name for name, value in inspect.getmembers(SipMessage) if isinstance(value, property)]


def touch(message: SipMessage) -> None:
    """Ask for everything that a message can be asked for."""
    for name in PROPERTIES:
        getattr(message, name)
    for header in message.headers:
        message.value_of(header)
        message.lines_of(header.name)
        message.values(header.name)
        message.options(header.name)
        message.line_text(header.start)
        message.line_number(header.end)
    sdp_of(message)
    repr(message)


def test_headers_keep_order_names_and_duplicates() -> None:
    message = message_of(b"OPTIONS sip:x SIP/2.0\r\nv: A\r\nX-Odd : 1\r\nVIA: B, C\r\nx-odd: 2\r\n\r\n")
    assert [(header.name, header.written) for header in message.headers] == [
        ("via", "v"),
        ("x-odd", "X-Odd "),
        ("via", "VIA"),
        ("x-odd", "x-odd"),
    ]
    assert message.values("via") == ["A", "B", "C"]
    assert [message.value_of(header) for header in message.lines_of("x-odd")] == ["1", "2"]
    assert message.header("x-odd") == "1"
    assert message.header("missing") is None


@pytest.mark.parametrize(
    "fold", ["\r\n ", "\r\n\t ", "\n  ", "\r\n \r\n "], ids=["crlf-space", "crlf-tab", "lf", "blank-continuation"]
)
def test_folding_is_one_space(fold: str) -> None:
    message = message_of(f"OPTIONS sip:x SIP/2.0\r\nSubject: one{fold}two\r\nTo: sip:b@h\r\n\r\n".encode())
    assert message.header("subject") == "one two"
    assert message.to.uri.user == "b"


@pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r"], ids=["crlf", "lf", "cr"])
def test_line_ends(newline: bytes) -> None:
    raw = newline.join([b"OPTIONS sip:x SIP/2.0", b"To: sip:b@h", b"Call-ID: 7", b"", b"body"])
    message = message_of(raw)
    assert (message.method, message.to.uri.user, message.call_id, message.body) == ("OPTIONS", "b", "7", b"body")
    assert message.start_line == "OPTIONS sip:x SIP/2.0"
    call_id = message.lines_of("call-id")[0]
    assert (message.line_number(call_id.start), message.line_text(call_id.start)) == (3, "Call-ID: 7")


def test_offsets_delimit_the_value_on_the_wire() -> None:
    message = message_of(b"OPTIONS sip:x SIP/2.0\r\nSubject:  a\r\n b \r\nTo: x\r\n\r\n")
    subject, to = message.headers
    assert message.raw[subject.start : subject.end] == b"Subject:  a\r\n b "
    assert message.raw[subject.value_start : subject.end] == b"  a\r\n b "
    assert message.raw[to.start : to.end] == b"To: x"


def test_a_line_without_colon_is_kept_nameless() -> None:
    message = message_of(b"OPTIONS sip:x SIP/2.0\r\nnonsense\r\n more\r\nTo: sip:b@h\r\n\r\n")
    assert [(header.name, header.written) for header in message.headers] == [("", "nonsense"), ("to", "To")]
    assert message.to.uri.user == "b"


def test_nul_and_binary_bytes_survive() -> None:
    body = bytes(range(256))
    message = message_of(request("Subject: a\0b", "Content-Type: application/isup", body=body))
    assert message.header("subject") == "a\0b"
    assert message.body == body
    assert message_of(b"OPTIONS sip:x SIP/2.0\r\nSubject: caf\xe9\r\n\r\n").header("subject") == "café"


@pytest.mark.parametrize(
    ("length", "fidelity", "body"),
    [
        ("4", Fidelity.EXACT, b"body"),
        ("2", Fidelity.EXACT, b"bo"),
        ("0", Fidelity.EXACT, b""),
        ("2", Fidelity.LINE_ENDINGS_LOST, b"body"),
        ("9999", Fidelity.EXACT, b"body"),
        ("-4", Fidelity.EXACT, b"body"),
        ("4 4", Fidelity.EXACT, b"body"),
        ("9" * 5000, Fidelity.EXACT, b"body"),
        ("0" * 5000 + "2", Fidelity.EXACT, b"bo"),
    ],
)
def test_a_content_length_that_lies(length: str, fidelity: Fidelity, body: bytes) -> None:
    raw = f"MESSAGE sip:x SIP/2.0\r\nl: {length}\r\n\r\n".encode() + b"body"
    assert message_of(raw, fidelity).body == body


def test_a_message_without_body_or_end() -> None:
    message = message_of(b"SIP/2.0 200 OK\r\nTo: sip:b@h;tag=1")
    assert (message.status, message.to.tag, message.body, message.body_start) == (200, "1", b"", len(message.raw))


def test_top_via_is_the_first_value_of_all() -> None:
    lines = b"Via:\r\nv: SIP/2.0/TCP b;branch=1, SIP/2.0/UDP c;branch=2\r\nVia: SIP/2.0/TLS d;branch=3\r\n"
    message = message_of(b"BYE sip:x SIP/2.0\r\n" + lines + b"\r\n")
    assert message.top_via.branch == "1"
    assert [via.transport for via in message.via] == ["TCP", "UDP", "TLS"]


@pytest.mark.parametrize(("written", "name"), [(b"V", "via"), (b" Call-ID\t", "call-id"), (b"i", "call-id"), (b"", "")])
def test_canonical_names(written: bytes, name: str) -> None:
    assert canonical_name(written) == name


_PIECES = [
    b"INVITE sip:a@h SIP/2.0", b"SIP/2.0 200 OK", b"\r\n", b"\n", b"\r", b" ", b"\t", b"Via: SIP/2.0/UDP h", b"v:",
    b"Content-Length: 5", b"l:-1", b"CSeq: 1 INVITE", b'From: "a', b"<sip:a@[::1", b";tag=", b",", b"\0", b"\xff",
    b"Content-Type: multipart/mixed;boundary=b", b"--b", b"c: application/sdp", b"v=0", b"m=audio 1 RTP/AVP 0",
    b"a=rtpmap:0 ", b"c=IN IP4", "²".encode(), b"m=audio 99999999999999999999 x 0",
]  # fmt: skip
MESSAGE_LIKE = st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join)


@given(st.binary(max_size=400) | MESSAGE_LIKE, st.sampled_from(list(Fidelity)))
@example(b"", Fidelity.EXACT)
@example(b"\r\n\r\n", Fidelity.EXACT)
def test_nothing_raises_and_nothing_is_lost(raw: bytes, fidelity: Fidelity) -> None:
    message = message_of(raw, fidelity)
    touch(message)
    assert message.raw == raw
    assert message.body in raw
    ends = [0, *(offset for header in message.headers for offset in (header.start, header.value_start, header.end))]
    assert ends == sorted(ends)
    assert ends[-1] <= message.body_start <= len(raw)


@pytest.mark.parametrize(
    "filler", [b"a", b" ", b"\r", b"\n", b":", b"a:\r\n", b"\r\n ", b"a\n", b"\0", b'"', b"<", b"Via: x,\r\n"]
)
def test_large_hostile_messages_come_to_an_end(filler: bytes) -> None:
    message = message_of(b"INVITE sip:x SIP/2.0\r\n" + filler * (1_000_000 // len(filler)))
    for name in PROPERTIES:
        getattr(message, name)
    assert message.method == "INVITE"
