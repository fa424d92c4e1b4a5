"""A capture whose media is on a disk is judged as one whose media is in memory."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.packets import Frame, ethernet, pcap, rtp, udp_packet

from sip_ci.trace.capture import media_rows
from sip_ci.trace.capture import pcap as pcap_reader
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze


def capture() -> bytes:
    """Streams with losses, copies, packets out of order, restarts and several payload types."""
    random = np.random.default_rng(23)
    frames: list[Frame] = []
    for stream in range(12):
        ends = (f"192.0.2.{stream + 1}", 4_000), ("198.51.100.7", 5_000 + 2 * stream)
        for number in range(400):
            time = 1_700_000_000 + stream * 0.3 + number * 0.02 + float(random.gamma(2.0, 0.004))
            sequence = number + (30_000 if stream == 5 and number > 200 else 0)
            payload_type = 101 if stream == 7 and number % 40 < 3 else 0
            frame = ethernet(udp_packet(*ends, rtp(sequence, ssrc=stream, payload_type=payload_type), ip_id=number + 1))
            if stream % 3 == 0 and random.random() < 0.06:
                continue
            frames.append(Frame(frame, time))
            if stream % 4 == 1:
                frames.append(Frame(frame, time + 0.0003))
    frames.sort(key=lambda frame: frame.time)
    return pcap(frames)


def test_the_report_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    content = capture()
    held = read_trace(content, "x")
    expected = analyze(held).model_dump()
    monkeypatch.setattr(pcap_reader, "CHUNK", 1 << 16)
    monkeypatch.setattr(media_rows, "RUN", 300)
    monkeypatch.setattr(media_rows, "IN_MEMORY", 500)
    stored = read_trace(content, "x")
    assert held.media.spill is None
    assert stored.media.spill is not None
    assert analyze(stored).model_dump() == expected
    assert {finding["check"] for finding in expected["findings"]} >= {"rtp-loss", "cap-duplicate-copies"}
    assert expected["quality"]["streams_total"] == 12
