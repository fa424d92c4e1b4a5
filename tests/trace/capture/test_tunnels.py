from __future__ import annotations

import struct
from ipaddress import ip_address

import numpy as np
import pytest
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    SYN,
    authentication_header,
    esp,
    ethernet,
    fragments_v4,
    fragments_v6,
    geneve,
    gtp,
    ipv4,
    ipv6,
    ipv6_fragment,
    ipv6_hop_by_hop,
    mpls,
    pcap,
    rtp,
    sip_request,
    tcp,
    tunnel_udp,
    udp,
    udp_packet,
    vxlan,
)
from tests.trace.capture.agreement import agrees_with_tshark

from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

V4 = udp_packet(ALICE, BOB, sip_request())
V6 = udp_packet(ALICE6, BOB6, sip_request())
DATAGRAM = udp(ALICE, BOB, sip_request())
FRAME = ethernet(V4)
OUTER = ("203.0.113.1", "203.0.113.2")
OUTER6 = ("2001:db8:f::1", "2001:db8:f::2")
HEURISTIC_ESP = ("-o", "esp.enable_null_encryption_decode_heuristic:TRUE")


def gre(protocol: int, payload: bytes, *, key: bool = False, sequence: bool = False, checksum: bool = False) -> bytes:
    flags = (0x8000 if checksum else 0) | (0x2000 if key else 0) | (0x1000 if sequence else 0)
    return struct.pack(">HH", flags, protocol) + bytes(4 * (key + sequence + checksum)) + payload


def in_gre(payload: bytes) -> bytes:
    return ipv4(*OUTER, 47, payload)


def pptp(packet: bytes, *, sequence: bool = True, acknowledged: bool = False) -> bytes:
    flags = 0x2001 | (0x1000 if sequence else 0) | (0x0080 if acknowledged else 0)
    body = b"\xff\x03\x00\x21" + packet
    numbers = bytes(4 * (sequence + acknowledged))
    return struct.pack(">HHHH", flags, 0x880B, len(body), 1) + numbers + body


def erspan_2(frame: bytes) -> bytes:
    return gre(0x88BE, struct.pack(">HHI", 0x1000 | 100, 0, 0) + frame, sequence=True)


def erspan_3(frame: bytes, *, subheader: bool = False) -> bytes:
    head = struct.pack(">HHIHH", 0x2000 | 100, 0, 0, 0, 1 if subheader else 0)
    return gre(0x22EB, head + (bytes(8) if subheader else b"") + frame, sequence=True)


def checked_tcp(source: tuple[str, int], destination: tuple[str, int], payload: bytes, flags: int = 24) -> bytes:
    """A segment with its checksum, by which ESP without encryption is told."""
    segment = bytearray(tcp(source, destination, 1, payload, flags))
    pseudo = ip_address(source[0]).packed + ip_address(destination[0]).packed + struct.pack(">II", len(segment), 6)
    whole = pseudo + bytes(segment) + bytes(len(segment) % 2)
    total = sum(struct.unpack(f">{len(whole) // 2}H", whole))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    segment[16:18] = struct.pack(">H", 0xFFFF - total)
    return bytes(segment)


def tzsp(frame: bytes, tags: bytes = b"\x01") -> bytes:
    return struct.pack(">BBH", 1, 0, 1) + tags + frame


def l2tp(packet: bytes, *, length: bool = True) -> bytes:
    body = struct.pack(">HH", 7, 9) + b"\xff\x03\x00\x21" + packet
    return struct.pack(">HH", 0x4002, len(body) + 4) + body if length else struct.pack(">H", 2) + body


TUNNELS = {
    "IP in IP": ipv4(*OUTER, 4, V4),
    "6in4": ipv4(*OUTER, 41, V6),
    "4in6": ipv6(*OUTER6, 4, V4),
    "6in6": ipv6(*OUTER6, 41, V6),
    "GRE": in_gre(gre(0x0800, V4)),
    "GRE with everything": in_gre(gre(0x86DD, V6, key=True, sequence=True, checksum=True)),
    "GRE, Ethernet": in_gre(gre(0x6558, ethernet(V4, tags=[(0x8100, 4)]), key=True)),
    "GRE, MPLS": in_gre(gre(0x8847, mpls(V4, 16))),
    "GRE in IPv6": ipv6(*OUTER6, 47, gre(0x0800, V4)),
    "GRE in GRE": in_gre(gre(0x0800, in_gre(gre(0x0800, V4)))),
    "PPTP": in_gre(pptp(V4)),
    "PPTP, acknowledged": in_gre(pptp(V4, acknowledged=True)),
    "PPTP, no sequence": in_gre(pptp(V4, sequence=False, acknowledged=True)),
    "ERSPAN I": in_gre(gre(0x88BE, FRAME)),
    "ERSPAN II": in_gre(erspan_2(FRAME)),
    "ERSPAN III": in_gre(erspan_3(FRAME)),
    "ERSPAN III with subheader": in_gre(erspan_3(FRAME, subheader=True)),
    "VXLAN": tunnel_udp(4789, vxlan(FRAME)),
    "VXLAN, Linux' old port": tunnel_udp(8472, vxlan(ethernet(V6))),
    "VXLAN-GPE": tunnel_udp(4790, struct.pack(">BBBBI", 0x0C, 0, 0, 1, 42 << 8) + V4),
    "Geneve": tunnel_udp(6081, geneve(FRAME)),
    "Geneve with options": tunnel_udp(6081, geneve(FRAME, options=struct.pack(">HBBI", 1, 1, 1, 5))),
    "Geneve, IP": tunnel_udp(6081, geneve(V4, kind=0x0800)),
    "GTP-U": tunnel_udp(2152, gtp(V4)),
    "GTP-U with sequence": tunnel_udp(2152, gtp(V6, 0x32, struct.pack(">HBB", 1, 0, 0))),
    "GTP-U with extensions": tunnel_udp(
        2152, gtp(V4, 0x34, struct.pack(">HBB", 0, 0, 0x85) + bytes([1, 0, 9, 0x40]) + bytes([1, 0, 0, 0]))
    ),
    "ESP, 12": ipv4(ALICE[0], BOB[0], 50, esp(17, DATAGRAM)),
    "ESP, 16": ipv4(ALICE[0], BOB[0], 50, esp(17, DATAGRAM, check=16, padding=3)),
    "ESP, none": ipv4(ALICE[0], BOB[0], 50, esp(17, DATAGRAM, check=0, padding=0)),
    "ESP, 32": ipv4(ALICE[0], BOB[0], 50, esp(17, DATAGRAM, check=32)),
    "ESP, GMAC": ipv4(ALICE[0], BOB[0], 50, esp(17, DATAGRAM, check=16, vector=8)),
    "ESP, a tunnel": ipv4(*OUTER, 50, esp(4, V4)),
    "ESP, a tunnel of IPv6": ipv6(*OUTER6, 50, esp(41, V6)),
    "ESP, TCP": ipv4(ALICE[0], BOB[0], 50, esp(6, checked_tcp(ALICE, BOB, sip_request()))),
    "ESP in UDP": udp_packet((ALICE[0], 4500), (BOB[0], 4500), esp(17, DATAGRAM)),
    "AH": ipv4(ALICE[0], BOB[0], 51, authentication_header(17, DATAGRAM)),
    "AH in IPv6": ipv6(ALICE6[0], BOB6[0], 51, authentication_header(17, udp(ALICE6, BOB6, sip_request()))),
    "AH, then ESP": ipv4(ALICE[0], BOB[0], 51, authentication_header(50, esp(17, DATAGRAM))),
    "TZSP": tunnel_udp(37008, tzsp(FRAME)),
    "TZSP with fields": tunnel_udp(37008, tzsp(FRAME, b"\x0a\x01\xd5\x00\x12\x01\x06\x01")),
    "L2TP": tunnel_udp(1701, l2tp(V4)),
    "L2TP without length": tunnel_udp(1701, l2tp(V4, length=False)),
    "Teredo": tunnel_udp(3544, V6),
    "MPLS in IP": ipv4(*OUTER, 137, mpls(V4, 16)),
    "MPLS in UDP": tunnel_udp(6635, mpls(V4, 16)),
    "Ethernet in IP": ipv4(*OUTER, 97, b"\x30\x00" + FRAME),
    "Ethernet in IPv6": ipv6(*OUTER6, 143, FRAME),
    "hop-by-hop options": ipv6(ALICE6[0], BOB6[0], 0, ipv6_hop_by_hop(17, udp(ALICE6, BOB6, sip_request()))),
    "IPv6 with many headers": ipv6(
        ALICE6[0], BOB6[0], 0,
        ipv6_hop_by_hop(43, bytes([60, 0, 253, 0]) + bytes(4) + ipv6_hop_by_hop(17, udp(ALICE6, BOB6, sip_request()))),
    ),
    "VXLAN in Geneve in GRE": in_gre(gre(0x0800, tunnel_udp(6081, geneve(ethernet(tunnel_udp(4789, vxlan(FRAME))))))),
    "UDP-Lite": ipv4(ALICE[0], BOB[0], 136, struct.pack(">HHHH", 5060, 5060, 8, 0) + sip_request()),
}  # fmt: skip

NOT_BY_TSHARK = {
    "VXLAN, Linux' old port": "tshark takes that port for OTV",
    "ESP, none": "tshark expects a check value",
    "ESP, GMAC": "tshark expects no initialization vector",
}


def read(*packets: bytes) -> Trace:
    return read_trace(pcap([ethernet(packet) for packet in packets]), "x")


@pytest.mark.parametrize("name", TUNNELS)
def test_sip_is_found(name: str) -> None:
    trace = read(TUNNELS[name])
    assert [message.raw for message in trace.messages] == [sip_request()]
    seen = trace.messages[0].observation
    assert (seen.source, seen.destination) in (
        (Endpoint(*ALICE), Endpoint(*BOB)), (Endpoint(*ALICE6), Endpoint(*BOB6)),
    )  # fmt: skip
    assert seen.source is not None
    assert seen.destination is not None
    assert (seen.source.host, seen.destination.host) in trace.facts.host_pairs
    assert trace.notices == ()


@pytest.mark.tshark
@pytest.mark.parametrize("name", sorted(set(TUNNELS) - set(NOT_BY_TSHARK)))
def test_tshark_finds_it_too(name: str) -> None:
    agrees_with_tshark(pcap([ethernet(TUNNELS[name])]), messages=1, options=HEURISTIC_ESP)


@pytest.mark.parametrize("name", TUNNELS)
def test_truncated_at_any_byte(name: str) -> None:
    frame = ethernet(TUNNELS[name])
    trace = read_trace(pcap([frame[:size] for size in range(len(frame))]), "x")
    assert trace.facts.packets == len(frame)


def test_media_of_many_kinds_of_tunnels() -> None:
    inner = udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(5))
    packets = [
        tunnel_udp(4789, vxlan(ethernet(inner))), tunnel_udp(2152, gtp(inner)), in_gre(gre(0x0800, inner)),
        tunnel_udp(6081, geneve(ethernet(inner))), ipv4(*OUTER, 4, inner),
    ]  # fmt: skip
    media = read(*packets).media
    assert media.sequence.tolist() == [5] * len(packets)
    assert {str(media.endpoints[number]) for number in np.unique(media.source)} == {"192.0.2.1:4000"}
    assert media.frame.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("port", [1701, 2152, 3544, 4500, 4789, 4790, 6081, 6635, 8472, 9899, 37008])
def test_media_on_the_ports_of_tunnels_stays_media(port: int) -> None:
    packets = [udp_packet(("192.0.2.1", port), ("192.0.2.2", 4002), rtp(number)) for number in range(50)]
    media = read(*packets).media
    assert media.sequence.tolist() == list(range(50))
    assert (media.kind == MediaKind.RTP).all()


@pytest.mark.parametrize("port", [1701, 2152, 3544, 4500, 4789, 4790, 6081, 6635, 8472, 9899, 37008])
def test_sip_on_the_ports_of_tunnels_stays_sip(port: int) -> None:
    assert len(read(udp_packet((ALICE[0], port), BOB, sip_request())).messages) == 1


def test_fragmented_tunnels() -> None:
    payload = vxlan(FRAME)
    assert len(read(*fragments_v4(("203.0.113.1", 9), ("203.0.113.2", 4789), payload, 64)).messages) == 1


def test_fragments_inside_tunnels() -> None:
    inner = fragments_v4(ALICE, BOB, sip_request(), 64)
    assert len(read(*(tunnel_udp(4789, vxlan(ethernet(part))) for part in inner)).messages) == 1


def test_fragments_inside_fragmented_tunnels() -> None:
    outer = []
    for place, part in enumerate(fragments_v6(ALICE6, BOB6, sip_request(), 120)):
        outer += fragments_v4(("203.0.113.1", 9), ("203.0.113.2", 4789), vxlan(ethernet(part)), 64, ip_id=place)
    assert len(read(*outer).messages) == 1


def test_extension_headers_behind_a_fragment_header() -> None:
    whole = ipv6_hop_by_hop(17, udp(ALICE6, BOB6, sip_request()))
    parts = [
        ipv6(ALICE6[0], BOB6[0], 44, ipv6_fragment(60, 5, start, start + 64 < len(whole), whole[start : start + 64]))
        for start in range(0, len(whole), 64)
    ]
    assert len(read(*parts).messages) == 1


def test_encrypted_esp_is_not_believed_but_counted() -> None:
    generator = np.random.default_rng(3)
    packets = [ipv4(ALICE[0], BOB[0], 50, generator.bytes(120)) for _ in range(3000)]
    trace = read(*packets)
    assert trace.messages == ()
    assert len(trace.media) == 0
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.UNREAD_PROTOCOL, 3000)]


def test_esp_with_tcp_needs_its_checksum() -> None:
    wrong = bytearray(checked_tcp(ALICE, BOB, sip_request()))
    wrong[16] ^= 1
    assert read(ipv4(ALICE[0], BOB[0], 50, esp(6, bytes(wrong)))).messages == ()


def test_connections_in_esp() -> None:
    packets = [
        ipv4(ALICE[0], BOB[0], 50, esp(6, checked_tcp(ALICE, BOB, b"", SYN))),
        ipv4(ALICE[0], BOB[0], 50, esp(6, checked_tcp(ALICE, BOB, sip_request()))),
    ]
    trace = read(*packets)
    assert [message.observation.transport for message in trace.messages] == [Transport.TCP]
    assert len(trace.facts.tcp_events) == 1


def test_key_exchange_on_the_port_of_esp_is_no_news() -> None:
    exchange = bytes(4) + bytes(range(60))
    trace = read(udp_packet((ALICE[0], 4500), (BOB[0], 4500), exchange), udp_packet((ALICE[0], 4500), BOB, b"\xff"))
    assert trace.notices == ()


def test_nesting_is_bounded() -> None:
    packet = V4
    for _ in range(2000):
        packet = ipv4(*OUTER, 4, packet[:60_000])
    assert read(packet).messages == ()


def test_what_a_tunnel_carries_besides_ip_is_no_news() -> None:
    assert read(tunnel_udp(4789, vxlan(ethernet(bytes(46), ethertype=0x0806)))).notices == ()
