"""eXosip's trace, and sipML5's console."""

from __future__ import annotations

import pytest
from tests.support.device_logs import exosip, sipml
from tests.support.sip_logs import incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint
from sip_ci.trace.trace import Trace

CALL = incoming_call()


def check_call(trace: Trace, layout: str) -> None:
    assert trace.format == layout
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL]
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]
    local, remote = Endpoint("192.0.2.10", 5060), Endpoint("198.51.100.20", 5062)
    for message, entry in zip(trace.messages, CALL, strict=True):
        ends = (local, remote) if entry.sent else (remote, local)
        assert (message.observation.source, message.observation.destination) == ends


@pytest.mark.parametrize(
    ("prefix", "clock"),
    [
        ("| INFO1 | <eXtl_udp.c: 542> ", Clock.ORDINAL),
        ("2026-08-07 {time} ortp-message-", Clock.ABSOLUTE),
        ("Aug  7 {time} sua [671]: ", Clock.TIME_OF_DAY),
        ("", Clock.ORDINAL),
    ],
)
@pytest.mark.parametrize("crlf", [True, False])
@pytest.mark.parametrize("noise", [0, 20])
def test_exosip(prefix: str, clock: Clock, crlf: bool, noise: int) -> None:
    trace = read_log(exosip(CALL, prefix=prefix, crlf=crlf, noise=noise), "phone.log")
    check_call(trace, "exosip")
    assert trace.clock is clock


def test_exosip_over_ipv6() -> None:
    trace = read_log(exosip(CALL, remote="2001:db8::20:5062"), "x")
    assert trace.messages[0].observation.source == Endpoint("2001:db8::20", 5062)


@pytest.mark.parametrize(
    ("prefix", "clock"),
    [("SIPml-api.js?svn=252:1 ", Clock.ORDINAL), ("", Clock.ORDINAL), ("{time} SIPml-api.js:1 ", Clock.TIME_OF_DAY)],
)
@pytest.mark.parametrize("noise", [0, 20])
def test_sipml(prefix: str, clock: Clock, noise: int) -> None:
    data = sipml(CALL, prefix=prefix, noise=noise)
    trace = read_log(data, "console.log")
    check_call(trace, "sipml5")
    assert trace.clock is clock
    lines = data.decode().split("\n")
    for message in trace.messages:
        assert lines[(message.observation.position.line or 0) - 1].endswith(message.start_line)


@pytest.mark.parametrize(
    "text", [b"Received message: \nhello\n", b"Message sent: (to dest=192.0.2.1:5060)\n\n", b"SEND: a letter\nrecv=1\n"]
)
def test_lines_without_a_message_are_none(text: bytes) -> None:
    assert read_log(text, "x").format == UNKNOWN_FORMAT
