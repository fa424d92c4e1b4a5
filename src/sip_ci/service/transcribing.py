"""Writes an input out as text for a server that takes nothing else: read here, masked, and split by call."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.errors import InputError
from sip_ci.inputs import TraceFile
from sip_ci.service.chunks import Block, Chunks, split
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_summary import summarise_notices
from sip_ci.trace.reading import read_trace
from sip_ci.trace.redact import Redactor
from sip_ci.trace.trace import Trace
from sip_ci.trace.transcript import describe_media, render_message


def transcribe(file: TraceFile, maximum_bytes: int = Limits().input_bytes, key_log: bytes = b"") -> Chunks:
    """Read a capture or a log and write it out in parts that the API takes.

    Credentials, keys and identities are masked: what leaves this machine is what a diagnosis needs.

    Args:
        file: The input.
        maximum_bytes: How many of its bytes are read.
        key_log: Secrets of TLS connections in it; they do not leave this machine.

    Raises:
        InputError: The input holds no SIP message.
        OSError: The file cannot be read.
    """
    trace = read_trace(file.path, file.name, Limits(input_bytes=maximum_bytes), key_log)
    if not trace.messages:
        reasons = "; ".join(notice.text for notice in trace.notices[:3])
        raise InputError(f"holds no SIP message{f': {reasons}' if reasons else ''}")
    chunks = split(_blocks(trace))
    notices = tuple(summarise_notices(trace.notices))
    return Chunks(chunks.pieces, notices + chunks.notices)


def _blocks(trace: Trace) -> Iterator[Block]:
    for comment in describe_media(trace.media):
        yield Block("", f"# {comment}\n")
    redactor = Redactor()
    for index, message in enumerate(trace.messages):
        position = message.observation.position
        yield Block(
            call=message.call_id,
            text=render_message(redactor.redact_message(message)),
            message=index,
            # The block's first line says when and between whom; the message begins on its second.
            line=None if position.line is None else position.line - 1,
            frame=position.frame,
        )
