"""The JSON document is valid by its schema and tells everything that the messages hold."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import jsonschema
import pytest
from tests.support.conversion import converted, seen, trace_of
from tests.support.messages import request

from sip_ci.convert.forms import Converter, Form
from sip_ci.convert.json_models import TraceDocument, json_schema
from sip_ci.trace.observation import Clock, Position
from sip_ci.trace.reading import read_trace
from sip_ci.trace.redact import Redactor
from sip_ci.trace.trace import Notice, NoticeKind, Trace

TRACES = Path(__file__).parents[2] / "examples" / "traces"


def document(trace: Trace, **options: object) -> TraceDocument:
    data, _ = converted(trace, Form.JSON, **options)  # type: ignore[arg-type]
    jsonschema.validate(json.loads(data), json_schema())
    return TraceDocument.model_validate_json(data)


def test_a_message_is_told_in_full() -> None:
    raw = request("X-Note: folded\r\n  twice", method="INVITE", body="v=0\r\ns=é\r\n".encode())
    (trace,) = document(trace_of([seen(raw)])).traces
    (message,) = trace.messages
    assert (message.method, message.status, message.cseq) == ("INVITE", None, "1 INVITE")
    assert message.timestamp == "2023-11-14T22:13:20.250000Z"
    assert (message.source, message.destination) == ("198.51.100.1:5060", "198.51.100.2:5060")
    assert message.line == 100
    assert ("X-Note", "folded twice") in [(header.name, header.value) for header in message.headers]
    assert message.body == "v=0\r\ns=é\r\n"
    assert message.body_base64 is None


def test_a_body_that_is_no_text_is_base64() -> None:
    body = b"\xff\xfe\0ISUP"
    (message,) = document(trace_of([seen(request(body=body))])).traces[0].messages
    assert message.body is None
    assert base64.b64decode(message.body_base64 or "") == body


def test_times_without_a_date_have_no_timestamp() -> None:
    trace = document(trace_of([seen(request(), time=60.0)], Clock.TIME_OF_DAY)).traces[0]
    assert (trace.clock, trace.messages[0].time, trace.messages[0].timestamp) == (Clock.TIME_OF_DAY, 60.0, None)


def test_notices_are_told_and_counted_by_kind() -> None:
    made = trace_of([seen(request())])
    notices = (
        Notice(NoticeKind.UNREAD_PROTOCOL, "ESP", 3, Position(frame=7)),
        Notice(NoticeKind.UNREAD_PROTOCOL, "SCTP", 2),
        Notice(NoticeKind.SKIPPED_TEXT, "Lines", 12_400, Position(line=1)),
    )
    trace = document(Trace(made.name, made.format, made.origin, made.clock, made.messages, notices=notices)).traces[0]
    assert trace.notice_counts == {NoticeKind.UNREAD_PROTOCOL: 5, NoticeKind.SKIPPED_TEXT: 12_400}
    assert [(notice.text, notice.frame, notice.line) for notice in trace.notices] == [
        ("ESP", 7, None),
        ("SCTP", None, None),
        ("Lines", None, 1),
    ]


def test_streams_and_facts_of_a_capture() -> None:
    (trace,) = document(read_trace(TRACES / "healthy-rtp.pcap", "healthy-rtp.pcap")).traces
    assert sum(stream.packets for stream in trace.streams) == 400
    assert {stream.encoding for stream in trace.streams} == {"PCMU/8000"}
    assert (trace.facts.media_packets, trace.facts.packets) == (400, 408)


def test_chosen_calls_and_masked_messages_are_said() -> None:
    whole = read_trace(TRACES / "healthy-ten-calls.pcap", "x")
    call = whole.messages[0].call_id
    (trace,) = document(whole, calls=(call,), redactor=Redactor()).traces
    assert {message.call_id for message in trace.messages} == {call}
    assert (trace.calls, trace.redacted) == ((call,), True)


def test_several_traces_are_one_document() -> None:
    converter = Converter(Form.JSON)
    pieces = [converter.begin()]
    for number in range(3):
        trace = trace_of([seen(request(f"Call-ID: {number}"))], name=f"{number}.log")
        pieces += converter.pieces(trace, trace.messages, alone=False)
    read = TraceDocument.model_validate_json(b"".join([*pieces, converter.end()]))
    assert [(trace.name, trace.messages[0].call_id) for trace in read.traces] == [
        ("0.log", "0"),
        ("1.log", "1"),
        ("2.log", "2"),
    ]


@pytest.mark.parametrize("raw", [b"INVITE\r\n\r\n", b"\xff\xfe SIP/2.0\n", b"SIP/2.0 200 \xed\xa0\x80\r\n:\r\n\r\n"])
def test_odd_messages_do_no_harm(raw: bytes) -> None:
    assert len(document(trace_of([seen(raw)])).traces[0].messages) == 1
