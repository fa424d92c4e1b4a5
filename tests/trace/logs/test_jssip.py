"""JsSIP's transport log in the forms that the `debug` package and browsers give it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.device_logs import jssip
from tests.support.sip_logs import incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Fidelity, Transport
from sip_ci.trace.trace import Trace

DATA = Path(__file__).parents[2] / "data" / "logs"
CALL = incoming_call()


def check_call(trace: Trace) -> None:
    assert trace.format == "jssip"
    expected = [without_cr(entry.raw) for entry in CALL]
    assert [without_cr(message.raw).replace(b"/WSS ", b"/UDP ") for message in trace.messages] == expected
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]


@pytest.mark.parametrize("form", ["node", "terminal", "browser", "styled", "old"])
@pytest.mark.parametrize("crlf", [True, False])
def test_every_form(form: str, crlf: bool) -> None:
    check_call(read_log(jssip(CALL, form, crlf=crlf, noise=200), "console.log"))


@pytest.mark.parametrize("form", ["node", "terminal"])
def test_what_the_library_printed(form: str) -> None:
    name = f"jssip-3.13-{form}.log"
    trace = read_log((DATA / name).read_bytes(), name)
    check_call(trace)
    assert trace.clock is (Clock.ABSOLUTE if form == "node" else Clock.ORDINAL)
    assert {message.fidelity for message in trace.messages} == {
        Fidelity.EXACT if form == "node" else Fidelity.LINE_ENDINGS_LOST
    }
    assert {message.observation.transport for message in trace.messages} == {Transport.WSS}


def test_a_copy_that_lost_the_line_ends_behind_the_head() -> None:
    data = jssip(CALL, "browser", crlf=False).replace(b"message:\n\n", b"message:")
    trace = read_log(data, "x")
    check_call(trace)
    lines = data.decode().split("\n")
    for message in trace.messages:
        assert lines[(message.observation.position.line or 0) - 1].endswith(message.start_line)


def test_a_browser_that_shows_times() -> None:
    data = jssip(CALL, "browser").replace(b"browser.js:94", b"08:45:42.125 browser.js:94")
    trace = read_log(data, "x")
    check_call(trace)
    assert trace.clock is Clock.TIME_OF_DAY
    assert trace.facts.clock_resolution == pytest.approx(1e-3)


def test_node_in_a_container() -> None:
    data = b"".join(b"app-1  | " + line + b"\n" for line in jssip(CALL).split(b"\n"))
    check_call(read_log(data, "x"))


@pytest.mark.parametrize(
    "text", [b"JsSIP:Transport received message with CRLF Keep Alive response\n", b"JsSIP:Transport sending message:\n"]
)
def test_lines_without_a_message_are_none(text: bytes) -> None:
    assert read_log(text, "x").format == UNKNOWN_FORMAT
