"""Builds captures byte by byte: payload → UDP or TCP → IP → link layer → file. Everything is plain bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

ALICE = ("192.0.2.1", 5060)
BOB = ("198.51.100.2", 5060)
ALICE6 = ("2001:db8::1", 5060)
BOB6 = ("2001:db8::2", 5060)

Address = tuple[str, int]

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def sip_request(
    method: str = "OPTIONS", call_id: str = "a@example.com", body: bytes = b"", content_length: int | None = None
) -> bytes:
    """A request with the mandatory headers; `content_length` overrides the true one, -1 leaves it out."""
    length = len(body) if content_length is None else content_length
    lines = [
        f"{method} sip:bob@example.com SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-{call_id}",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=1",
        "To: <sip:bob@example.com>",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
    ]
    if body:
        lines.append("Content-Type: application/sdp")
    if length >= 0:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def sip_response(
    status: int = 200, reason: str = "OK", method: str = "OPTIONS", call_id: str = "a@example.com"
) -> bytes:
    """A response with the mandatory headers and no body."""
    return (
        f"SIP/2.0 {status} {reason}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-{call_id}\r\n"
        f"From: <sip:alice@example.com>;tag=1\r\nTo: <sip:bob@example.com>;tag=2\r\nCall-ID: {call_id}\r\n"
        f"CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def rtp(
    sequence: int, timestamp: int | None = None, ssrc: int = 0x1234, payload_type: int = 0, marker: bool = False,
    payload: bytes = b"\xff" * 160,
) -> bytes:  # fmt: skip
    """An RTP packet."""
    second = payload_type | (0x80 if marker else 0)
    ticks = sequence * 160 if timestamp is None else timestamp
    return struct.pack(">BBHII", 0x80, second, sequence & 0xFFFF, ticks & 0xFFFFFFFF, ssrc) + payload


def rtcp_sender_report(ssrc: int = 0x1234) -> bytes:
    """A sender report without report blocks."""
    return struct.pack(">BBHIQIII", 0x80, 200, 6, ssrc, 0, 0, 10, 1600)


def stun_binding_request() -> bytes:
    """A binding request without attributes."""
    return struct.pack(">HHI12s", 0x0001, 0, 0x2112A442, b"transaction!")


def dtls_client_hello() -> bytes:
    """The head of a DTLS 1.2 handshake record, with filling."""
    return b"\x16\xfe\xfd" + bytes(8) + struct.pack(">H", 40) + b"\x01" + bytes(39)


# -- transport ------------------------------------------------------------------------------------------------------


def udp(source: Address, destination: Address, payload: bytes) -> bytes:
    """A UDP datagram without checksum."""
    return struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload


def tcp(source: Address, destination: Address, sequence: int, payload: bytes = b"", flags: int = ACK | PSH) -> bytes:
    """A TCP segment without checksum."""
    head = struct.pack(">HHIIBBHHH", source[1], destination[1], sequence & 0xFFFFFFFF, 0, 5 << 4, flags, 65535, 0, 0)
    return head + payload


# -- network --------------------------------------------------------------------------------------------------------


def ipv4(
    source: str, destination: str, protocol: int, payload: bytes, *, ip_id: int = 1, offset: int = 0, more: bool = False
) -> bytes:
    """An IPv4 packet without checksum; `offset` in bytes."""
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ip_id, (0x2000 if more else 0) | offset // 8, 64, protocol, 0,
        ip_address(source).packed, ip_address(destination).packed,
    )  # fmt: skip
    return head + payload


def ipv6(source: str, destination: str, following: int, payload: bytes) -> bytes:
    """An IPv6 packet; `payload` begins with the header that `following` names."""
    head = struct.pack(
        ">IHBB16s16s", 6 << 28, len(payload), following, 64, ip_address(source).packed, ip_address(destination).packed
    )
    return head + payload


def ipv6_hop_by_hop(following: int, payload: bytes) -> bytes:
    """A hop-by-hop options header (padding only) and what follows."""
    return struct.pack(">BBBB4x", following, 0, 1, 4) + payload


def ipv6_fragment(following: int, ident: int, offset: int, more: bool, payload: bytes) -> bytes:
    """A fragment header and a part of a payload; `offset` in bytes."""
    return struct.pack(">BBHI", following, 0, offset | int(more), ident) + payload


def udp_packet(source: Address, destination: Address, payload: bytes, *, ip_id: int = 1) -> bytes:
    """A UDP datagram in IPv4 or IPv6, by the addresses."""
    datagram = udp(source, destination, payload)
    if ":" in source[0]:
        return ipv6(source[0], destination[0], 17, datagram)
    return ipv4(source[0], destination[0], 17, datagram, ip_id=ip_id)


def tcp_packet(
    source: Address, destination: Address, sequence: int, payload: bytes = b"", flags: int = ACK | PSH
) -> bytes:
    """A TCP segment in IPv4 or IPv6, by the addresses."""
    segment = tcp(source, destination, sequence, payload, flags)
    if ":" in source[0]:
        return ipv6(source[0], destination[0], 6, segment)
    return ipv4(source[0], destination[0], 6, segment)


def fragments_v4(source: Address, destination: Address, payload: bytes, size: int, ip_id: int = 7) -> list[bytes]:
    """The fragments of a UDP datagram, `size` bytes (a multiple of 8) of IP payload in each."""
    datagram = udp(source, destination, payload)
    return [
        ipv4(
            source[0], destination[0], 17, datagram[start : start + size], ip_id=ip_id, offset=start,
            more=start + size < len(datagram),
        )
        for start in range(0, len(datagram), size)
    ]  # fmt: skip


def fragments_v6(source: Address, destination: Address, payload: bytes, size: int, ident: int = 7) -> list[bytes]:
    """The same in IPv6."""
    datagram = udp(source, destination, payload)
    return [
        ipv6(
            source[0], destination[0], 44,
            ipv6_fragment(17, ident, start, start + size < len(datagram), datagram[start : start + size]),
        )
        for start in range(0, len(datagram), size)
    ]  # fmt: skip


# -- link -----------------------------------------------------------------------------------------------------------

LINK_NULL, LINK_ETHERNET, LINK_RAW, LINK_LOOP, LINK_SLL, LINK_SLL2 = 0, 1, 101, 108, 113, 276


def ethertype_of(packet: bytes) -> int:
    """The Ethernet type of an IP packet."""
    return 0x0800 if packet[0] >> 4 == 4 else 0x86DD


def ethernet(packet: bytes, *, tags: Sequence[tuple[int, int]] = (), ethertype: int | None = None) -> bytes:
    """An Ethernet frame; `tags` are (type, VLAN number) from the outside in."""
    frame = bytes.fromhex("020000000002020000000001")
    for kind, number in tags:
        frame += struct.pack(">HH", kind, number)
    return frame + struct.pack(">H", ethertype_of(packet) if ethertype is None else ethertype) + packet


def cooked(packet: bytes) -> bytes:
    """Linux cooked, version 1."""
    return struct.pack(">HHH8sH", 0, 1, 6, bytes(8), ethertype_of(packet)) + packet


def cooked_2(packet: bytes) -> bytes:
    """Linux cooked, version 2."""
    return struct.pack(">HHIHBB8s", ethertype_of(packet), 0, 3, 1, 0, 6, bytes(8)) + packet


def loopback(packet: bytes, *, order: str = "<", family6: int = 30) -> bytes:
    """BSD loopback, the family in either byte order."""
    return struct.pack(order + "I", 2 if packet[0] >> 4 == 4 else family6) + packet


# -- tunnels ---------------------------------------------------------------------------------------------------------


def mpls(payload: bytes, *labels: int) -> bytes:
    """A stack of labels in front of something."""
    stack = b"".join(
        struct.pack(">I", label << 12 | (0x100 if place == len(labels) - 1 else 0) | 64)
        for place, label in enumerate(labels)
    )
    return stack + payload


def llc(packet: bytes, organization: bytes = bytes(3), kind: int | None = None) -> bytes:
    """An LLC and SNAP header."""
    return b"\xaa\xaa\x03" + organization + struct.pack(">H", ethertype_of(packet) if kind is None else kind) + packet


def ethernet_802_3(packet: bytes) -> bytes:
    """An Ethernet frame with a length in the place of the type."""
    return ethernet(llc(packet), ethertype=len(llc(packet)))


def esp(
    following: int, inner: bytes, *, check: int = 12, padding: int = 2, index: int = 0x1234, vector: int = 0
) -> bytes:
    """Encapsulating security payload without encryption; `check` is the size of the integrity check value."""
    trailer = bytes(range(1, padding + 1)) + bytes([padding, following]) + b"\xc3" * check
    return struct.pack(">II", index, 1) + b"\x5a" * vector + inner + trailer


def authentication_header(following: int, payload: bytes, check: int = 12) -> bytes:
    """An authentication header (RFC 4302) in front of something."""
    return struct.pack(">BBHII", following, (12 + check) // 4 - 2, 0, 7, 1) + bytes(check) + payload


def gtp(packet: bytes, flags: int = 0x30, options: bytes = b"") -> bytes:
    """A G-PDU of GTP-U."""
    return struct.pack(">BBHI", flags, 255, len(options) + len(packet), 1) + options + packet


def vxlan(frame: bytes) -> bytes:
    """VXLAN with network 42."""
    return struct.pack(">II", 0x08000000, 42 << 8) + frame


def geneve(payload: bytes, kind: int = 0x6558, options: bytes = b"") -> bytes:
    """Geneve with network 42."""
    return struct.pack(">BBHI", len(options) // 4, 0, kind, 42 << 8) + options + payload


def tunnel_udp(port: int, payload: bytes) -> bytes:
    """A datagram between the two ends of a tunnel."""
    return udp_packet(("203.0.113.1", 40000), ("203.0.113.2", port), payload)


def sctp(source_port: int, destination_port: int, *chunks: bytes, tag: int = 99) -> bytes:
    """An SCTP packet without checksum."""
    return struct.pack(">HHII", source_port, destination_port, tag, 0) + b"".join(chunks)


def sctp_data(number: int, payload: bytes, *, begin: bool = True, end: bool = True, unordered: bool = False) -> bytes:
    """A DATA chunk, padded; `number` is the transmission sequence number."""
    flags = (4 if unordered else 0) | (2 if begin else 0) | (1 if end else 0)
    head = struct.pack(">BBHIHHI", 0, flags, 16 + len(payload), number & 0xFFFFFFFF, 0, 0, 0)
    return head + payload + bytes(-len(payload) % 4)


def hep_3(
    source: Address, destination: Address, payload: bytes, *, kind: int = 1, protocol: int = 17,
    time: tuple[int, int] = (1_700_000_100, 250_000), compressed: bool = False,
) -> bytes:  # fmt: skip
    """A HEP packet of version 3."""
    v6 = ":" in source[0]
    values = [
        (1, bytes([10 if v6 else 2])), (2, bytes([protocol])), (5 if v6 else 3, ip_address(source[0]).packed),
        (6 if v6 else 4, ip_address(destination[0]).packed), (7, struct.pack(">H", source[1])),
        (8, struct.pack(">H", destination[1])), (9, struct.pack(">I", time[0])), (10, struct.pack(">I", time[1])),
        (11, bytes([kind])), (12, struct.pack(">I", 2001)), (17, b"correlation"),
        (16, zlib.compress(payload)) if compressed else (15, payload),
    ]  # fmt: skip
    chunks = b"".join(struct.pack(">HHH", 0, number, 6 + len(value)) + value for number, value in values)
    return b"HEP3" + struct.pack(">H", 6 + len(chunks)) + chunks


def hep_2(
    source: Address, destination: Address, payload: bytes, time: tuple[int, int] = (1_700_000_100, 250_000)
) -> bytes:
    """A HEP packet of version 2, as a little-endian machine sends it."""
    hosts = ip_address(source[0]).packed + ip_address(destination[0]).packed
    family = 10 if ":" in source[0] else 2
    head = struct.pack(">BBBBHH", 2, 8 + len(hosts), family, 17, source[1], destination[1])
    return head + hosts + struct.pack("<IIHH", *time, 2001, 0) + payload


# -- files ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """One captured packet."""

    data: bytes
    time: float = 1_700_000_000.0
    wire: int | None = None
    """Bytes on the wire, where more than captured."""


def frames(datas: Iterable[bytes], start: float = 1_700_000_000.0, step: float = 0.02) -> list[Frame]:
    """Packets at regular times."""
    return [Frame(data, start + index * step) for index, data in enumerate(datas)]


def pcap(
    captured: Iterable[Frame | bytes], *, link: int = LINK_ETHERNET, order: str = "<", nanoseconds: bool = False,
    snap_length: int = 262144,
) -> bytes:  # fmt: skip
    """A pcap file; plain bytes get regular times."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    unit = 1_000_000_000 if nanoseconds else 1_000_000
    pieces = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap_length, link)]
    for index, item in enumerate(captured):
        frame = item if isinstance(item, Frame) else Frame(item, 1_700_000_000.0 + index * 0.02)
        seconds = int(frame.time)
        fraction = round((frame.time - seconds) * unit)
        wire = len(frame.data) if frame.wire is None else frame.wire
        pieces.append(struct.pack(order + "IIII", seconds, fraction, len(frame.data), wire) + frame.data)
    return b"".join(pieces)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block, padded."""
    body += bytes(-len(body) % 4)
    length = 12 + len(body)
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """A pcapng option, padded."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    """A section header block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    link: int = LINK_ETHERNET, *, order: str = "<", resolution: int | None = None, offset: int | None = None,
    snap_length: int = 0,
) -> bytes:  # fmt: skip
    """An interface description block."""
    options = b""
    if resolution is not None:
        options += option(9, bytes([resolution]), order)
    if offset is not None:
        options += option(14, struct.pack(order + "q", offset), order)
    return block(1, struct.pack(order + "HHI", link, 0, snap_length) + options, order)


def enhanced_packet(
    data: bytes, ticks: int, *, interface_id: int = 0, order: str = "<", wire: int | None = None
) -> bytes:
    """An enhanced packet block; `ticks` in the interface's unit."""
    head = struct.pack(
        order + "IIIII", interface_id, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) if wire is None else wire
    )
    return block(6, head + data + bytes(-len(data) % 4), order)


def simple_packet(data: bytes, *, order: str = "<") -> bytes:
    """A simple packet block."""
    return block(3, struct.pack(order + "I", len(data)) + data, order)


def obsolete_packet(data: bytes, ticks: int, *, order: str = "<") -> bytes:
    """The packet block of old writers, on interface 0."""
    head = struct.pack(order + "HHIIII", 0, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, head + data, order)


def interface_statistics(dropped: int, *, interface_id: int = 0, order: str = "<") -> bytes:
    """An interface statistics block with the number of packets that the interface dropped."""
    body = struct.pack(order + "III", interface_id, 0, 0) + option(5, struct.pack(order + "Q", dropped), order)
    return block(5, body, order)


def pcapng(captured: Iterable[bytes], *, order: str = "<", link: int = LINK_ETHERNET) -> bytes:
    """A pcapng file with one interface and regular times in microseconds."""
    blocks = [section(order), interface(link, order=order)]
    for index, data in enumerate(captured):
        blocks.append(enhanced_packet(data, 1_700_000_000_000_000 + index * 20_000, order=order))
    return b"".join(blocks)
