from __future__ import annotations

import struct

import pytest
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    ethernet,
    ethernet_802_3,
    ipv4,
    llc,
    mpls,
    pcap,
    sip_request,
    udp_packet,
)
from tests.trace.capture.agreement import agrees_with_tshark

from sip_ci.trace.observation import Endpoint
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

V4 = udp_packet(ALICE, BOB, sip_request())
V6 = udp_packet(ALICE6, BOB6, sip_request())
MAC = bytes.fromhex("020000000001")


def ppp(packet: bytes, head: bytes = b"") -> bytes:
    return head + (b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57") + packet


def pppoe(packet: bytes) -> bytes:
    return struct.pack(">BBHH", 0x11, 0, 1, len(ppp(packet))) + ppp(packet)


def wifi(
    body: bytes, *, control: int = 0x08, flags: int = 0x01, quality: int | None = None, fragment: int = 0
) -> bytes:
    """A data frame to an access point; `flags` 0x40 says that it is encrypted."""
    frame = bytes([control, flags, 0, 0]) + MAC * 3 + struct.pack("<H", 16 | fragment)
    if flags & 3 == 3:
        frame += MAC
    if quality is not None:
        frame += struct.pack("<H", quality)
    if flags & 0x80:
        frame += bytes(4)
    return frame + body


def subframe(packet: bytes, *, last: bool = False) -> bytes:
    body = llc(packet)
    whole = MAC + MAC + struct.pack(">H", len(body)) + body
    return whole if last else whole + bytes(-len(whole) % 4)


def radiotap(frame: bytes, flags: int | None = None) -> bytes:
    """With a time stamp in front of the flags, as capturing cards write."""
    if flags is None:
        return struct.pack("<BBHI", 0, 0, 8, 0) + frame
    return struct.pack("<BBHIQB", 0, 0, 17, 0x03, 0, flags) + frame


def ppi(link: int, frame: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, link) + frame


def pktap(link: int, frame: bytes) -> bytes:
    return struct.pack("<III", 108, 1, link) + bytes(96) + frame


def nflog(packet: bytes, family: int) -> bytes:
    attributes = struct.pack("<HH4s", 8, 1, bytes(4)) + struct.pack("<HH", 4 + len(packet), 9) + packet
    return struct.pack(">BBH", family, 0, 5) + attributes


PLAIN = {
    "802.3 with LLC": (1, ethernet_802_3(V4)),
    "QinQ": (1, ethernet(V4, tags=[(0x88A8, 5), (0x8100, 6)])),
    "QinQ, then LLC": (1, ethernet(llc(V4), tags=[(0x8100, 6)], ethertype=len(llc(V4)))),
    "MPLS": (1, ethernet(mpls(V4, 16, 17, 18), ethertype=0x8847)),
    "MPLS, IPv6": (1, ethernet(mpls(V6, 16), ethertype=0x8847)),
    "MPLS pseudowire": (1, ethernet(mpls(ethernet(V4), 16), ethertype=0x8847)),
    "MPLS pseudowire with control word": (1, ethernet(mpls(bytes(4) + ethernet(V4), 16), ethertype=0x8847)),
    "PPPoE": (1, ethernet(pppoe(V4), ethertype=0x8864)),
    "PPPoE behind a tag, IPv6": (1, ethernet(pppoe(V6), tags=[(0x8100, 7)], ethertype=0x8864)),
    "provider backbone": (1, ethernet(bytes(4) + ethernet(V4), ethertype=0x88E7)),
    "network service header": (1, ethernet(bytes([0, 6, 1, 3]) + bytes(20) + ethernet(V4), ethertype=0x894F)),
    "cooked with a tag": (113, struct.pack(">HHH8sHHH", 0, 1, 6, bytes(8), 0x8100, 5, 0x0800) + V4),
    "cooked with LLC": (113, struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 4) + llc(V4)),
    "cooked 2 with a tag": (
        276, struct.pack(">HHIHBB8s", 0x8100, 0, 3, 1, 0, 6, bytes(8)) + struct.pack(">HH", 5, 0x0800) + V4,
    ),
    "PPP": (9, ppp(V4, b"\xff\x03")),
    "PPP without address": (9, ppp(V6)),
    "PPP, a protocol of one byte": (9, b"\x21" + V4),
    "PPP with MPLS": (9, b"\xff\x03\x02\x81" + mpls(V4, 20)),
    "PPP in HDLC": (50, ppp(V4, b"\xff\x03")),
    "Cisco HDLC by the number of PPP": (50, b"\x0f\x00\x08\x00" + V4),
    "Cisco HDLC": (104, b"\x0f\x00\x86\xdd" + V6),
    "PPPoE session": (51, pppoe(V4)),
    "ATM": (100, llc(V4)),
    "raw": (101, V6),
    "802.11": (105, wifi(llc(V4))),
    "802.11 from the access point": (105, wifi(llc(V6), flags=0x02)),
    "802.11 with four addresses": (105, wifi(llc(V4), flags=0x03)),
    "802.11 with quality of service": (105, wifi(llc(V4), control=0x88, quality=0)),
    "802.11 with high throughput control": (105, wifi(llc(V4), control=0x88, flags=0x81, quality=0)),
    "radiotap": (127, radiotap(wifi(llc(V4)))),
    "radiotap with checksum": (127, radiotap(wifi(llc(V4)) + b"\x01\x02\x03\x04", flags=0x10)),
    "radiotap with padding": (127, radiotap(wifi(b"\0\0" + llc(V4), control=0x88, quality=0), flags=0x20)),
    "Prism": (119, struct.pack("<II", 0x44, 144) + bytes(136) + wifi(llc(V4))),
    "AVS": (163, struct.pack(">II", 0x80211001, 64) + bytes(56) + wifi(llc(V4))),
    "PPI with 802.11": (192, ppi(105, wifi(llc(V4)))),
    "PPI with Ethernet": (192, ppi(1, ethernet(V4))),
    "PKTAP": (258, pktap(1, ethernet(V4))),
    "NFLOG": (239, nflog(V4, 2)),
    "NFLOG, IPv6": (239, nflog(V6, 10)),
    "MPLS alone": (219, mpls(V4, 16)),
    "OpenBSD's enc": (109, struct.pack("<III", 2, 0, 0) + V4),
    "pflog": (117, bytes([61, 2]) + bytes(62) + V4),
}  # fmt: skip

NOT_BY_TSHARK = {
    "MPLS alone": "tshark 4.0 does not know the link layer",
    "MPLS pseudowire": "tshark tells by the first byte whether there is a control word, and errs with this address",
    "MPLS pseudowire with control word": "the same",
}


def read(link: int, *frames: bytes) -> Trace:
    return read_trace(pcap(frames, link=link), "x")


@pytest.mark.parametrize("name", PLAIN)
def test_sip_is_found(name: str) -> None:
    link, frame = PLAIN[name]
    trace = read(link, frame)
    assert [message.raw for message in trace.messages] == [sip_request()]
    assert trace.messages[0].observation.source in (Endpoint(*ALICE), Endpoint(*ALICE6))
    assert trace.notices == ()


@pytest.mark.tshark
@pytest.mark.parametrize("name", sorted(set(PLAIN) - set(NOT_BY_TSHARK)))
def test_tshark_finds_it_too(name: str) -> None:
    link, frame = PLAIN[name]
    agrees_with_tshark(pcap([frame], link=link), messages=1)


@pytest.mark.parametrize("name", PLAIN)
def test_truncated_at_any_byte(name: str) -> None:
    link, frame = PLAIN[name]
    trace = read(link, *(frame[:size] for size in range(len(frame))))
    assert trace.facts.packets == len(frame)


def test_all_messages_of_an_aggregate() -> None:
    other = udp_packet(ALICE, BOB, sip_request(call_id="other"))
    data = pcap([wifi(subframe(V4) + subframe(other, last=True), control=0x88, quality=0x80)], link=105)
    assert [message.call_id for message in read_trace(data, "x").messages] == ["a@example.com", "other"]


@pytest.mark.tshark
def test_tshark_agrees_on_aggregates() -> None:
    other = udp_packet(ALICE, BOB, sip_request(call_id="other"))
    data = pcap([wifi(subframe(V4) + subframe(other, last=True), control=0x88, quality=0x80)], link=105)
    agrees_with_tshark(data, messages=2)


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (105, wifi(bytes(60), flags=0x41)),
        (127, radiotap(wifi(llc(V4)), flags=0x40)),
        (105, wifi(llc(V4), flags=0x05)),
        (105, wifi(llc(V4), fragment=1)),
        (1, ethernet(bytes([0x0C]) + bytes(50), ethertype=0x88E5)),
        (9, b"\xff\x03\x00\xfd" + bytes(50)),
    ],
)
def test_what_is_hidden_is_counted(link: int, frame: bytes) -> None:
    trace = read(link, frame, frame, frame)
    assert trace.messages == ()
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.UNREAD_PROTOCOL, 3)]


@pytest.mark.parametrize("link", [*range(147, 163), 209, 189])
def test_unknown_link_layers_are_counted(link: int) -> None:
    trace = read(link, V4, V4)
    assert trace.messages == ()
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.UNKNOWN_LINK_TYPE, 2)]


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(b"\x42\x42\x03" + bytes(40), ethertype=43),
        ethernet(bytes(46), ethertype=0x0806),
        ethernet(bytes(46), ethertype=0x88CC),
    ],
)
def test_what_carries_no_ip_is_no_news(frame: bytes) -> None:
    assert read(1, frame).notices == ()


@pytest.mark.parametrize("frame", [wifi(b"", control=0x48), wifi(bytes(30), control=0x80), b"\xd4\x00" + bytes(8)])
def test_frames_without_data_are_no_news(frame: bytes) -> None:
    assert read(105, frame).notices == ()


def test_link_layers_in_one_another_are_bounded() -> None:
    frame = ethernet(V4)
    for _ in range(50):
        frame = ppi(192, frame)
    assert read(192, frame).messages == ()


def test_a_mac_address_that_looks_like_ip_is_none() -> None:
    frame = b"\x45\x00\xff\xff\x00\x01" + ethernet(V4)[6:]
    assert len(read(1, ethernet(mpls(frame, 16), ethertype=0x8847)).messages) == 1


def test_ipv4_without_transport_costs_nothing() -> None:
    assert read(101, ipv4(ALICE[0], BOB[0], 89, bytes(20))).notices == ()
