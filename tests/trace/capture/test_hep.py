from __future__ import annotations

import struct
import zlib

import pytest
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    SYN,
    Address,
    ethernet,
    hep_2,
    hep_3,
    pcap,
    rtcp_sender_report,
    sip_request,
    tcp_packet,
    udp_packet,
)

from sip_ci.trace.capture.hep import parse_hep
from sip_ci.trace.limits import Limits
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

AGENT, HOMER = ("203.0.113.1", 40000), ("203.0.113.9", 9060)
SENT = pytest.approx(1_700_000_100.25, abs=1e-6)


def read(*payloads: bytes, port: int = 9060, limits: Limits | None = None) -> Trace:
    return read_trace(pcap([ethernet(udp_packet(AGENT, (HOMER[0], port), item)) for item in payloads]), "x", limits)


@pytest.mark.parametrize("ends", [(ALICE, BOB), (ALICE6, BOB6)])
@pytest.mark.parametrize("make", [hep_2, hep_3])
def test_the_message_has_its_own_addresses_and_time(make: object, ends: tuple[Address, Address]) -> None:
    assert callable(make)
    trace = read(make(*ends, sip_request()))
    assert [message.raw for message in trace.messages] == [sip_request()]
    seen = trace.messages[0].observation
    assert (seen.source, seen.destination) == (Endpoint(*ends[0]), Endpoint(*ends[1]))
    assert seen.time == SENT
    assert (seen.transport, seen.position.frame) == (Transport.UDP, 1)
    assert trace.notices == ()


@pytest.mark.parametrize("port", [9060, 9061, 5060, 12345])
def test_any_port(port: int) -> None:
    assert len(read(hep_3(ALICE, BOB, sip_request()), port=port).messages) == 1


def test_compressed_payload() -> None:
    assert read(hep_3(ALICE, BOB, sip_request(), compressed=True)).messages[0].raw == sip_request()


@pytest.mark.parametrize(
    ("protocol", "via", "transport"),
    [
        (17, b"UDP", Transport.UDP), (6, b"TCP", Transport.TCP), (6, b"TLS", Transport.TLS),
        (22, b"TLS", Transport.TLS), (50, b"WS", Transport.WS), (6, b"WSS", Transport.WSS),
        (132, b"SCTP", Transport.SCTP), (6, b"UDP", Transport.TCP),
    ],
)  # fmt: skip
def test_transport(protocol: int, via: bytes, transport: Transport) -> None:
    message = sip_request().replace(b"SIP/2.0/UDP", b"SIP/2.0/" + via)
    assert read(hep_3(ALICE, BOB, message, protocol=protocol)).messages[0].observation.transport is transport


def test_rtcp() -> None:
    media = read(hep_3(("192.0.2.1", 4001), ("192.0.2.2", 4003), rtcp_sender_report(), kind=5)).media
    assert media.kind.tolist() == [MediaKind.RTCP]
    assert [str(item.source) for item in media.rtcp] == ["192.0.2.1:4001"]


def test_other_types_are_counted() -> None:
    trace = read(
        hep_3(ALICE, BOB, b"{}", kind=100), hep_3(ALICE, BOB, b"{}", kind=100), hep_3(ALICE, BOB, b"", kind=34)
    )
    assert trace.messages == ()
    assert [(notice.kind, notice.count) for notice in trace.notices] == [
        (NoticeKind.SKIPPED_TEXT, 2), (NoticeKind.SKIPPED_TEXT, 1),
    ]  # fmt: skip


def test_in_a_connection() -> None:
    stream = b"".join(hep_3(ALICE, BOB, sip_request(call_id=str(number))) for number in range(5))
    frames = [ethernet(tcp_packet(AGENT, HOMER, 99, flags=SYN))]
    frames += [
        ethernet(tcp_packet(AGENT, HOMER, 100 + start, stream[start : start + 333]))
        for start in range(0, len(stream), 333)
    ]
    trace = read_trace(pcap(frames), "x")
    assert [message.call_id for message in trace.messages] == ["0", "1", "2", "3", "4"]
    assert trace.messages[0].observation.source == Endpoint(*ALICE)
    assert trace.messages[0].observation.time == SENT


def test_a_connection_that_leaves_the_protocol_costs_nothing() -> None:
    stream = hep_3(ALICE, BOB, sip_request()) + b"something else" * 10
    assert len(read_trace(pcap([ethernet(tcp_packet(AGENT, HOMER, 1, stream))]), "x").messages) == 1


def test_truncated_at_any_byte() -> None:
    for whole in (hep_3(ALICE, BOB, sip_request()), hep_2(ALICE, BOB, sip_request())):
        trace = read(*(whole[:size] for size in range(1, len(whole))))
        assert trace.facts.packets == len(whole) - 1


def test_the_snap_length_cuts() -> None:
    frame = ethernet(udp_packet(AGENT, HOMER, hep_3(ALICE, BOB, sip_request(body=b"x" * 500))))
    assert read_trace(pcap([frame[:500]]), "x").messages[0].fidelity is Fidelity.TRUNCATED


@pytest.mark.parametrize(
    "damage", [b"\x00\x00\x00\x0f\x00\x00", b"\x00\x00\x00\x03\x00\x07x", b"\x00\x00\x00\x10\x00\x09xyz"]
)
def test_lying_chunks(damage: bytes) -> None:
    chunks = damage * 3
    assert read(b"HEP3" + struct.pack(">H", 6 + len(chunks)) + chunks).messages == ()


def test_what_unfolds_without_end_is_cut() -> None:
    bomb = sip_request(body=b"x" * 5_000_000)
    packet = parse_hep(hep_3(ALICE, BOB, bomb, compressed=True), 10_000, 0, 20_000)
    assert len(zlib.compress(bomb)) < 60_000
    assert packet is not None
    assert len(packet.payload) == 20_000


def test_a_time_in_the_other_byte_order() -> None:
    whole = bytearray(hep_2(ALICE, BOB, sip_request()))
    whole[16:24] = struct.pack(">II", 1_700_000_100, 250_000)
    assert read(bytes(whole)).messages[0].observation.time == SENT


def test_a_time_that_cannot_be_is_the_packets_own() -> None:
    whole = hep_2(ALICE, BOB, sip_request(), time=(5, 5))
    assert read(whole).messages[0].observation.time == pytest.approx(1_700_000_000.0)
