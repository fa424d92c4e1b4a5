from __future__ import annotations

import struct
from ipaddress import ip_address

from tests.support.packets import Address, ethernet, pcap, rtcp_sender_report, rtp, sip_request, udp_packet

from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace

CLIENT, SERVER, PEER = ("192.0.2.1", 50000), ("203.0.113.5", 3478), ("198.51.100.7", 4000)
TRANSACTION = b"transaction!"


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def peer(address: Address) -> bytes:
    packed = ip_address(address[0]).packed
    mask = struct.pack(">I", 0x2112A442) + TRANSACTION
    family = 1 if len(packed) == 4 else 2
    masked = bytes(a ^ b for a, b in zip(packed, mask, strict=False))
    return attribute(0x0012, struct.pack(">BBH", 0, family, address[1] ^ 0x2112) + masked)


def stun(kind: int, *attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack(">HHI12s", kind, len(body), 0x2112A442, TRANSACTION) + body


def bind(channel: int, address: Address) -> bytes:
    return stun(0x0009, attribute(0x000C, struct.pack(">HH", channel, 0)), peer(address))


def channel_data(channel: int, payload: bytes, *, padded: bool = False) -> bytes:
    return struct.pack(">HH", channel, len(payload)) + payload + (bytes(-len(payload) % 4) if padded else b"")


def read(*datagrams: tuple[Address, Address, bytes]) -> Trace:
    return read_trace(pcap([ethernet(udp_packet(*datagram)) for datagram in datagrams]), "x")


def paths(trace: Trace, kind: MediaKind = MediaKind.RTP) -> list[tuple[str, str, int]]:
    media = trace.media
    return [
        (str(media.endpoints[source]), str(media.endpoints[destination]), sequence)
        for source, destination, sequence, found in zip(
            media.source.tolist(), media.destination.tolist(), media.sequence.tolist(), media.kind.tolist(), strict=True
        )
        if found == kind
    ]


def test_channels_lead_to_the_peer() -> None:
    trace = read(
        (CLIENT, SERVER, bind(0x4001, PEER)),
        (CLIENT, SERVER, channel_data(0x4001, rtp(1))),
        (SERVER, CLIENT, channel_data(0x4001, rtp(2), padded=True)),
        (CLIENT, SERVER, channel_data(0x4001, rtp(3, payload=b"x" * 33), padded=True)),
    )
    there, back = (
        (f"{CLIENT[0]}:{CLIENT[1]}", f"{PEER[0]}:{PEER[1]}"),
        (f"{PEER[0]}:{PEER[1]}", f"{CLIENT[0]}:{CLIENT[1]}"),
    )
    assert paths(trace) == [(*there, 1), (*back, 2), (*there, 3)]
    assert trace.media.size[trace.media.kind == MediaKind.RTP].tolist() == [172, 172, 45]


def test_a_channel_whose_binding_is_not_there_keeps_the_servers_address() -> None:
    trace = read((CLIENT, SERVER, channel_data(0x4002, rtp(9))))
    assert paths(trace) == [("192.0.2.1:50000", "203.0.113.5:3478", 9)]


def test_indications_in_both_directions() -> None:
    six = ("2001:db8::9", 7000)
    trace = read(
        (CLIENT, SERVER, stun(0x0016, peer(PEER), attribute(0x0013, rtp(1)))),
        (SERVER, CLIENT, stun(0x0017, peer(six), attribute(0x0013, rtp(2)))),
    )
    assert paths(trace) == [
        ("192.0.2.1:50000", "198.51.100.7:4000", 1), ("[2001:db8::9]:7000", "192.0.2.1:50000", 2),
    ]  # fmt: skip


def test_rtcp_and_sip_behind_a_server() -> None:
    trace = read(
        (CLIENT, SERVER, channel_data(0x4001, rtcp_sender_report())),
        (CLIENT, SERVER, channel_data(0x4001, sip_request())),
    )
    assert len(trace.media.rtcp) == 1
    assert len(trace.messages) == 1


def test_requests_stay_what_they_are() -> None:
    trace = read((CLIENT, SERVER, bind(0x4001, PEER)), (CLIENT, SERVER, stun(0x0003)))
    assert trace.media.kind.tolist() == [MediaKind.STUN, MediaKind.STUN]


def test_lengths_that_do_not_fit_are_no_channel() -> None:
    trace = read((CLIENT, SERVER, struct.pack(">HH", 0x4001, 500) + rtp(1)))
    assert len(trace.media) == 0


def test_truncated_at_any_byte() -> None:
    for whole in (
        bind(0x4001, PEER),
        stun(0x0016, peer(PEER), attribute(0x0013, rtp(1))),
        channel_data(0x4001, rtp(1)),
    ):
        trace = read(*((CLIENT, SERVER, whole[:size]) for size in range(1, len(whole))))
        assert trace.facts.packets == len(whole) - 1


def test_servers_behind_servers_are_bounded() -> None:
    payload = rtp(1)
    for _ in range(100):
        payload = channel_data(0x4001, payload)
    assert paths(read((CLIENT, SERVER, payload))) == []
