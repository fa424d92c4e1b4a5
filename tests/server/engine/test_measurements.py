"""The measured part of a report: calls, streams and metrics, whatever is found."""

from __future__ import annotations

import pytest
from tests.support.calls import Ladder
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, carry, stream

from sip_ci.trace.observation import Endpoint
from sip_ci.trace.trace import TraceOrigin
from sip_ci_server.engine import measurements
from sip_ci_server.engine.measurements import measure


def with_media() -> Ladder:
    ladder = Ladder()
    ladder.call().answered(talk=25.0)
    lost = [*range(100, 110), *range(200, 240)]
    return carry(
        ladder,
        stream(ALICE_MEDIA, BOB_MEDIA, 1000, ssrc=0xAB).without(lost),
        stream(BOB_MEDIA, ALICE_MEDIA, 900, ssrc=2),
    )


def test_a_stream_is_measured_as_the_engine_sees_it() -> None:
    quality = measure(with_media().model())
    assert quality.media == "captured"
    assert quality.streams_total == len(quality.streams) == 2
    there = next(item for item in quality.streams if item.ssrc == "0x000000ab")
    assert (there.source, there.destination) == (str(ALICE_MEDIA), str(BOB_MEDIA))
    assert there.call == "call-1@192.0.2.10"
    assert (there.packets, there.expected, there.lost) == (950, 1000, 50)
    assert there.loss_percent == 5.0
    assert there.longest_burst == 40
    assert there.burst_ratio == pytest.approx(25 * 0.95)
    assert there.jitter_ms == pytest.approx(0.0, abs=1e-3)
    assert there.duration_ms == pytest.approx(19_980)
    assert there.codec == "PCMU"
    assert not there.grounded, "such bursts are outside the range of the model"
    assert there.mos is not None
    assert there.mos < 3.0
    back = next(item for item in quality.streams if item.ssrc != "0x000000ab")
    assert (back.lost, back.burst_ratio, back.mos) == (0, None, 4.41)


def test_a_codec_without_published_values_has_no_score() -> None:
    ladder = carry(Ladder(), stream(ALICE_MEDIA, BOB_MEDIA, 400, payload_type=9))
    (found,) = measure(ladder.model()).streams
    assert (found.codec, found.mos, found.grounded, found.model) == ("G722", None, False, "")
    assert found.call is None


def test_a_call_is_measured() -> None:
    (found,) = measure(with_media().model()).calls
    assert found.outcome == "answered"
    assert found.setup_ms == pytest.approx(1000, abs=1)
    assert found.duration_ms == pytest.approx(25_000, abs=1)
    assert found.post_dial_delay_ms == pytest.approx(100, abs=1)


def test_a_refused_call_and_one_without_end() -> None:
    ladder = Ladder()
    refused = ladder.call()
    refused.respond(refused.invite(0.0), 486, 0.5)
    ladder.call().invite(1.0)
    first, second = measure(ladder.model()).calls
    assert first.outcome == "486 Busy Here"
    assert first.duration_ms is None
    assert second.outcome == "no final response"


@pytest.mark.parametrize(
    ("origin", "reason"),
    [(TraceOrigin.LOG, "a log holds no media"), (TraceOrigin.CAPTURE, "the trace holds no RTP")],
)
def test_media_that_cannot_be_seen(origin: TraceOrigin, reason: str) -> None:
    ladder = Ladder(origin=origin)
    ladder.call().answered()
    assert measure(ladder.model()).media == reason


def test_long_lists_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "LISTED", 3)
    ladder = Ladder()
    for number in range(5):
        ladder.call(caller_tag=f"a{number}").answered(number * 20.0)
    flows = [stream(Endpoint("203.0.113.1", 2 * n), BOB_MEDIA, 100, ssrc=n) for n in range(1, 6)]
    quality = measure(carry(ladder, *flows).model())
    assert (len(quality.calls), quality.calls_total) == (3, 5)
    assert (len(quality.streams), quality.streams_total) == (3, 5)


def test_an_empty_trace_has_no_metrics() -> None:
    quality = measure(Ladder().model())
    assert (quality.calls_total, quality.streams_total) == (0, 0)
    assert quality.kpis["calls"] == 0
    assert quality.kpis["session_establishment_ratio_percent"] is None
