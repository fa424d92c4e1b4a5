"""Whatever the bytes: a `Trace` comes back, with its parts in step."""

from __future__ import annotations

import gzip

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.invariants import in_step
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    SYN,
    cooked,
    enhanced_packet,
    ethernet,
    fragments_v4,
    fragments_v6,
    interface,
    interface_statistics,
    ipv4,
    pcap,
    pcapng,
    rtcp_sender_report,
    rtp,
    section,
    sip_request,
    stun_binding_request,
    tcp_packet,
    udp_packet,
)

from sip_ci.trace.capture.framing import Mark, StreamFramer
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.reading import read_trace

LEFT, RIGHT = ("192.0.2.1", 4000), ("192.0.2.2", 4002)

PACKETS = [
    udp_packet(ALICE, BOB, sip_request("INVITE", body=b"v=0\r\nm=image 4000 udptl t38\r\n")),
    udp_packet(ALICE6, BOB6, sip_request()),
    *fragments_v4(ALICE, BOB, sip_request(), 200),
    *fragments_v6(ALICE6, BOB6, sip_request(), 200),
    udp_packet(LEFT, RIGHT, rtp(1)),
    udp_packet(LEFT, RIGHT, rtcp_sender_report()),
    udp_packet(LEFT, RIGHT, stun_binding_request()),
    tcp_packet(ALICE, BOB, 99, flags=SYN),
    tcp_packet(ALICE, BOB, 100, sip_request()),
    tcp_packet(ALICE, BOB, 5000, sip_request()),
    ipv4(BOB[0], ALICE[0], 1, b"\x03\x03" + bytes(6) + udp_packet(ALICE, BOB, b"x")),
    ipv4(BOB[0], ALICE[0], 4, udp_packet(ALICE, BOB, sip_request())),
]
FRAMES = [ethernet(packet) for packet in PACKETS]
MIXED = (
    section() + interface() + interface(113, resolution=9)
    + b"".join(enhanced_packet(frame, 10**15 + index) for index, frame in enumerate(FRAMES))
    + b"".join(enhanced_packet(cooked(packet), 10**18 + index, interface_id=1) for index, packet in enumerate(PACKETS))
    + interface_statistics(1)
)  # fmt: skip
SEEDS = [pcap(FRAMES), pcapng(FRAMES), MIXED, pcap(FRAMES, order=">", nanoseconds=True)]


@given(st.sampled_from([b"", *(seed[:24] for seed in SEEDS), b"\x1f\x8b\x08"]), st.binary(max_size=600))
@settings(max_examples=200, deadline=None)
def test_random_bytes(head: bytes, tail: bytes) -> None:
    in_step(read_trace(head + tail, "x"))


@given(st.sampled_from(SEEDS), st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_captures(seed: bytes, data: st.DataObject) -> None:
    content = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    in_step(read_trace(bytes(content[:cut] if cut else content), "x"))


@given(st.integers(0, 255), st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_link_type_with_any_bytes(link: int, packet: bytes) -> None:
    trace = read_trace(pcap([packet, packet], link=link), "x")
    in_step(trace)
    assert trace.facts.packets == 2


@given(st.integers(0, 255), st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_ip_payload(protocol: int, payload: bytes) -> None:
    in_step(read_trace(pcap([ethernet(ipv4("192.0.2.1", "192.0.2.2", protocol, payload))]), "x"))


def test_truncated_at_every_offset() -> None:
    for seed in SEEDS[:1] + SEEDS[2:3]:
        for size in range(0, len(seed), 31):
            in_step(read_trace(seed[:size], "x"))


@given(st.binary(max_size=60), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_damaged_gzip(noise: bytes, place: int) -> None:
    packed = gzip.compress(SEEDS[0])
    in_step(read_trace(packed[:place] + noise + packed[place + len(noise) :], "x.gz"))


STREAM_PIECES = st.one_of(
    st.binary(max_size=40), st.sampled_from([sip_request(), b"\r\n", b"SIP/2.0 200 OK\r\n", b"l: 9\r\n"])
)


@given(st.lists(STREAM_PIECES, max_size=12), st.integers(1, 50))
@settings(max_examples=200, deadline=None)
def test_framing_does_not_depend_on_the_segments(pieces: list[bytes], size: int) -> None:
    """The same stream in other segments gives the same complete messages, wherever lengths are declared."""
    stream = b"".join(pieces)
    whole = _complete_messages([stream])
    parts = _complete_messages([stream[place : place + size] for place in range(0, len(stream), size)])
    assert [raw for raw in whole if raw == sip_request()] == [raw for raw in parts if raw == sip_request()]


def _complete_messages(segments: list[bytes]) -> list[bytes]:
    found: list[bytes] = []

    def emit(raw: bytes, _mark: Mark, _transport: object, cut: bool) -> None:
        if not cut:
            found.append(raw)

    framer = StreamFramer(emit, Limits(), NoticeLog(), patient=True)
    for number, segment in enumerate(segments):
        framer.feed(segment, Mark(0, number, None))
    framer.finish()
    return found
