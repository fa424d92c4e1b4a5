"""PJSIP's log in the forms that phones, Android and log daemons give it."""

from __future__ import annotations

import pytest
from tests.support.device_logs import pjsua
from tests.support.sip_logs import Logged, incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport

CALL = incoming_call()
ANDROID = "2026-08-07 {time} 20476-20521 System.out              com.example.app            I  "


def check_call(data: bytes) -> None:
    trace = read_log(data, "phone.log")
    assert trace.format == "pjsip"
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL]
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]


@pytest.mark.parametrize("crlf", [True, False])
@pytest.mark.parametrize(
    "every_line",
    [
        pytest.param(ANDROID, id="logcat of Android Studio"),
        pytest.param("<30>Aug  7 08:45:42 phoneapp[1033]: pjsip: ", id="syslog of a desk phone"),
        pytest.param("2026-08-07 08:45:42\tDaemon.Info\t192.0.2.10\tAug  7 08:45:42 phoneapp[1088]: ", id="Kiwi"),
    ],
)
def test_lines_with_a_label_each(every_line: str, crlf: bool) -> None:
    check_call(pjsua(CALL, every_line=every_line, crlf=crlf, noise=3))


@pytest.mark.parametrize(
    "sender", ["          pjsua_core.c  ", "sip_endpoint.c  ..", " pjsua_core.c !", "mod-logger     "]
)
def test_senders_and_indentation(sender: str) -> None:
    check_call(pjsua(CALL, sender=sender))


def test_dates_are_taken_where_the_log_is_set_to_write_them() -> None:
    trace = read_log(pjsua(CALL, prefix=" 2026-08 07 "), "x")
    assert trace.clock is Clock.ABSOLUTE
    assert trace.messages[0].observation.time == pytest.approx(1786092342.0)


def test_the_finer_time_counts() -> None:
    trace = read_log(pjsua(CALL, every_line="Aug  7 08:45:42 phone pjsip: "), "x")
    assert trace.facts.clock_resolution == pytest.approx(1e-3)


@pytest.mark.parametrize("remote", ["[2001:db8::20]:5062", "2001:db8::20:5062"])
def test_ipv6(remote: str) -> None:
    trace = read_log(pjsua(CALL, remote=remote, transport="TLS"), "x")
    assert trace.messages[0].observation.source == Endpoint("2001:db8::20", 5062)
    assert trace.messages[0].observation.transport is Transport.TLS


def test_versions_that_do_not_name_the_transport() -> None:
    data = pjsua(CALL).replace(b" to UDP ", b" to ").replace(b" from UDP ", b" from ")
    check_call(data)
    assert read_log(data, "x").messages[0].observation.transport is Transport.UDP


def test_a_message_above_the_limit_of_the_log_is_cut_off() -> None:
    data = pjsua(CALL, crlf=False)
    end = data.index(b"--end msg--")
    cut = data[: end - 60] + b"\n" + data[end + 12 :]
    trace = read_log(cut, "x")
    assert [message.fidelity is Fidelity.TRUNCATED for message in trace.messages] == [True] + [False] * 5
    assert b"pjsua_core" not in trace.messages[0].raw


def test_midnight_passes() -> None:
    late = [Logged(entry.sent, entry.raw, 54857.0 + index) for index, entry in enumerate(CALL)]
    times = [message.observation.time for message in read_log(pjsua(late), "x").messages]
    assert times == pytest.approx([86399.0 + index for index in range(6)])


@pytest.mark.parametrize(
    "line",
    [
        b"08:45:42.123  pjsua_core.c  .TX 512 bytes Request msg INVITE/cseq=1 (tdta0) to UDP 192.0.2.1:5060:",
        b"We sent TX 512 bytes Request msg INVITE to the proxy:",
    ],
)
def test_lines_without_a_message_are_none(line: bytes) -> None:
    assert read_log(line + b"\nand nothing else happened\n", "x").format == UNKNOWN_FORMAT
