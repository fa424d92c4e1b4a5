from __future__ import annotations

import struct

import pytest
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    ethernet,
    ipv4,
    ipv6,
    pcap,
    rtp,
    sip_request,
    tcp_packet,
    udp,
    udp_packet,
)

from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import IcmpError, NoticeKind, Trace

V4 = udp_packet(ALICE, BOB, sip_request())
V6 = udp_packet(ALICE6, BOB6, sip_request())
OUTER = ("203.0.113.1", "203.0.113.2")


def read(*frames: bytes, link: int = 1) -> Trace:
    return read_trace(pcap(frames, link=link), "x")


def ppp(packet: bytes, head: bytes = b"") -> bytes:
    return head + (b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57") + packet


def gtp(packet: bytes, flags: int = 0x30, options: bytes = b"") -> bytes:
    return udp_packet(
        (OUTER[0], 2152), (OUTER[1], 2152),
        struct.pack(">BBHI", flags, 255, len(options) + len(packet), 1) + options + packet,
    )  # fmt: skip


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(
            struct.pack(">I", (16 << 12) | 64) + struct.pack(">I", (17 << 12) | 0x100 | 64) + V4, ethertype=0x8847
        ),
        ethernet(struct.pack(">I", (17 << 12) | 0x100 | 64) + V6, ethertype=0x8847),
        ethernet(struct.pack(">BBHH", 0x11, 0, 1, len(V4) + 2) + ppp(V4), ethertype=0x8864),
        ethernet(ipv4(*OUTER, 4, V4)),
        ethernet(ipv4(*OUTER, 41, V6)),
        ethernet(ipv6("2001:db8:f::1", "2001:db8:f::2", 4, V4)),
        ethernet(ipv4(*OUTER, 47, struct.pack(">HH", 0, 0x0800) + V4)),
        ethernet(ipv4(*OUTER, 47, struct.pack(">HHI", 0x2000, 0x86DD, 99) + V6)),
        ethernet(ipv4(*OUTER, 47, struct.pack(">HH", 0, 0x6558) + ethernet(V4, tags=[(0x8100, 4)]))),
        ethernet(ipv4(*OUTER, 47, struct.pack(">HHHHI", 0x3001, 0x880B, 0, 7, 1) + ppp(V4, b"\xff\x03"))),
        ethernet(gtp(V4)),
        ethernet(gtp(V6, 0x32, struct.pack(">HBB", 1, 0, 0))),
        ethernet(ipv4(*OUTER, 4, ipv4(*OUTER, 4, V4))),
    ],
)
def test_tunnels_and_labels(frame: bytes) -> None:
    trace = read(frame)
    assert [message.raw for message in trace.messages] == [sip_request()]
    seen = trace.messages[0].observation
    assert seen.source in (Endpoint(*ALICE), Endpoint(*ALICE6))
    assert seen.source is not None
    assert seen.destination is not None
    assert (seen.source.host, seen.destination.host) in trace.facts.host_pairs


@pytest.mark.parametrize("head", [b"", b"\xff\x03"])
def test_ppp_link_layer(head: bytes) -> None:
    assert len(read(ppp(V4, head), link=9).messages) == 1


def test_media_in_tunnels_reaches_the_table() -> None:
    inner = udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(5))
    assert read(ethernet(gtp(inner))).media.sequence.tolist() == [5]


def test_hosts_nested_without_end_cost_little() -> None:
    packet = V4
    for _ in range(2000):
        packet = ipv4(*OUTER, 4, packet)
    assert read(ethernet(packet[:60_000])).messages == ()


def unreachable(original: bytes, code: int = 3) -> bytes:
    return ipv4(BOB[0], ALICE[0], 1, struct.pack(">BBHI", 3, code, 0, 0) + original)


def only_error(trace: Trace) -> IcmpError:
    assert len(trace.facts.icmp_errors) == 1
    return trace.facts.icmp_errors[0]


def test_port_unreachable_quotes_the_datagram() -> None:
    error = only_error(read(ethernet(unreachable(V4[: 28 + 20]))))
    assert (error.source, error.destination) == (Endpoint(*ALICE), Endpoint(*BOB))
    assert (error.reporter, error.transport, error.frame) == (BOB[0], Transport.UDP, 1)
    assert error.quoted == sip_request()[:20]
    assert error.is_port_unreachable


def test_host_unreachable_is_another_code() -> None:
    assert not only_error(read(ethernet(unreachable(V4[:28], code=1)))).is_port_unreachable


def test_icmpv6_unreachable() -> None:
    packet = ipv6(BOB6[0], ALICE6[0], 58, struct.pack(">BBHI", 1, 4, 0, 0) + V6)
    error = only_error(read(ethernet(packet)))
    assert error.ipv6
    assert error.is_port_unreachable
    assert (error.source, error.destination) == (Endpoint(*ALICE6), Endpoint(*BOB6))


def test_icmp_that_quotes_a_tcp_segment() -> None:
    error = only_error(read(ethernet(unreachable(tcp_packet(ALICE, BOB, 1, b"x")[:28]))))
    assert error.transport is Transport.TCP
    assert error.destination == Endpoint(*BOB)


def test_echo_requests_are_no_errors() -> None:
    assert read(ethernet(ipv4(ALICE[0], BOB[0], 1, struct.pack(">BBHHH", 8, 0, 0, 1, 1)))).facts.icmp_errors == ()


def test_damaged_headers_are_told() -> None:
    trace = read(ethernet(b"\x00\x00", ethertype=0x8847), ethernet(b"\x11", ethertype=0x8864))
    assert {notice.kind for notice in trace.notices} == {NoticeKind.MALFORMED_PACKET}
    assert sum(notice.count for notice in trace.notices) == 2


def test_udp_lengths_that_cannot_be_are_not_believed() -> None:
    datagram = bytearray(udp(ALICE, BOB, sip_request()))
    datagram[4:6] = b"\xff\xff"
    assert len(read(ethernet(ipv4(ALICE[0], BOB[0], 17, bytes(datagram)))).messages) == 1
