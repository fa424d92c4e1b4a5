"""RTP streams: one SSRC from one endpoint to another, cut from the media table (RFC 3550 §3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sip_ci.trace.media_table import MediaKind, MediaTable
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.payload_types import STATIC_PAYLOAD_TYPES, Encoding
from sip_ci_server.engine.rtp_statistics import (
    Loss,
    extended_sequence,
    in_order,
    jitter_of,
    loss_of,
    steps_of,
)

MINIMUM_UNANNOUNCED = 20
"""Packets that a stream no SDP announces must have to be taken for RTP."""
SILENCE = 0.2
"""Seconds without a packet, ended by one with the marker, that separate talkspurts (RFC 3551 §4.1)."""
REGULAR = 0.9
"""Share of equal steps in sequence numbers from which they count as regular."""
MAXIMUM_STREAMS = 50_000
"""Streams that are kept, those of the most packets; only a forged or scrambled capture holds more."""
_COMMON_STEPS = {80: 8000, 160: 8000, 240: 8000, 320: 16000, 480: 48000, 960: 48000, 1920: 48000, 2880: 48000}
"""Timestamp ticks for each packet, and the clock rate that they are typical of."""


@dataclass(eq=False)
class Stream:
    """The packets of one SSRC between two endpoints, in order of arrival."""

    source: Endpoint
    destination: Endpoint
    ssrc: int
    rows: MediaTable
    encodings: dict[int, Encoding]
    """What the payload types mean by the SDP of the call; empty where no SDP announces the stream."""

    def __repr__(self) -> str:
        return f"<Stream {self.source} -> {self.destination} {self.ssrc:#x} {len(self.rows)} packets>"

    @property
    def packets(self) -> int:
        """All packets, of whatever payload type."""
        return len(self.rows)

    @property
    def starts(self) -> float:
        """The arrival of the first packet, in UNIX seconds."""
        return float(self.rows.time_ns[0]) / 1e9

    @property
    def ends(self) -> float:
        """The arrival of the last packet, in UNIX seconds."""
        return float(self.rows.time_ns[-1]) / 1e9

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
        rows = self._speech
        if rows.sum() < 3:
            return None
        steps = steps_of(self.rows.timestamp[rows], 32)
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
    def _speech(self) -> npt.NDArray[np.bool_]:
        speech: npt.NDArray[np.bool_] = self.rows.payload_type == self.speech_type
        return speech

    @cached_property
    def _sequence(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        return extended_sequence(self.rows.sequence)

    @cached_property
    def loss(self) -> Loss:
        """Losses over the whole stream: tones and noise share the sequence numbers."""
        return loss_of(*self._sequence)

    @cached_property
    def _jitter(self) -> npt.NDArray[np.float64] | None:
        clock_rate = self.clock_rate
        if clock_rate is None:
            return None
        extended, segment = self._sequence
        wanted = self._speech & in_order(extended, segment)
        if wanted.sum() < 2:
            return None
        restart = np.zeros(int(wanted.sum()), bool)
        restart[1:] = np.diff(segment[wanted]) != 0
        # A talkspurt after silence: some senders stop their clock meanwhile, and the pause is not the network's.
        restart[1:] |= self.rows.marker[wanted][1:] & (np.diff(self.rows.time_ns[wanted]) > SILENCE * 1e9)
        return jitter_of(self.rows.time_ns[wanted], self.rows.timestamp[wanted], clock_rate, restart)

    @property
    def jitter_ms(self) -> float | None:
        """The jitter after the last packet in milliseconds (RFC 3550 A.8); None where the clock is unknown."""
        return None if self._jitter is None else float(self._jitter[-1]) * 1000

    @property
    def max_jitter_ms(self) -> float | None:
        """The highest running jitter in milliseconds."""
        return None if self._jitter is None else float(self._jitter.max()) * 1000

    @cached_property
    def packet_time_ms(self) -> float | None:
        """The commonest distance between the timestamps of consecutive speech packets, in milliseconds."""
        clock_rate = self.clock_rate
        if clock_rate is None or self._speech.sum() < 3:
            return None
        extended = self._sequence[0][self._speech]
        ticks = steps_of(self.rows.timestamp[self._speech], 32)
        consecutive = ticks[np.diff(extended) == 1]
        if not len(consecutive):
            return None
        values, counts = np.unique(consecutive, return_counts=True)
        return float(values[counts.argmax()]) / clock_rate * 1000

    def comfort_noise_share(self) -> float:
        """The share of packets that are comfort noise (payload types 13 and 19), 0 to 1."""
        noise = self.payload_counts.get(13, 0) + self.payload_counts.get(19, 0)
        return noise / self.packets if self.packets else 0.0

    @property
    def is_sample(self) -> bool:
        """Whether the trace holds every second or every n-th packet only: loss is never that regular."""
        steps = steps_of(self.rows.sequence, 16)
        if len(steps) < MINIMUM_UNANNOUNCED:
            return False
        values, counts = np.unique(steps, return_counts=True)
        commonest = counts.argmax()
        return bool(values[commonest] > 1 and counts[commonest] >= REGULAR * len(steps))

    def between(self, start: float, end: float) -> int:
        """The number of packets that arrived from `start` to `end`, in UNIX seconds."""
        left, right = np.searchsorted(self.rows.time_ns, (int(start * 1e9), int(end * 1e9)))
        return int(right - left)


def build_streams(table: MediaTable) -> list[Stream]:
    """Cut the table (copies already folded) into streams, in the order of their first packets."""
    rtp = np.flatnonzero(table.kind == MediaKind.RTP)
    if not len(rtp):
        return []
    path = table.source[rtp].astype(np.int64) * len(table.endpoints) + table.destination[rtp]
    order = np.lexsort((table.ssrc[rtp], path))
    sorted_path, sorted_ssrc = path[order], table.ssrc[rtp][order]
    boundaries = np.flatnonzero((np.diff(sorted_path) != 0) | (np.diff(sorted_ssrc.astype(np.int64)) != 0)) + 1
    starts, ends = np.concatenate(([0], boundaries)), np.concatenate((boundaries, [len(order)]))
    if len(starts) > MAXIMUM_STREAMS:
        largest = np.argsort(starts - ends, kind="stable")[:MAXIMUM_STREAMS]
        starts, ends = starts[largest], ends[largest]
    # Sorted once, each stream is a view of the sorted table; the sort is stable, so packets stay in order of arrival.
    ordered = table.select(rtp[order])
    streams = [_stream(ordered.select(slice(start, end))) for start, end in zip(starts, ends, strict=True)]
    streams.sort(key=lambda stream: int(stream.rows.time_ns[0]))
    return streams


def _stream(rows: MediaTable) -> Stream:
    source, destination = rows.endpoints[rows.source[0]], rows.endpoints[rows.destination[0]]
    return Stream(source, destination, int(rows.ssrc[0]), rows, {})


def cut(stream: Stream, times: Sequence[float]) -> list[Stream]:
    """Cut a stream at the given times, in ascending UNIX seconds; parts without packets are left out."""
    places = np.searchsorted(stream.rows.time_ns, [int(time * 1e9) for time in times]).tolist()
    spans = zip([0, *places], [*places, stream.packets], strict=True)
    return [_stream(stream.rows.select(slice(start, end))) for start, end in spans if end > start]


def behaves_like_rtp(stream: Stream) -> bool:
    """Whether a stream that no SDP announces is plausibly RTP: its numbers and its time move on in order."""
    if stream.packets < MINIMUM_UNANNOUNCED:
        return False
    steps = steps_of(stream.rows.sequence, 16)
    orderly = float(((steps >= 1) & (steps <= 10)).mean())
    ticks = steps_of(stream.rows.timestamp, 32)
    forward = float((ticks >= 0).mean())
    dominant = max(stream.payload_counts.values()) / stream.packets
    known = stream.speech_type <= 34 or 96 <= stream.speech_type <= 127
    return known and orderly > 0.8 and forward > 0.9 and dominant > 0.6
