"""The E-model at known points (ITU-T G.107), and what is not rated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, only_stream, stream

from sip_ci_server.engine.voice_quality import (
    DEFAULT_RATING,
    NARROWBAND,
    Impairment,
    estimate,
    estimate_of,
    opinion_of_rating,
    rating,
)


@pytest.mark.parametrize(
    ("value", "score"),
    # 1 + 0.035 R + 7e-6 R (R - 60) (100 - R), and the limits of user satisfaction of ITU-T G.107
    # table B.1 are 90, 80, 70, 60 and 50.
    [(93.2, 4.41), (90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58), (0, 1.0), (-20, 1.0), (100, 4.5)],
)
def test_opinion_of_a_rating(value: float, score: float) -> None:
    assert opinion_of_rating(value) == pytest.approx(score, abs=0.01)


@given(st.floats(-50, 150))
def test_an_opinion_lies_on_its_scale(value: float) -> None:
    assert 1.0 <= opinion_of_rating(value) <= 4.5


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_better_rating_is_no_worse_opinion(left: float, right: float) -> None:
    worse, better = sorted((left, right))
    assert opinion_of_rating(worse) <= opinion_of_rating(better) + 1e-9


@pytest.mark.parametrize(
    ("codec", "loss", "score"),
    [
        # No loss: R is 93.2 - Ie.
        ("PCMU", 0.0, 4.41),
        ("pcma", 0.0, 4.41),
        ("G729", 0.0, 4.10),
        ("G723", 0.0, 3.95),
        # 93.2 - 95 * 1 / (1 + 4.3) = 75.28; 93.2 - 95 * 5 / (5 + 4.3) = 42.12
        ("PCMU", 1.0, 3.84),
        ("PCMU", 5.0, 2.17),
        # 93.2 - (11 + 84 * 1 / (1 + 19)) = 78.0
        ("G729", 1.0, 3.95),
    ],
)
def test_known_points(codec: str, loss: float, score: float) -> None:
    found = estimate(codec, loss, 1.0)
    assert found is not None
    assert found.value == pytest.approx(score, abs=0.01)
    assert found.grounded


@given(st.sampled_from(sorted(NARROWBAND)), st.floats(0, 100), st.floats(0, 100), st.floats(1, 50))
def test_more_loss_is_never_better(codec: str, left: float, right: float, burst: float) -> None:
    less, more = sorted((left, right))
    assert rating(more, burst, NARROWBAND[codec]) <= rating(less, burst, NARROWBAND[codec]) + 1e-9


@given(st.floats(0.1, 100), st.floats(1, 50), st.floats(1, 50))
def test_burstier_loss_of_one_rate_is_never_better(loss: float, left: float, right: float) -> None:
    less, more = sorted((left, right))
    for impairment in NARROWBAND.values():
        assert rating(loss, more, impairment) <= rating(loss, less, impairment) + 1e-9


def test_a_burst_ratio_below_one_counts_as_one() -> None:
    assert rating(5.0, 0.2, Impairment(0, 4.3)) == rating(5.0, 1.0, Impairment(0, 4.3))


def test_no_loss_no_penalty_beyond_the_codec() -> None:
    assert rating(0.0, 1.0, Impairment(0, 4.3)) == DEFAULT_RATING


@pytest.mark.parametrize("codec", ["opus", "G722", "iLBC", "speex", "AMR", "AMR-WB", "EVS", "GSM", "PT 105", ""])
def test_codecs_without_published_narrowband_values_are_not_rated(codec: str) -> None:
    assert estimate(codec, 0.0, 1.0) is None


def test_g723_is_rated_at_the_rate_that_has_values() -> None:
    def g723(frame: int, frames: int = 1) -> float | None:
        sent = stream(ALICE_MEDIA, BOB_MEDIA, 100, payload_type=4, step=240, ptime=0.03, size=12 + frame * frames)
        score = estimate_of(only_stream(sent))
        return None if score is None else score.value

    assert g723(24) == g723(24, 2) == pytest.approx(3.95, abs=0.01)
    assert g723(20) is None


def test_a_stream_is_rated_by_its_own_loss() -> None:
    whole = stream(ALICE_MEDIA, BOB_MEDIA, 1000)
    clean, spread = estimate_of(only_stream(whole)), estimate_of(only_stream(whole.without(range(10, 990, 20))))
    lumped = estimate_of(only_stream(whole.without(range(100, 149))))
    assert clean is not None
    assert spread is not None
    assert lumped is not None
    assert clean.value == 4.41
    assert clean.value > spread.value > lumped.value


def test_an_outage_is_outside_the_range_of_the_model() -> None:
    within, beyond = estimate("PCMU", 3.0, 8.0), estimate("PCMU", 3.0, 36.0)
    assert within is not None
    assert beyond is not None
    assert (within.grounded, beyond.grounded) == (True, False)
    assert within.value == beyond.value


def test_concealment_is_never_worse() -> None:
    # 93.2 - 95 * 5 / (5 + 25.1) = 77.42, of which the opinion is 3.92.
    plain, concealed = estimate("PCMU", 5.0, 1.0), estimate("PCMU", 5.0, 1.0, concealed=True)
    assert plain is not None
    assert concealed is not None
    assert concealed.value == pytest.approx(3.92, abs=0.01)
    assert concealed.value > plain.value
