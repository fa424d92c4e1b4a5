"""RTP streams: one SSRC from one endpoint to another, cut from the media table (RFC 3550 §3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sip_ci.trace.media_groups import RtpGroup, is_silence, rtp_groups
from sip_ci.trace.media_spill import STREAMS
from sip_ci.trace.media_table import CONTENT_CUT, DSCP_UNKNOWN, MediaTable
from sip_ci.trace.payload_types import STATIC_PAYLOAD_TYPES, Encoding
from sip_ci_server.engine.rtp_statistics import (
    Loss,
    extended_sequence,
    in_order,
    jitter_of,
    loss_in,
    steps_of,
)
from sip_ci_server.engine.telephone_events import EventLog, look_like_events, read_events

MINIMUM_UNANNOUNCED = 20
"""Packets that a stream no SDP announces must have to be taken for RTP."""
SILENCE = 0.2
"""Seconds without a packet, ended by one with the marker, that separate talkspurts (RFC 3551 §4.1)."""
DYNAMIC = 96
"""The first payload type that SDP gives a meaning (RFC 3551 §6)."""
FEW_EVENTS = 3
"""Packets below which nothing is taken for telephone events by its form."""
REGULAR = 0.9
"""Share of equal steps in sequence numbers from which they count as regular."""
MAXIMUM_STREAMS = STREAMS
"""Streams that are kept, those of the most packets; only a forged or scrambled capture holds more."""
_COMMON_STEPS = {80: 8000, 160: 8000, 240: 8000, 320: 16000, 480: 48000, 960: 48000, 1920: 48000, 2880: 48000}
"""Timestamp ticks for each packet, and the clock rate that they are typical of."""


class Stream:
    """The packets of one SSRC between two endpoints, in order of arrival.

    Figures are kept once they are known, arrays are not: the rows of a large capture are on a disk.
    """

    def __init__(self, group: RtpGroup) -> None:
        self.source = group.source
        self.destination = group.destination
        self.ssrc = group.ssrc
        self.encodings: dict[int, Encoding] = {}
        """What the payload types mean by the SDP of the call; empty where no SDP announces the stream."""
        self._group = group

    def __repr__(self) -> str:
        return f"<Stream {self.source} -> {self.destination} {self.ssrc:#x} {self.packets} packets>"

    @property
    def rows(self) -> MediaTable:
        """The packets; ask once and keep the answer as long as it is needed, as it may come from a disk."""
        return self._group.rows()

    @property
    def packets(self) -> int:
        """All packets, of whatever payload type."""
        return self._group.packets

    @property
    def is_regular(self) -> bool:
        """Whether it is known that each sequence number is one more than that before it."""
        return self._group.regular

    def part(self, selection: slice | npt.NDArray[np.bool_]) -> Stream:
        """Some of the packets as a stream of their own, which has the same encodings."""
        part = Stream(self._group.part(selection))
        part.encodings = self.encodings
        return part

    def look(self) -> None:
        """Take down what is usually asked for, so that rows on a disk are read once for all of it."""
        if self._group.stored:
            self._group.describe()
            _ = self._span, self.payload_counts, self.loss, self.is_sample, self.order, self._event_shapes
            _ = self.dscp, self.silent_packets, self.cut_packets

    @cached_property
    def _span(self) -> tuple[int, int]:
        """When the first and the last packet arrived, in UNIX nanoseconds."""
        if self._group.span is not None:
            return self._group.span
        times = self.rows.time_ns
        return int(times[0]), int(times[-1])

    @property
    def starts(self) -> float:
        """The arrival of the first packet, in UNIX seconds."""
        return self._span[0] / 1e9

    @property
    def ends(self) -> float:
        """The arrival of the last packet, in UNIX seconds."""
        return self._span[1] / 1e9

    @property
    def duration(self) -> float:
        """Seconds from the first to the last packet."""
        return self.ends - self.starts

    def encoding_of(self, payload_type: int) -> Encoding | None:
        """What a payload type means: by the SDP, else by the static table (RFC 3551 §6)."""
        return self.encodings.get(payload_type) or STATIC_PAYLOAD_TYPES.get(payload_type)

    @cached_property
    def payload_counts(self) -> dict[int, int]:
        """Packets of each payload type."""
        if self._group.payload_type is not None:
            return {self._group.payload_type: self.packets}
        types, counts = np.unique(self.rows.payload_type, return_counts=True)
        return {int(number): int(count) for number, count in zip(types, counts, strict=True)}

    @cached_property
    def speech_type(self) -> int:
        """The payload type that carries the conversation: the commonest that is no tone, noise or redundancy."""
        ranked = sorted(self.payload_counts.items(), key=lambda item: -item[1])
        for payload_type, _ in ranked:
            encoding = self.encoding_of(payload_type)
            if encoding is None or encoding.is_speech:
                return payload_type
        return ranked[0][0]

    @cached_property
    def clock_rate(self) -> int | None:
        """Timestamp ticks a second; inferred from the step between packets where no SDP says."""
        encoding = self.encoding_of(self.speech_type)
        if encoding is not None:
            return encoding.clock_rate
        rows = self.rows
        speech = rows.payload_type == self.speech_type
        if speech.sum() < 3:
            return None
        steps = steps_of(rows.timestamp[speech], 32)
        values, counts = np.unique(steps, return_counts=True)
        return _COMMON_STEPS.get(int(values[counts.argmax()]))

    @property
    def clock_inferred(self) -> bool:
        """Whether the clock rate is a guess from the timestamps."""
        return self.encoding_of(self.speech_type) is None

    @property
    def codec(self) -> str:
        """The name of the codec, or `PT 111` where nothing says what the payload type means."""
        encoding = self.encoding_of(self.speech_type)
        return encoding.name if encoding else f"PT {self.speech_type}"

    @cached_property
    def event_types(self) -> tuple[int, ...]:
        """The payload types of telephone events that occur, by the call's descriptions or, without one, by form."""
        if not self.encodings:
            return self._event_shapes
        return tuple(
            number
            for number in self.payload_counts
            if (encoding := self.encodings.get(number)) is not None and encoding.name.upper() == "TELEPHONE-EVENT"
        )

    @property
    def is_events_alone(self) -> bool:
        """Whether telephone events alone were recorded: the missing numbers are those of the audio between them."""
        return bool(self.event_types) and set(self.payload_counts) <= set(self.event_types)

    @cached_property
    def _event_shapes(self) -> tuple[int, ...]:
        """The dynamic payload types all packets of which look like telephone events."""
        dynamic = [number for number, count in self.payload_counts.items() if number >= DYNAMIC and count >= FEW_EVENTS]
        if not dynamic:
            return ()
        rows = self.rows
        return tuple(number for number in dynamic if look_like_events(rows.content[rows.payload_type == number]))

    @cached_property
    def telephone_events(self) -> EventLog:
        """The telephone events in it."""
        return read_events(self.rows, self.event_types) if self.event_types else EventLog()

    @cached_property
    def dscp(self) -> int | None:
        """The commonest differentiated services codepoint of its packets; None where it was not seen."""
        if self._group.dscp is not None:
            return self._group.dscp if self._group.dscp != DSCP_UNKNOWN else None
        marked = np.bincount(self.rows.dscp, minlength=DSCP_UNKNOWN + 1)[:64]
        return int(marked.argmax()) if marked.any() else None

    @cached_property
    def silent_packets(self) -> int:
        """Packets that hold nothing but the digital zero of G.711."""
        return self._group.silent if self._group.silent is not None else int(is_silence(self.rows.content).sum())

    @cached_property
    def cut_packets(self) -> int:
        """Packets that were not captured whole."""
        return self._group.cut if self._group.cut is not None else int((self.rows.content == CONTENT_CUT).sum())

    @cached_property
    def loss(self) -> Loss:
        """Losses over the whole stream: tones and noise share the sequence numbers."""
        if self.is_regular:
            return Loss(self.packets, self.packets, np.zeros(0, np.int64), 0, 0)
        return loss_in(self.rows.sequence)

    @cached_property
    def _jitter(self) -> tuple[float, float] | None:
        """The jitter in seconds after the last packet, and the highest."""
        clock_rate = self.clock_rate
        if clock_rate is None:
            return None
        rows = self.rows
        extended, segment = extended_sequence(rows.sequence)
        wanted = (rows.payload_type == self.speech_type) & in_order(extended, segment)
        if wanted.sum() < 2:
            return None
        times = rows.time_ns[wanted]
        restart = np.zeros(len(times), bool)
        restart[1:] = np.diff(segment[wanted]) != 0
        # A talkspurt after silence: some senders stop their clock meanwhile, and the pause is not the network's.
        restart[1:] |= rows.marker[wanted][1:] & (np.diff(times) > SILENCE * 1e9)
        jitter = jitter_of(times, rows.timestamp[wanted], clock_rate, restart)
        return float(jitter[-1]), float(jitter.max())

    @property
    def jitter_ms(self) -> float | None:
        """The jitter after the last packet in milliseconds (RFC 3550 A.8); None where the clock is unknown."""
        return None if self._jitter is None else self._jitter[0] * 1000

    @property
    def max_jitter_ms(self) -> float | None:
        """The highest running jitter in milliseconds."""
        return None if self._jitter is None else self._jitter[1] * 1000

    @cached_property
    def packet_time_ms(self) -> float | None:
        """The commonest distance between the timestamps of consecutive speech packets, in milliseconds."""
        clock_rate = self.clock_rate
        if clock_rate is None:
            return None
        rows = self.rows
        if self.is_regular and len(self.payload_counts) == 1 and len(rows) >= 3:
            consecutive = steps_of(rows.timestamp, 32)
        else:
            speech = rows.payload_type == self.speech_type
            if speech.sum() < 3:
                return None
            extended = extended_sequence(rows.sequence)[0][speech]
            consecutive = steps_of(rows.timestamp[speech], 32)[np.diff(extended) == 1]
        if not len(consecutive):
            return None
        if (consecutive == consecutive[0]).all():
            return float(consecutive[0]) / clock_rate * 1000
        values, counts = np.unique(consecutive, return_counts=True)
        return float(values[counts.argmax()]) / clock_rate * 1000

    def comfort_noise_share(self) -> float:
        """The share of packets that are comfort noise (payload types 13 and 19), 0 to 1."""
        noise = self.payload_counts.get(13, 0) + self.payload_counts.get(19, 0)
        return noise / self.packets if self.packets else 0.0

    @cached_property
    def is_sample(self) -> bool:
        """Whether the trace holds every second or every n-th packet only: loss is never that regular."""
        if self.is_regular or self.packets <= MINIMUM_UNANNOUNCED:
            return False
        steps = steps_of(self.rows.sequence, 16)
        values, counts = np.unique(steps, return_counts=True)
        commonest = counts.argmax()
        return bool(values[commonest] > 1 and counts[commonest] >= REGULAR * len(steps))

    @cached_property
    def order(self) -> tuple[float, float]:
        """The shares, 0 to 1, of steps that go a little forward in sequence numbers, and not back in timestamps."""
        rows = self.rows
        if len(rows) < 2:
            return 0.0, 0.0
        steps = steps_of(rows.sequence, 16)
        ticks = steps_of(rows.timestamp, 32)
        return float(((steps >= 1) & (steps <= 10)).mean()), float((ticks >= 0).mean())

    def between(self, start: float, end: float) -> int:
        """The number of packets that arrived from `start` to `end`, in UNIX seconds."""
        since, until = int(start * 1e9), int(end * 1e9)
        first, last = self._span
        if since <= first and last < until:
            return self.packets
        if until <= first or last < since:
            return 0
        left, right = np.searchsorted(self.rows.time_ns, (since, until))
        return int(right - left)


def build_streams(table: MediaTable) -> list[Stream]:
    """Cut the table into streams, in the order of their first packets."""
    streams = [Stream(group) for group in rtp_groups(table, MAXIMUM_STREAMS)]
    for stream in streams:
        stream.look()
    streams.sort(key=lambda stream: stream.starts)
    return streams


def cut(stream: Stream, times: Sequence[float]) -> list[Stream]:
    """Cut a stream at the given times, in ascending UNIX seconds; parts without packets are left out."""
    places = np.searchsorted(stream.rows.time_ns, [int(time * 1e9) for time in times]).tolist()
    spans = zip([0, *places], [*places, stream.packets], strict=True)
    return [stream.part(slice(start, end)) for start, end in spans if end > start]


def behaves_like_rtp(stream: Stream) -> bool:
    """Whether a stream that no SDP announces is plausibly RTP: its numbers and its time move on in order."""
    if stream.packets < MINIMUM_UNANNOUNCED:
        return False
    orderly, forward = stream.order
    dominant = max(stream.payload_counts.values()) / stream.packets
    known = stream.speech_type <= 34 or 96 <= stream.speech_type <= 127
    return known and orderly > 0.8 and forward > 0.9 and dominant > 0.6
