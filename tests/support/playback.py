"""Sound for SIPp's `play_pcap_audio`: RTP of any codec as a capture, healthy or with the faults that senders have.

    write_playback(path, 0x1234, (Sound(2), Digit(5), Sound(2, payload_type=8, codec="PCMA")))

What is played goes out with the capture's own times from its first packet on, so that a silence before it is lost.
Payloads have the size that the codec gives them; only G.711 is a tone, the others hold bytes that nobody decodes.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.speech import a_law, mu_law, tone_sample

_EVENT_SECONDS = 0.16
_EVENT_STEP = 0.02
_EVENT_ENDS = 3
"""A telephone event ends with three equal packets (RFC 4733 §2.5.1.4)."""
_FIRST_SEQUENCE = 1000
_FIRST_TIMESTAMP = 160_000
_PORT = 6000
_ETHERNET_IPV4 = bytes(12) + b"\x08\x00"


@dataclass(frozen=True, slots=True)
class Format:
    """How a codec packs sound."""

    clock: int
    """RTP clock rate in Hz."""
    bytes_per_millisecond: float


FORMATS = {
    "PCMU": Format(8000, 8),
    "PCMA": Format(8000, 8),
    "G722": Format(8000, 8),  # RFC 3551 §4.5.2: the RTP clock is 8000 Hz though 16,000 samples a second are taken
    "G729": Format(8000, 1),
    "GSM": Format(8000, 1.65),
    "L16": Format(8000, 16),
    "OPUS": Format(48_000, 4),
}


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of sound without interruption."""

    seconds: float
    codec: str = "PCMU"
    payload_type: int = 0
    ptime: int = 20
    """Milliseconds of sound in each packet."""
    ssrc: int | None = None
    """The source from here on; None keeps that of before."""
    speed: float = 1.0
    """How fast the sender's clock runs; 1.01 sends one packet in a hundred too many."""
    jump: float = 0.0
    """Seconds by which the timestamps jump before it, in which no time passes."""
    marker: bool = True
    """Whether the first packet begins a talkspurt."""
    share: float = 1.0
    """The part of each payload that is there."""
    tag: int = 0
    """Bytes after each payload, as SRTP's authentication tag."""
    skipped: tuple[int, ...] = ()
    """Packets of this stretch that get a number and are never sent, by their place."""
    restarted: bool = False
    """Whether sequence numbers and timestamps begin anew."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch in which nothing is sent; timestamps go on with the time unless `stopped`."""

    seconds: float
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Noise:
    """A stretch with comfort noise (RFC 3389): one packet at its start and one each `every` seconds."""

    seconds: float
    payload_type: int = 13
    every: float = 0.2


@dataclass(frozen=True, slots=True)
class Digit:
    """A key as a telephone event (RFC 4733), 160 ms long."""

    number: int
    payload_type: int = 101
    clock: int = 8000


Piece = Sound | Silence | Noise | Digit


@dataclass(slots=True)
class _Sender:
    """Where the sender is, and what it has sent."""

    ssrc: int
    time: float = 0.0
    sequence: int = _FIRST_SEQUENCE
    timestamp: int = _FIRST_TIMESTAMP
    clock: int = 8000

    def packet(self, payload_type: int, payload: bytes, *, marker: bool = False, timestamp: int | None = None) -> bytes:
        when = self.timestamp if timestamp is None else timestamp
        first = payload_type | (0x80 if marker else 0)
        header = struct.pack(">BBHII", 0x80, first, self.sequence & 0xFFFF, when & 0xFFFFFFFF, self.ssrc)
        self.sequence += 1
        return header + payload

    def advance(self, seconds: float) -> None:
        self.timestamp += round(seconds * self.clock)


def write_playback(path: Path, ssrc: int, pieces: Iterable[Piece]) -> None:
    """Writes the pieces one after the other as one capture that SIPp can play; addresses are SIPp's to set."""
    sender = _Sender(ssrc)
    packets: list[tuple[float, bytes]] = []
    for piece in pieces:
        if isinstance(piece, Sound):
            packets += _sound(sender, piece)
        elif isinstance(piece, Digit):
            packets += _digit(sender, piece)
        elif isinstance(piece, Noise):
            packets += _noise(sender, piece)
        else:
            sender.time += piece.seconds
            sender.advance(0 if piece.stopped else piece.seconds)
    path.write_bytes(_capture(packets))


def _sound(sender: _Sender, sound: Sound) -> list[tuple[float, bytes]]:
    form = FORMATS[sound.codec]
    sender.clock = form.clock
    sender.ssrc = sender.ssrc if sound.ssrc is None else sound.ssrc
    if sound.restarted:
        sender.sequence, sender.timestamp = 5 * _FIRST_SEQUENCE, 7 * _FIRST_TIMESTAMP
    sender.advance(sound.jump)
    step = sound.ptime / 1000
    noise = random.Random(sound.payload_type)
    packets = []
    for number in range(round(sound.seconds / step * sound.speed)):
        if number in sound.skipped:
            sender.sequence += 1
        else:
            payload = _payload(sound, form, number, noise)
            data = sender.packet(sound.payload_type, payload, marker=sound.marker and number == 0)
            packets.append((sender.time + number * step / sound.speed, data))
        sender.advance(step)
    sender.time += sound.seconds
    return packets


def _payload(sound: Sound, form: Format, number: int, noise: random.Random) -> bytes:
    size = int(form.bytes_per_millisecond * sound.ptime * sound.share)
    if sound.codec in ("PCMU", "PCMA"):
        encode = mu_law if sound.codec == "PCMU" else a_law
        first = number * sound.ptime * 8
        payload = bytes(encode(tone_sample(place)) for place in range(first, first + size))
    else:
        payload = noise.randbytes(size)
    return payload + noise.randbytes(sound.tag)


def _noise(sender: _Sender, noise: Noise) -> list[tuple[float, bytes]]:
    packets = []
    for number in range(round(noise.seconds / noise.every)):
        packets.append((sender.time + number * noise.every, sender.packet(noise.payload_type, b"\x40")))
        sender.advance(noise.every)
    sender.time += noise.seconds
    return packets


def _digit(sender: _Sender, digit: Digit) -> list[tuple[float, bytes]]:
    packets = []
    count = round(_EVENT_SECONDS / _EVENT_STEP)
    for number in range(count + _EVENT_ENDS - 1):
        ends = number >= count - 1
        duration = round(min(number + 1, count) * _EVENT_STEP * digit.clock)
        payload = struct.pack(">BBH", digit.number, 0x8A if ends else 0x0A, duration)
        data = sender.packet(digit.payload_type, payload, marker=number == 0)
        packets.append((sender.time + number * _EVENT_STEP, data))
    length = (count + _EVENT_ENDS - 1) * _EVENT_STEP
    sender.time += length
    sender.advance(length)
    return packets


def _capture(packets: Sequence[tuple[float, bytes]]) -> bytes:
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for number, (time, rtp) in enumerate(packets):
        udp = struct.pack(">HHHH", _PORT, _PORT, 8 + len(rtp), 0) + rtp
        addresses = b"\x7f\0\0\1\x7f\0\0\1"
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0) + addresses + udp
        frame = _ETHERNET_IPV4 + ip
        microseconds = round(time * 1_000_000)
        records.append(
            struct.pack("<IIII", microseconds // 1_000_000, microseconds % 1_000_000, len(frame), len(frame))
        )
        records.append(frame)
    return b"".join(records)
