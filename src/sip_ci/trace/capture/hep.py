"""The Homer Encapsulation Protocol: messages that a SIP server or probe mirrors to a Homer, with their addresses."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from ipaddress import ip_address

from sip_ci.trace.observation import Endpoint

MAGIC = b"HEP3"
TYPE_SIP = 1
TYPE_RTCP = 5

_CHUNKS = 256
"""Chunks of one packet that are looked at."""
_NEAR_NS = 30 * 86_400 * 1_000_000_000
"""A time stamp that is farther from the packet's own is in the other byte order, or none."""

_HEADER_SIZES = {2: 8 + 2 * 4, 10: 8 + 2 * 16, 24: 8 + 2 * 16, 28: 8 + 2 * 16, 30: 8 + 2 * 16}
"""Version 2: bytes of header and addresses for each address family, of which IPv6's differs between systems."""


@dataclass(frozen=True, slots=True)
class HepPacket:
    """A mirrored message."""

    source: Endpoint
    destination: Endpoint
    protocol: int
    """The IP protocol that carried it; senders put unassigned numbers there for TLS and WebSocket."""
    type: int
    """What it is: 1 for SIP, 5 for RTCP as it was sent."""
    time_ns: int
    payload: bytes
    wire: int
    """Bytes of the payload that were sent, of which a capture may hold the first ones."""


def may_be_hep(payload: bytes) -> bool:
    """Whether a payload begins as a HEP packet; `parse_hep` decides."""
    return payload[:4] == MAGIC or (
        len(payload) > 28 and payload[0] == 2 and payload[1] in (16, 40, 28, 52) and payload[2] in _HEADER_SIZES
    )


def parse_hep(payload: bytes, wire: int, time_ns: int, longest: int) -> HepPacket | None:
    """The message in a HEP packet of version 2 or 3, or None where it is none.

    `wire` is the packet's length in bytes, `time_ns` when it was captured, `longest` bounds what a compressed payload
    unfolds to, in bytes.
    """
    try:
        if payload[:4] == MAGIC:
            return _version_3(payload, time_ns, longest)
        return _version_2(payload, wire, time_ns) if may_be_hep(payload) else None
    except (struct.error, ValueError, IndexError, zlib.error):
        return None


def _version_3(payload: bytes, time_ns: int, longest: int) -> HepPacket | None:
    total = struct.unpack_from(">H", payload, 4)[0]
    if total < 6:
        return None
    hosts = ["", ""]
    ports = [0, 0]
    protocol = kind = 0
    seconds = micros = 0
    content: bytes | None = None
    missing = 0
    place = 6
    for _ in range(_CHUNKS):
        if place + 6 > min(len(payload), total):
            break
        vendor, number, length = struct.unpack_from(">HHH", payload, place)
        if length < 6:
            return None
        value = payload[place + 6 : min(place + length, total)]
        if vendor == 0:
            if number == 2:
                protocol = value[0]
            elif number in (3, 4, 5, 6):
                hosts[(number - 3) % 2] = str(ip_address(value))
            elif number in (7, 8):
                ports[number - 7] = struct.unpack(">H", value)[0]
            elif number == 9:
                seconds = struct.unpack(">I", value)[0]
            elif number == 10:
                micros = struct.unpack(">I", value)[0]
            elif number == 11:
                kind = value[0]
            elif number == 15:
                content = value
                missing = max(min(length, total - place) - 6 - len(value), 0)
            elif number == 16:
                content = zlib.decompressobj(wbits=47).decompress(value, longest)
        place += length
    if content is None or not all(hosts):
        return None
    sent = seconds * 1_000_000_000 + micros * 1000 if seconds and micros < 1_000_000 else time_ns
    return HepPacket(
        Endpoint(hosts[0], ports[0]), Endpoint(hosts[1], ports[1]), protocol, kind, sent, content,
        len(content) + missing,
    )  # fmt: skip


def _version_2(payload: bytes, wire: int, time_ns: int) -> HepPacket | None:
    _, length, family, protocol, source_port, destination_port = struct.unpack_from(">BBBBHH", payload)
    size = _HEADER_SIZES[family]
    # Some senders count the time stamp (seconds, microseconds, capture agent, padding) as header, some do not.
    if length not in (size, size + 12):
        return None
    half = (size - 8) // 2
    hosts = [str(ip_address(payload[8 + half * side : 8 + half * (side + 1)])) for side in (0, 1)]
    sent = time_ns
    for order in "<>":
        seconds, micros = struct.unpack_from(order + "II", payload, size)
        stamp = seconds * 1_000_000_000 + micros * 1000
        if micros < 1_000_000 and abs(stamp - time_ns) < _NEAR_NS:
            sent = stamp
            break
    content = payload[size + 12 :]
    return HepPacket(
        Endpoint(hosts[0], source_port), Endpoint(hosts[1], destination_port), protocol, TYPE_SIP, sent, content,
        len(content) + max(wire - len(payload), 0),
    )  # fmt: skip
