"""Writes traces as one JSON document, message by message: memory does not grow with it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from sip_ci import __version__
from sip_ci.convert.json_models import (
    SCHEMA_VERSION,
    ConnectionEvent,
    HeaderLine,
    Message,
    Stream,
    Tool,
    TraceFacts,
    TraceNotice,
    Unreachable,
)
from sip_ci.trace.media_streams import MediaStream, media_streams
from sip_ci.trace.message import SipMessage
from sip_ci.trace.notice_summary import group_notices
from sip_ci.trace.observation import Clock, Endpoint
from sip_ci.trace.trace import Facts, Trace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799.0
"""The last second of the year 9999."""


def begin_document() -> bytes:
    """What stands before the first trace."""
    return (
        f'{{"schema_version":{SCHEMA_VERSION},"tool":{Tool(version=__version__).model_dump_json()},"traces":['.encode()
    )


def end_document() -> bytes:
    """What stands behind the last trace."""
    return b"\n]}\n"


def trace_pieces(
    trace: Trace, messages: Iterable[SipMessage], *, redacted: bool, calls: tuple[str, ...] | None, first: bool
) -> Iterator[bytes]:
    """One trace, with the messages given and not those of its own."""
    whole = calls is None
    head = {
        "name": trace.name,
        "format": trace.format,
        "origin": trace.origin.value,
        "clock": trace.clock.value,
        "redacted": redacted,
        "calls": calls,
        "facts": _facts(trace.facts, len(trace.media)).model_dump(mode="json"),
        "notices": [notice.model_dump(mode="json") for notice in _notices(trace)],
        "notice_counts": {group.kind.value: group.count for group in group_notices(trace.notices)},
        "streams": [_stream(item).model_dump(mode="json") for item in media_streams(trace.media)] if whole else [],
    }
    yield b"\n" if first else b",\n"
    yield json.dumps(head, ensure_ascii=False).encode("utf-8", "replace")[:-1] + b', "messages": ['
    separator = b"\n"
    for message in messages:
        yield separator + describe_message(message, trace.clock).model_dump_json().encode()
        separator = b",\n"
    yield b"]}"


def describe_message(message: SipMessage, clock: Clock) -> Message:
    """A message in the words of the schema."""
    seen = message.observation
    body = message.body
    try:
        text, encoded = body.decode("utf-8"), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(body).decode()
    return Message(
        index=message.index,
        time=seen.time,
        timestamp=_timestamp(seen.time) if clock is Clock.ABSOLUTE else None,
        source=_end(seen.source),
        destination=_end(seen.destination),
        sent=seen.sent,
        transport=seen.transport,
        frame=seen.position.frame,
        line=seen.position.line,
        copies=seen.copies,
        fidelity=message.fidelity,
        start_line=message.start_line,
        method=message.method or None,
        status=message.status,
        call_id=message.call_id,
        cseq=message.header("cseq") or "",
        headers=tuple(HeaderLine(name=line.written, value=message.value_of(line)) for line in message.headers),
        body=text,
        body_base64=encoded,
    )


def _facts(facts: Facts, media_packets: int) -> TraceFacts:
    return TraceFacts(
        packets=facts.packets,
        media_packets=media_packets,
        first_time=facts.first_time,
        last_time=facts.last_time,
        dropped_packets=facts.dropped_packets,
        truncated_packets=facts.truncated_packets,
        clock_steps=facts.clock_steps,
        clock_resolution=facts.clock_resolution,
        tcp_events=tuple(
            ConnectionEvent(
                kind=event.kind, time=event.time, source=str(event.source), destination=str(event.destination),
                frame=event.frame,
            )
            for event in facts.tcp_events
        ),
        icmp_errors=tuple(
            Unreachable(
                time=error.time, reporter=error.reporter, type=error.type, code=error.code, source=str(error.source),
                destination=str(error.destination), transport=error.transport, frame=error.frame,
            )
            for error in facts.icmp_errors
        ),
        tls_connections=tuple((str(client), str(server)) for client, server in facts.tls_connections),
    )  # fmt: skip


def _notices(trace: Trace) -> Iterator[TraceNotice]:
    for notice in trace.notices:
        place = notice.position
        yield TraceNotice(kind=notice.kind, text=notice.text, count=notice.count, frame=place.frame, line=place.line)


def _stream(stream: MediaStream) -> Stream:
    return Stream(
        source=str(stream.source),
        destination=str(stream.destination),
        ssrc=stream.ssrc,
        payload_type=stream.payload_type,
        encoding=stream.encoding,
        packets=stream.packets,
        first_time=stream.first_time_ns / 1e9,
        last_time=stream.last_time_ns / 1e9,
        frame=stream.frame,
    )


def _end(end: Endpoint | None) -> str | None:
    return None if end is None else str(end)


def _timestamp(time: float | None) -> str | None:
    if time is None or not 0 <= time <= _LATEST:
        return None
    return (
        (_EPOCH + timedelta(microseconds=round(time * 1e6))).isoformat(timespec="microseconds").replace("+00:00", "Z")
    )
