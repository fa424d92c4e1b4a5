"""RTP payload types with a fixed meaning (RFC 3551 §6, tables 4 and 5)."""

from __future__ import annotations

from typing import NamedTuple


class Encoding(NamedTuple):
    """What a payload type means."""

    name: str
    """The encoding name as written; compare with `key`."""
    clock_rate: int
    """RTP timestamp ticks per second."""
    channels: int = 1

    @property
    def key(self) -> tuple[str, int, int]:
        """What must be equal for two sides to mean the same: names compare without case (RFC 3264 §6.1)."""
        return (self.name.upper(), self.clock_rate, self.channels)

    def __str__(self) -> str:
        """The rtpmap spelling."""
        return f"{self.name}/{self.clock_rate}" + (f"/{self.channels}" if self.channels > 1 else "")

    @property
    def is_speech(self) -> bool:
        """Whether it carries the conversation itself, not tones, noise, redundancy or repair data."""
        return self.name.upper() not in _AUXILIARY


_AUXILIARY = frozenset({"TELEPHONE-EVENT", "TONE", "CN", "RED", "ULPFEC", "FLEXFEC", "RTX", "PARITYFEC"})

# G722 keeps a clock of 8000 Hz although it samples at 16 kHz (RFC 3551 §4.5.2).
STATIC_PAYLOAD_TYPES: dict[int, Encoding] = {
    0: Encoding("PCMU", 8000),
    3: Encoding("GSM", 8000),
    4: Encoding("G723", 8000),
    5: Encoding("DVI4", 8000),
    6: Encoding("DVI4", 16000),
    7: Encoding("LPC", 8000),
    8: Encoding("PCMA", 8000),
    9: Encoding("G722", 8000),
    10: Encoding("L16", 44100, 2),
    11: Encoding("L16", 44100),
    12: Encoding("QCELP", 8000),
    13: Encoding("CN", 8000),
    14: Encoding("MPA", 90000),
    15: Encoding("G728", 8000),
    16: Encoding("DVI4", 11025),
    17: Encoding("DVI4", 22050),
    18: Encoding("G729", 8000),
    25: Encoding("CelB", 90000),
    26: Encoding("JPEG", 90000),
    28: Encoding("nv", 90000),
    31: Encoding("H261", 90000),
    32: Encoding("MPV", 90000),
    33: Encoding("MP2T", 90000),
    34: Encoding("H263", 90000),
}
"""The static payload types; 1, 2, 19 and the rest are reserved or unassigned."""
