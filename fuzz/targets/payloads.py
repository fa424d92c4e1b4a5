"""Payloads of media: STUN messages and what answers them, telephone events, digital silence, UDPTL."""

from __future__ import annotations

import struct

import numpy as np
from tests.support.packets import ethernet, pcap, rtp, sip_request, stun_binding_request, udp_packet

from fuzz import tokens
from fuzz.interface import Target
from fuzz.pieces import join, split
from sip_ci.trace.media_groups import is_silence
from sip_ci.trace.media_table import MediaKind, StunDatagram
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.reading import read_trace
from sip_ci.trace.stun import StunClass, parse_stun
from sip_ci_server.engine.streams import build_streams
from sip_ci_server.engine.stun_exchanges import exchanges_in

_ENDS = (Endpoint("192.0.2.1", 4000), Endpoint("198.51.100.2", 3478))
_FAX = sip_request(body=b"v=0\r\nm=image 5000 udptl t38\r\n")


def stun(data: bytes) -> int:
    """Each piece is a message of one side or the other; all answers belong to requests."""
    datagrams = [
        StunDatagram(number, number + 1, _ENDS[kind % 2], _ENDS[1 - kind % 2], piece, whole=True)
        for number, (kind, piece) in enumerate(split(data))
    ]
    requests = 0
    for datagram in datagrams:
        message = parse_stun(datagram)
        if message is not None:
            requests += message.kind is StunClass.REQUEST
            assert message.error is None or 0 <= message.error < 1000
            assert len(message.transaction) == 12
    exchanges = exchanges_in(datagrams)
    assert sum(item.sends for item in exchanges) == requests
    for item in exchanges:
        assert item.response is None or item.response.transaction == item.request.transaction
    return len(data)


def payloads(data: bytes) -> int:
    """Each piece is the payload of an RTP packet, or of UDPTL."""
    made = [ethernet(udp_packet(("192.0.2.1", 5060), ("198.51.100.2", 5060), _FAX))]
    for number, (kind, piece) in enumerate(split(data)):
        if kind % 8 == 7:
            packet, port = struct.pack(">H", number & 0x3FFF) + piece, 5000
        else:
            packet, port = (
                rtp(number, timestamp=kind // 8 * 160, payload_type=(0, 8, 101)[kind % 3], payload=piece),
                6000,
            )
        made.append(ethernet(udp_packet(("192.0.2.1", 4000), ("198.51.100.2", port), packet)))
    media = read_trace(pcap(made), "x").media
    assert len(media.content) == len(media.time_ns) == len(media.dscp)
    for stream in build_streams(media):
        log = stream.telephone_events
        types = np.isin(stream.rows.payload_type, stream.event_types)
        assert sum(event.packets for event in log.events) + log.cut + log.unread <= int(types.sum())
        assert all(event.total >= 0 and event.ends <= event.packets for event in log.events)
        assert stream.silent_packets == int(is_silence(stream.rows.content).sum())
    assert not is_silence(media.content[media.kind == MediaKind.UDPTL]).any()
    return len(data)


def _stun_seeds() -> list[bytes]:
    request = stun_binding_request()
    answer = b"\x01\x01" + request[2:]
    return [join([(0, request), (1, answer)]), join([(0, request), (0, request), (1, b"\x01\x11" + request[2:])])]


def _payload_seeds() -> list[bytes]:
    event = [(2 + 8, bytes((5, 0x0A if number < 5 else 0x8A, 0, 160 * min(number, 1)))) for number in range(8)]
    return [
        join([*event, (0, b"\xff" * 160), (1, b"\xd5" * 160)]),
        join([(7, b"\x01\x06\x00\x01\x01\x06"), (7, b"\x01\x06\x80\x01\x03\x01\x01\x06")]),
    ]


TARGETS = (
    Target("stun", stun, _stun_seeds, tokens.CAPTURES, 3000),
    Target("payloads", payloads, _payload_seeds, tokens.CAPTURES, 3000, weight=2),
)
