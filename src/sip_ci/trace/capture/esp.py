"""Encapsulating Security Payload (RFC 4303) with null encryption (RFC 2410), as IMS networks use it between hosts.

Nothing in a packet says that it is not encrypted. It is believed only where the trailer's padding and next header fit,
and a length or checksum inside does too: chance passes less than once in a hundred million packets.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sip_ci.trace.capture.packets import (
    PROTOCOL_ESP,
    PROTOCOL_IPV4,
    PROTOCOL_IPV6,
    PROTOCOL_TCP,
    PROTOCOL_UDP,
    IpPacket,
    Layer,
)

_HEADER = 8
"""Security parameters index and sequence number."""

# (Bytes of an initialization vector, bytes of the integrity check value): HMAC-SHA-1-96 and HMAC-MD5-96,
# HMAC-SHA-256-128, none, HMAC-SHA-384-192, HMAC-SHA-512-256, AES-GMAC (RFC 4543).
_SHAPES = ((0, 12), (0, 16), (0, 0), (0, 24), (0, 32), (8, 16))


def opened_esp(packet: IpPacket) -> IpPacket | Layer | None:
    """What an ESP packet carries, where it is not encrypted: a packet of the same hosts, or a tunnelled one."""
    data = packet.payload
    if packet.cut:
        # The trailer, which decides, is missing.
        return None
    for vector, check in _SHAPES:
        end = len(data) - check
        start = _HEADER + vector
        if end < start + 2 + 8:
            continue
        padding, following = data[end - 2], data[end - 1]
        stop = end - 2 - padding
        # RFC 4303 §2.4: the padding counts up from 1.
        if stop < start + 8 or data[stop : end - 2] != bytes(range(1, padding + 1)):
            continue
        inner = data[start:stop]
        if following in (PROTOCOL_UDP, PROTOCOL_TCP) and _is_transport(packet, following, inner):
            return IpPacket(
                packet.source, packet.destination, following, packet.ip_id, inner, len(inner),
                fragments=packet.fragments,
            )  # fmt: skip
        if following == PROTOCOL_IPV4 and inner[0] >> 4 == 4 and int.from_bytes(inner[2:4], "big") == len(inner) >= 20:
            return Layer(ETHERTYPE_IPV4, inner, len(inner))
        if following == PROTOCOL_IPV6 and inner[0] >> 4 == 6 and int.from_bytes(inner[4:6], "big") + 40 == len(inner):
            return Layer(ETHERTYPE_IPV6, inner, len(inner))
    return None


def _is_transport(packet: IpPacket, protocol: int, inner: bytes) -> bool:
    if protocol == PROTOCOL_UDP:
        return int.from_bytes(inner[4:6], "big") == len(inner)
    # TCP has no length, so its checksum has to be right.
    return len(inner) >= 20 and inner[12] >> 4 >= 5 and _checksum(packet, protocol, inner) == 0xFFFF


def _checksum(packet: IpPacket, protocol: int, inner: bytes) -> int:
    """The sum of RFC 1071 over a segment and its pseudo-header; 0xFFFF where the checksum in it is right."""
    pseudo = ip_address(packet.source).packed + ip_address(packet.destination).packed
    pseudo += struct.pack(">II", len(inner), protocol)
    padded = pseudo + inner + bytes(len(inner) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def opened_udp_esp(packet: IpPacket) -> IpPacket | Layer | None:
    """The same for the payload of a UDP datagram (RFC 3948 §2): what is no ESP there is a key exchange."""
    data = packet.payload[8:]
    if data[:4] == bytes(4):
        return None
    return opened_esp(IpPacket(packet.source, packet.destination, PROTOCOL_ESP, packet.ip_id, data, packet.wire - 8))
