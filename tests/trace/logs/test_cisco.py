"""`debug ccsip messages` as routers write it and as people paste it, and Unified CM's traces."""

from __future__ import annotations

import pytest
from tests.support.device_logs import cisco, cucm
from tests.support.sip_logs import Logged, incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Transport
from sip_ci.trace.trace import Trace

CALL = incoming_call()


def check_call(trace: Trace, layout: str = "cisco-ios") -> None:
    assert trace.format == layout
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL]
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]


@pytest.mark.parametrize("form", ["debug", "old", "trace"])
@pytest.mark.parametrize("width", [0, 60, 80, 132])
@pytest.mark.parametrize("blank_lines", [True, False])
def test_lines_that_were_wrapped_and_blank_lines_that_were_lost(form: str, width: int, blank_lines: bool) -> None:
    check_call(read_log(cisco(CALL, form, width=width, blank_lines=blank_lines, noise=20), "cube.log"))


@pytest.mark.parametrize("width", [60, 72, 80])
def test_long_headers_are_put_together(width: int) -> None:
    header = b"Supported: " + b", ".join(b"option%03d" % number for number in range(60)) + b"\r\n"
    call = [Logged(entry.sent, entry.raw.replace(b"CSeq:", header + b"CSeq:"), entry.second) for entry in CALL]
    trace = read_log(cisco(call, width=width), "x")
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in call]


def test_double_spaced_copies_of_web_pages() -> None:
    data = cisco(CALL[:2]).replace(b"\n", b"\n\n").replace(b"ccsipDisplayMsg:\n\n", b"ccsipDisplayMsg:\n")
    trace = read_log(data, "x")
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL[:2]]


@pytest.mark.parametrize(
    ("stamp", "clock"),
    [
        ("*Aug  7 {time}", Clock.TIME_OF_DAY),
        (".Aug  7 {time} CEST", Clock.TIME_OF_DAY),
        ("Aug  7 {time}", Clock.TIME_OF_DAY),
        ("661105: Aug  7 {time}", Clock.TIME_OF_DAY),
        ("*Aug  7 2026 {time} UTC", Clock.ABSOLUTE),
    ],
)
def test_clocks(stamp: str, clock: Clock) -> None:
    trace = read_log(cisco(CALL, stamp=stamp), "x")
    check_call(trace)
    assert trace.clock is clock
    start = 1786092342.0 if clock is Clock.ABSOLUTE else 31542.0
    times = [message.observation.time for message in trace.messages]
    assert times == pytest.approx([start + entry.second for entry in CALL])


def test_lines_of_a_log_daemon_bear_its_own_time_too() -> None:
    lines = cisco(CALL).split(b"\n")
    data = b"".join(b"Aug  7 10:00:00 192.0.2.10 %d: %s\n" % (number, line) for number, line in enumerate(lines))
    trace = read_log(data, "x")
    check_call(trace)
    times = [message.observation.time or 0.0 for message in trace.messages]
    assert [time - times[0] for time in times] == pytest.approx([entry.second for entry in CALL])


def test_without_the_name_of_the_function() -> None:
    data = cisco(CALL, "old").replace(b" SIP Msg: ccsipDisplayMsg:", b"")
    check_call(read_log(data, "x"))


def test_an_uptime_instead_of_a_time() -> None:
    check_call(read_log(cisco(CALL, stamp="1w0d"), "x"))


def test_the_trace_of_ios_xe_names_both_ends() -> None:
    data = cisco(CALL, "trace", local="[2001:db8::1]:5061", remote="[2001:db8::2]:5060", transport="TLS")
    observation = read_log(data, "x").messages[0].observation
    assert (observation.source, observation.destination) == (
        Endpoint("2001:db8::2", 5060),
        Endpoint("2001:db8::1", 5061),
    )
    assert observation.transport is Transport.TLS


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("crlf", [True, False])
def test_unified_cm(old: bool, transport: str, crlf: bool) -> None:
    trace = read_log(cucm(CALL, old=old, transport=transport, crlf=crlf, noise=20), "SDL001.txt")
    check_call(trace, "cisco-cucm")
    assert trace.clock is (Clock.ABSOLUTE if old else Clock.TIME_OF_DAY)
    assert trace.messages[0].observation.source == Endpoint("198.51.100.20", 5062)
    assert {message.observation.transport for message in trace.messages} == {Transport(transport)}


def test_unified_cm_over_ipv6() -> None:
    trace = read_log(cucm(CALL, remote="2001:db8::20:5062", transport="TCP"), "x")
    assert trace.messages[0].observation.source == Endpoint("2001:db8::20", 5062)


@pytest.mark.parametrize(
    "text",
    [
        b"*Aug  7 08:45:42.123: //-1/xxxxxxxxxxxx/SIP/Msg/ccsipDisplayMsg:\nReceived:\nnothing\n",
        b"Received:\nfrom mail.example.com by mx.example.com\n",
        b"00012345.002 |08:45:42.123 |AppInfo  |Incoming SIP TCP message from 192.0.2.1 on port 5060\n[1,NET]\n",
    ],
)
def test_lines_without_a_message_are_none(text: bytes) -> None:
    assert read_log(text, "x").format == UNKNOWN_FORMAT
