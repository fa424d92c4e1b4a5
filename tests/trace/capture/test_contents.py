"""What is kept of payloads: telephone events, digital silence, what UDPTL brings back, DSCP, and STUN messages."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from tests.support.packets import Frame, ethernet, pcap, rtp, sip_request, stun_binding_request, udp_packet

from sip_ci.trace.media_groups import rtp_groups
from sip_ci.trace.media_table import (
    CONTENT_CUT,
    CONTENT_OTHER,
    CONTENT_SILENCE,
    MediaKind,
    MediaTable,
)
from sip_ci.trace.reading import read_trace

V4 = (("192.0.2.1", 4000), ("198.51.100.2", 5000))
V6 = (("2001:db8::1", 4000), ("2001:db8::2", 5000))
EVENT = bytes((5, 0x8A, 0x06, 0x40))
SPEECH = bytes(range(160))


def media(*payloads: bytes, ends: tuple[tuple[str, int], tuple[str, int]] = V4) -> MediaTable:
    return read_trace(pcap([ethernet(udp_packet(*ends, payload)) for payload in payloads]), "x").media


def contents(*payloads: bytes, ends: tuple[tuple[str, int], tuple[str, int]] = V4) -> list[int]:
    return [int(word) for word in media(*payloads, ends=ends).content]


def extended(packet: bytes, words: int) -> bytes:
    return (
        bytes((packet[0] | 0x10,)) + packet[1:12] + struct.pack(">HH", 0xBEDE, words) + bytes(4 * words) + packet[12:]
    )


@pytest.mark.parametrize("ends", [V4, V6])
def test_an_event_is_kept_as_it_is(ends: tuple[tuple[str, int], tuple[str, int]]) -> None:
    event = rtp(1, payload_type=101, payload=EVENT)
    padded = bytes((event[0] | 0x20,)) + event[1:] + b"\0\0\0\x04"
    with_source = bytes((event[0] | 0x01,)) + event[1:12] + b"abcd" + event[12:]
    told = contents(event, extended(event, 3), padded, with_source, ends=ends)
    assert told == [int.from_bytes(EVENT, "big")] * 4


@pytest.mark.parametrize(
    ("payload_type", "byte", "silent"),
    [
        (0, 0xFF, True),
        (0, 0x7F, True),
        (0, 0xD5, False),
        (8, 0xD5, True),
        (8, 0x55, True),
        (8, 0xFF, False),
        (96, 0xFF, False),
    ],
)
@pytest.mark.parametrize("ends", [V4, V6])
def test_silence_is_the_zero_of_the_codec(
    payload_type: int, byte: int, silent: bool, ends: tuple[tuple[str, int], tuple[str, int]]
) -> None:
    quiet = rtp(1, payload_type=payload_type, payload=bytes((byte,)) * 160)
    assert contents(quiet, ends=ends) == [CONTENT_SILENCE | byte if silent else CONTENT_OTHER]


@pytest.mark.parametrize("place", [0, 5, 82, 159])
@pytest.mark.parametrize("ends", [V4, V6])
def test_a_sound_is_no_silence(place: int, ends: tuple[tuple[str, int], tuple[str, int]]) -> None:
    payload = bytearray(b"\xff" * 160)
    payload[place] = 0x20
    assert contents(rtp(1, payload=bytes(payload)), ends=ends) == [CONTENT_OTHER]


def test_short_payloads_are_no_silence() -> None:
    assert contents(rtp(1, payload=b"\xff" * 20), rtp(2, payload=b"\xff\xff\xff\xff"), rtp(3, payload=b"")) == (
        [CONTENT_OTHER] * 3
    )


@pytest.mark.parametrize("ends", [V4, V6])
def test_what_was_not_captured_is_said(ends: tuple[tuple[str, int], tuple[str, int]]) -> None:
    frames = []
    for payload in (b"\xff" * 160, EVENT, SPEECH):
        frame = ethernet(udp_packet(*ends, rtp(1, payload=payload)))
        frames += [Frame(frame[:-2], wire=len(frame)), Frame(frame)]
    told = [int(word) for word in read_trace(pcap(frames), "x").media.content]
    assert told == [
        CONTENT_CUT, CONTENT_SILENCE | 0xFF, CONTENT_CUT, int.from_bytes(EVENT, "big"), CONTENT_CUT, CONTENT_OTHER,
    ]  # fmt: skip


def test_dscp() -> None:
    frames = []
    for service in (0xB8, 0x00, 0xBB):
        frame = bytearray(ethernet(udp_packet(*V4, rtp(1))))
        frame[15] = service
        frames.append(bytes(frame))
    v6 = bytearray(ethernet(udp_packet(*V6, rtp(1))))
    v6[14], v6[15] = 0x6B, 0x80
    table = read_trace(pcap([*frames, bytes(v6)]), "x").media
    assert table.dscp.tolist() == [46, 0, 46, 46]


def test_contents_go_through_the_groups() -> None:
    table = media(rtp(1, payload=SPEECH), rtp(2, payload_type=101, payload=EVENT), rtp(3, payload=b"\xff" * 160))
    (group,) = rtp_groups(table, 10)
    assert group.rows().content.tolist() == table.content.tolist()
    assert group.part(np.array([False, True, False])).rows().content.tolist() == [int.from_bytes(EVENT, "big")]


def udptl(sequence: int, tail: bytes, primary: bytes = b"\x06") -> bytes:
    length = bytes((len(primary),)) if len(primary) < 128 else struct.pack(">H", 0x8000 | len(primary))
    return struct.pack(">H", sequence) + length + primary + tail


FAX_OFFER = sip_request(body=b"v=0\r\nm=image 5000 udptl t38\r\n")


@pytest.mark.parametrize(
    ("payload", "sequence", "restores"),
    [
        (udptl(7, b"\x00\x00"), 7, 0),
        (udptl(258, b"\x00\x03" + b"\x01\x06" * 3), 258, 3),
        (udptl(8, b"\x00\x01\x01\x06", bytes(200)), 8, 1),
        (udptl(9, b"\x80\x01\x03\x02\x01\x06\x01\x06"), 9, 2),
        (udptl(10, b""), 10, CONTENT_OTHER),
        (struct.pack(">HB", 11, 0xC1) + bytes(30), 11, CONTENT_OTHER),
    ],
)
def test_what_udptl_brings_back(payload: bytes, sequence: int, restores: int) -> None:
    offer = udp_packet(("192.0.2.1", 5060), ("198.51.100.2", 5060), FAX_OFFER)
    table = read_trace(pcap([ethernet(offer), ethernet(udp_packet(*V4, payload))]), "x").media
    assert table.kind.tolist() == [MediaKind.UDPTL]
    assert (table.sequence.tolist(), table.content.tolist()) == ([sequence], [restores])


def test_stun_messages_are_kept() -> None:
    message = stun_binding_request()
    frame = ethernet(udp_packet(*V4, message + bytes(4)))
    assert [(item.data, item.whole, str(item.source), item.frame) for item in media(message).stun] == [
        (message, True, "192.0.2.1:4000", 1)
    ]
    cut = read_trace(pcap([Frame(frame[:-4], wire=len(frame))]), "x").media.stun
    assert [(item.data, item.whole) for item in cut] == [(message, False)]
