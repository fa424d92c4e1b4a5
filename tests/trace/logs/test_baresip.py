"""baresip's SIP trace: made by the program itself, and in the form of versions that cannot be had here."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.device_logs import baresip
from tests.support.sip_logs import incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Transport

DATA = Path(__file__).parents[2] / "data" / "logs"
CALL = incoming_call()


@pytest.mark.parametrize("side", ["caller", "callee"])
def test_what_the_program_printed(side: str) -> None:
    name = f"baresip-1.0-{side}.log"
    trace = read_log((DATA / name).read_bytes(), name)
    assert trace.format == "baresip"
    assert trace.clock is Clock.ORDINAL
    assert [message.method or message.status for message in trace.messages] == ["INVITE", 180, 200, "ACK", "BYE", 200]
    assert all(message.content_length == len(message.body) for message in trace.messages)
    caller, callee = Endpoint("203.0.113.10", 5060), Endpoint("198.51.100.20", 5060)
    ends = [(message.observation.source, message.observation.destination) for message in trace.messages]
    assert ends == [(caller, callee), (callee, caller), (callee, caller), (caller, callee), (caller, callee),
                    (callee, caller)]  # fmt: skip
    assert {message.observation.transport for message in trace.messages} == {Transport.UDP}


@pytest.mark.parametrize("colours", [True, False])
def test_with_and_without_times_and_colours(colours: bool) -> None:
    for times in (True, False):
        trace = read_log(baresip(CALL, colours=colours, times=times, noise=2), "x")
        assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL]
        assert trace.clock is (Clock.TIME_OF_DAY if times else Clock.ORDINAL)


def test_the_state_of_a_call_before_the_mark() -> None:
    status = b"\r[0:00:01] audio=63/63 (bit/s)    \r" * 400
    data = baresip(CALL, times=False).replace(b"#\n", status + b"#\n")
    assert len(read_log(data, "x").messages) == 6


def test_ipv6_and_websocket() -> None:
    trace = read_log(baresip(CALL, local="[2001:db8::10]:5060", remote="[2001:db8::20]:443", transport="WSS"), "x")
    assert trace.messages[0].observation.source == Endpoint("2001:db8::20", 443)
    assert trace.messages[0].observation.transport is Transport.WSS


def test_a_line_with_two_addresses_alone_announces_nothing() -> None:
    text = b"UDP 192.0.2.1:5060 -> 192.0.2.2:5060\nnothing\n#\nUDP 192.0.2.1:5060 -> 192.0.2.2:5060\nnothing\n"
    assert read_log(text, "x").format == UNKNOWN_FORMAT
