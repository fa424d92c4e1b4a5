"""sipgo's debug log through the handlers of Go's slog."""

from __future__ import annotations

import pytest
from tests.support.device_logs import sipgo
from tests.support.sip_logs import Logged, incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Transport

CALL = [
    Logged(entry.sent, entry.raw.replace(b"From: <sip:a@", b'From: "A \\"B\\"" <sip:a@'), entry.second)
    for entry in incoming_call()
]


@pytest.mark.parametrize("handler", ["text", "json", "default"])
@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("noise", [0, 20])
def test_every_handler(handler: str, old: bool, noise: int) -> None:
    trace = read_log(sipgo(CALL, handler, old=old, noise=noise), "app.log")
    assert trace.format == "sipgo"
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL]
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]
    local, remote = Endpoint("192.0.2.10", 5060), Endpoint("198.51.100.20", 5062)
    for message, entry in zip(trace.messages, CALL, strict=True):
        ends = (local, remote) if entry.sent else (remote, local)
        assert (message.observation.source, message.observation.destination) == ends
    assert trace.clock is Clock.ABSOLUTE
    assert trace.messages[0].observation.time == pytest.approx(1786092342.0)


@pytest.mark.parametrize("local", ["0.0.0.0:5060", "[::]:5060"])
def test_a_socket_of_all_addresses_is_named_by_the_messages(local: str) -> None:
    trace = read_log(sipgo(CALL, local=local, transport="TCP"), "x")
    assert trace.messages[0].observation.destination == Endpoint("192.0.2.10", 5060)
    assert trace.messages[0].observation.transport is Transport.TCP


def test_lines_without_a_message_are_none() -> None:
    text = b"UDP read from 192.0.2.1:5060 <- 192.0.2.2:5060:\n\nI read 12 lines -> nothing:\n"
    assert read_log(text, "x").format == UNKNOWN_FORMAT
