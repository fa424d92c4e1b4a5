"""The edge cases of the logs of Asterisk, FreeSWITCH, drachtio, Kamailio and OpenSIPS."""

from __future__ import annotations

import pytest
from tests.support import sip_logs, tool_logs
from tests.support.sip_logs import Logged, incoming_call, without_cr

from sip_ci.trace.logs.registry import read_log
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.trace import NoticeKind, Trace

STARTS = [entry.raw.split(b"\r\n")[0].decode() for entry in incoming_call()]
OF_DAY = 8 * 3600 + 45 * 60 + 42


def starts(trace: Trace) -> list[str]:
    return [message.start_line for message in trace.messages]


@pytest.mark.parametrize(
    ("prefix", "clock", "resolution"),
    [
        ("[Aug  7 {time}] VERBOSE[4711][C-00000001] res_pjsip_logger.c: ", Clock.TIME_OF_DAY, 1e-3),
        ("[2026-08-07T{time}+0000] VERBOSE[4711] res_pjsip_logger.c: ", Clock.ABSOLUTE, 1e-3),
        ("[2026-08-07 {time}] VERBOSE[4711]: res_pjsip_logger.c:244 pjsip_logger_write: ", Clock.ABSOLUTE, 1e-3),
        ("[07/08/2026 {time}] VERBOSE[4711] res_pjsip_logger.c: ", Clock.TIME_OF_DAY, 1e-3),
        ("[{time}] VERBOSE[4711] res_pjsip_logger.c: ", Clock.TIME_OF_DAY, 1e-3),
        ("    -- ", Clock.ORDINAL, 0.0),
    ],
)
def test_times_of_asterisk_in_any_form(prefix: str, clock: Clock, resolution: float) -> None:
    trace = read_log(sip_logs.asterisk(incoming_call(), prefix=prefix), "x")
    assert trace.format == "asterisk-pjsip"
    assert trace.clock is clock
    assert trace.facts.clock_resolution == pytest.approx(resolution)
    assert starts(trace) == STARTS
    if clock is not Clock.ORDINAL:
        times = [(message.observation.time or 0.0) % 86400 for message in trace.messages]
        assert times == pytest.approx([OF_DAY + entry.second for entry in incoming_call()])


@pytest.mark.parametrize("write", [sip_logs.asterisk, sip_logs.chan_sip])
def test_ipv6_addresses_of_asterisk(write: object) -> None:
    assert callable(write)
    data = write(incoming_call()).replace(b"198.51.100.20:5062 --->", b"[2001:db8::20]:5062 --->")
    trace = read_log(data, "x")
    received = [message for message in trace.messages if message.observation.sent is False]
    assert len(received) == 3
    assert {message.observation.source for message in received} == {Endpoint("2001:db8::20", 5062)}


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS", "WSS"])
def test_transports_of_asterisk(transport: str) -> None:
    data = sip_logs.asterisk(incoming_call()).replace(b" UDP:", f" {transport}:".encode())
    assert {message.observation.transport for message in read_log(data, "x").messages} == {Transport(transport)}


def test_retransmissions_of_chan_sip_are_messages() -> None:
    call = incoming_call()
    data = sip_logs.chan_sip(call)
    again = sip_logs.chan_sip([call[5]]).replace(b"Reliably Transmitting (no NAT)", b"Retransmitting #1 (no NAT)")
    trace = read_log(data + again, "x")
    assert starts(trace) == [*STARTS, STARTS[5]]


def test_keep_alives_of_chan_sip_are_counted() -> None:
    data = sip_logs.chan_sip(incoming_call(), prefix="")
    data += b"\n<--- SIP read from UDP:198.51.100.20:5062 --->\njaK\n<------------->\n"
    trace = read_log(data, "x")
    assert starts(trace) == STARTS
    (notice,) = [notice for notice in trace.notices if notice.kind is NoticeKind.SKIPPED_TEXT]
    assert notice.count == 1


def test_an_hour_that_summer_time_takes_back_begins_no_day() -> None:
    call = incoming_call()
    night = [Logged(entry.sent, entry.raw, -20752.0 + index) for index, entry in enumerate(call)]  # 02:59:50 and on
    back = [
        Logged(entry.sent, entry.raw.replace(b"call-1", b"call-2"), -24342.0 + index)
        for index, entry in enumerate(call)
    ]
    trace = read_log(sip_logs.chan_sip(night) + sip_logs.chan_sip(back), "x")
    assert len(trace.messages) == 12
    times = [message.observation.time or 0.0 for message in trace.messages]
    assert max(times) < 86400
    # The clock went back, so the order of the log is the order of the messages.
    assert [message.call_id for message in trace.messages] == ["call-1@example.com"] * 6 + ["call-2@example.com"] * 6
    assert trace.facts.clock_steps == 1


def test_freeswitch_cuts_at_16000_bytes() -> None:
    call = incoming_call()
    body = "x" * 20_000
    long = sip_logs.build(
        "MESSAGE sip:b@192.0.2.10 SIP/2.0", "9 MESSAGE", local_request=False, body=body, content_type="text/plain"
    )
    data = sip_logs.freeswitch([Logged(False, long, 0.0), *call[1:2]], "ruled")
    cut = data.index(b"x" * 100) + 15_000
    data = data[:cut] + b"\n" + data[data.index(b"send ", cut) :]
    trace = read_log(data, "x")
    assert [message.method or message.status for message in trace.messages] == ["MESSAGE", 200]
    assert [message.fidelity for message in trace.messages] == [Fidelity.TRUNCATED, Fidelity.LINE_ENDINGS_LOST]


@pytest.mark.parametrize("generation", ["indented", "ruled", "bare"])
def test_lines_of_freeswitch_with_a_channel_id(generation: str) -> None:
    identifier = b"0cbdcb6e-91b4-4d53-9a1c-5d2f7d0f3a11 "
    data = b"".join(
        identifier + line for line in sip_logs.freeswitch(incoming_call(), generation).splitlines(keepends=True)
    )
    trace = read_log(data, "x")
    assert trace.format == "freeswitch"
    assert [without_cr(message.raw).rstrip() for message in trace.messages] == [
        without_cr(entry.raw).rstrip() for entry in incoming_call()
    ]


def test_drachtio_has_dates_where_freeswitch_has_none() -> None:
    drachtio, freeswitch = tool_logs.drachtio(incoming_call()), sip_logs.freeswitch(incoming_call(), "bare")
    assert (read_log(drachtio, "x").format, read_log(drachtio, "x").clock) == ("drachtio", Clock.ABSOLUTE)
    assert (read_log(freeswitch, "x").format, read_log(freeswitch, "x").clock) == ("freeswitch", Clock.TIME_OF_DAY)


@pytest.mark.parametrize("program", ["kamailio", "/usr/sbin/kamailio", "opensips"])
@pytest.mark.parametrize("line_end", ["#012", "#015#012"])
def test_messages_of_a_script_on_one_line_of_syslog(program: str, line_end: str) -> None:
    lines = []
    for entry in incoming_call():
        words = "to" if entry.sent else "from"
        text = f"[x] {words} 198.51.100.20:5062\n" + without_cr(entry.raw).decode()
        label = f"Aug  7 {sip_logs.time_of_day(entry.second, 0)} host {program}[77]: "
        lines.append(label + text.replace("\n", line_end))
    trace = read_log("\n".join(lines).encode(), "x")
    assert trace.format == "kamailio"
    assert starts(trace) == STARTS
    assert trace.clock is Clock.TIME_OF_DAY
    assert [message.observation.position.line for message in trace.messages] == [1, 2, 3, 4, 5, 6]
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in incoming_call()]


@pytest.mark.parametrize(
    ("words", "source", "destination", "sent"),
    [
        ("[INVITE] from 203.0.113.5:5080", Endpoint("203.0.113.5", 5080), None, False),
        ("received from udp:203.0.113.5:5080", Endpoint("203.0.113.5", 5080), None, False),
        ("203.0.113.5:5080 -> 203.0.113.6:1", Endpoint("203.0.113.5", 5080), Endpoint("203.0.113.6", 1), None),
        ("from tcp:[fd00::5]:80 to [fd00::6]:81", Endpoint("fd00::5", 80), Endpoint("fd00::6", 81), None),
        ("got this:", Endpoint("198.51.100.20", 5062), Endpoint("192.0.2.10", 5060), None),
    ],
)  # fmt: skip
def test_addresses_in_the_words_of_a_script(
    words: str, source: Endpoint, destination: Endpoint | None, sent: bool | None
) -> None:
    data = f" 3(77) NOTICE: <script>: {words}\n".encode() + incoming_call()[0].raw
    (message,) = read_log(data, "x").messages
    assert message.observation.source == source
    assert message.observation.sent is sent
    if destination is not None:
        assert message.observation.destination == destination


def test_rows_of_sip_trace_in_any_order_of_columns_and_with_quotes_in_messages() -> None:
    raw = incoming_call()[0].raw.replace(b"<sip:a@", b'"Alice, A." <sip:a@')
    row = (
        b'"in";"udp:198.51.100.20:5062";"'
        + raw.replace(b'"', b'""')
        + b'";"udp:192.0.2.10:5060";"2026-08-07 08:45:42"\n'
    )
    (message,) = read_log(row, "x").messages
    assert message.raw == raw
    assert message.observation.source == Endpoint("198.51.100.20", 5062)
    assert message.observation.destination == Endpoint("192.0.2.10", 5060)
    assert message.observation.time == pytest.approx(1786092342.0)
