from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    LINK_ETHERNET,
    LINK_LOOP,
    LINK_NULL,
    LINK_RAW,
    LINK_SLL,
    LINK_SLL2,
    Frame,
    cooked,
    cooked_2,
    ethernet,
    ipv4,
    ipv6,
    ipv6_hop_by_hop,
    loopback,
    pcap,
    sip_request,
    udp,
    udp_packet,
)

from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind

V4 = udp_packet(ALICE, BOB, sip_request(), ip_id=4711)
V6 = udp_packet(ALICE6, BOB6, sip_request())


def tagged(*tags: tuple[int, int]) -> Callable[[bytes], bytes]:
    return lambda packet: ethernet(packet, tags=tags)


@pytest.mark.parametrize(
    ("link", "wrap"),
    [
        (LINK_ETHERNET, ethernet),
        (LINK_ETHERNET, tagged((0x8100, 7))),
        (LINK_ETHERNET, tagged((0x88A8, 7), (0x8100, 8))),
        (LINK_ETHERNET, tagged((0x8100, 7), (0x8100, 8), (0x8100, 9))),
        (LINK_SLL, cooked),
        (LINK_SLL2, cooked_2),
        (LINK_RAW, bytes),
        (12, bytes),
        (14, bytes),
        (LINK_NULL, loopback),
        (LINK_NULL, lambda packet: loopback(packet, order=">")),
        (LINK_NULL, lambda packet: loopback(packet, family6=24)),
        (LINK_NULL, lambda packet: loopback(packet, family6=10)),
        (LINK_LOOP, lambda packet: loopback(packet, order=">", family6=28)),
    ],
)
@pytest.mark.parametrize("packet", [V4, V6], ids=["v4", "v6"])
def test_link_layers(link: int, wrap: Callable[[bytes], bytes], packet: bytes) -> None:
    trace = read_trace(pcap([wrap(packet), wrap(packet)], link=link), "x")
    assert [message.raw for message in trace.messages] == [sip_request()] * 2
    seen = trace.messages[0].observation
    source, destination = (ALICE, BOB) if packet is V4 else (ALICE6, BOB6)
    assert (seen.source, seen.destination) == (Endpoint(*source), Endpoint(*destination))
    assert seen.transport is Transport.UDP
    assert seen.ip_id == (4711 if packet is V4 else None)
    assert trace.facts.host_pairs == {(source[0], destination[0])}


@pytest.mark.parametrize(("link", "packet"), [(228, V4), (229, V6)])
def test_raw_ip_of_one_version(link: int, packet: bytes) -> None:
    assert len(read_trace(pcap([packet], link=link), "x").messages) == 1


def test_ethernet_padding_is_no_payload() -> None:
    frame = ethernet(udp_packet(ALICE, BOB, sip_request())) + bytes(30)
    assert read_trace(pcap([frame]), "x").messages[0].raw == sip_request()


def test_ip_options_are_skipped() -> None:
    packet = bytearray(V4)
    packet[0] = 0x46
    packet[2:4] = (len(packet) + 4).to_bytes(2, "big")
    packet[20:20] = b"\x01\x01\x01\x00"
    assert read_trace(pcap([ethernet(bytes(packet))]), "x").messages[0].raw == sip_request()


def test_ipv6_extension_headers_are_skipped() -> None:
    inner = ipv6_hop_by_hop(60, ipv6_hop_by_hop(17, udp(ALICE6, BOB6, sip_request())))
    trace = read_trace(pcap([ethernet(ipv6(ALICE6[0], BOB6[0], 0, inner))]), "x")
    assert [message.raw for message in trace.messages] == [sip_request()]


def test_a_zero_total_length_means_offloaded_segments() -> None:
    packet = bytearray(V4)
    packet[2:4] = b"\0\0"
    assert len(read_trace(pcap([ethernet(bytes(packet))]), "x").messages) == 1


def test_snap_length_cuts_are_told() -> None:
    frame = ethernet(V4)
    trace = read_trace(pcap([Frame(frame[:120], wire=len(frame)), frame]), "x")
    assert [message.fidelity for message in trace.messages] == [Fidelity.TRUNCATED, Fidelity.EXACT]
    assert trace.messages[0].raw == frame[42:120]
    assert trace.facts.truncated_packets == 1
    assert [notice.kind for notice in trace.notices] == [NoticeKind.SNAPLEN]


def test_what_follows_the_body_stays_in_the_message() -> None:
    payload = sip_request(body=b"v=0\r\n") + b"trailing"
    trace = read_trace(pcap([ethernet(udp_packet(ALICE, BOB, payload))]), "x")
    assert trace.messages[0].raw == payload


def test_asterisk_names_itself_0_0_0_0() -> None:
    own = ("0.0.0.0", 0)
    frames = [ethernet(udp_packet(own, BOB, sip_request())), ethernet(udp_packet(BOB, own, sip_request()))]
    trace = read_trace(pcap(frames), "x")
    assert [message.observation.source.is_unnamed for message in trace.messages if message.observation.source] == [
        True, False,
    ]  # fmt: skip


def test_other_ethernet_types_are_ignored_quietly() -> None:
    trace = read_trace(pcap([ethernet(bytes(28), ethertype=0x0806), ethernet(bytes(40), ethertype=38)]), "x")
    assert (trace.facts.packets, trace.notices) == (2, ())


def test_unknown_link_layer_is_told_once_with_a_count() -> None:
    trace = read_trace(pcap([b"abc" * 9] * 5, link=147), "x")
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.UNKNOWN_LINK_TYPE, 5)]


def test_addresses_that_end_in_zeros() -> None:
    source, destination = ("2001:db8::", 5060), ("2001:db8:0:1::", 5120)
    trace = read_trace(pcap([ethernet(udp_packet(source, destination, sip_request()))]), "x")
    assert trace.messages[0].observation.source == Endpoint(*source)
    assert trace.messages[0].observation.destination == Endpoint(*destination)
    assert trace.facts.host_pairs == {(source[0], destination[0])}


def test_esp_that_hides_its_content_is_named_as_unread() -> None:
    trace = read_trace(pcap([ethernet(ipv4(ALICE[0], BOB[0], 50, bytes(range(1, 41))))]), "x")
    assert [notice.kind for notice in trace.notices] == [NoticeKind.UNREAD_PROTOCOL]
