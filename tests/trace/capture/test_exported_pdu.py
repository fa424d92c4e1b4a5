from __future__ import annotations

import shutil
import struct
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    Address,
    ethernet,
    pcap,
    rtp,
    sip_request,
    tcp_packet,
    udp_packet,
)

from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

UDP, TCP, SCTP = 3, 2, 1


def tag(number: int, value: bytes) -> bytes:
    padded = value + bytes(-len(value) % 4)
    return struct.pack(">HH", number, len(padded)) + padded


def pdu(
    payload: bytes, name: str = "sip", source: Address = ALICE, destination: Address = BOB, port_type: int = UDP
) -> bytes:
    v6 = ":" in source[0]
    tags = tag(12, name.encode()) + tag(22 if v6 else 20, ip_address(source[0]).packed)
    tags += tag(23 if v6 else 21, ip_address(destination[0]).packed) + tag(24, struct.pack(">I", port_type))
    tags += tag(25, struct.pack(">I", source[1])) + tag(26, struct.pack(">I", destination[1]))
    return tags + bytes(4) + payload


def read(*frames: bytes) -> Trace:
    return read_trace(pcap(frames, link=252), "x")


@pytest.mark.parametrize("ends", [(ALICE, BOB), (ALICE6, BOB6)])
def test_a_message_with_the_addresses_of_its_tags(ends: tuple[Address, Address]) -> None:
    trace = read(pdu(sip_request(), source=ends[0], destination=ends[1]))
    seen = trace.messages[0].observation
    assert trace.messages[0].raw == sip_request()
    assert (seen.source, seen.destination) == (Endpoint(*ends[0]), Endpoint(*ends[1]))
    assert seen.transport is Transport.UDP
    assert (ends[0][0], ends[1][0]) in trace.facts.host_pairs


@pytest.mark.parametrize(
    ("via", "transport"),
    [("TCP", Transport.TCP), ("TLS", Transport.TLS), ("WSS", Transport.WSS), ("UDP", Transport.TCP)],
)
def test_decrypted_messages_say_themselves_how_they_were_sent(via: str, transport: Transport) -> None:
    message = sip_request().replace(b"SIP/2.0/UDP", b"SIP/2.0/" + via.encode())
    assert read(pdu(message, port_type=TCP)).messages[0].observation.transport is transport


def test_parts_of_messages_and_several_in_one() -> None:
    stream = sip_request(call_id="1", body=b"x" * 400) + sip_request(call_id="2") + sip_request(call_id="3")
    trace = read(*(pdu(stream[start : start + 700], port_type=TCP) for start in range(0, len(stream), 700)))
    assert [message.call_id for message in trace.messages] == ["1", "2", "3"]


def test_media() -> None:
    trace = read(pdu(rtp(7), "rtp", ("192.0.2.1", 4000), ("192.0.2.2", 4002)))
    assert trace.media.sequence.tolist() == [7]


def test_packets_and_frames() -> None:
    packet = udp_packet(ALICE, BOB, sip_request())
    frames = [pdu(packet, "ip"), pdu(ethernet(packet), "eth_withoutfcs"), pdu(udp_packet(ALICE6, BOB6, b"x"), "ipv6")]
    assert len(read(*frames).messages) == 2


def test_sctp() -> None:
    assert read(pdu(sip_request(), port_type=SCTP)).messages[0].observation.transport is Transport.SCTP


def test_others_are_counted() -> None:
    trace = read(pdu(b"\x01\x02", "gsm_map", port_type=9), pdu(b"\x01\x02", "gsm_map", port_type=9))
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.UNREAD_PROTOCOL, 2)]


def test_truncated_at_any_byte() -> None:
    whole = pdu(sip_request())
    trace = read(*(whole[:size] for size in range(len(whole))))
    assert trace.facts.packets == len(whole)


def test_tags_without_end_are_bounded() -> None:
    assert read(tag(30, bytes(4)) * 20_000).messages == ()


@pytest.mark.tshark
@pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark")
def test_what_tshark_exports(tmp_path: Path) -> None:
    first, second = sip_request(call_id="1", body=b"x" * 400), sip_request(call_id="2")
    stream = first + second
    frames = [
        ethernet(tcp_packet(ALICE, BOB, 1 + start, stream[start : start + 300])) for start in range(0, len(stream), 300)
    ]
    frames.append(ethernet(udp_packet(ALICE, BOB, sip_request(call_id="3"))))
    source, exported = tmp_path / "in.pcap", tmp_path / "out.pcapng"
    source.write_bytes(pcap(frames))
    subprocess.run(
        ["tshark", "-r", source, "-U", "OSI layer 7", "-w", exported, "-F", "pcapng"], capture_output=True, check=True
    )
    trace = read_trace(exported, "x")
    assert sorted(message.call_id for message in trace.messages) == ["1", "2", "3"]
    assert {message.observation.source for message in trace.messages} == {Endpoint(*ALICE)}
