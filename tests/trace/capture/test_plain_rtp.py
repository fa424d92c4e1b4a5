"""What `PlainRtp` takes is what the readers of all packets would have taken, column for column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.support.packets import (
    LINK_ETHERNET,
    LINK_RAW,
    LINK_SLL,
    LINK_SLL2,
    Frame,
    cooked,
    cooked_2,
    ethernet,
    pcap,
    rtcp_sender_report,
    rtp,
    sip_request,
    udp_packet,
)

from sip_ci.trace.capture.plain_rtp import PlainRtp
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace

LINKS: list[tuple[int, Callable[[bytes], bytes]]] = [
    (LINK_ETHERNET, ethernet),
    (LINK_ETHERNET, lambda packet: ethernet(packet, tags=[(0x8100, 7)])),
    (LINK_RAW, bytes),
    (LINK_SLL, cooked),
    (LINK_SLL2, cooked_2),
]


def read(content: bytes) -> Trace:
    return read_trace(content, "x")


def told(trace: Trace) -> dict[str, object]:
    """Everything that a trace says of its packets."""
    media = trace.media
    columns = {
        name: getattr(media, name).tolist()
        for name in (
            "time_ns", "frame", "kind", "size", "payload_type", "marker", "sequence", "timestamp", "ssrc", "ip_id",
            "dscp", "content",
        )
    }  # fmt: skip
    ends = {side: [media.endpoints[place] for place in getattr(media, side)] for side in ("source", "destination")}
    return {
        **columns, **ends, "rtcp": media.rtcp, "facts": trace.facts, "notices": trace.notices,
        "messages": [(message.raw, message.observation) for message in trace.messages],
    }  # fmt: skip


@pytest.fixture
def the_long_way(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Trace]:
    """Reads without `PlainRtp`."""

    def read_slowly(content: bytes) -> Trace:
        with monkeypatch.context() as context:
            context.setattr(PlainRtp, "take", lambda self, batch: (None, None))
            return read(content)

    return read_slowly


def packets() -> list[bytes]:
    ends = [(f"192.0.2.{host}", 4000 + 2 * host) for host in range(1, 5)]
    made = []
    for number in range(120):
        source, destination = ends[number % 4], ends[(number + 1) % 4]
        payload = rtp(number // 4, ssrc=number % 5, payload_type=number % 3, marker=number % 7 == 0)
        if number % 40 == 17:
            payload = sip_request(call_id=f"{number}@example.com")
        elif number % 40 == 23:
            payload = rtcp_sender_report()
        made.append(udp_packet(source, destination, payload, ip_id=number))
    return made


@pytest.mark.parametrize(("link", "wrap"), LINKS)
def test_says_what_the_other_readers_say(
    link: int, wrap: Callable[[bytes], bytes], the_long_way: Callable[[bytes], Trace]
) -> None:
    content = pcap([wrap(packet) for packet in packets()], link=link)
    found = read(content)
    assert len(found.media) == 117
    assert told(found) == told(the_long_way(content))


@pytest.mark.parametrize(("link", "wrap"), LINKS)
@pytest.mark.parametrize("seed", range(8))
def test_says_the_same_of_damaged_headers(
    link: int, wrap: Callable[[bytes], bytes], seed: int, the_long_way: Callable[[bytes], Trace]
) -> None:
    random = np.random.default_rng(seed)
    frames = []
    for packet in packets():
        frame = bytearray(wrap(packet))
        for _ in range(int(random.integers(0, 3))):
            place = int(random.integers(0, min(len(frame), 66)))
            frame[place] = int(random.choice([0, 1, 0x45, 0x80, 0x81, 0x08, 17, 200, int(random.integers(0, 256))]))
        keep = len(frame) if random.random() < 0.7 else int(random.integers(0, 80))
        frames.append(Frame(bytes(frame[:keep]), 1_700_000_000.0, wire=len(frame)))
    content = pcap(frames, link=link)
    assert told(read(content)) == told(the_long_way(content))


def test_more_flows_than_are_kept_apart_are_read_elsewhere(
    monkeypatch: pytest.MonkeyPatch, the_long_way: Callable[[bytes], Trace]
) -> None:
    monkeypatch.setattr("sip_ci.trace.capture.plain_rtp._FLOWS", 2)
    content = pcap([ethernet(packet) for packet in packets()])
    assert told(read(content)) == told(the_long_way(content))


def test_an_unplain_packet_of_a_stream_stays_in_its_place() -> None:
    ends = ("192.0.2.1", 4000), ("192.0.2.2", 4002)
    extended = bytes([0x90]) + rtp(2)[1:12] + bytes(4) + bytes(160)
    payloads = [rtp(1), extended, rtp(3), extended, rtp(5)]
    content = pcap([ethernet(udp_packet(*ends, payload)) for payload in payloads])
    assert read(content).media.frame.tolist() == [1, 2, 3, 4, 5]
