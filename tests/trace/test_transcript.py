from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_ci.trace.logs.registry import read_log
from sip_ci.trace.media_table import MediaKind, MediaTable
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Observation, Position, Transport
from sip_ci.trace.trace import Trace, TraceOrigin
from sip_ci.trace.transcript import describe_media, group_by_call, render_messages, transcribe

ALICE, BOB = Endpoint("192.0.2.1", 5060), Endpoint("2001:db8::2", 5060)


def message(
    index: int, *, time: float | None = 1_700_000_000.25, body: bytes = b"", call: str = "a", ends: bool = True
) -> SipMessage:
    raw = (
        b"MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d\r\nCall-ID: %s\r\nCSeq: %d MESSAGE\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (index, call.encode(), index, len(body), body)
    )
    source, destination = (ALICE, BOB) if ends else (None, None)
    return SipMessage(
        raw, Observation(time, source, destination, Transport.UDP, Position(frame=index + 1)), index=index
    )


def test_each_message_is_found_again_by_its_line() -> None:
    messages = [message(0, body=b"v=0\r\nx\r\n"), message(1), message(2)]
    transcript = render_messages(messages, ["RTP one", "two\nlines"])
    lines = transcript.text.split("\n")
    assert [lines[line - 1].rstrip("\r") for line in transcript.lines] == ["MESSAGE sip:b@h SIP/2.0"] * 3
    for index, line in enumerate(transcript.lines):
        for place in (line - 1, line, line + 3):
            assert transcript.message_at(place) is messages[index]
    assert transcript.message_at(1) is None
    assert lines[:2] == ["# RTP one", "# two lines"]


def test_our_own_reader_understands_it() -> None:
    messages = [message(0, body=b"hello"), message(1), message(2, time=None, ends=False)]
    trace = read_log(render_messages(messages[:2]).text.encode(), "x")
    assert trace.format == "sngrep"
    assert trace.clock is Clock.ABSOLUTE
    assert [read.raw for read in trace.messages] == [written.raw for written in messages[:2]]
    assert [read.fidelity for read in trace.messages] == [Fidelity.EXACT] * 2
    assert trace.messages[0].observation.time == pytest.approx(1_700_000_000.25)
    assert (trace.messages[0].observation.source, trace.messages[0].observation.destination) == (ALICE, BOB)
    (timeless,) = read_log(render_messages(messages[2:]).text.encode(), "x").messages
    assert timeless.raw == messages[2].raw
    assert timeless.observation.time is None


@given(st.lists(st.text("abc \r\n:é-", max_size=40), min_size=1, max_size=4))
def test_whatever_the_bodies_the_messages_come_back(bodies: list[str]) -> None:
    messages = [message(index, body=body.encode()) for index, body in enumerate(bodies)]
    trace = read_log(render_messages(messages, ["a comment"]).text.encode(), "x")
    assert [read.raw for read in trace.messages] == [written.raw for written in messages]
    assert [read.observation.position.line for read in trace.messages] == list(
        render_messages(messages, ["a comment"]).lines
    )


def test_calls_stay_together_in_order_of_their_beginning() -> None:
    messages = [message(0, call="b"), message(1, call="a"), message(2, call="b")]
    groups = group_by_call(messages)
    assert list(groups) == ["b", "a"]
    assert [member.index for member in groups["b"]] == [0, 2]


def test_each_stream_is_one_comment_line() -> None:
    count = 5
    media = MediaTable(
        (ALICE, BOB), np.arange(count) * 20_000_000, np.arange(count), np.zeros(count, np.int32),
        np.ones(count, np.int32), np.array([1, 1, 1, 2, 1], np.uint8), np.zeros(count, np.uint16),
        np.zeros(count, np.uint8), np.zeros(count, np.bool_), np.zeros(count, np.uint16), np.zeros(count, np.uint32),
        np.array([7, 7, 9, 7, 7], np.uint32), np.zeros(count, np.uint16), np.zeros(count, np.uint8),
        np.zeros(count, np.uint32),
    )  # fmt: skip
    assert int(MediaKind.RTP) == 1
    first, second = describe_media(media)
    assert (
        "192.0.2.1:5060 -> [2001:db8::2]:5060 SSRC 0x00000007 payload type 0 (PCMU/8000), 3 packets in 0.080 s" in first
    )
    assert "SSRC 0x00000009" in second
    trace = Trace("x", "pcap", TraceOrigin.CAPTURE, Clock.ABSOLUTE, (message(0),), media)
    assert transcribe(trace).text.startswith("# RTP 192.0.2.1:5060")
    assert transcribe(trace).lines == (5,)


def test_nothing() -> None:
    assert render_messages([]).text == ""
    assert describe_media(MediaTable.empty()) == []
