from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.messages import message_of, request

from sip_ci.trace.defects import MAX_DEFECTS, DefectRule, defects_of
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.verdict import Outcome, verdict_of


def rules(raw: bytes, fidelity: Fidelity = Fidelity.EXACT) -> set[DefectRule]:
    return {defect.rule for defect in defects_of(message_of(raw, fidelity))}


def test_sound_messages_have_no_defects() -> None:
    assert rules(request()) == set()
    assert rules(request(method="INVITE", body=b"v=0\r\n")) == set()
    assert verdict_of(message_of(request())).outcome is Outcome.ACCEPTABLE


@pytest.mark.parametrize(
    ("line", "rule", "invalid"),
    [
        ("Via: SIP/2.0/UDP", DefectRule.VIA, True),
        ("Via: UDP 192.0.2.1", DefectRule.VIA, True),
        ("Via: SIP/2.0/UDP 192.0.2.1:port", DefectRule.VIA, True),
        ("Via: SIP/2.0/UDP 192.0.2.1:70000", DefectRule.VIA, True),
        ("Via: SIP/2.0/UDP 2001:db8::1;branch=z9hG4bK1", DefectRule.IPV6_REFERENCE, True),
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK1,", DefectRule.EXTRANEOUS_SEPARATOR, True),
        ("Via: SIP/2.0/UDP h;branch=z9hG4bK", DefectRule.VIA_BRANCH, True),
        ("From: sip:alice@example.com", DefectRule.MISSING_TAG, False),
        ("From: Älice <sip:a@h>;tag=1", DefectRule.DISPLAY_NAME, True),
        ("From: <sip:a@h;tag=1", DefectRule.NAME_ADDR, True),
        ("From: <sip:a@h> x;tag=1", DefectRule.NAME_ADDR, True),
        ("From: <alice>;tag=1", DefectRule.URI, True),
        ("From: <sip:>;tag=1", DefectRule.URI, True),
        ("From: <sip:2001:db8::1>;tag=1", DefectRule.IPV6_REFERENCE, True),
        ("To: sip:a@h, sip:b@h", DefectRule.UNBRACKETED_URI, True),
        ("Call-ID: a b", DefectRule.CALL_ID, True),
        ("CSeq: OPTIONS", DefectRule.CSEQ, True),
        ("CSeq: -1 OPTIONS", DefectRule.CSEQ, True),
        ("CSeq: 2147483648 OPTIONS", DefectRule.CSEQ_NUMBER, False),
        ("CSeq: 4294967296 OPTIONS", DefectRule.CSEQ_NUMBER, True),
        ("CSeq: 1 options", DefectRule.CSEQ_METHOD, True),
        ("Max-Forwards: x", DefectRule.MAX_FORWARDS, True),
        ("Max-Forwards: 256", DefectRule.SCALAR_RANGE, False),
        ("Content-Length: -1", DefectRule.CONTENT_LENGTH, True),
        ("Content-Length: 7", DefectRule.CONTENT_LENGTH_TOO_LARGE, True),
        ("Expires: 4294967296", DefectRule.SCALAR_RANGE, False),
        ("Date: Sat, 13 Nov 2010 23:29:00 UTC", DefectRule.DATE, True),
        ("nonsense-without-colon", DefectRule.HEADER_WITHOUT_COLON, True),
    ],
)
def test_each_rule_points_at_its_line(line: str, rule: DefectRule, invalid: bool) -> None:
    name = line.partition(":")[0]
    raw = request(line) if ":" in line else request().replace(b"\r\n\r\n", f"\r\n{line}\r\n\r\n".encode())
    message = message_of(raw)
    found = [defect for defect in defects_of(message) if defect.rule is rule]
    assert len(found) == 1
    assert found[0].invalid is invalid
    assert raw[found[0].start : found[0].end].decode().startswith(name)
    assert (verdict_of(message).outcome is Outcome.ACCEPTABLE) is not invalid


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards"])
def test_missing_headers(name: str) -> None:
    defects = defects_of(message_of(request(name)))
    assert [(defect.rule, defect.header) for defect in defects] == [(DefectRule.MISSING_HEADER, name.lower())]
    # RFC 3261 §16.3 lets a request without Max-Forwards pass; every other one is needed (§8.1.1).
    assert defects[0].invalid is (name != "Max-Forwards")


@pytest.mark.parametrize("fidelity", [Fidelity.TRUNCATED, Fidelity.DECODED])
def test_what_was_cut_or_rebuilt_misses_nothing(fidelity: Fidelity) -> None:
    assert rules(b'INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nFrom: "Ali', fidelity) == (
        {DefectRule.QUOTED_STRING} if fidelity is Fidelity.DECODED else set()
    )


def test_lengths_and_blanks_count_only_where_the_bytes_are_exact() -> None:
    raw = (
        request("Content-Length: 9")
        .replace(b"OPTIONS sip:", b"OPTIONS  sip:")
        .replace(b"SIP/2.0\r\n", b"SIP/2.0 \r\n", 1)
    )
    exact = {
        DefectRule.START_LINE_SPACING,
        DefectRule.START_LINE_TRAILING_SPACE,
        DefectRule.CONTENT_LENGTH_TOO_LARGE,
    }
    assert rules(raw) == exact
    # Only a blank that one line alone has was on the wire.
    assert rules(raw, Fidelity.LINE_ENDINGS_LOST) == {DefectRule.START_LINE_TRAILING_SPACE}
    blanks = raw.replace(b" \r\n", b"\r\n").replace(b"\r\n", b" \n")
    assert DefectRule.START_LINE_TRAILING_SPACE not in rules(blanks, Fidelity.LINE_ENDINGS_LOST)


def test_line_ends_are_tolerated() -> None:
    defects = defects_of(message_of(request().replace(b"\r\n", b"\n")))
    assert [(defect.rule, defect.invalid) for defect in defects] == [(DefectRule.LINE_END, False)]


def test_a_repeated_header_is_shown_at_the_repetition() -> None:
    raw = request("t: <sip:carol@example.com>")
    (defect,) = defects_of(message_of(raw))
    assert defect.rule is DefectRule.REPEATED_HEADER
    assert raw[defect.start : defect.end] == b"t: <sip:carol@example.com>"


def test_an_ack_is_never_answered_and_a_response_never_rejected() -> None:
    assert verdict_of(message_of(request("Call-ID", method="ACK"))).outcome is Outcome.DISCARD
    response = request("CSeq: x y z").replace(b"OPTIONS sip:bob@example.com SIP/2.0", b"SIP/2.0 200 OK")
    assert verdict_of(message_of(response)).outcome is Outcome.DISCARD
    assert verdict_of(message_of(b"noise")).outcome is Outcome.DISCARD


def test_an_optional_body_of_unknown_type_is_taken() -> None:
    raw = request("Content-Type: application/odd", method="INVITE", body=b"x")
    assert verdict_of(message_of(raw)).status == 415
    optional = request("Content-Type: application/odd", "Content-Disposition: render; handling=optional", body=b"x")
    assert verdict_of(message_of(optional)).outcome is Outcome.ACCEPTABLE


@given(st.binary(max_size=300), st.sampled_from(list(Fidelity)))
def test_any_bytes_have_defects_within_them(raw: bytes, fidelity: Fidelity) -> None:
    for message in (message_of(raw, fidelity), message_of(b"INVITE sip:a@h SIP/2.0\r\nFrom:" + raw, fidelity)):
        verdict_of(message)
        assert all(0 <= defect.start <= defect.end <= len(message.raw) for defect in defects_of(message))


@pytest.mark.parametrize("filler", [b'"', b"<", b",", b";", b"\r\n ", b"\r\nVia: ", b"\r\nbad", b"\n", b" ", b"\\"])
def test_large_hostile_messages_come_to_an_end(filler: bytes) -> None:
    message = message_of(b"INVITE sip:x SIP/2.0\r\nVia: " + filler * (300_000 // len(filler)))
    assert 0 < len(defects_of(message)) <= MAX_DEFECTS
