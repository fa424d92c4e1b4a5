"""How RTP arrives: what is told, and what looks like it and is healthy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.calls import Ladder, assert_healthy, sdp
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, Sent, carry, only_stream, stream

from sip_ci.findings import Confidence, Severity
from sip_ci.service.wire import WireFinding
from sip_ci_server.engine.stream_timing import timing_of

COUNT = 480


def there(packets: int = COUNT, **options: object) -> Sent:
    return stream(ALICE_MEDIA, BOB_MEDIA, packets, ssrc=1, **options)  # type: ignore[arg-type]


def back(packets: int = COUNT) -> Sent:
    return stream(BOB_MEDIA, ALICE_MEDIA, packets, ssrc=2, timestamp=9_999_999)


def called(*sent: Sent, talk: float = 10.0) -> Ladder:
    ladder = Ladder()
    ladder.call().answered(talk=talk)
    return carry(ladder, *sent)


def found(check: str, *sent: Sent, talk: float = 10.0) -> WireFinding | None:
    return called(*sent, talk=talk).findings().get(check)


def stalled(seconds: float, at: int = 100) -> Sent:
    """Packets that were held back and then came all at once."""
    late = np.zeros(COUNT)
    after = np.arange(COUNT - at)
    late[at:] = np.maximum(0.0, seconds - after * 0.0199)
    return there().late(late)


def noisy(spread: float) -> Sent:
    """Packets that come up to `spread` seconds late, in order."""
    late = np.random.default_rng(7).uniform(0, spread, COUNT)
    sent = there()
    return replace(sent, time=np.maximum.accumulate(sent.time + late))


def with_marker(sent: Sent, place: int) -> Sent:
    marker = sent.marker.copy()
    marker[place] = True
    return replace(sent, marker=marker)


def test_jitter_of_a_second_is_told() -> None:
    finding = found("rtp-jitter", noisy(0.4), back())
    assert finding is not None
    assert finding.severity.at_least(Severity.MEDIUM)
    assert finding.calls == ("call-1@192.0.2.10",)


def overtaking(spread: float) -> Sent:
    """Packets that come up to `spread` seconds late and overtake each other."""
    sent = there()
    time = sent.time + np.random.default_rng(7).uniform(0, spread, COUNT)
    order = np.argsort(time)
    return replace(sent.rows(order), time=time[order])


@pytest.mark.parametrize(("spread", "severity"), [(0.13, Severity.MEDIUM), (0.25, Severity.HIGH)])
def test_packets_that_come_too_late_for_their_place_are_jitter(spread: float, severity: Severity) -> None:
    finding = found("rtp-jitter", overtaking(spread), back())
    assert finding is not None
    assert finding.severity is severity


def test_neighbours_that_overtake_each_other_are_no_jitter() -> None:
    sent = there()
    order = np.arange(COUNT)
    order[10::20], order[11::20] = order[11::20].copy(), order[10::20].copy()
    assert found("rtp-jitter", sent.arriving(order), back()) is None


def test_packets_that_come_twice_are_no_jitter() -> None:
    sent = there()
    twice = sent.then(sent.late(0.1))
    order = np.argsort(twice.time, kind="stable")
    assert found("rtp-jitter", twice.rows(order), back()) is None


def test_a_timestamp_that_jumps_is_no_jitter() -> None:
    sent = there()
    jumping = replace(sent, timestamp=sent.timestamp + 40_000 * (np.arange(COUNT) // 100))
    told = called(jumping, back()).findings()
    assert "rtp-jitter" not in told
    assert told["rtp-timestamp-jump"].severity is Severity.MEDIUM


@pytest.mark.parametrize("spread", [0.0, 0.005, 0.02])
def test_usual_jitter_is_healthy(spread: float) -> None:
    assert found("rtp-jitter", noisy(spread), back()) is None


def test_one_stall_is_a_gap_and_no_jitter() -> None:
    assert found("rtp-jitter", stalled(0.6), back()) is None


@pytest.mark.parametrize(
    ("codec", "step", "ptime"),
    # G.722 counts at 8000 Hz though it samples at 16 kHz (RFC 3551 §4.5.2), Opus at 48000 Hz.
    [("m=audio 40000 RTP/AVP 9", 160, 0.02), ("m=audio 40000 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2", 960, 0.02)],
)
def test_clocks_of_codecs_are_known(codec: str, step: int, ptime: float) -> None:
    number = int(codec.split("AVP ")[1].split("\r")[0])
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(call.path[0], media=codec))
    call.respond(invite, 200, 1.0, body=sdp(call.path[1], media=codec.replace("40000", "42000")))
    call.ack(invite, 1.03)
    call.respond(call.bye(11.0), 200, 11.02)
    sent = [
        replace(there(step=step, ptime=ptime, payload_type=number), size=172),
        stream(BOB_MEDIA, ALICE_MEDIA, COUNT, ssrc=2, step=step, ptime=ptime, payload_type=number, timestamp=7_000_000),
    ]
    model = carry(ladder, *sent).model()
    assert all(item.max_jitter_ms == pytest.approx(0.0, abs=0.01) for item in model.streams)
    assert_healthy(ladder)


@pytest.mark.parametrize(("lost", "severity"), [(40, Severity.MEDIUM), (150, Severity.HIGH)])
def test_a_gap_of_lost_packets(lost: int, severity: Severity) -> None:
    finding = found("rtp-gap", there().without(range(100, 100 + lost)), back())
    assert finding is not None
    assert finding.severity is severity
    assert str(lost) in finding.detail


def test_a_gap_of_packets_that_were_held_back_is_only_possible() -> None:
    finding = found("rtp-gap", stalled(2.5), back())
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert finding.confidence is Confidence.POSSIBLE


def test_silence_suppression_is_no_gap() -> None:
    # A pause of one second; clock and wall go on, the numbering does not.
    sent = there()
    paused = replace(
        sent,
        time=sent.time + np.where(np.arange(COUNT) >= 200, 1.0, 0.0),
        timestamp=sent.timestamp + np.where(np.arange(COUNT) >= 200, 8000, 0),
    )
    for item in (paused, with_marker(paused, 200)):
        assert_healthy(called(item, back(530), talk=12.0))
    frozen = with_marker(replace(paused, timestamp=sent.timestamp), 200)
    assert_healthy(called(frozen, back(530), talk=12.0))


def test_a_restart_of_the_numbering_is_neither_gap_nor_jump() -> None:
    first = there(200)
    second = there(200, start=6.0, sequence=40_000, timestamp=900_000_000)
    assert_healthy(called(first.then(second), back()))


def test_a_wrap_of_numbers_and_timestamps_is_healthy() -> None:
    sent = there(sequence=65_500, timestamp=2**32 - 8000)
    timing = timing_of(only_stream(sent))
    assert (timing.pauses, timing.jumps, timing.jittery) == ((), (), (0, 0))
    assert_healthy(called(sent, back()))


def test_a_burst_below_one_percent() -> None:
    sent = there(1500).without(range(700, 708))
    finding = found("rtp-burst-loss", sent, back(1500), talk=31.0)
    assert finding is not None
    assert finding.severity is Severity.MEDIUM
    assert "8" in finding.title


def test_a_burst_within_much_loss_is_told_once() -> None:
    findings = called(there().without(range(100, 140)), back()).findings()
    assert "rtp-loss" in findings
    assert "rtp-burst-loss" not in findings


def test_scattered_loss_is_no_burst() -> None:
    assert found("rtp-burst-loss", there(1500).without(range(50, 1500, 250)), back(1500), talk=31.0) is None


def test_mos_of_random_loss() -> None:
    lost = np.random.default_rng(3).choice(np.arange(1, 1499), 250, replace=False)
    findings = called(there(1500).without(lost.tolist()), back(1500), talk=31.0).findings()
    assert findings["rtp-mos-low"].severity is Severity.HIGH
    assert findings["rtp-mos-low"].causes


def test_mos_is_not_told_of_one_outage() -> None:
    # The E-model is meant for burst ratios up to 8.
    assert found("rtp-mos-low", there(1500).without(range(500, 600)), back(1500), talk=31.0) is None


def test_neighbours_that_change_places() -> None:
    order = np.arange(COUNT)
    order = np.where(order % 5 == 3, order + 1, np.where((order % 5 == 4), order - 1, order))
    findings = called(there().arriving(order), back()).findings()
    assert findings["rtp-out-of-order"].severity is Severity.LOW
    assert "rtp-loss" not in findings


def doubled(seconds: float) -> Sent:
    """Every second packet comes again after some time."""
    sent = there()
    again = sent.rows(slice(0, COUNT, 2)).late(seconds)
    both = sent.then(again)
    return both.rows(np.argsort(both.time, kind="stable"))


def test_packets_that_come_again_are_no_loss() -> None:
    stream_of_them = only_stream(doubled(0.03))
    assert stream_of_them.loss.duplicates == COUNT // 2
    assert stream_of_them.loss.lost == 0
    findings = called(doubled(0.03), back()).findings()
    assert findings["rtp-duplicate"].severity is Severity.LOW
    assert "rtp-loss" not in findings


def test_copies_that_the_capture_made_are_folded() -> None:
    assert_healthy(called(doubled(0.0001), back()))


def jumped(*places: int) -> Sent:
    sent = there()
    timestamp = sent.timestamp.copy()
    for place in places:
        timestamp[place:] += 80_000
    return replace(sent, timestamp=timestamp)


@pytest.mark.parametrize(("places", "severity"), [((200,), Severity.LOW), ((100, 200, 300), Severity.MEDIUM)])
def test_jumps_of_the_timestamp(places: tuple[int, ...], severity: Severity) -> None:
    finding = found("rtp-timestamp-jump", jumped(*places), back())
    assert finding is not None
    assert finding.severity is severity
    assert found("rtp-timestamp-jump", with_marker(jumped(200), 200), back()) is None


@pytest.mark.parametrize(("step", "told"), [(162, True), (158, True), (160, False)])
def test_drift(step: int, told: bool) -> None:
    finding = found("rtp-clock-drift", there(2000, step=step), back(2000), talk=42.0)
    assert (finding is not None) is told
    assert finding is None or finding.severity is Severity.LOW


def test_a_short_stream_has_no_drift() -> None:
    assert timing_of(only_stream(there(500, step=170))).drift_percent is None


def test_telephone_events_do_not_make_jitter() -> None:
    audio = "m=audio {} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000"
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(call.path[0], media=audio.format(40000)))
    call.respond(invite, 200, 1.0, body=sdp(call.path[1], media=audio.format(42000)))
    call.ack(invite, 1.03)
    call.respond(call.bye(11.0), 200, 11.02)
    sent = there()
    kinds, timestamp = sent.payload_type.copy(), sent.timestamp.copy()
    kinds[100:110] = 101
    timestamp[100:110] = timestamp[100]
    assert_healthy(carry(ladder, replace(sent, payload_type=kinds, timestamp=timestamp), back()))
