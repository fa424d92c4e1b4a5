"""Malformed messages in logs, which lose line ends: only what was refused or ignored is judged there."""

from __future__ import annotations

import pytest
from tests.support.calls import BOB, Call, Ladder, Sent, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.trace import TraceOrigin


def as_log(ladder: Ladder) -> Ladder:
    """The trace as a log gives it: without carriage returns."""
    for packet in ladder.packets:
        packet.raw, packet.fidelity = packet.raw.replace(b"\r\n", b"\n"), Fidelity.LINE_ENDINGS_LOST
    ladder.origin = TraceOrigin.LOG
    return ladder.end(60.0)


def refused(*lines: str, status: int = 400) -> Ladder:
    """An INVITE with more lines, answered with a status."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, *lines)
    call.respond(invite, status, 0.1, body=sdp(BOB) if status == 200 else b"")
    call.ack(invite, 0.12)
    if status == 200:
        call.respond(call.bye(20.0), 200, 20.02)
    return ladder


def test_a_header_that_stands_twice_in_a_refused_message() -> None:
    findings = as_log(refused("Content-Type: application/sdp", "Content-Type: text/plain")).findings()

    assert findings["msg-duplicate-single"].severity is Severity.HIGH
    assert findings["msg-duplicate-single"].root
    assert not findings["final-400"].root


def test_what_a_log_shows_of_an_accepted_message_is_not_judged() -> None:
    findings = as_log(refused("Content-Type: application/sdp", "Content-Type: text/plain", status=200)).findings()
    assert not [check for check in findings if check.startswith("msg-")]


def test_a_description_among_the_headers() -> None:
    ladder = refused()
    packet = ladder.packets[0]
    packet.raw = packet.raw.replace(b"\r\nFrom:", b"\r\nv=0\r\ns=-\r\nFrom:", 1)
    finding = as_log(ladder).findings()["msg-header-malformed"]

    assert finding.evidence[0].text == "v=0"
    assert "description" in finding.detail


def test_a_refer_to_that_is_no_uri() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    refer = call.request("REFER", 10.0, "Refer-To: +14155550190")
    call.respond(refer, 501, 10.02)
    findings = as_log(ladder).findings()

    assert findings["msg-header-malformed"].evidence[0].text == "Refer-To: +14155550190"
    assert not findings["refer-rejected"].root


def acknowledged(change: tuple[bytes, bytes], *, repeated: bool = True) -> Ladder:
    """A call whose ACK is spoilt, and whose 200 comes again and again."""
    ladder = Ladder()
    call: Call = ladder.call()
    invite = call.invite(0.0)
    success: Sent = call.respond(invite, 200, 1.0)
    if repeated:
        ladder.again(success, 1.5, 2.5, 4.5, 8.5, 12.5)
    ack = call.ack(invite, 1.03)
    old, new = change
    assert old in ack.packets[0].raw
    ack.packets[0].raw = ack.packets[0].raw.replace(old, new, 1)
    return ladder


BLANK = (b" SIP/2.0\r\n", b" SIP/2.0 \r\n")
TAG = (b"ACK sip:bob@198.51.100.20:5060", b"ACK sip:bob@198.51.100.20:5060>;tag=b1")


@pytest.mark.parametrize("change", [BLANK, TAG], ids=["blank", "bracket"])
@pytest.mark.parametrize("log", [True, False])
def test_an_ack_with_a_bad_request_line_is_ignored(change: tuple[bytes, bytes], log: bool) -> None:
    ladder = acknowledged(change)
    findings = (as_log(ladder) if log else ladder.end(60.0)).findings()
    finding = findings["msg-request-line-bad"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert all(not one.root for check, one in findings.items() if check in ("ack-ignored", "ack-wrong-target"))


def test_an_ack_that_was_taken_is_low_and_in_a_log_not_told() -> None:
    assert acknowledged(BLANK, repeated=False).end(60.0).findings()["msg-request-line-bad"].severity is Severity.LOW
    assert "msg-request-line-bad" not in as_log(acknowledged(BLANK, repeated=False)).findings()


def test_a_log_that_puts_a_blank_behind_every_line() -> None:
    ladder = acknowledged(BLANK)
    for packet in ladder.packets:
        packet.raw = packet.raw.replace(b" \r\n", b"\r\n").replace(b"\r\n", b" \r\n")

    assert "msg-request-line-bad" not in as_log(ladder).findings()


@pytest.mark.parametrize(
    ("line", "replacement", "status", "check"),
    [
        (b"From: <sip:bob@example.com>;tag=b1", b"From: <sip:bob@example.com>", 481, "msg-from-tag-missing"),
        (b"Max-Forwards: 70\r\n", b"", 483, "msg-max-forwards-missing"),
    ],
)
@pytest.mark.parametrize("refused_for_it", [True, False])
def test_a_bye_that_lacks_what_its_refusal_tells_of(
    line: bytes, replacement: bytes, status: int, check: str, refused_for_it: bool
) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    bye = call.request("BYE", 10.0, by_callee=True)
    call.respond(bye, status if refused_for_it else 200, 10.02)
    for packet in ladder.packets:
        if packet.raw.startswith(b"BYE"):
            assert line in packet.raw, packet.raw
            packet.raw = packet.raw.replace(line, replacement)
    findings = as_log(ladder).findings()

    assert (check in findings) is refused_for_it
    if refused_for_it:
        assert findings[check].root
        assert not findings["bye-rejected"].root


def test_an_ack_over_another_transport_than_its_via_says() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    success = call.respond(invite, 200, 1.0)
    call.ack(invite, 1.03)
    for packet in ladder.packets:
        if packet.raw.startswith(b"ACK"):
            packet.raw = packet.raw.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")
    ladder.again(success, 1.5, 2.5, 4.5, 8.5)
    findings = as_log(ladder).findings()

    assert findings["msg-via-transport-mismatch"].root
    assert not findings["ack-ignored"].root
