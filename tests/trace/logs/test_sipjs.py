"""SIP.js with `traceSip`, from Node and as browsers show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.device_logs import sipjs
from tests.support.sip_logs import incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Fidelity, Transport
from sip_ci.trace.trace import Trace

DATA = Path(__file__).parents[2] / "data" / "logs"
CALL = incoming_call()


def check_call(trace: Trace) -> None:
    assert trace.format == "sipjs"
    expected = [without_cr(entry.raw) for entry in CALL]
    assert [without_cr(message.raw).replace(b"/WSS ", b"/UDP ") for message in trace.messages] == expected
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]


def test_what_the_library_printed() -> None:
    trace = read_log((DATA / "sipjs-0.21-node.log").read_bytes(), "x")
    check_call(trace)
    assert trace.clock is Clock.ABSOLUTE
    assert {message.fidelity for message in trace.messages} == {Fidelity.EXACT}
    assert {message.observation.transport for message in trace.messages} == {Transport.WSS}
    times = [message.observation.time or 0.0 for message in trace.messages]
    assert times == sorted(times)


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("prefix", ["", "sip-0.21.2.min.js:2 ", "VM49:52 ", "{time} sip.js:2884 "])
def test_copies_from_a_browser(prefix: str, old: bool) -> None:
    check_call(read_log(sipjs(CALL, prefix=prefix, old=old, crlf=False, noise=50), "console.log"))


def test_a_console_that_shows_times_refines_them() -> None:
    trace = read_log(sipjs(CALL, prefix="{time} sip.js:2884 "), "x")
    times = [message.observation.time for message in trace.messages]
    assert times == pytest.approx([1786092342.0 + entry.second for entry in CALL])
    assert trace.facts.clock_resolution == pytest.approx(1e-3)


def test_zones_count() -> None:
    data = sipjs(CALL).replace(b"GMT+0000 (Coordinated Universal Time)", b"GMT+0530 (India Standard Time)")
    trace = read_log(data, "x")
    assert trace.messages[0].observation.time == pytest.approx(1786092342.0 - 5.5 * 3600)


def test_loggers_with_a_label() -> None:
    check_call(read_log(sipjs(CALL).replace(b"| sip.Transport |", b"| sip.Transport | alice |"), "x"))


def test_keep_alives_are_no_messages() -> None:
    text = b"Fri Aug 07 2026 08:45:42 GMT+0000 (UTC) | sip.Transport | Received WebSocket message with CRLF Keep Alive"
    assert read_log(text + b" response\n", "x").format == UNKNOWN_FORMAT
