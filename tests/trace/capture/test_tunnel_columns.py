from __future__ import annotations

import random

import numpy as np
import pytest
from tests.support.packets import (
    ALICE,
    BOB,
    Frame,
    cooked,
    ethernet,
    geneve,
    gtp,
    ipv4,
    ipv6,
    mpls,
    pcap,
    rtp,
    sip_request,
    tunnel_udp,
    udp_packet,
    vxlan,
)
from tests.trace.capture.test_link_layers import PLAIN
from tests.trace.capture.test_tunnels import TUNNELS

from sip_ci.trace.capture import tunnel_columns
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace

MANY = 100


def seen(trace: Trace) -> tuple[object, ...]:
    """Everything by which two ways of reading may differ."""
    media = trace.media
    ends = [str(media.endpoints[number]) for number in (*media.source.tolist(), *media.destination.tolist())]
    messages = [(message.raw, message.observation, message.fidelity) for message in trace.messages]
    columns = [media.frame, media.kind, media.size, media.sequence, media.timestamp, media.ssrc, media.payload_type]
    notices = [(notice.kind, notice.count) for notice in trace.notices]
    return messages, ends, [column.tolist() for column in columns], sorted(notices)


def agree(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Trace:
    """Read with and without columns; the results are the same."""
    fast = read_trace(data, "x")
    monkeypatch.setattr(tunnel_columns, "_FEW", 1 << 30)
    assert seen(read_trace(data, "x")) == seen(fast)
    return fast


@pytest.mark.parametrize("name", sorted(set(TUNNELS) - {"ESP, TCP"}))
def test_all_tunnels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    media = TUNNELS[name].replace(sip_request(), rtp(7) + bytes(len(sip_request()) - 172))
    trace = agree(pcap([ethernet(TUNNELS[name]), ethernet(media)] * MANY), monkeypatch)
    assert len(trace.messages) == MANY
    assert len(trace.media) == MANY


@pytest.mark.parametrize("name", [name for name, (link, _) in PLAIN.items() if link == 1])
def test_all_that_ethernet_carries(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(agree(pcap([PLAIN[name][1]] * MANY), monkeypatch).messages) == MANY


def test_cooked_and_raw_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    packet = tunnel_udp(2152, gtp(udp_packet(ALICE, BOB, rtp(3))))
    for link, frame in ((113, cooked(packet)), (101, packet)):
        assert agree(pcap([frame] * MANY, link=link), monkeypatch).media.sequence.tolist() == [3] * MANY


@pytest.mark.parametrize("name", TUNNELS)
def test_truncated_at_any_byte(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = ethernet(TUNNELS[name])
    agree(pcap([Frame(frame[:size], float(size), wire=len(frame)) for size in range(len(frame))]), monkeypatch)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_at_any_byte(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte is wrong in each packet; it does not matter what becomes of it, but nothing raises."""
    generator = random.Random(seed)
    frames = []
    for packet in TUNNELS.values():
        for _ in range(3):
            frame = bytearray(ethernet(packet))
            frame[generator.randrange(12, min(len(frame), 120))] = generator.randrange(256)
            frames.append(bytes(frame))
    assert read_trace(pcap(frames), "x").facts.packets == len(frames)


def test_a_mixed_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = random.Random(5)
    frames = []
    for number in range(600):
        inner = udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4002), rtp(number))
        kinds = [
            inner, tunnel_udp(4789, vxlan(ethernet(inner))), tunnel_udp(6081, geneve(inner, kind=0x0800)),
            ipv6("2001:db8::1", "2001:db8::2", 4, inner), ipv4("192.0.2.7", "192.0.2.8", 4, inner),
        ]  # fmt: skip
        labelled = ethernet(mpls(inner, 1, 2), ethertype=0x8847)
        frames.append(generator.choice([*map(ethernet, kinds), labelled]))
    media = agree(pcap(frames), monkeypatch).media
    assert np.array_equal(media.sequence, np.arange(600))
    assert np.array_equal(media.frame, np.arange(1, 601))
