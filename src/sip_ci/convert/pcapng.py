"""Writes pcapng blocks (draft-ietf-opsawg-pcapng): one section, one Ethernet interface, packets with comments."""

from __future__ import annotations

import struct

from sip_ci.convert.frames import Frame

_SECTION = 0x0A0D0D0A
_INTERFACE = 1
_ENHANCED_PACKET = 6
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_ETHERNET = 1
_SNAP_LENGTH = 262_144
_COMMENT = 1
_USER_APPLICATION = 4
_LONGEST_COMMENT = 1000


def section(application: str) -> bytes:
    """The blocks that begin a file; times are in microseconds."""
    head = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1) + _options(_USER_APPLICATION, application)
    return _block(_SECTION, head) + _block(_INTERFACE, struct.pack("<HHI", _ETHERNET, 0, _SNAP_LENGTH))


def packet(frame: Frame, time_us: int, comment: str = "") -> bytes:
    """One packet, at a time in microseconds since the UNIX epoch."""
    time = min(max(time_us, 0), (1 << 64) - 1)
    head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(frame.data), frame.size)
    return _block(_ENHANCED_PACKET, head + _padded(frame.data) + (_options(_COMMENT, comment) if comment else b""))


def _block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def _options(code: int, text: str) -> bytes:
    value = text[:_LONGEST_COMMENT].encode("utf-8", "replace")
    return struct.pack("<HH", code, len(value)) + _padded(value) + struct.pack("<HH", 0, 0)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
