"""How packets become streams, and what a stream says of its codec, clock and packet time."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.packets import rtp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, media_table, only_stream, stream

from sip_ci.trace.media_table import MediaTable
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.payload_types import Encoding
from sip_ci_server.engine import streams as module
from sip_ci_server.engine.streams import behaves_like_rtp, build_streams, cut


def sent(packets: int = 200, **options: object) -> Sent:
    return stream(ALICE_MEDIA, BOB_MEDIA, packets, **options)  # type: ignore[arg-type]


def test_no_media_no_streams() -> None:
    assert build_streams(MediaTable.empty()) == []
    assert build_streams(media_table()) == []


def test_a_stream_is_one_ssrc_on_one_path_in_the_order_of_first_packets() -> None:
    there = sent(100, ssrc=1, start=2.0)
    transferred = sent(100, ssrc=2, start=4.0)
    back = stream(BOB_MEDIA, ALICE_MEDIA, 100, ssrc=1, start=1.0)
    elsewhere = stream(ALICE_MEDIA, Endpoint("198.51.100.20", 42_002), 100, ssrc=1, start=3.0)
    found = build_streams(media_table(there, transferred, back, elsewhere))
    assert [(item.ssrc, item.source, item.destination.port, item.packets) for item in found] == [
        (1, BOB_MEDIA, 40_000, 100),
        (1, ALICE_MEDIA, 42_000, 100),
        (1, ALICE_MEDIA, 42_002, 100),
        (2, ALICE_MEDIA, 42_000, 100),
    ]
    assert all(item.loss.lost == 0 for item in found)


def test_packets_of_interleaved_streams_stay_in_order_of_arrival() -> None:
    order = np.arange(100)
    order[[10, 11]] = order[[11, 10]]
    for found in build_streams(media_table(sent(100, ssrc=1).arriving(order), sent(100, ssrc=2))):
        assert (np.diff(found.rows.time_ns) >= 0).all()
        assert found.loss.reordered == (1 if found.ssrc == 1 else 0)


def test_the_largest_streams_are_kept_of_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_STREAMS", 2)
    found = build_streams(media_table(sent(10, ssrc=1), sent(30, ssrc=2), sent(20, ssrc=3)))
    assert sorted(item.ssrc for item in found) == [2, 3]


def test_times_and_counts() -> None:
    found = only_stream(sent(101, start=10.0))
    assert found.duration == pytest.approx(2.0)
    assert found.between(found.starts, found.starts + 1.0) == 50
    assert found.between(found.ends + 1, found.ends + 2) == 0


@pytest.mark.parametrize(
    ("step", "clock"), [(80, 8000), (160, 8000), (240, 8000), (320, 16_000), (480, 48_000), (960, 48_000), (123, None)]
)
def test_an_unknown_payload_type_has_the_clock_of_its_steps(step: int, clock: int | None) -> None:
    found = only_stream(sent(100, payload_type=105, step=step))
    assert (found.clock_rate, found.clock_inferred) == (clock, True)
    assert found.codec == "PT 105"
    assert (found.jitter_ms is None) == (clock is None)


def test_the_description_says_what_a_payload_type_means() -> None:
    found = only_stream(sent(100, payload_type=105, step=320))
    found.encodings = {105: Encoding("AMR-WB", 16_000)}
    assert (found.codec, found.clock_rate, found.clock_inferred) == ("AMR-WB", 16_000, False)
    assert found.packet_time_ms == 20.0


def test_the_description_wins_over_the_static_table() -> None:
    found = only_stream(sent(100, payload_type=0))
    found.encodings = {0: Encoding("L16", 8000)}
    assert found.codec == "L16"


@pytest.mark.parametrize(
    ("payload_type", "step", "ptime", "milliseconds"),
    [(0, 160, 0.02, 20.0), (9, 160, 0.02, 20.0), (0, 240, 0.03, 30.0), (18, 80, 0.01, 10.0), (4, 240, 0.03, 30.0)],
)
def test_packet_time(payload_type: int, step: int, ptime: float, milliseconds: float) -> None:
    found = only_stream(sent(100, payload_type=payload_type, step=step, ptime=ptime).without([5, 6, 50]))
    assert found.packet_time_ms == milliseconds


def test_tones_and_noise_are_no_codec_even_if_they_are_more() -> None:
    digits = sent(300, start=3.0, sequence=1050, payload_type=101, step=0)
    found = only_stream(sent(50).then(digits))
    found.encodings = {101: Encoding("telephone-event", 8000)}
    assert found.codec == "PCMU"


def test_comfort_noise_share() -> None:
    noise = sent(50, start=3.0, sequence=1050, payload_type=13)
    assert only_stream(sent(50).then(noise)).comfort_noise_share() == 0.5
    assert only_stream(sent(50)).comfort_noise_share() == 0.0


@pytest.mark.parametrize("packets", [1, 2])
def test_too_short_to_say_anything(packets: int) -> None:
    found = only_stream(sent(packets, payload_type=105))
    assert found.clock_rate is None
    assert found.jitter_ms is None
    assert found.packet_time_ms is None
    assert found.is_sample is False


def test_every_second_packet_is_a_sample_and_loss_is_not() -> None:
    assert only_stream(sent(400).rows(slice(None, None, 2))).is_sample
    assert only_stream(sent(400).rows(slice(None, None, 4))).is_sample
    half = np.flatnonzero(np.random.default_rng(3).random(400) < 0.5)
    assert not only_stream(sent(400).without(half)).is_sample
    assert not only_stream(sent(400)).is_sample


def test_cutting_loses_no_packet() -> None:
    whole = only_stream(sent(100, start=0.0))
    first, second = cut(whole, [whole.starts + 0.999])
    assert (first.packets, second.packets) == (50, 50)
    assert second.loss.lost == 0
    assert [part.packets for part in cut(whole, [whole.starts - 5])] == [100]
    assert [part.packets for part in cut(whole, [whole.ends + 5])] == [100]


# -- what looks like RTP --------------------------------------------------------------------------------------------


def test_regular_packets_behave_like_rtp() -> None:
    assert behaves_like_rtp(only_stream(sent(100)))
    assert behaves_like_rtp(only_stream(sent(100, payload_type=111, step=960)))
    assert behaves_like_rtp(only_stream(sent(200).without(range(50, 60))))


@pytest.mark.parametrize("packets", [1, 19])
def test_a_few_packets_prove_nothing(packets: int) -> None:
    assert not behaves_like_rtp(only_stream(sent(packets)))


def test_numbers_at_random_do_not_behave_like_rtp() -> None:
    random = np.random.default_rng(5)
    noise = sent(300)
    noise.sequence[:] = random.integers(0, 65_536, 300)
    assert not behaves_like_rtp(only_stream(noise))
    clockless = sent(300)
    clockless.timestamp[:] = random.integers(0, 2**32, 300)
    assert not behaves_like_rtp(only_stream(clockless))
    types = sent(300)
    types.payload_type[:] = random.integers(0, 128, 300)
    assert not behaves_like_rtp(only_stream(types))


def test_the_table_is_that_of_real_packets() -> None:
    # The builder of these tests writes what the dissector reads: the same header fields at the same places.
    packet = rtp(7, timestamp=1120, ssrc=0x1234, payload_type=0)
    table = media_table(sent(1, sequence=7, timestamp=1120))
    assert int.from_bytes(packet[2:4]) == table.sequence[0]
    assert int.from_bytes(packet[4:8]) == table.timestamp[0]
    assert int.from_bytes(packet[8:12]) == table.ssrc[0]
    assert len(packet) == table.size[0]
