"""A trace as text, for submission and for people: one line with time and addresses, then the message.

The form is that of sngrep's text export, which `sip_ci.trace.logs` reads back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from sip_ci.trace.logs.sngrep import UNKNOWN_END
from sip_ci.trace.media_table import MediaKind, MediaTable
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.payload_types import STATIC_PAYLOAD_TYPES
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
    rtp = media.kind == MediaKind.RTP
    if not rtp.any():
        return []
    times, types = media.time_ns[rtp], media.payload_type[rtp]
    columns = (media.source[rtp].astype(np.int64), media.destination[rtp].astype(np.int64), media.ssrc[rtp])
    keys = np.stack([column.astype(np.int64) for column in columns], axis=1)
    streams, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    # The shape of the inverse differs between numpy versions.
    order = np.argsort(place.reshape(-1), kind="stable")
    bounds = np.searchsorted(place.reshape(-1)[order], np.arange(len(streams) + 1))
    sentences: list[tuple[int, str]] = []
    for index, (source, destination, ssrc) in enumerate(streams.tolist()):
        rows = order[bounds[index] : bounds[index + 1]]
        seconds = float(times[rows].max() - times[rows].min()) / 1e9
        payload_type = int(np.bincount(types[rows]).argmax())
        encoding = STATIC_PAYLOAD_TYPES.get(payload_type)
        codec = f"payload type {payload_type}" + (f" ({encoding})" if encoding is not None else "")
        text = (
            f"RTP {media.endpoints[source]} -> {media.endpoints[destination]} SSRC 0x{ssrc:08x} {codec}, "
            f"{len(rows)} packets in {seconds:.3f} s"
        )
        sentences.append((int(first[index]), text))
    return [text for _, text in sorted(sentences)]


def _end(endpoint: Endpoint | None) -> str:
    return UNKNOWN_END.decode() if endpoint is None else str(endpoint)


def _time(time: float | None) -> str:
    if time is None or not 0 <= time <= _LATEST:
        return ""
    moment = _EPOCH + timedelta(microseconds=round(time * 1e6))
    return moment.strftime("%Y/%m/%d %H:%M:%S.%f")
