"""Files that hold more than one log: several layouts, several programs, records of collectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import chain, zip_longest

import pytest
from tests.support import sip_logs, tool_logs
from tests.support.sip_logs import Logged, incoming_call
from tests.trace.logs.test_registry import ORDINAL, SAMPLES, TOOLS

from sip_ci.trace.logs.discovery import discover, score
from sip_ci.trace.logs.registry import LAYOUTS, UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Fidelity
from sip_ci.trace.trace import NoticeKind, Trace

STARTS = [entry.raw.split(b"\r\n")[0].decode() for entry in incoming_call()]
samples = pytest.mark.parametrize("name", SAMPLES)


def other_side(call: list[Logged]) -> list[Logged]:
    """The same messages as the other program sees them."""
    return [Logged(not entry.sent, entry.raw, entry.second) for entry in call]


def another_call(call: list[Logged]) -> list[Logged]:
    """The same messages under another Call-ID."""
    return [Logged(entry.sent, entry.raw.replace(b"call-1@", b"call-2@"), entry.second) for entry in call]


def starts(trace: Trace) -> list[str]:
    """The start lines in order."""
    return [message.start_line for message in trace.messages]


def notices(trace: Trace) -> list[NoticeKind]:
    """The kinds of notices but that of other lines."""
    return [notice.kind for notice in trace.notices if notice.kind is not NoticeKind.OTHER_TEXT]


def test_two_logs_one_after_the_other_are_one_trace_of_both_layouts() -> None:
    first, second = sip_logs.sipp(incoming_call(), 4), sip_logs.asterisk(another_call(incoming_call()))
    for data in (first + second, second + first, first + b"\n== asterisk ==\n" + second):
        trace = read_log(data, "x")
        assert set(trace.format.split("+")) == {"sipp", "asterisk-pjsip"}
        assert trace.clock is Clock.ABSOLUTE
        times = [message.observation.time or 0.0 for message in trace.messages]
        assert times == sorted(times)
        for call_id in ("call-1@example.com", "call-2@example.com"):
            of_call = [message.start_line for message in trace.messages if message.call_id == call_id]
            assert of_call == STARTS
        assert not notices(trace)


def test_a_message_seen_by_its_sender_and_its_receiver_counts_once() -> None:
    call = incoming_call()
    # The one log keeps CRLF, the other one does not, and its clock is coarse.
    data = sip_logs.sipp(other_side(call), 4) + sip_logs.asterisk(call, crlf=False)
    trace = read_log(data, "x")
    assert starts(trace) == STARTS
    assert {message.fidelity for message in trace.messages} == {Fidelity.EXACT}
    ends = {frozenset((message.observation.source, message.observation.destination)) for message in trace.messages}
    assert ends == {frozenset((Endpoint("192.0.2.10", 5060), Endpoint("198.51.100.20", 5062)))}


def test_retransmissions_stay_when_both_sides_logged_them() -> None:
    call = incoming_call()
    again = Logged(call[0].sent, call[0].raw, 0.25)
    call = [call[0], again, *call[1:]]
    trace = read_log(sip_logs.sipp(other_side(call), 4) + sip_logs.asterisk(call), "x")
    assert starts(trace) == [STARTS[0], STARTS[0], *STARTS[1:]]


def test_a_layout_that_appears_late_and_rarely_is_found() -> None:
    noise = sip_logs.asterisk(incoming_call(), noise=50) * 60
    trace = read_log(noise + tool_logs.homer(another_call(incoming_call())), "x")
    assert set(trace.format.split("+")) == {"asterisk-pjsip", "homer"}
    assert len([message for message in trace.messages if message.call_id == "call-2@example.com"]) == 6


def interleaved(*logs: tuple[str, bytes]) -> bytes:
    """Several containers' output, line by line in turn, as `docker compose logs` mixes it."""
    columns = [
        [f"{name:12} | ".encode() + line for line in data.removesuffix(b"\n").split(b"\n")] for name, data in logs
    ]
    lines = [line for line in chain.from_iterable(zip_longest(*columns)) if line is not None]
    return b"\n".join(lines) + b"\n"


@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if name not in ("raw", "sip_trace", "sip_trace, semicolons")]
)
def test_lines_of_two_programs_in_turn_are_taken_apart(name: str) -> None:
    other = sip_logs.raw(another_call(incoming_call()))
    other += b"\n" * (not other.endswith(b"\n"))
    data = interleaved(("pbx-1", SAMPLES[name].build()), ("client-1", other))
    trace = read_log(data, "x")
    assert set(trace.format.split("+")) == {SAMPLES[name].layout, "raw"}
    lines = data.split(b"\n")
    for call_id in ("call-1@example.com", "call-2@example.com"):
        of_call = [message for message in trace.messages if message.call_id == call_id]
        assert [message.start_line for message in of_call] == STARTS
        for message in of_call:
            assert message.start_line.encode() in lines[(message.observation.position.line or 0) - 1]


def test_both_containers_of_a_call_show_it_once() -> None:
    call = incoming_call()
    data = interleaved(("pbx-1", sip_logs.asterisk(call)), ("sipp-1", sip_logs.sipp(other_side(call), 4)))
    trace = read_log(data, "x")
    assert starts(trace) == STARTS
    assert trace.clock is Clock.ABSOLUTE


def test_times_of_the_collector_put_programs_without_dates_in_order() -> None:
    call = incoming_call()
    names = ("pbx-1", "phone-1")
    logs = (sip_logs.asterisk(call[:1], prefix=""), sip_logs.chan_sip(another_call(call)[:1], prefix="[{time}] "))
    out = []
    for number, (name, data) in enumerate(zip(names, logs, strict=True)):
        label = f"{name:8} | 2026-08-07T06:00:0{1 - number}.000000000Z ".encode()
        out += [label + line for line in data.removesuffix(b"\n").split(b"\n")]
    trace = read_log(b"\n".join(out) + b"\n", "x")
    assert trace.clock is Clock.ABSOLUTE
    assert [message.call_id for message in trace.messages] == ["call-2@example.com", "call-1@example.com"]


def docker_json(data: bytes) -> bytes:
    """Docker's json-file: one record for each line of output."""
    rest = {"stream": "stdout", "time": "2026-08-07T06:45:42.123456789Z"}
    lines = [line + "\n" for line in data.decode("latin-1").removesuffix("\n").split("\n")]
    return "".join(json.dumps({"log": line, **rest}) + "\n" for line in lines).encode()


def cri(data: bytes) -> bytes:
    """The log files of Kubernetes nodes; long lines are cut."""
    out = b""
    for line in data.removesuffix(b"\n").split(b"\n"):
        pieces = [line[index : index + 64] for index in range(0, len(line), 64)] or [b""]
        for piece in pieces[:-1]:
            out += b"2026-08-07T06:45:42.123456789Z stdout P " + piece + b"\n"
        out += b"2026-08-07T06:45:42.123456789Z stdout F " + pieces[-1] + b"\n"
    return out


def syslog(data: bytes) -> bytes:
    """Each line by itself through a log daemon."""
    return b"".join(b"Aug  7 08:45:42 host pbx[77]: " + line + b"\n" for line in data.removesuffix(b"\n").split(b"\n"))


def cloudwatch(data: bytes) -> bytes:
    """An export with one event for each line, indented."""
    events = [
        {"timestamp": 1786085142123, "message": line, "ingestionTime": 1786085143000}
        for line in data.decode("latin-1").removesuffix("\n").split("\n")
    ]
    return json.dumps({"events": events, "nextToken": "f/1"}, indent=4).encode()


COLLECTED = {"docker json-file": docker_json, "CRI": cri, "syslog": syslog, "CloudWatch": cloudwatch}
# What tears lines apart that stand for columns, or has quotes of its own around messages, is tested as it is.
PLAIN = [name for name in SAMPLES if not name.startswith("sip_trace")]


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("wrap", COLLECTED.values(), ids=COLLECTED)
def test_records_of_collectors_change_nothing(name: str, wrap: Callable[[bytes], bytes]) -> None:
    plain, trace = read_log(SAMPLES[name].build(), "x"), read_log(wrap(SAMPLES[name].build()), "x")
    assert trace.format == plain.format
    assert [sip_logs.without_cr(message.raw) for message in trace.messages] == [
        sip_logs.without_cr(message.raw) for message in plain.messages
    ]
    assert not notices(trace)
    if plain.clock is not ORDINAL:
        assert [message.observation.time for message in trace.messages] == [
            message.observation.time for message in plain.messages
        ]
    else:
        assert trace.clock is not ORDINAL


@pytest.mark.parametrize("field", ["message", "msg", "MESSAGE", "body"])
def test_a_message_in_one_field_of_a_structured_log(field: str) -> None:
    out = []
    for index, entry in enumerate(incoming_call()):
        out.append(json.dumps({"level": "debug", "ts": 1786085142.5 + index, field: entry.raw.decode()}))
        out.append(json.dumps({"level": "info", "ts": 1786085142.5 + index, field: "state changed: SIP/2.0 in use"}))
    trace = read_log("\n".join(out).encode(), "x")
    assert trace.format == "raw"
    assert [message.raw for message in trace.messages] == [entry.raw for entry in incoming_call()]
    assert trace.clock is Clock.ABSOLUTE
    assert [message.observation.time for message in trace.messages] == [1786085142.5 + index for index in range(6)]
    assert [message.observation.position.line for message in trace.messages] == [1, 3, 5, 7, 9, 11]


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        (1786085142, 1786085142.0), (1786085142123, 1786085142.123), ("1786085142123456", 1786085142.123456),
        ("1786085142123456789", 1786085142.1234567), ("2026-08-07T06:45:42.5Z", 1786085142.5),
    ],
)  # fmt: skip
def test_times_of_records_are_read_in_any_unit(time: object, seconds: float) -> None:
    trace = read_log(json.dumps({"time": time, "message": incoming_call()[0].raw.decode()}).encode(), "x")
    assert trace.messages[0].observation.time == pytest.approx(seconds, abs=1e-5)


@samples
def test_no_other_layout_scores_in_a_log(name: str) -> None:
    data = SAMPLES[name].build()
    scores = {layout.name: score(layout, data) for layout in LAYOUTS}
    assert {layout for layout, count in scores.items() if count} <= {SAMPLES[name].layout}


PROSE = """We looked at 10.0.0.1:5060 -> 10.0.0.2:5060 and saw
<--- Received SIP request (812 bytes) from UDP:10.0.0.1:5060 --->
as well as recv 812 bytes from udp/[10.0.0.1]:5060 at 08:45:42.123456: in the log. Then
----------------------------------------------- 2026-08-07T08:45:42.123456
UDP message sent [512] bytes:
was all that it said. proto:UDP 2026-08-07T08:45:42Z 10.0.0.1:5060 ---> 10.0.0.2:5060
Session Initiation Protocol (INVITE) is what the window says, and in the list 14:23:45.118 PBX→Carrier calls out.
Aug  7 08:45:42 host kamailio[77]: INFO: <script>: INVITE from 10.0.0.1:5060
The peer answered SIP/2.0 200 OK and we sent INVITE sip:bob@example.com SIP/2.0
12:34:56.123456 IP 10.0.0.5.5060 > 10.0.0.9.5060: SIP: INVITE sip:bob@10.0.0.9 SIP/2.0
""".encode()


def test_prose_that_quotes_every_head_holds_no_message() -> None:
    trace = read_log(PROSE, "x")
    assert trace.messages == ()
    assert trace.format == UNKNOWN_FORMAT


@samples
def test_prose_before_and_behind_a_log_changes_nothing(name: str) -> None:
    plain = read_log(SAMPLES[name].build(), "x")
    trace = read_log(PROSE + b"\n" + SAMPLES[name].build() + b"\n\n" + PROSE, "x")
    assert trace.format == plain.format
    assert starts(trace) == starts(plain)


def test_what_no_line_announces_is_reported_with_its_place() -> None:
    stray = b"pasted by hand:\n" + incoming_call()[5].raw
    data = sip_logs.asterisk(incoming_call()[:2]) + b"[2026-08-07 08:45:50.000] NOTICE[1] x.c: y\n" + stray
    trace = read_log(data, "x")
    assert starts(trace) == STARTS[:2]
    (notice,) = [notice for notice in trace.notices if notice.kind is NoticeKind.SKIPPED_TEXT]
    assert notice.count == 1
    line = data.split(b"\n")[(notice.position.line or 0) - 1]
    assert line.startswith(b"BYE sip:")


def test_other_lines_are_counted() -> None:
    trace = read_log(sip_logs.asterisk(incoming_call(), noise=7), "x")
    (notice,) = trace.notices
    assert (notice.kind, notice.count) == (NoticeKind.OTHER_TEXT, 42)


def test_utf_16_without_a_byte_order_mark() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert starts(read_log(sip_logs.asterisk(incoming_call()).decode().encode(encoding), "x")) == STARTS


def test_doubly_escaped_line_ends() -> None:
    text = b"\n".join(b'{"a":"' + entry.raw.replace(b"\r\n", b"\\\\r\\\\n") + b'"}' for entry in incoming_call())
    assert starts(read_log(text, "x")) == STARTS


@pytest.mark.parametrize("name", TOOLS)
def test_discovery_names_what_a_tool_wrote(name: str) -> None:
    found = discover(SAMPLES[name].build(), LAYOUTS)
    assert [layout.name for layout in found.layouts] == [SAMPLES[name].layout]
    assert not found.unannounced
