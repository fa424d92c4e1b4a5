"""What network tools and servers really print, against the capture that they printed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.support.sip_logs import incoming_call, sngrep
from tests.support.tool_logs import symposium, tcpdump_hex

from sip_ci.trace.logs.registry import read_log
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace, TraceOrigin

DATA = Path(__file__).parents[2] / "data" / "logs"
CAPTURES = ("call-udp.pcap", "call-tcp-ipv6.pcap")
REMOTE = Endpoint("198.51.100.20", 5062)
CALL = ["INVITE", 180, 200, "ACK", "BYE", 200]


def outline(trace: Trace) -> list[object]:
    """Methods and status codes in order."""
    return [message.method or message.status for message in trace.messages]


def check_against_capture(trace: Trace, capture: str) -> None:
    """The trace holds the messages of a capture: addresses and texts, and times where it has dates."""
    truth = read_trace(DATA / capture, capture)
    assert len(truth.messages) == 6
    assert outline(trace) == outline(truth)
    for message, true in zip(trace.messages, truth.messages, strict=True):
        assert message.observation.source == true.observation.source
        assert message.observation.destination == true.observation.destination
        assert message.observation.transport == true.observation.transport
        text = message.raw.replace(b"\r\n", b"\n").rstrip(b"\n")
        assert text == true.raw.replace(b"\r\n", b"\n").rstrip(b"\n")
        if message.fidelity is Fidelity.EXACT:
            assert message.raw == true.raw
        if trace.clock is Clock.ABSOLUTE:
            assert message.observation.time == pytest.approx(true.observation.time, abs=2e-3)


def printed(capture: str, *command: str) -> bytes:
    """What a tool prints of a capture; the test is skipped where the tool is missing."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"not installed: {command[0]}")
    result = subprocess.run([*command, str(DATA / capture)], capture_output=True, check=True, timeout=60)
    return result.stdout


captures = pytest.mark.parametrize("capture", CAPTURES)


@captures
@pytest.mark.parametrize(
    "options",
    ["-A", "-AA", "-X", "-XX", "-x", "-A -tttt", "-A -tt", "-vvv -A", "-v -X", "-A -e", "-A -#", "-xx -e -tttt"],
)
def test_tcpdump(capture: str, options: str) -> None:
    trace = read_log(printed(capture, "tcpdump", "-n", *options.split(), "-r"), "x")
    assert trace.format == "tcpdump"
    assert trace.origin is TraceOrigin.TEXT
    exact = "x" in options.lower()
    assert {message.fidelity for message in trace.messages} == {Fidelity.EXACT if exact else Fidelity.LINE_ENDINGS_LOST}
    check_against_capture(trace, capture)


@captures
@pytest.mark.parametrize("options", ["-V", "-V -O sip,sdp", "-P -V", "-V -x"])
def test_tshark_text(capture: str, options: str) -> None:
    decode = ["-d", "udp.port==5080,sip", "-d", "tcp.port==5080,sip"]
    trace = read_log(printed(capture, "tshark", "-n", *decode, *options.split(), "-r"), "x")
    assert trace.format == "tshark"
    assert {message.fidelity for message in trace.messages} == {Fidelity.DECODED}
    assert trace.clock is (Clock.ORDINAL if "-O" in options else Clock.ABSOLUTE)
    check_against_capture(trace, capture)


@captures
@pytest.mark.parametrize(
    ("form", "options", "exact"),
    [
        ("json", "", True), ("json", "-x", True), ("jsonraw", "", True), ("ek", "", True), ("ek", "-x", True),
        ("json", "--no-duplicate-keys", True),
    ],
)  # fmt: skip
def test_tshark_json(capture: str, form: str, options: str, exact: bool) -> None:
    decode = ["-d", "udp.port==5080,sip", "-d", "tcp.port==5080,sip"]
    trace = read_log(printed(capture, "tshark", "-n", *decode, "-T", form, *options.split(), "-r"), "x")
    assert trace.format == ("tshark-ek" if form == "ek" else "tshark-json")
    assert {message.fidelity for message in trace.messages} == {Fidelity.EXACT if exact else Fidelity.DECODED}
    # The form for raw bytes has no times.
    assert trace.clock is (Clock.ORDINAL if form == "jsonraw" else Clock.ABSOLUTE)
    check_against_capture(trace, capture)


def test_json_without_payload_is_rebuilt() -> None:
    command = ("tshark", "-n", "-d", "udp.port==5080,sip", "-T", "json", "-j", "frame ip sip sdp", "-r")
    trace = read_log(printed("call-udp.pcap", *command), "x")
    truth = read_trace(DATA / "call-udp.pcap", "x")
    assert {message.fidelity for message in trace.messages} == {Fidelity.DECODED}
    assert [message.raw for message in trace.messages] == [message.raw for message in truth.messages]


@captures
def test_ngrep(capture: str) -> None:
    trace = read_log(printed(capture, "ngrep", "-q", "-W", "byline", "-t", "-I"), "x")
    assert trace.format == "ngrep"
    check_against_capture(trace, capture)


@pytest.mark.parametrize("form", ["[{}]:{}", "{}:{}"])
def test_sngrep_of_ipv6(form: str) -> None:
    text = sngrep(incoming_call()).decode()
    text = text.replace("192.0.2.10:5060 ->", form.format("2001:db8::10", 5060) + " ->")
    text = text.replace("-> 198.51.100.20:5062", "-> " + form.format("2001:db8::20", 5062))
    trace = read_log(text.encode(), "x")
    assert trace.format == "sngrep"
    sent = [message.observation for message in trace.messages if message.observation.source != REMOTE]
    assert {(seen.source, seen.destination) for seen in sent} == {
        (Endpoint("2001:db8::10", 5060), Endpoint("2001:db8::20", 5062))
    }


@pytest.mark.parametrize(
    ("name", "layout", "capture"),
    [
        ("tcpdump-A-udp.txt", "tcpdump", "call-udp.pcap"),
        ("tcpdump-A-tcp-ipv6.txt", "tcpdump", "call-tcp-ipv6.pcap"),
        ("tcpdump-x-udp.txt", "tcpdump", "call-udp.pcap"),
        ("tshark-ek-udp.json", "tshark-ek", "call-udp.pcap"),
    ],
)
def test_stored_output(name: str, layout: str, capture: str) -> None:
    trace = read_log((DATA / name).read_bytes(), name)
    assert trace.format == layout
    check_against_capture(trace, capture)


@pytest.mark.parametrize(("name", "layout"), [("tcpdump-v-udp.txt", "tcpdump"), ("tshark-O-udp.txt", "tshark")])
def test_stored_output_of_other_calls(name: str, layout: str) -> None:
    trace = read_log((DATA / name).read_bytes(), name)
    assert trace.format == layout
    assert outline(trace) == CALL
    # The log counts LF as one byte, the header counts CRLF as two.
    assert all(len(message.body.replace(b"\r", b"").replace(b"\n", b"\r\n")) == (message.content_length or 0)
               for message in trace.messages)  # fmt: skip


def test_hexadecimal_digits_are_the_bytes_themselves() -> None:
    trace = read_log(tcpdump_hex(incoming_call()), "x")
    assert [message.raw for message in trace.messages] == [entry.raw for entry in incoming_call()]
    assert {message.fidelity for message in trace.messages} == {Fidelity.EXACT}


def test_kamailio_sipdump() -> None:
    trace = read_log((DATA / "kamailio-sipdump.data").read_bytes(), "x")
    assert trace.format == "kamailio-sipdump"
    assert trace.clock is Clock.ABSOLUTE
    assert outline(trace) == ["INVITE", 100, "INVITE", 180, 180, 200, 200, "ACK", "ACK", "BYE", "BYE", 200, 200]
    assert [message.observation.sent for message in trace.messages[:5]] == [False, True, True, False, True]
    proxy = Endpoint("127.0.0.1", 5066)
    for message in trace.messages:
        ends = (message.observation.source, message.observation.destination)
        assert ends.index(proxy) == (0 if message.observation.sent else 1)
        assert message.fidelity is Fidelity.EXACT
        assert len(message.body) == message.content_length


def test_kamailio_log_of_a_routing_script() -> None:
    trace = read_log((DATA / "kamailio-stderr.log").read_bytes(), "x")
    assert trace.format == "kamailio"
    assert trace.clock is Clock.ORDINAL
    assert outline(trace) == ["INVITE", "INVITE", 180, 200, "ACK", "ACK", "BYE", "BYE", 200]
    assert [message.observation.sent for message in trace.messages] == [
        False, True, False, False, False, True, False, True, False,
    ]  # fmt: skip
    assert trace.messages[0].observation.source == Endpoint("127.0.0.1", 5068)
    assert trace.messages[2].observation.source == Endpoint("127.0.0.1", 5067)
    (notice,) = trace.notices
    assert notice.kind is NoticeKind.OTHER_TEXT


def test_short_lines_of_sipp_are_messages_that_were_cut() -> None:
    trace = read_log((DATA / "sipp-3.6-shortmessages.log").read_bytes(), "x")
    assert trace.format == "sipp-short"
    assert outline(trace) == CALL
    assert [message.observation.sent for message in trace.messages] == [True, False, False, True, True, False]
    assert {message.fidelity for message in trace.messages} == {Fidelity.TRUNCATED}
    assert len({message.call_id for message in trace.messages}) == 1


def test_a_message_that_sipp_did_not_expect_counts_once() -> None:
    messages = (DATA / "sipp-3.6-unexpected.log").read_bytes()
    errors = (DATA / "sipp-3.6-errors.log").read_bytes()
    alone = read_log(errors, "x")
    assert alone.format == "sipp-errors"
    assert [message.fidelity for message in alone.messages] == [Fidelity.EXACT]
    assert len(alone.messages[0].body) == alone.messages[0].content_length
    for data, layout in ((messages, "sipp"), (messages + b"\n" + errors, "sipp+sipp-errors")):
        trace = read_log(data, "x")
        assert trace.format == layout
        assert outline(trace) == ["INVITE"]


def test_names_of_the_symposium_notation_are_the_ends() -> None:
    data = symposium(incoming_call())
    start = data.index(b"08:45:42.750")
    repeat = "08:45:43.000 PBX→Carrier 200 OK retransmit #1 (T1=500ms)\n[ no ACK observed ]\n".encode()
    trace = read_log(data[:start] + repeat + data[start:], "x")
    assert trace.format == "sipsymposium"
    assert outline(trace) == ["INVITE", 200, "ACK", 200, "NOTIFY", 200, "BYE"]
    assert trace.messages[0].observation.source == Endpoint("carrier", 0)
    first, again = trace.messages[1], trace.messages[3]
    assert (first.raw, first.call_id) == (again.raw, again.call_id)
    assert first.observation.transport is Transport.UDP
    assert {message.fidelity for message in trace.messages} == {Fidelity.TRUNCATED}


def test_a_follow_stream_copy_has_both_directions() -> None:
    truth = read_trace(DATA / "call-tcp-ipv6.pcap", "x")
    trace = read_log(b"".join(message.raw for message in truth.messages), "x")
    assert trace.format == "raw"
    assert [message.raw for message in trace.messages] == [message.raw for message in truth.messages]
    ends = [(message.observation.source, message.observation.destination) for message in trace.messages]
    assert ends == [(message.observation.source, message.observation.destination) for message in truth.messages]
