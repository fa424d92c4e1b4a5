"""belle-sip's channel log: what one read of a connection gave, and what Android makes of it."""

from __future__ import annotations

import pytest
from tests.support.device_logs import linphone, linphone_android, linphone_stream
from tests.support.sip_logs import Logged, incoming_call, without_cr

from sip_ci.trace.logs.registry import UNKNOWN_FORMAT, read_log
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Transport
from sip_ci.trace.trace import NoticeKind, Trace

CALL = incoming_call()


def check_call(trace: Trace) -> None:
    assert trace.format == "linphone"
    assert [without_cr(message.raw) for message in trace.messages] == [without_cr(entry.raw) for entry in CALL]
    assert [message.observation.sent for message in trace.messages] == [entry.sent for entry in CALL]
    assert not [notice for notice in trace.notices if notice.kind is not NoticeKind.OTHER_TEXT]


@pytest.mark.parametrize("size", [1 << 20, 1000, 300, 100, 64])
def test_reads_hold_parts_of_messages_or_several(size: int) -> None:
    check_call(read_log(linphone_stream(CALL, lambda _: size), "x"))


def test_two_messages_in_one_read_have_lines_of_their_own() -> None:
    received = [Logged(False, entry.raw, entry.second) for entry in CALL]
    data = linphone_stream(received, lambda length: length)
    trace = read_log(data, "x")
    lines = data.decode().split("\n")
    starts = [lines[(message.observation.position.line or 0) - 1] for message in trace.messages]
    assert starts == [message.start_line for message in trace.messages]
    assert len({message.observation.position.line for message in trace.messages}) == 6


def test_other_connections_between_the_parts_of_a_message() -> None:
    first = linphone_stream(CALL[:1], lambda _: 200)
    other = linphone(CALL[1:2]).replace(b"[0x561c929c]", b"[0x2]")
    head = b" channel [0x1]: received"
    place = first.index(head, first.index(head) + 1)
    place = first.rindex(b"\n", 0, place) + 1
    trace = read_log(first[:place] + other + first[place:], "x")
    assert sorted(message.status or 0 for message in trace.messages) == [0, 200]
    assert {without_cr(message.raw) for message in trace.messages} == {without_cr(entry.raw) for entry in CALL[:2]}


def test_a_connection_that_breaks_off_within_a_message() -> None:
    data = linphone_stream(CALL[:1], lambda _: 200)
    cut = data[: data.rindex(b"2026-08-07", 0, data.rindex(b"received ["))]
    trace = read_log(cut, "x")
    assert [message.fidelity for message in trace.messages] == [Fidelity.TRUNCATED]


@pytest.mark.parametrize("blank_lines", [False, True])
def test_android_labels_each_line_and_may_lose_the_blank_ones(blank_lines: bool) -> None:
    trace = read_log(linphone_android(CALL, blank_lines=blank_lines), "logcat.txt")
    check_call(trace)
    assert trace.clock is Clock.TIME_OF_DAY


@pytest.mark.parametrize("blank_lines", [False, True])
def test_ios_puts_a_tab_before_each_line_of_a_message(blank_lines: bool) -> None:
    trace = read_log(linphone_android(CALL, blank_lines=blank_lines, ios=True), "xcode.txt")
    check_call(trace)
    assert trace.clock is Clock.ABSOLUTE


def test_android_studio_indents_what_follows_the_first_line() -> None:
    data = linphone(CALL).replace(b"\n", b"\n" + b" " * 100)
    data = data.replace(b"\n" + b" " * 100 + b"2026-", b"\n2026-")
    check_call(read_log(data, "x"))


def test_a_record_logged_under_two_names_counts_once() -> None:
    both = b""
    for entry in CALL:
        both += linphone([entry], tag="belle-sip") + linphone([entry], tag="sip:call:info")
    check_call(read_log(both, "x"))


def test_a_retransmission_is_kept() -> None:
    again = [CALL[0], Logged(False, CALL[0].raw, 0.5), *CALL[1:]]
    assert len(read_log(linphone(again), "x").messages) == 7


def test_mapped_addresses_and_epoch_times() -> None:
    data = linphone(CALL, remote="::ffff:198.51.100.20:5062")
    trace = read_log(data.replace(b"2026-08-07 08:45:42:000 [", b"1786092342.000 1724-1724/app I/ ["), "x")
    assert trace.messages[0].observation.source == Endpoint("198.51.100.20", 5062)
    assert trace.messages[0].observation.time == pytest.approx(1786092342.0)


def test_transport_is_that_of_the_channel() -> None:
    trace = read_log(linphone(CALL, transport="TLS"), "x")
    assert {message.observation.transport for message in trace.messages} == {Transport.TLS}


def test_channels_without_sip_announce_nothing() -> None:
    text = b"2026-08-07 08:45:42:000 [belle-sip] MESSAGE channel [0x1]: received [30] new bytes from [TCP://h:5060]:\n"
    assert read_log(text + b"keep-alive\n" * 3, "x").format == UNKNOWN_FORMAT
