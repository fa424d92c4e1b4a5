"""Loss and jitter against the sequential text of RFC 3550 appendix A, and against the mistakes of other tools."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, only_stream, stream

from sip_ci_server.engine.rtp_statistics import extended_sequence, in_order, jitter_of, loss_in, loss_of, steps_of
from sip_ci_server.engine.streams import Stream


def sent(packets: int = 500, **options: object) -> Sent:
    return stream(ALICE_MEDIA, BOB_MEDIA, packets, **options)  # type: ignore[arg-type]


def loss_of_sequence(*numbers: int) -> tuple[int, int, int]:
    """Expected, lost and duplicates of packets that arrive with these sequence numbers."""
    found = loss_of(*extended_sequence(np.array(numbers, np.uint16)))
    return found.expected, found.lost, found.duplicates


def sequential_jitter(time_ns: npt.NDArray[np.int64], timestamps: npt.NDArray[np.uint32], clock: int) -> list[float]:
    """RFC 3550 A.8 packet by packet, in seconds."""
    jitter, result = 0.0, [0.0]
    for place in range(1, len(time_ns)):
        media = (int(timestamps[place]) - int(timestamps[place - 1]) + 2**31) % 2**32 - 2**31
        difference = (int(time_ns[place]) - int(time_ns[place - 1])) / 1e9 - media / clock
        jitter += (abs(difference) - jitter) / 16
        result.append(jitter)
    return result


# -- jitter ---------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 200_000_000), st.integers(0, 3000)), min_size=1, max_size=400),
    st.sampled_from([8000, 16_000, 48_000, 90_000]),
    st.integers(0, 2**32 - 1),
)
def test_jitter_is_that_of_the_sequential_formula(
    steps: list[tuple[int, int]], clock: int, first_timestamp: int
) -> None:
    time_ns = np.cumsum([1_700_000_000 * 10**9] + [elapsed for elapsed, _ in steps])
    ticks = (np.cumsum([first_timestamp] + [ticks for _, ticks in steps]) % 2**32).astype(np.uint32)
    ours = jitter_of(time_ns, ticks, clock, np.zeros(len(ticks), bool))
    assert np.allclose(ours, sequential_jitter(time_ns, ticks, clock), rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_jitter_is_exact_to_a_millionth_over_long_streams(seed: int) -> None:
    random = np.random.default_rng(seed)
    packets = 20_000
    delay = random.gamma(2.0, 10.0 ** random.integers(-2, 5) * 1000, packets).astype(np.int64)
    time_ns = 1_700_000_000 * 10**9 + np.arange(packets) * 20_000_000 + delay
    ticks = ((int(random.integers(0, 2**32)) + 160 * np.arange(packets)) % 2**32).astype(np.uint32)
    ours = jitter_of(time_ns, ticks, 8000, np.zeros(packets, bool))
    assert np.allclose(ours, sequential_jitter(time_ns, ticks, 8000), rtol=1e-6, atol=0)


@pytest.mark.parametrize("packets", [1, 2, 127, 128, 129, 130, 257, 1000])
def test_jitter_does_not_depend_on_where_the_blocks_end(packets: int) -> None:
    random = np.random.default_rng(packets)
    time_ns = np.cumsum(20_000_000 + random.integers(0, 5_000_000, packets))
    ticks = (160 * np.arange(packets)).astype(np.uint32)
    ours = jitter_of(time_ns, ticks, 8000, np.zeros(packets, bool))
    assert np.allclose(ours, sequential_jitter(time_ns, ticks, 8000), rtol=0, atol=1e-9)


def test_a_constant_difference_is_approached_from_below() -> None:
    # D is 10 ms for every packet: J = 10 ms * (1 - (15/16)**n).
    jitter = only_stream(sent(101, ptime=0.030)).jitter_ms
    assert jitter == pytest.approx(10 * (1 - (15 / 16) ** 100), abs=1e-4)


def test_a_restart_keeps_the_jitter_as_it_was() -> None:
    restart = np.zeros(40, bool)
    restart[20] = True
    time_ns = np.arange(40) * 30_000_000
    time_ns[20:] += 7_000_000_000
    ours = jitter_of(time_ns, (160 * np.arange(40)).astype(np.uint32), 8000, restart)
    assert ours[20] == ours[19]
    assert ours[21] > ours[20]
    assert ours.max() < 0.010


@pytest.mark.parametrize(
    ("options", "clock"),
    [
        ({"payload_type": 9}, 8000),
        ({"payload_type": 111, "step": 960}, 48_000),
        ({"timestamp": 2**32 - 800}, 8000),
        ({"sequence": 65_500}, 8000),
        ({"payload_type": 18, "ptime": 0.02}, 8000),
    ],
    ids=["G.722 has a clock of 8000", "Opus counts 960 ticks", "timestamp wraps", "sequence wraps", "G.729"],
)
def test_regular_streams_have_neither_jitter_nor_loss(options: dict[str, object], clock: int) -> None:
    found = only_stream(sent(500, **options))
    assert found.clock_rate == clock
    assert found.max_jitter_ms == pytest.approx(0.0, abs=1e-3)
    assert (found.loss.expected, found.loss.lost) == (500, 0)


def test_silence_of_a_second_is_neither_loss_nor_jitter() -> None:
    talk = sent(50)
    parts = talk
    for number in range(1, 10):
        later = stream(
            ALICE_MEDIA, BOB_MEDIA, 50, start=1.1 + number * 2.0, sequence=1000 + number * 50,
            timestamp=16_000 + number * 16_000,
        )  # fmt: skip
        parts = parts.then(later)
    found = only_stream(parts)
    assert found.loss.lost == 0
    assert found.max_jitter_ms == pytest.approx(0.0, abs=1e-3)


def test_a_sender_that_stops_its_clock_in_silence_has_no_jitter_of_seconds() -> None:
    later = stream(ALICE_MEDIA, BOB_MEDIA, 50, start=5.0, sequence=1050, timestamp=16_000 + 50 * 160)
    found = only_stream(sent(50).then(later))
    assert found.max_jitter_ms == pytest.approx(0.0, abs=1e-3)


def test_a_pause_without_marker_counts_as_the_formula_says() -> None:
    later = stream(ALICE_MEDIA, BOB_MEDIA, 50, start=3.1, sequence=1050, timestamp=16_000 + 50 * 160)
    later.marker[:] = False
    found = only_stream(sent(50).then(later))
    assert found.max_jitter_ms is not None
    assert found.max_jitter_ms > 50


def test_packets_that_arrive_late_do_not_count_for_jitter() -> None:
    order = np.arange(200)
    order[[50, 51]] = order[[51, 50]]
    found = only_stream(sent(200).arriving(order))
    assert found.loss.reordered == 1
    # The early packet differs by 20 ms, the one after the late packet by 20 ms back: no more than two steps.
    assert found.max_jitter_ms is not None
    assert found.max_jitter_ms <= 2 * 20 / 16


# -- loss -----------------------------------------------------------------------------------------------------------


@given(
    st.integers(0, 65_535),
    st.lists(st.booleans(), min_size=2, max_size=300),
)
def test_loss_is_what_was_taken_out(first: int, kept: list[bool]) -> None:
    kept = [True, *kept, True]
    numbers = [(first + place) % 65_536 for place, keep in enumerate(kept) if keep]
    found = loss_of(*extended_sequence(np.array(numbers, np.uint16)))
    assert found.expected == len(kept)
    assert found.lost == kept.count(False)
    assert int(found.runs.sum()) == found.lost
    assert found.longest_run == max(map(len, "".join("x" if keep else "." for keep in kept).split("x")))


@given(st.integers(0, 65_535), st.integers(4, 200), st.randoms(use_true_random=False))
def test_order_and_copies_change_no_loss(first: int, packets: int, random: object) -> None:
    numbers = [(first + place) % 65_536 for place in range(packets)]
    lost = set(random.sample(range(1, packets - 1), (packets - 2) // 4))  # type: ignore[attr-defined]
    arrived = [number for place, number in enumerate(numbers) if place not in lost]
    expected = loss_of(*extended_sequence(np.array(arrived, np.uint16)))
    swapped = list(arrived)
    for place in range(1, len(swapped) - 2, 3):
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
    doubled = [number for number in swapped for _ in range(2)]
    found = loss_of(*extended_sequence(np.array(doubled, np.uint16)))
    assert (found.expected, found.lost) == (expected.expected, expected.lost)
    assert found.duplicates == len(arrived)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1], (1, 0, 0)),
        ([65_534, 65_535, 0, 1], (4, 0, 0)),
        ([65_534, 1], (4, 2, 0)),
        ([1, 3, 2, 4], (4, 0, 0)),
        ([2, 1, 4, 3, 6, 5], (6, 0, 0)),
        ([5, 6, 6, 7, 7, 7], (3, 0, 3)),
        ([1, 2, 40_000, 40_001, 40_002], (5, 0, 0)),
        ([30_000, 30_001, 10, 11, 12], (5, 0, 0)),
        ([1, 2, 40_000, 3, 4], (5, 0, 0)),
        ([1000, 1001, 500, 1002, 1003], (5, 0, 0)),
        ([100, 9000, 101, 9001, 102, 9002, 104], (8, 1, 0)),
        ([1000, 1001, 1002, 1003, 1004, *range(1005, 1200), 1003, 1200, 1201], (202, 0, 1)),
        ([1, 3001], (3001, 2999, 0)),
        ([1, 3002], (2, 0, 0)),
        ([200, 100, 201], (102, 99, 0)),
    ],
    ids=[
        "one packet", "wrap", "loss over the wrap", "neighbours swapped", "all swapped", "copies", "restart forward",
        "restart backward", "a stray packet", "a packet from long ago", "two senders in turn",
        "a copy that comes 200 packets late", "the longest loss", "one more is a restart",
        "a late packet within the window",
    ],
)  # fmt: skip
def test_counts(numbers: list[int], expected: tuple[int, int, int]) -> None:
    assert loss_of_sequence(*numbers) == expected


def test_nothing_at_all() -> None:
    found = loss_of(*extended_sequence(np.zeros(0, np.uint16)))
    assert (found.received, found.expected, found.percent, found.burst_ratio, found.longest_run) == (0, 0, 0.0, 1.0, 0)
    assert len(in_order(*extended_sequence(np.zeros(0, np.uint16)))) == 0


def test_numbers_at_random_cost_no_more_than_linear_time() -> None:
    # Nothing is asserted of the time: a quadratic count of the 200,000 restarts would not come to an end here.
    numbers = np.random.default_rng(1).integers(0, 65_536, 400_000).astype(np.uint16)
    found = loss_of(*extended_sequence(numbers))
    assert found.received <= found.expected


@given(st.lists(st.integers(0, 4_000), min_size=0, max_size=100), st.integers(0, 65_535))
def test_losses_in_order_are_counted_as_all_others_are(steps: list[int], first: int) -> None:
    numbers = (np.cumsum([first, *steps]) % 65_536).astype(np.uint16)
    quick, thorough = loss_in(numbers), loss_of(*extended_sequence(numbers))
    assert quick.runs.tolist() == thorough.runs.tolist()
    for name in ("received", "expected", "reordered", "duplicates"):
        assert getattr(quick, name) == getattr(thorough, name)


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=200))
def test_any_numbers_give_sound_counts(numbers: list[int]) -> None:
    extended, segment = extended_sequence(np.array(numbers, np.uint16))
    found = loss_of(extended, segment)
    assert list(extended % 65_536) == numbers
    assert 0 <= found.lost < found.expected
    assert found.received + found.duplicates == len(numbers)
    assert found.burst_ratio >= 1.0
    newer = in_order(extended, segment)
    assert newer[0]
    assert int(newer.sum()) <= found.received


def test_steps_take_the_shorter_way_round() -> None:
    assert list(steps_of(np.array([0, 65_535, 1], np.uint16), 16)) == [-1, 2]
    assert list(steps_of(np.array([2**32 - 1, 0], np.uint32), 32)) == [1]


# -- bursts ---------------------------------------------------------------------------------------------------------


def test_single_losses_are_no_burst() -> None:
    found = only_stream(sent(1000).without(range(50, 950, 50)))
    assert found.loss.burst_ratio == 1.0
    assert found.loss.longest_run == 1


def test_the_burst_ratio_is_the_mean_run_over_that_of_random_loss() -> None:
    # 100 of 1000 in ten runs of ten: 10 / (1 / (1 - 0.1)) = 9.
    lost = [start + offset for start in range(50, 950, 90) for offset in range(10)]
    found = only_stream(sent(1000).without(lost))
    assert found.loss.lost == 100
    assert found.loss.burst_ratio == pytest.approx(9.0)
    assert found.loss.longest_run == 10


def test_random_loss_has_a_burst_ratio_near_one() -> None:
    lost = np.flatnonzero(np.random.default_rng(7).random(20_000) < 0.1)
    found = only_stream(sent(20_000).without(lost[(lost > 0) & (lost < 19_999)]))
    assert found.loss.burst_ratio == pytest.approx(1.0, abs=0.05)


# -- the mistakes of other tools ------------------------------------------------------------------------------------


def counts(found: Stream) -> tuple[int, int]:
    return found.loss.expected, found.loss.lost


def test_reordering_of_every_second_pair_is_no_loss() -> None:
    order = np.arange(500).reshape(-1, 5)[:, [1, 0, 3, 2, 4]].reshape(-1)
    found = only_stream(sent(500).arriving(order))
    assert counts(found) == (500, 0)
    assert found.loss.reordered == 200


def test_a_hold_of_a_minute_with_new_numbers_is_no_loss() -> None:
    found = only_stream(sent(500).then(sent(500, start=71.1, sequence=52_000, timestamp=3_000_000_000)))
    assert counts(found) == (1000, 0)
    assert found.max_jitter_ms == pytest.approx(0.0, abs=1e-3)


def test_the_end_of_a_digit_sent_three_times_is_three_packets() -> None:
    # RFC 4733: one timestamp for the whole event; here the end packets have their own sequence numbers.
    digit = sent(8, start=3.1, sequence=1100, timestamp=16_000 + 100 * 160, step=0, payload_type=101)
    rest = sent(100, start=3.26, sequence=1108, timestamp=16_000 + 108 * 160)
    rest.marker[:] = False
    found = only_stream(sent(100).then(digit).then(rest))
    assert counts(found) == (208, 0)
    assert found.max_jitter_ms == pytest.approx(0.0, abs=1e-3)


def test_the_end_of_a_digit_with_one_number_is_a_copy() -> None:
    digit = sent(3, start=3.1, sequence=1100, payload_type=101, step=0)
    digit.sequence[:] = 1100
    found = only_stream(sent(100).then(digit).then(sent(100, start=3.16, sequence=1101, timestamp=48_000)))
    assert counts(found) == (201, 0)
    assert found.loss.duplicates == 2


def test_comfort_noise_after_a_talkspurt_is_neither_loss_nor_jitter() -> None:
    noise = sent(1, start=2.1, sequence=1050, timestamp=16_000 + 50 * 160, payload_type=13)
    again = sent(50, start=4.1, sequence=1051, timestamp=16_000 + 150 * 160)
    found = only_stream(sent(50).then(noise).then(again))
    assert counts(found) == (101, 0)
    assert found.max_jitter_ms == pytest.approx(0.0, abs=1e-3)
    assert found.codec == "PCMU"


def test_a_first_packet_that_is_lost_is_not_missed() -> None:
    assert counts(only_stream(sent(500).without([0]))) == (499, 0)


def test_copies_of_every_second_packet_are_no_negative_loss() -> None:
    order = np.sort(np.concatenate((np.arange(500), np.arange(0, 500, 2))))
    found = only_stream(sent(500).rows(order))
    assert counts(found) == (500, 0)
    assert found.loss.duplicates == 250


def test_a_change_of_codec_is_no_loss() -> None:
    second = sent(300, start=5.1, sequence=1200, timestamp=16_000 + 200 * 160, payload_type=18)
    found = only_stream(sent(200).then(second))
    assert counts(found) == (500, 0)
    assert found.codec == "G729"
    assert found.max_jitter_ms == pytest.approx(0.0, abs=1e-3)
