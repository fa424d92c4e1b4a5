"""The E-model's estimate of listening quality (ITU-T G.107), and how far its inputs are published values.

Only loss enters: a trace at one point cannot know the mouth-to-ear delay, so the delay impairment is zero and the
result is a listening quality (MOS-LQ). Values without a published equipment impairment are marked as not grounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sip_ci_server.engine.streams import Stream

HIGHEST_BURST_RATIO = 8.0
"""The burst ratio up to which the model is meant: its permitted range, beside the defaults of ITU-T G.107 §7.7."""
WORST_IMPAIRMENT = 95.0
"""The effective equipment impairment cannot pass what the formula starts from: no sound at all."""
DEFAULT_RATING = 93.2
"""R with every parameter at its default (ITU-T G.107 §7.7)."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """A codec's equipment impairment (ITU-T G.113 appendix I)."""

    equipment: float
    """Ie, on the R scale."""
    robustness: float
    """Bpl, the packet-loss robustness factor in percent."""


# G.711 stands without packet-loss concealment: the trace cannot know whether the receiver conceals.
NARROWBAND: dict[str, Impairment] = {
    "PCMU": Impairment(0.0, 4.3),
    "PCMA": Impairment(0.0, 4.3),
    "G729": Impairment(11.0, 19.0),
    "G723": Impairment(15.0, 16.1),
}
"""Ie and Bpl of the narrowband codecs that have both: G.729A with voice activity detection stands for all of G.729,
whose annexes interoperate and sound alike; G.723.1 is that of 6.3 kbit/s with voice activity detection.
"""
CONCEALED: dict[str, Impairment] = {
    **NARROWBAND,
    "PCMU": Impairment(0.0, 25.1),
    "PCMA": Impairment(0.0, 25.1),
}
"""The same with the loss concealment of G.711 appendix I, which many receivers have; other codecs bring their own."""
_RTP_HEADER = 12
_G723_FRAME_OF_6K3 = 24
"""Bytes of a G.723.1 frame at 6.3 kbit/s; one at 5.3 kbit/s has 20 (RFC 3551 §4.5.3)."""


@dataclass(frozen=True, slots=True)
class MeanOpinionScore:
    """An estimate of how the stream sounds."""

    value: float
    """1.0 to 4.5."""
    grounded: bool
    """Whether the codec's impairment is a published one, and the losses are within the range of the model."""
    model: str


def rating(loss_percent: float, burst_ratio: float, impairment: Impairment) -> float:
    """The transmission rating R: `93.2 - Ie,eff` with `Ie,eff = Ie + (95 - Ie) * Ppl / (Ppl / BurstR + Bpl)` (G.107
    §7.5).
    """
    if loss_percent <= 0:
        return DEFAULT_RATING - impairment.equipment
    effective = impairment.equipment + (WORST_IMPAIRMENT - impairment.equipment) * loss_percent / (
        loss_percent / min(max(1.0, burst_ratio), HIGHEST_BURST_RATIO) + impairment.robustness
    )
    return DEFAULT_RATING - min(effective, WORST_IMPAIRMENT)


def opinion_of_rating(value: float) -> float:
    """The mean opinion score of a rating R (G.107 annex B)."""
    if value <= 0:
        return 1.0
    if value >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * value + 7e-6 * value * (value - 60) * (100 - value))


def estimate(
    codec: str, loss_percent: float, burst_ratio: float, *, concealed: bool = False
) -> MeanOpinionScore | None:
    """Estimate the score of a stream; None for a codec without narrowband impairment values."""
    impairment = (CONCEALED if concealed else NARROWBAND).get(codec.upper())
    if impairment is None:
        return None
    score = opinion_of_rating(rating(loss_percent, burst_ratio, impairment))
    within = burst_ratio <= HIGHEST_BURST_RATIO
    model = "ITU-T G.107 (MOS-LQ, narrowband)"
    return MeanOpinionScore(
        round(score, 2), grounded=within, model=model if within else f"{model}, burstier than the model allows"
    )


def estimate_of(stream: Stream, *, concealed: bool = False) -> MeanOpinionScore | None:
    """Estimate the score of a stream from its codec and losses."""
    if stream.codec.upper() == "G723":
        payload = int(np.median(stream.rows.size)) - _RTP_HEADER
        if payload % _G723_FRAME_OF_6K3:
            return None
    return estimate(stream.codec, stream.loss.percent, stream.loss.burst_ratio, concealed=concealed)
