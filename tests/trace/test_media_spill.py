"""Media packets on disk are those that would have been in memory."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from tests.support.packets import Frame, ethernet, pcap, rtp, stun_binding_request, udp_packet

from sip_ci.trace import media_spill
from sip_ci.trace.capture import media_rows
from sip_ci.trace.capture import pcap as pcap_reader
from sip_ci.trace.media_groups import RtpGroup, rtp_groups
from sip_ci.trace.media_streams import media_streams
from sip_ci.trace.media_table import MediaTable
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

COLUMNS = (
    "time_ns", "frame", "source", "destination", "kind", "size", "payload_type", "marker", "sequence", "timestamp",
    "ssrc", "ip_id", "dscp", "content",
)  # fmt: skip
PACKETS = 12_000


@pytest.fixture
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets even small captures go to the disk, in many runs."""
    monkeypatch.setattr(pcap_reader, "CHUNK", 1 << 16)
    monkeypatch.setattr(media_rows, "RUN", 500)
    monkeypatch.setattr(media_rows, "IN_MEMORY", 1_000)


def capture(packets: int = PACKETS) -> bytes:
    """Streams that come and go, with other payloads among them."""
    random = np.random.default_rng(11)
    frames = []
    for number in range(packets):
        stream = int(random.integers(0, 20)) + number // 4_000
        ends = [(f"192.0.2.{1 + stream % 5}", 4_000 + stream), (f"192.0.2.{10 + stream % 3}", 5_000 + stream)]
        payload = rtp(number, ssrc=stream, payload_type=stream % 4, marker=number % 50 == 0, payload=bytes(stream))
        if number % 100 == 7:
            payload = stun_binding_request()
        frames.append(
            Frame(ethernet(udp_packet(*ends, payload, ip_id=number % 60_000)), 1_700_000_000 + number * 0.001)
        )
    return pcap(frames, nanoseconds=True)


def columns(table: MediaTable) -> list[tuple[object, ...]]:
    ends = [[table.endpoints[place] for place in getattr(table, side)] for side in ("source", "destination")]
    named = [getattr(table, name).tolist() for name in COLUMNS if name not in ("source", "destination")]
    return list(zip(*ends, *named, strict=True))


def groups(trace: Trace) -> list[RtpGroup]:
    return rtp_groups(trace.media, 1_000)


def test_streams_on_disk_are_those_in_memory(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    content = capture()
    held = read_trace(content, "x")
    assert held.media.spill is None
    request.getfixturevalue("small_runs")
    stored = read_trace(content, "x")
    assert stored.media.spill is not None
    assert len(stored.media) == len(held.media) == PACKETS
    assert stored.media.rtp_packets == held.media.rtp_packets == PACKETS - PACKETS // 100
    assert media_streams(stored.media) == media_streams(held.media)
    for one, other in zip(groups(held), groups(stored), strict=True):
        assert (one.source, one.destination, one.ssrc, one.packets) == (
            other.source, other.destination, other.ssrc, other.packets,
        )  # fmt: skip
        assert columns(one.rows()) == columns(other.rows())
        assert other.stored
        assert not one.stored


@pytest.mark.usefixtures("small_runs")
def test_parts_of_streams() -> None:
    for group in groups(read_trace(capture(), "x")):
        rows = group.rows()
        every_third = np.arange(group.packets) % 3 == 0
        part = group.part(slice(10, 40)).part(every_third[:30])
        assert part.packets == 10
        assert part.rows().frame.tolist() == rows.frame[10:40:3].tolist()
        group.describe()
        assert group.span == (int(rows.time_ns[0]), int(rows.time_ns[-1]))


class _FullDisk(io.BytesIO):
    """Takes some bytes, then says that the disk is full."""

    def write(self, data: object) -> int:
        if self.tell() > 100_000:
            raise OSError(28, "No space left on device")
        return super().write(data)  # type: ignore[arg-type]


def _no_folder(*_args: object, **_options: object) -> io.BytesIO:
    raise FileNotFoundError(2, "No usable temporary directory found")


@pytest.mark.usefixtures("small_runs")
@pytest.mark.parametrize("make", [lambda *_args, **_options: _FullDisk(), _no_folder])
def test_without_a_disk_all_stays_in_memory(
    make: Callable[..., io.BytesIO], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = capture()
    expected = media_streams(read_trace(content, "x").media)
    monkeypatch.setattr(media_spill.tempfile, "TemporaryFile", make)
    trace = read_trace(content, "x")
    assert media_streams(trace.media) == expected
    assert "TMPDIR" in caplog.text
    for group in groups(trace):
        assert (np.diff(group.rows().frame) > 0).all()


@pytest.mark.usefixtures("small_runs")
def test_noise_that_passes_for_rtp_does_not_hide_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_spill, "STREAMS", 100)
    monkeypatch.setattr(media_spill, "_NOISE_STREAMS", 100)
    random = np.random.default_rng(3)
    ends = ("192.0.2.1", 4500), ("192.0.2.2", 4500)
    frames = []
    for number in range(PACKETS):
        ssrc = int(random.integers(0, 2**32)) if number % 4 else 77
        frames.append(ethernet(udp_packet(*ends, rtp(number // 4, ssrc=ssrc))))
    trace = read_trace(pcap(frames), "x")
    assert [(group.ssrc, group.packets) for group in groups(trace)] == [(77, PACKETS // 4)]
    assert not trace.notices


@pytest.mark.usefixtures("small_runs")
def test_more_streams_than_are_told_apart_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_spill, "STREAMS", 10)
    frames = []
    for number in range(PACKETS):
        stream = number % 40
        frames.append(ethernet(udp_packet(("192.0.2.1", 4000), ("192.0.2.2", 4000), rtp(number // 40, ssrc=stream))))
    trace = read_trace(pcap(frames), "x")
    assert [group.ssrc for group in groups(trace)] == list(range(10))
    assert [(notice.kind, notice.count) for notice in trace.notices] == [(NoticeKind.LIMIT, PACKETS // 40 * 30)]
