"""A capture of G.711 speech for SIPp's `play_pcap_audio`: a warbling tone, so that no stretch of it is silence."""

from __future__ import annotations

import math
import struct
import wave
from pathlib import Path

_SAMPLE_RATE = 8000
_PACKET_SAMPLES = 160
_PACKET_SECONDS = _PACKET_SAMPLES / _SAMPLE_RATE
_MU_BIAS = 0x84
_MU_CLIP = 32635
_ETHERNET_IPV4 = bytes(12) + b"\x08\x00"


def mu_law(sample: int) -> int:
    """One 16-bit sample as G.711 µ-law (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _MU_CLIP) + _MU_BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def a_law(sample: int) -> int:
    """One 16-bit sample as G.711 A-law (ITU-T G.711)."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(sample if sample >= 0 else ~sample, _MU_CLIP) >> 3
    exponent = max(0, magnitude.bit_length() - 5)
    mantissa = (magnitude >> max(1, exponent)) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55


def tone_sample(n: float) -> int:
    """The `n`-th sample of a warbling tone at 8 kHz, 16 bits."""
    return int(8000 * math.sin(2 * math.pi * (440 + 60 * math.sin(n / 4000)) * n / _SAMPLE_RATE))


def write_tone(path: Path, seconds: float, rate: int = _SAMPLE_RATE) -> None:
    """Writes the same tone as a WAV file of `rate` samples a second, 16 bits, one channel."""
    step = _SAMPLE_RATE / rate
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", tone_sample(n * step)) for n in range(int(seconds * rate))))


def _payload(packet: int) -> bytes:
    first = packet * _PACKET_SAMPLES
    return bytes(mu_law(tone_sample(n)) for n in range(first, first + _PACKET_SAMPLES))


def write_speech(path: Path, seconds: float, ssrc: int, payload_type: int = 0) -> None:
    """Writes `seconds` of RTP (RFC 3550) of one stream as a pcap that SIPp can play; addresses are SIPp's to set."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for n in range(int(seconds / _PACKET_SECONDS)):
        marker = 0x80 if n == 0 else 0
        rtp = struct.pack(">BBHII", 0x80, marker | payload_type, n + 1000, n * _PACKET_SAMPLES, ssrc) + _payload(n)
        udp = struct.pack(">HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), n, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + udp
        frame = _ETHERNET_IPV4 + ip
        microseconds = round(n * _PACKET_SECONDS * 1_000_000)
        records.append(
            struct.pack("<IIII", microseconds // 1_000_000, microseconds % 1_000_000, len(frame), len(frame))
        )
        records.append(frame)
    path.write_bytes(b"".join(records))
