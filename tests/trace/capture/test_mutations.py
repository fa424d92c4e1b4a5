"""Frames of every link layer, tunnel and carrier that is read, damaged in a few places: nothing raises."""

from __future__ import annotations

import random

import pytest
from tests.support.packets import (
    ALICE,
    BOB,
    ethernet,
    hep_2,
    hep_3,
    ipv4,
    pcap,
    rtp,
    sctp,
    sctp_data,
    sip_request,
    tcp_packet,
    udp_packet,
)
from tests.trace.capture.test_exported_pdu import TCP, pdu
from tests.trace.capture.test_link_layers import PLAIN, V4, subframe, wifi
from tests.trace.capture.test_tunnels import TUNNELS
from tests.trace.capture.test_turn import PEER, attribute, bind, channel_data, peer, stun

from sip_ci.trace.reading import read_trace

AGENT, HOMER = ("203.0.113.1", 40000), ("203.0.113.9", 9060)
MIRRORED = hep_3(ALICE, BOB, sip_request())
PAYLOADS = [
    MIRRORED, hep_2(ALICE, BOB, sip_request()), hep_3(ALICE, BOB, sip_request(), compressed=True), bind(0x4001, PEER),
    channel_data(0x4001, rtp(1)), stun(0x0016, peer(PEER), attribute(0x0013, rtp(1))),
]  # fmt: skip
PARTS = [sctp_data(number, b"x" * 40, begin=number == 0, end=number == 3) for number in range(4)]
SEEDS = [
    *PLAIN.values(),
    *((1, ethernet(packet)) for packet in TUNNELS.values()),
    *((1, ethernet(udp_packet(AGENT, HOMER, payload))) for payload in PAYLOADS),
    (1, ethernet(tcp_packet(AGENT, HOMER, 1, MIRRORED))),
    (1, ethernet(ipv4(ALICE[0], BOB[0], 132, sctp(5060, 5061, *PARTS)))),
    (105, wifi(subframe(V4) + subframe(V4, last=True), control=0x88, quality=0x80)),
    (252, pdu(sip_request())),
    (252, pdu(sip_request(), port_type=TCP)),
]
TELLING = (0, 1, 0x40, 0x45, 0x60, 0x7F, 0x80, 0xFF)


def damaged(generator: random.Random, frame: bytes) -> bytes:
    """A frame with one to four bytes changed, some removed or added, or its end cut off."""
    data = bytearray(frame)
    for _ in range(generator.randint(1, 4)):
        place = generator.randrange(max(min(len(data), 150), 1))
        match generator.randrange(5):
            case 0:
                del data[place : place + generator.randint(1, 8)]
            case 1:
                data[place:place] = generator.randbytes(generator.randint(1, 8))
            case 2 if place > 20:
                del data[place:]
            case _ if data:
                data[min(place, len(data) - 1)] = generator.choice([*TELLING, generator.randrange(256)])
    return bytes(data)


@pytest.mark.parametrize("seed", range(10))
def test_damaged_frames(seed: int) -> None:
    generator = random.Random(seed)
    for link in {link for link, _ in SEEDS}:
        frames = [damaged(generator, frame) for number, frame in SEEDS if number == link for _ in range(8)]
        trace = read_trace(pcap(frames, link=link), "x")
        assert trace.facts.packets == len(frames)
        assert [message.index for message in trace.messages] == list(range(len(trace.messages)))
