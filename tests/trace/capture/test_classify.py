from __future__ import annotations

import struct

import pytest
from tests.support.packets import (
    ALICE,
    BOB,
    dtls_client_hello,
    ethernet,
    pcap,
    rtcp_sender_report,
    rtp,
    sip_request,
    stun_binding_request,
    udp_packet,
)

from sip_ci.trace.capture.classify import sip_start
from sip_ci.trace.media_table import MediaKind, MediaTable
from sip_ci.trace.reading import read_trace

LEFT, RIGHT = ("192.0.2.1", 4000), ("192.0.2.2", 4002)


def media_of(*payloads: bytes) -> MediaTable:
    return read_trace(pcap([ethernet(udp_packet(LEFT, RIGHT, payload)) for payload in payloads]), "x").media


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (rtp(1), MediaKind.RTP),
        (rtp(1, payload=b""), MediaKind.RTP),
        (rtp(1, payload_type=127, marker=True), MediaKind.RTP),
        (rtcp_sender_report(), MediaKind.RTCP),
        (stun_binding_request(), MediaKind.STUN),
        (struct.pack(">HH16s", 1, 0, b"no magic cookie!"), MediaKind.STUN),
        (dtls_client_hello(), MediaKind.DTLS),
    ],
)
def test_kinds(payload: bytes, kind: MediaKind) -> None:
    assert media_of(payload).kind.tolist() == [kind]


@pytest.mark.parametrize(
    "payload",
    [
        b"hello", b"\r\n\r\n", b"jaK", bytes(4), b"\x80", rtp(1)[:11], b"\x8f\x00" + bytes(12), b"\x00\x05" + bytes(18),
        b"NOTIFY * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n", b"\x41" * 200, b"\x16\x03\x01" + bytes(50),
    ],
)  # fmt: skip
def test_what_is_neither_media_nor_sip(payload: bytes) -> None:
    trace = read_trace(pcap([ethernet(udp_packet(ALICE, BOB, payload))]), "x")
    assert len(trace.media) == 0
    assert trace.messages == ()


def test_rtp_columns() -> None:
    table = media_of(rtp(65535, timestamp=0xFFFFFFFF, ssrc=0xDEADBEEF, payload_type=101, marker=True), rtp(0, ssrc=7))
    assert table.sequence.tolist() == [65535, 0]
    assert table.timestamp.tolist() == [0xFFFFFFFF, 0]
    assert table.ssrc.tolist() == [0xDEADBEEF, 7]
    assert table.payload_type.tolist() == [101, 0]
    assert table.marker.tolist() == [True, False]
    assert table.size.tolist() == [172, 172]
    assert table.frame.tolist() == [1, 2]
    assert [str(table.endpoints[number]) for number in (table.source[0], table.destination[0])] == [
        "192.0.2.1:4000", "192.0.2.2:4002",
    ]  # fmt: skip
    assert len({len(getattr(table, name)) for name in ("time_ns", "kind", "ip_id", "source", "destination")}) == 1


def test_rtcp_bytes_are_kept() -> None:
    table = media_of(rtcp_sender_report())
    assert [datagram.data for datagram in table.rtcp] == [rtcp_sender_report()]
    assert table.payload_type.tolist() == [200]


def test_dns_is_no_media() -> None:
    answer = ethernet(udp_packet(("192.0.2.1", 53), RIGHT, rtp(1)))
    assert len(read_trace(pcap([answer]), "x").media) == 0


def test_udptl_is_told_by_the_session_description() -> None:
    body = b"v=0\r\nc=IN IP4 192.0.2.2\r\nm=image 4002 udptl t38\r\n"
    offer = ethernet(udp_packet(ALICE, BOB, sip_request("INVITE", body=body)))
    fax = ethernet(udp_packet(LEFT, RIGHT, b"\x00\x01\x01\x00\x00\x00"))
    elsewhere = ethernet(udp_packet(LEFT, ("192.0.2.2", 4444), b"\x00\x01\x01\x00\x00\x00"))
    table = read_trace(pcap([fax, elsewhere, offer]), "x").media
    assert table.kind.tolist() == [MediaKind.UDPTL]
    assert table.frame.tolist() == [1]


@pytest.mark.parametrize(
    ("payload", "start"),
    [
        (b"INVITE sip:a@b SIP/2.0\r\n", 0),
        (b"\r\n\r\nINVITE sip:a@b SIP/2.0\r\n", 4),
        (b"SIP/2.0 200 OK\r\n", 0),
        (b"GET / HTTP/1.1\r\n", -1),
        (b"RTSP/1.0 200 OK\r\n", -1),
        (b"OPTIONS rtsp://a RTSP/1.0\r\n", -1),
        (b"\0\0\0\0", -1),
        (b"A" + b" " * 60_000, -1),
        (b"A b" + b" " * 60_000 + b"c SIP/2.0x", -1),
        (b"\r\n" * 30_000, -1),
    ],
)
def test_sip_start(payload: bytes, start: int) -> None:
    assert sip_start(payload) == start


def test_a_cut_request_line_still_counts_where_the_capture_cut_it() -> None:
    assert sip_start(b"INVITE sip:alice@exam", cut=True) == 0
    assert sip_start(b"INVITE sip:alice@exam") == -1
