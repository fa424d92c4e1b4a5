"""A trace as text, for submission and for people: one line with time and addresses, then the message.

The form is that of sngrep's text export, which `sip_ci.trace.logs` reads back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sip_ci.trace.logs.sngrep import UNKNOWN_END
from sip_ci.trace.media_streams import media_streams
from sip_ci.trace.media_table import MediaTable
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.start_line import decode
from sip_ci.trace.trace import Trace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799.0
"""The last second that a calendar date of four digits can name, in UNIX seconds."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """A text, and which message stands where in it."""

    text: str
    messages: tuple[SipMessage, ...]
    lines: tuple[int, ...]
    """The 1-based line of each message's start line."""

    def message_at(self, line: int) -> SipMessage | None:
        """The message that a 1-based line of the text belongs to; its observation says where it came from.

        The line above a message belongs to it; None for lines before the first message.
        """
        index = bisect_right(self.lines, line + 1) - 1
        return self.messages[index] if index >= 0 else None


def transcribe(trace: Trace) -> Transcript:
    """All messages of a trace, below a comment line for each RTP stream."""
    return render_messages(trace.messages, describe_media(trace.media))


def render_messages(messages: Sequence[SipMessage], comments: Iterable[str] = ()) -> Transcript:
    """Messages as text, in the order given, below comment lines that begin with `#`.

    A message's bytes are decoded as UTF-8, or as Latin-1 where they are not UTF-8; its line ends stay. Times are
    written in UTC; those without a date count from 1970/01/01, and unknown ones are left out.
    """
    pieces = [f"# {' '.join(comment.split())}\n" for comment in comments]
    line = len(pieces) + 1
    if pieces:
        pieces.append("\n")
        line += 1
    lines: list[int] = []
    for message in messages:
        block = render_message(message)
        pieces.append(block)
        lines.append(line + 1)
        line += block.count("\n")
    return Transcript("".join(pieces), tuple(messages), tuple(lines))


def render_message(message: SipMessage) -> str:
    """One message with the line above it and the two line ends below it."""
    observation = message.observation
    head = f"{_end(observation.source)} -> {_end(observation.destination)}"
    time = _time(observation.time)
    return f"{time}{' ' if time else ''}{head}\n{decode(message.raw)}\n\n"


def group_by_call(messages: Iterable[SipMessage]) -> dict[str, list[SipMessage]]:
    """Messages by Call-ID, in order of each call's first message; those without one stand under the empty string.

    All dialogs and transactions of a call share its Call-ID (RFC 3261 §12), so no group cuts one apart.
    """
    calls: dict[str, list[SipMessage]] = {}
    for message in messages:
        calls.setdefault(message.call_id, []).append(message)
    return calls


def describe_media(media: MediaTable) -> list[str]:
    """One sentence for each RTP stream: addresses, SSRC, payload type, packets, seconds."""
    return [
        f"RTP {stream.source} -> {stream.destination} SSRC 0x{stream.ssrc:08x} payload type {stream.payload_type}"
        f"{f' ({stream.encoding})' if stream.encoding else ''}, {stream.packets} packets in {stream.seconds:.3f} s"
        for stream in media_streams(media)
    ]


def _end(endpoint: Endpoint | None) -> str:
    return UNKNOWN_END.decode() if endpoint is None else str(endpoint)


def _time(time: float | None) -> str:
    if time is None or not 0 <= time <= _LATEST:
        return ""
    moment = _EPOCH + timedelta(microseconds=round(time * 1e6))
    return moment.strftime("%Y/%m/%d %H:%M:%S.%f")
