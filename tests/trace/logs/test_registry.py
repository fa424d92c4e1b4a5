from __future__ import annotations

import codecs
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import device_logs, sip_logs, tool_logs
from tests.support.corpus import CORPUS, needs_corpus
from tests.support.sip_logs import incoming_call

from sip_ci.trace.logs.registry import LAYOUTS, UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.trace import Notice, NoticeKind, Trace, TraceOrigin

DATA = Path(__file__).parents[2] / "data" / "logs"
LOCAL, REMOTE = Endpoint("192.0.2.10", 5060), Endpoint("198.51.100.20", 5062)

ABSOLUTE, OF_DAY, ORDINAL = Clock.ABSOLUTE, Clock.TIME_OF_DAY, Clock.ORDINAL


class Sample(NamedTuple):
    """The call as a program logs it, and what such a log can give."""

    layout: str
    build: Callable[[], bytes]
    exact: bool
    clock: Clock
    resolution: float


def sample(
    layout: str, write: Callable[..., bytes], *options: object, exact: bool = False, clock: Clock = ORDINAL,
    resolution: float = 0.0, **named: object,
) -> Sample:  # fmt: skip
    return Sample(layout, lambda: write(incoming_call(), *options, **named), exact, clock, resolution)


PJSIP, CHAN_SIP, SOFIA = "asterisk-pjsip", "asterisk-chan-sip", "freeswitch"
SAMPLES = {
    "raw": sample("raw", sip_logs.raw, exact=True),
    "sngrep": sample("sngrep", sip_logs.sngrep, exact=True, clock=ABSOLUTE, resolution=1e-6),
    "ngrep": sample("ngrep", sip_logs.ngrep, clock=ABSOLUTE, resolution=1e-6),
    "sipp 3.6": sample("sipp", sip_logs.sipp, 3, exact=True, clock=ABSOLUTE, resolution=1e-6),
    "sipp 4": sample("sipp", sip_logs.sipp, 4, exact=True, clock=ABSOLUTE, resolution=1e-6),
    "pjsip": sample(PJSIP, sip_logs.asterisk, exact=True, clock=ABSOLUTE, resolution=1e-3),
    "pjsip, LF": sample(PJSIP, sip_logs.asterisk, crlf=False, clock=ABSOLUTE, resolution=1e-3),
    "pjsip, noisy": sample(PJSIP, sip_logs.asterisk, crlf=False, noise=300, clock=ABSOLUTE, resolution=1e-3),
    "pjsip console": sample(PJSIP, sip_logs.asterisk, prefix="", exact=True),
    "chan_sip": sample(CHAN_SIP, sip_logs.chan_sip, clock=OF_DAY, resolution=1.0),
    "chan_sip console": sample(CHAN_SIP, sip_logs.chan_sip, prefix=""),
    "freeswitch, indented": sample(SOFIA, sip_logs.freeswitch, "indented", clock=OF_DAY, resolution=1e-6),
    "freeswitch, ruled": sample(SOFIA, sip_logs.freeswitch, "ruled", clock=OF_DAY, resolution=1e-6),
    "freeswitch, bare": sample(SOFIA, sip_logs.freeswitch, "bare", clock=OF_DAY, resolution=1e-6),
}
DIRECTED = {"kamailio", "sip-trace-csv"}
"""Choices of messages that say of each whether it was sent."""
UNDIRECTED = {"baresip"}
"""Programs' own logs that do not say which side wrote them."""
DEVICES = {
    "pjsua": sample("pjsip", device_logs.pjsua, exact=True, clock=OF_DAY, resolution=1e-3),
    "pjsua, LF": sample("pjsip", device_logs.pjsua, crlf=False, noise=300, clock=OF_DAY, resolution=1e-3),
    "baresip": sample("baresip", device_logs.baresip, exact=True, clock=OF_DAY, resolution=1e-3),
    "baresip, LF": sample("baresip", device_logs.baresip, crlf=False, noise=300, clock=OF_DAY, resolution=1e-3),
    "linphone": sample("linphone", device_logs.linphone, crlf=True, exact=True, clock=ABSOLUTE, resolution=1e-3),
    "linphone, LF": sample("linphone", device_logs.linphone, noise=300, clock=ABSOLUTE, resolution=1e-3),
    "jssip, browser": sample("jssip", device_logs.jssip, "browser", crlf=False),
    "jssip, styled": sample("jssip", device_logs.jssip, "styled", crlf=False, noise=300),
    "jssip, terminal": sample("jssip", device_logs.jssip, "terminal", noise=9),
    "sipjs": sample("sipjs", device_logs.sipjs, exact=True, clock=ABSOLUTE, resolution=1.0),
    "sipjs, old": sample("sipjs", device_logs.sipjs, old=True, crlf=False, noise=9, clock=ABSOLUTE, resolution=1.0),
    "sipgo": sample("sipgo", device_logs.sipgo, "default", exact=True, noise=9, clock=ABSOLUTE, resolution=1.0),
    "exosip": sample("exosip", device_logs.exosip, exact=True, noise=9),
    "sipml5": sample("sipml5", device_logs.sipml, noise=9),
    "cisco": sample("cisco-ios", device_logs.cisco, noise=300, clock=OF_DAY, resolution=1e-3),
    "cisco, old": sample("cisco-ios", device_logs.cisco, "old", clock=OF_DAY, resolution=1e-3),
    "cisco, VoIP trace": sample("cisco-ios", device_logs.cisco, "trace", noise=9, clock=OF_DAY, resolution=1e-3),
    "cucm": sample("cisco-cucm", device_logs.cucm, exact=True, clock=OF_DAY, resolution=1e-3),
    "cucm, LF": sample("cisco-cucm", device_logs.cucm, crlf=False, noise=300, clock=OF_DAY, resolution=1e-3),
    "oracle": sample("oracle-sipmsg", device_logs.oracle, exact=True, clock=OF_DAY, resolution=1e-3),
    "oracle, LF": sample("oracle-sipmsg", device_logs.oracle, crlf=False, others=9, clock=OF_DAY, resolution=1e-3),
    "audiocodes": sample("audiocodes", device_logs.audiocodes, escaped=False, noise=9, clock=OF_DAY, resolution=1e-3),
    "ribbon, DBG": sample("ribbon-sbc", device_logs.ribbon_debug, noise=9, clock=ABSOLUTE, resolution=1e-6),
    "ribbon, TRC": sample("ribbon-sbc", device_logs.ribbon_trace, noise=9, clock=ABSOLUTE, resolution=1e-6),
}
TOOLS = {
    "tcpdump -A": sample("tcpdump", tool_logs.tcpdump, clock=ABSOLUTE, resolution=1e-6),
    "tcpdump -v": sample("tcpdump", tool_logs.tcpdump, verbose=True, clock=ABSOLUTE, resolution=1e-6),
    "tcpdump, undated": sample("tcpdump", tool_logs.tcpdump, date="", clock=OF_DAY, resolution=1e-6),
    "kamailio": sample("kamailio", tool_logs.kamailio, exact=True),
    "kamailio, glued": sample("kamailio", tool_logs.kamailio, glued=True, exact=True),
    "kamailio, syslog": sample(
        "kamailio", tool_logs.kamailio, prefix="Aug  7 {time} host kamailio[77]: INFO: <script>: ", exact=True,
        clock=OF_DAY, resolution=1.0,
    ),
    "opensips": sample(
        "kamailio", tool_logs.kamailio, prefix="Aug  7 {time} [77] ", exact=True, clock=OF_DAY, resolution=1.0
    ),
    "kamailio sipdump": sample("kamailio-sipdump", tool_logs.sipdump, exact=True, clock=ABSOLUTE, resolution=1e-6),
    "homer": sample("homer", tool_logs.homer, exact=True, clock=ABSOLUTE, resolution=1e-6),
    "drachtio": sample("drachtio", tool_logs.drachtio, clock=ABSOLUTE, resolution=1e-6),
    "sip_trace": sample("sip-trace-csv", tool_logs.sip_trace, exact=True, clock=ABSOLUTE, resolution=1e-6),
    "sip_trace, semicolons": sample(
        "sip-trace-csv", tool_logs.sip_trace, separator=";", exact=True, clock=ABSOLUTE, resolution=1e-6
    ),
}  # fmt: skip
SAMPLES |= DEVICES | TOOLS
samples = pytest.mark.parametrize("name", SAMPLES)


def read(name: str) -> Trace:
    return read_log(SAMPLES[name].build(), "call.log")


def skipped(trace: Trace) -> list[Notice]:
    """What the reader has to say, other lines of the log aside."""
    return [notice for notice in trace.notices if notice.kind is not NoticeKind.OTHER_TEXT]


def check_messages(trace: Trace, *, line_ends: bool = True) -> None:
    """The trace holds the call, byte for byte where line ends were kept."""
    raws = [message.raw for message in trace.messages]
    if line_ends:
        assert raws == [entry.raw for entry in incoming_call()]
    assert list(map(sip_logs.without_cr, raws)) == [sip_logs.without_cr(entry.raw) for entry in incoming_call()]
    assert [message.index for message in trace.messages] == list(range(len(raws)))


@samples
def test_every_layout_gives_the_same_call(name: str) -> None:
    trace = read(name)
    assert trace.format == SAMPLES[name].layout
    fidelity = Fidelity.EXACT if SAMPLES[name].exact else Fidelity.LINE_ENDINGS_LOST
    assert {message.fidelity for message in trace.messages} == {fidelity}
    check_messages(trace, line_ends=SAMPLES[name].exact)
    assert not skipped(trace)


@samples
def test_positions_are_lines_of_the_original(name: str) -> None:
    lines = SAMPLES[name].build().split(b"\n")
    for message in read(name).messages:
        assert message.observation.position.line is not None
        assert (
            lines[message.observation.position.line - 1].strip().decode().removesuffix(".").endswith(message.start_line)
        )


@samples
def test_both_directions_meet_at_the_same_addresses(name: str) -> None:
    trace = read(name)
    for message, entry in zip(trace.messages, incoming_call(), strict=True):
        ends = (LOCAL, REMOTE) if entry.sent else (REMOTE, LOCAL)
        assert (message.observation.source, message.observation.destination) == ends
        assert message.observation.transport is Transport.UDP
        undirected = (trace.origin is TraceOrigin.TEXT and trace.format not in DIRECTED) or trace.format in UNDIRECTED
        assert message.observation.sent is (None if undirected else entry.sent)


@samples
def test_times_are_those_of_the_log(name: str) -> None:
    trace = read(name)
    times = [message.observation.time for message in trace.messages]
    assert trace.clock is SAMPLES[name].clock
    assert trace.facts.clock_resolution == pytest.approx(SAMPLES[name].resolution)
    if trace.clock is ORDINAL:
        assert times == [None] * 6
        return
    start = 8 * 3600 + 45 * 60 + 42
    start += 1786060800 if trace.clock is ABSOLUTE else 0  # 2026-08-07 00:00 UTC
    expected = [start + entry.second for entry in incoming_call()]
    assert times == pytest.approx(expected, rel=0, abs=max(SAMPLES[name].resolution, 1e-5))
    assert trace.facts.first_time == pytest.approx(start)


@samples
def test_layouts_do_not_steal_from_each_other(name: str) -> None:
    for layout in LAYOUTS:
        heads = list(layout.heads(SAMPLES[name].build()))
        assert len(heads) == (6 if layout.name == SAMPLES[name].layout else 0)


@samples
@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda data: codecs.BOM_UTF8 + data, id="byte order mark"),
        pytest.param(
            lambda data: data.replace(b"<---", b"\x1b[1;32m<---").replace(b"SIP/2.0 ", b"SIP/2.0\x1b[0m "), id="colours"
        ),
        pytest.param(lambda data: codecs.BOM_UTF16_LE + data.decode().encode("utf-16-le"), id="UTF-16"),
    ],
)
def test_what_terminals_and_collectors_add_is_taken_away(name: str, alter: Callable[[bytes], bytes]) -> None:
    trace = read_log(alter(SAMPLES[name].build()), "x")
    starts = [message.start_line for message in trace.messages]
    assert starts == [entry.raw.split(b"\r\n")[0].decode() for entry in incoming_call()]
    bodies = [sip_logs.without_cr(message.body).strip() for message in trace.messages]
    assert bodies == [sip_logs.without_cr(entry.raw.partition(b"\r\n\r\n")[2]).strip() for entry in incoming_call()]


LABELS = {
    "docker compose logs": b"pbx-1  | ",
    "docker compose logs -t": b"pbx-1  | 2026-08-07T06:45:42.123456789Z ",
    "docker logs -t": b"2026-08-07T06:45:42.123456789Z ",
    "compose in a CI job": b"2026-08-07T06:45:42.1234567Z pbx-1  | ",
    "kubectl logs --prefix": b"[pod/pbx-0/pbx] ",
}
labels = pytest.mark.parametrize("label", LABELS.values(), ids=LABELS)
lines_kept = pytest.mark.parametrize("trimmed", [False, True], ids=["as written", "blanks trimmed"])


def labelled(data: bytes, label: bytes, *, trimmed: bool = False) -> bytes:
    """A program's output with a label before each line, and perhaps without the blanks at the ends of lines."""
    lines = [label + line for line in data.removesuffix(b"\n").split(b"\n")]
    return b"".join((line.rstrip() if trimmed else line) + b"\n" for line in lines)


@samples
@labels
@lines_kept
@pytest.mark.parametrize("line_feeds_only", [False, True], ids=["CR kept", "LF only"])
def test_labels_of_collectors_change_nothing(name: str, label: bytes, trimmed: bool, line_feeds_only: bool) -> None:
    data = sip_logs.without_cr(SAMPLES[name].build()) if line_feeds_only else SAMPLES[name].build()
    plain, trace = read_log(data, "x"), read_log(labelled(data, label, trimmed=trimmed), "x")
    assert trace.format == SAMPLES[name].layout
    if trimmed:
        check_messages(trace, line_ends=False)
    else:
        assert [message.raw for message in trace.messages] == [message.raw for message in plain.messages]
        assert [message.fidelity for message in trace.messages] == [message.fidelity for message in plain.messages]
    assert not skipped(trace)
    positions = [message.observation.position for message in trace.messages]
    assert positions == [message.observation.position for message in plain.messages]
    if plain.clock is not ORDINAL:
        times = [message.observation.time for message in trace.messages]
        assert times == [message.observation.time for message in plain.messages]


@pytest.mark.parametrize("name", [name for name, sample in SAMPLES.items() if sample.clock is ORDINAL])
def test_where_a_program_writes_no_times_those_of_the_collector_are_taken(name: str) -> None:
    lines = SAMPLES[name].build().split(b"\n")
    data = b"".join(b"2026-08-07T08:00:00.%09dZ %s\n" % (1000 * index, line) for index, line in enumerate(lines))
    trace = read_log(data, "x")
    assert trace.clock is ABSOLUTE
    assert trace.facts.first_time == pytest.approx(1786060800 + 8 * 3600, abs=1e-6)
    assert trace.facts.last_time == pytest.approx(1786060800 + 8 * 3600 + 1e-6 * (len(lines) - 1), abs=1e-6)
    check_messages(trace, line_ends=False)


@samples
def test_lines_of_other_containers_between_those_of_a_message_do_not_matter(name: str) -> None:
    data = labelled(SAMPLES[name].build(), b"pbx-1       | ")
    mixed = b"Attaching to pbx-1, database-1\n" + data.replace(b"\n", b"\ndatabase-1  | INFO no SIP/2.0 here\n")
    trace = read_log(mixed, "x")
    assert trace.format == SAMPLES[name].layout
    check_messages(trace, line_ends=False)
    lines = mixed.split(b"\n")
    for message in trace.messages:
        assert message.observation.position.line is not None
        assert message.start_line.encode() in lines[message.observation.position.line - 1]


@labels
@pytest.mark.parametrize(
    "name", ["sipp-3.6-caller-udp.log", "sipp-3.6-callee-tcp.log", "sngrep-udp.txt", "ngrep-udp.txt"]
)
def test_real_logs_with_labels(name: str, label: bytes) -> None:
    data = (DATA / name).read_bytes()
    plain, trace = read_log(data, "x"), read_log(labelled(data, label), "x")
    assert trace.format == plain.format
    assert [message.raw for message in trace.messages] == [message.raw for message in plain.messages]


@pytest.mark.parametrize("line_end", ["#012", "#015#012", r"\n", r"\r\n"])
def test_escaped_line_ends_are_resolved_and_lines_stay_those_of_the_original(line_end: str) -> None:
    out: list[str] = ["Aug  7 08:45:41 pbx asterisk[77]: starting"]
    for entry in incoming_call():
        head = f"<--- {'Transmitting' if entry.sent else 'Received'} SIP request ({len(entry.raw)} bytes) "
        head += f"{'to' if entry.sent else 'from'} UDP:{REMOTE} --->"
        text = f"{head}\n{sip_logs.without_cr(entry.raw).decode()}"
        out.append("Aug  7 08:45:42 pbx asterisk[77]: " + text.replace("\n", line_end))
    trace = read_log("\n".join(out).encode(), "syslog")
    assert trace.format == "asterisk-pjsip"
    assert trace.clock is Clock.TIME_OF_DAY
    assert [message.observation.position.line for message in trace.messages] == [2, 3, 4, 5, 6, 7]
    assert [sip_logs.without_cr(message.body).strip() for message in trace.messages] == [
        sip_logs.without_cr(entry.raw.partition(b"\r\n\r\n")[2]).strip() for entry in incoming_call()
    ]


@samples
def test_a_log_that_breaks_off_says_so(name: str) -> None:
    data = SAMPLES[name].build()
    cut = data[: data.index(b"a=rtpmap") + 4]
    trace = read_log(cut, "x")
    assert [message.fidelity for message in trace.messages] == [Fidelity.TRUNCATED]
    (notice,) = skipped(trace)
    assert notice.kind is NoticeKind.TRUNCATED_MESSAGE
    assert notice.position.line == trace.messages[0].observation.position.line


def test_freeswitch_says_itself_what_it_left_out() -> None:
    data = sip_logs.freeswitch(incoming_call()[:2], "indented")
    start = data.index(b"   m=audio")
    data = data[:start] + b"   *** message truncated at 300 ***\n" + data[data.index(b"   ---", start) :]
    trace = read_log(data, "x")
    assert [message.fidelity for message in trace.messages] == [Fidelity.TRUNCATED, Fidelity.LINE_ENDINGS_LOST]
    assert b"***" not in trace.messages[0].raw


def test_midnight_passes() -> None:
    call = incoming_call()
    late = [sip_logs.Logged(entry.sent, entry.raw, 54857.0 + index) for index, entry in enumerate(call)]
    trace = read_log(sip_logs.freeswitch(late, "bare").replace(b"2026-08-07 08:45:43.000000 ", b""), "x")
    times = [message.observation.time for message in trace.messages]
    assert times == pytest.approx([86399.0 + index for index in range(6)])
    check_messages(trace, line_ends=False)


def test_a_log_to_the_second_without_a_year_has_no_date() -> None:
    trace = read_log(
        sip_logs.asterisk(incoming_call(), prefix="[Aug  7 08:45:42] VERBOSE[1] res_pjsip_logger.c: "), "x"
    )
    assert trace.clock is Clock.TIME_OF_DAY
    assert {message.observation.time for message in trace.messages} == {31542.0}
    assert trace.facts.clock_resolution == 1.0
    check_messages(trace)


def test_a_date_header_is_no_time_of_the_log() -> None:
    call = [
        sip_logs.Logged(
            entry.sent, entry.raw.replace(b"CSeq:", b"Date: Fri, 07 Aug 2026 23:59:59 GMT\r\nCSeq:"), entry.second
        )
        for entry in incoming_call()
    ]
    trace = read_log(sip_logs.sipp(call, 4), "x")
    assert trace.clock is ABSOLUTE
    assert trace.facts.last_time == trace.messages[-1].observation.time


def test_a_log_that_goes_on_after_its_last_message_has_seen_that_time() -> None:
    later = b"[2026-08-07 09:00:00.000] NOTICE[1] pbx.c: still here, 23:59:59\nand a word\n"
    trace = read_log(sip_logs.asterisk(incoming_call()) + later, "x")
    assert trace.facts.last_time == pytest.approx(1786060800 + 9 * 3600)


def test_a_writer_that_never_names_itself_is_one_participant() -> None:
    call = [
        sip_logs.Logged(entry.sent, entry.raw.replace(b"b@192.0.2.10", b"b@pbx.example"), 0)
        for entry in incoming_call()[:3]
    ]
    trace = read_log(sip_logs.asterisk(call), "x")
    local = {message.observation.destination for message in trace.messages if not message.observation.sent}
    assert local == {Endpoint("local", 0)} == {trace.messages[1].observation.source}


@pytest.mark.parametrize(
    ("name", "layout", "starts", "transport"),
    [
        ("sipp-3.6-caller-udp.log", "sipp", "INVITE", Transport.UDP),
        ("sipp-3.6-callee-tcp.log", "sipp", "INVITE", Transport.TCP),
        ("sngrep-udp.txt", "sngrep", "INVITE", Transport.UDP),
        ("ngrep-udp.txt", "ngrep", "INVITE", Transport.UDP),
    ],
)
def test_real_logs(name: str, layout: str, starts: str, transport: Transport) -> None:
    trace = read_log((DATA / name).read_bytes(), name)
    assert trace.format == layout
    assert trace.clock is Clock.ABSOLUTE
    assert [message.method or message.status for message in trace.messages] == [starts, 180, 200, "ACK", "BYE", 200]
    assert {message.fidelity for message in trace.messages} == {
        Fidelity.LINE_ENDINGS_LOST if layout == "ngrep" else Fidelity.EXACT
    }
    assert all(message.content_length == len(message.body) for message in trace.messages)
    ends = {frozenset((message.observation.source, message.observation.destination)) for message in trace.messages}
    assert len(ends) == 1
    assert {message.observation.transport for message in trace.messages} == {transport}


def test_a_mapped_file_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "pbx.log"
    path.write_bytes(SAMPLES["pjsip, noisy"].build())
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        trace = read_log(mapped, "pbx.log")
    check_messages(trace, line_ends=False)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_like_object_will_do(kind: Callable[[bytes], bytes | bytearray | memoryview]) -> None:
    assert len(read_log(kind(SAMPLES["sipp 4"].build()), "x").messages) == 6


def test_a_message_late_in_a_big_log_is_found() -> None:
    noise = b"[2026-08-07 08:00:00.000] DEBUG[1] pbx.c: nothing to see here\n" * 40_000
    trace = read_log(noise + SAMPLES["pjsip"].build(), "x")
    assert trace.format == "asterisk-pjsip"
    assert trace.messages[0].observation.position.line == 40_002
    assert trace.facts.first_time == pytest.approx(1786060800 + 8 * 3600)


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"hello\nworld\n", b"\x00" * 100, b"\xff\xfe", b"Via: SIP/2.0/UDP h\n", codecs.BOM_UTF8]
)
def test_what_holds_no_sip_is_of_unknown_form(data: bytes) -> None:
    trace = read_log(data, "x")
    assert trace.format == UNKNOWN_FORMAT
    assert trace.messages == ()
    assert [notice.kind for notice in trace.notices] == [NoticeKind.SKIPPED_TEXT]


def test_what_is_no_text_is_not_called_one() -> None:
    text = read_log(b"hello\n" * 100, "x").notices[0].text
    binary = read_log(bytes(range(256)) * 10, "x").notices[0].text
    assert "in this text" in text
    assert "nor a text" in binary


def test_sentences_about_sip_are_no_messages() -> None:
    text = b"The peer answered SIP/2.0 200 OK\n"
    text += b"and we sent INVITE sip:b@example.com SIP/2.0\nto a -> b\n<--- Received SIP request\n"
    assert read_log(text, "x").messages == ()


FRAGMENTS = st.sampled_from(
    [
        *(entry.build()[:900] for entry in SAMPLES.values()), b"-" * 47 + b" ", b"\x1b[31m", b"#012", b"\\r\\n",
        b"SIP/2.0 200 OK\r\n", b"Content-Length: 999999999\n", b"Content-Length: -1\n", b"\n\n", b"\r\n\r\n", b"<--- ",
        b" -> ", b" bytes from ", b"INVITE sip:x SIP/2.0\n", b"Content-Type: message/sipfrag\n", b"   ",
        b"&lt;sip:a&gt;",
        codecs.BOM_UTF16_BE, b"99:99:99.000000", b"recv 0 bytes from udp/[::1]:99999 at 25:00:00.000000:\n",
        b"9999/99/99 99:99:99.999999 a:1 -> b:99999\n",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAGMENTS | st.binary(max_size=60), max_size=12).map(b"".join))
def test_no_text_makes_a_reader_fail(data: bytes) -> None:
    trace = read_log(data, "fuzz")
    lines = data.count(b"\n") + 1
    for message in trace.messages:
        assert message.raw
        assert message.observation.position.line is not None
        if data[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            assert 1 <= message.observation.position.line <= lines


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_samples_never_fail_and_never_grow(name: str, data: st.DataObject) -> None:
    text = bytearray(SAMPLES[name].build())
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text) - 1))
        end = min(len(text), start + data.draw(st.integers(0, 40)))
        text[start:end] = data.draw(st.binary(max_size=20))
    trace = read_log(bytes(text), "fuzz")
    assert len(trace.messages) <= 6 + 12
    for layout in LAYOUTS:
        heads = list(layout.heads(bytes(text)))
        assert [head.start for head in heads] == sorted(head.start for head in heads)
        assert all(head.start <= head.payload <= len(text) for head in heads)


@pytest.mark.corpus
@needs_corpus
@pytest.mark.parametrize(
    "path", sorted((*CORPUS.glob("text/*.txt"), *CORPUS.glob("field-bugs/*.txt"))), ids=lambda path: path.stem
)
def test_logs_of_strangers(path: Path) -> None:
    index = (CORPUS / "INDEX.tsv").read_text().splitlines()
    columns = index[0].split("\t")
    row = next(line.split("\t") for line in index if line.startswith(f"{path.parent.name}/{path.name}\t"))
    trace = read_log(path.read_bytes(), path.name)
    assert len(trace.messages) == int(row[columns.index("sip_messages")])
    assert len({message.call_id for message in trace.messages}) == int(row[columns.index("distinct_call_ids")])
