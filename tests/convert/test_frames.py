"""The frames, taken apart again by dpkt and by the arithmetic of RFC 1071."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip_ci.convert.frames import ACK, Socket, checksum, datagram_frames, segment_frame

FOUR = (Socket(ip_address("192.0.2.1"), 5060), Socket(ip_address("192.0.2.2"), 5061))
SIX = (Socket(ip_address("2001:db8::1"), 5060), Socket(ip_address("2001:db8::2"), 5061))


def test_the_example_of_rfc_1071() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@given(st.binary(max_size=99))
def test_data_with_its_checksum_sums_up_to_nothing(data: bytes) -> None:
    even = data + bytes(len(data) % 2)
    assert checksum(even + checksum(even).to_bytes(2, "big")) == 0


def _pseudo(ends: tuple[Socket, Socket], protocol: int, segment: bytes) -> bytes:
    return ends[0].address.packed + ends[1].address.packed + struct.pack("!II", len(segment), protocol) + segment


@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])
@given(payload=st.binary(max_size=300))
def test_a_datagram_has_its_payload_and_a_right_checksum(ends: tuple[Socket, Socket], payload: bytes) -> None:
    (frame,) = datagram_frames(*ends, payload, identification=7)
    packet = dpkt.ethernet.Ethernet(frame.data).data
    assert frame.size == len(frame.data)
    assert (packet.src, packet.dst) == (ends[0].address.packed, ends[1].address.packed)
    assert (packet.data.sport, packet.data.dport, packet.data.data) == (5060, 5061, payload)
    assert packet.data.sum != 0
    assert checksum(_pseudo(ends, 17, frame.data[-8 - len(payload) :])) == 0
    if packet.v == 4:
        assert checksum(frame.data[14:34]) == 0


@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])
@given(payload=st.binary(max_size=300))
def test_a_segment_has_its_payload_and_a_right_checksum(ends: tuple[Socket, Socket], payload: bytes) -> None:
    frame = segment_frame(*ends, payload, flags=ACK, sequence=2**32 + 5, acknowledged=9, identification=7)
    segment = dpkt.ethernet.Ethernet(frame.data).data.data
    assert (segment.seq, segment.ack, segment.flags, segment.data) == (5, 9, ACK, payload)
    assert checksum(_pseudo(ends, 6, frame.data[-20 - len(payload) :])) == 0


@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_fragments_begin_at_multiples_of_eight_and_add_up(ends: tuple[Socket, Socket], count: int) -> None:
    payload = bytes(range(256)) * 6
    frames = datagram_frames(*ends, payload, identification=7, fragments=count)
    assert len(frames) == count
    pieces = {}
    for frame in frames:
        packet = dpkt.ethernet.Ethernet(frame.data).data
        start = 8 * (packet.offset if packet.v == 4 else packet.extension_hdrs[44].frag_off)
        head = 34 if packet.v == 4 else 62
        pieces[start] = frame.data[head:]
    assert all(start % 8 == 0 for start in pieces)
    assert b"".join(pieces[start] for start in sorted(pieces))[8:] == payload
    assert sum(map(len, pieces.values())) == len(payload) + 8


def test_a_payload_that_ends_early_is_a_packet_that_was_captured_in_part() -> None:
    (frame,) = datagram_frames(*FOUR, b"INVITE", identification=7, missing=100)
    assert frame.size == len(frame.data) + 100
    assert struct.unpack("!H", frame.data[38:40])[0] == 8 + 6 + 100
