"""Ethernet frames around UDP datagrams, TCP segments and ICMP messages, with the lengths and checksums they need."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

ICMP = 1
TCP = 6
UDP = 17
ICMPV6 = 58

FIN = 0x01
SYN = 0x02
RST = 0x04
PSH = 0x08
ACK = 0x10

LARGEST_DATAGRAM = 65_507
"""Bytes of the largest UDP payload that IPv4 carries (RFC 791: 65,535 bytes less the headers)."""

_WINDOW = 65_535
_HOP_LIMIT = 64
_IPV6_FRAGMENT = 44
_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_IPV6 = 0x86DD


@dataclass(frozen=True, slots=True)
class Socket:
    """One end of a packet's way."""

    address: Address
    port: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame, and how long it was on the wire: longer than its bytes where only a part was captured."""

    data: bytes
    size: int


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of data, as the number that stands in a header."""
    if len(data) % 2:
        data += b"\0"
    total = sum(memoryview(data).cast("H"))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    # The sum is the same in either byte order (RFC 1071 §2), so it is turned around once and not for each word.
    return int.from_bytes(struct.pack("=H", ~total & 0xFFFF), "big")


def _transport_checksum(source: Address, destination: Address, protocol: int, segment: bytes) -> int:
    """The checksum over pseudo-header and segment (RFC 9293 §3.1, RFC 8200 §8.1)."""
    if source.version == 4:
        pseudo = struct.pack("!BBH", 0, protocol, len(segment))
    else:
        pseudo = struct.pack("!IHBB", len(segment), 0, 0, protocol)
    return checksum(source.packed + destination.packed + pseudo + segment)


def datagram_frames(
    source: Socket, destination: Socket, payload: bytes, *, identification: int, missing: int = 0, fragments: int = 1
) -> list[Frame]:
    """A UDP datagram, in as many IP fragments as are asked for.

    Of a payload that ends early, `missing` says how many bytes it lacks; it is then written like a packet that was
    captured in part, in one frame.
    """
    size = 8 + min(len(payload) + missing, LARGEST_DATAGRAM)
    header = struct.pack("!HHHH", source.port, destination.port, size, 0)
    # RFC 768: a computed checksum of zero is written as all ones.
    value = _transport_checksum(source.address, destination.address, UDP, header + payload) or 0xFFFF
    segment = header[:6] + value.to_bytes(2, "big") + payload
    if missing or fragments < 2 or len(segment) < 16:
        return [_frame(source.address, destination.address, UDP, segment, identification, size)]
    # Fragments begin at multiples of eight bytes (RFC 791 §3.2).
    step = -(-len(segment) // fragments // 8) * 8 or 8
    return [
        _fragment(source.address, destination.address, segment, start, step, identification)
        for start in range(0, len(segment), step)
    ]


def segment_frame(
    source: Socket, destination: Socket, payload: bytes, *, flags: int, sequence: int, acknowledged: int,
    identification: int,
) -> Frame:  # fmt: skip
    """A TCP segment without options."""
    header = struct.pack(
        "!HHIIBBHHH", source.port, destination.port, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF, 5 << 4, flags,
        _WINDOW, 0, 0,
    )  # fmt: skip
    value = _transport_checksum(source.address, destination.address, TCP, header + payload)
    segment = header[:16] + value.to_bytes(2, "big") + header[18:] + payload
    return _frame(source.address, destination.address, TCP, segment, identification, len(segment))


def unreachable_frame(
    reporter: Address, source: Socket, destination: Socket, protocol: int, quoted: bytes, *, type_: int, code: int,
    identification: int,
) -> Frame:  # fmt: skip
    """An ICMP message to `source` that quotes its packet to `destination` (RFC 792, RFC 4443 §3.1)."""
    if protocol == UDP:
        inner = struct.pack("!HHHH", source.port, destination.port, 8 + len(quoted), 0) + quoted
    else:
        inner = struct.pack("!HHIIBBHHH", source.port, destination.port, 0, 0, 5 << 4, SYN, _WINDOW, 0, 0) + quoted
    packet = _ip_header(source.address, destination.address, protocol, len(inner), 0) + inner
    message = struct.pack("!BBHI", type_, code, 0, 0) + packet
    if reporter.version == 4:
        carried, value = ICMP, checksum(message)
    else:
        carried, value = ICMPV6, _transport_checksum(reporter, source.address, ICMPV6, message)
    message = message[:2] + value.to_bytes(2, "big") + message[4:]
    return _frame(reporter, source.address, carried, message, identification, len(message))


def _ip_header(
    source: Address, destination: Address, protocol: int, size: int, identification: int, fragment: int = 0
) -> bytes:
    """An IPv4 or IPv6 header for a payload of `size` bytes."""
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, size, protocol, _HOP_LIMIT) + source.packed + destination.packed
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, identification & 0xFFFF, fragment, _HOP_LIMIT, protocol, 0)
    header += source.packed + destination.packed
    return header[:10] + checksum(header).to_bytes(2, "big") + header[12:]


def _fragment(
    source: Address, destination: Address, segment: bytes, start: int, step: int, identification: int
) -> Frame:
    piece = segment[start : start + step]
    more = start + step < len(segment)
    if source.version == 6:
        # RFC 8200 §4.5: the offset is in units of eight bytes, three bits up, above the flag.
        extension = struct.pack("!BBHI", UDP, 0, start | more, identification)
        header = _ip_header(source, destination, _IPV6_FRAGMENT, 8 + len(piece), 0) + extension
    else:
        header = _ip_header(source, destination, UDP, len(piece), identification, more << 13 | start >> 3)
    data = _ethernet(source, destination) + header + piece
    return Frame(data, len(data))


def _frame(
    source: Address, destination: Address, protocol: int, segment: bytes, identification: int, size: int
) -> Frame:
    head = _ethernet(source, destination) + _ip_header(source, destination, protocol, size, identification)
    return Frame(head + segment, len(head) + size)


def _ethernet(source: Address, destination: Address) -> bytes:
    """Locally administered addresses (bit 1 of the first byte), made from the IP addresses."""
    kind = _ETHERTYPE_IPV4 if source.version == 4 else _ETHERTYPE_IPV6
    return b"\x02\0" + destination.packed[-4:] + b"\x02\0" + source.packed[-4:] + kind.to_bytes(2, "big")
