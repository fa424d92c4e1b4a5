"""Codecs that the two sides of a call, or its two legs, do not agree on: format parameters, and transcoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sip_ci.findings import Category, Severity
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.checks.sdp_answers import NO_ANSWER, has_answer
from sip_ci_server.engine.format_parameters import Format, formats_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Pair, Round

_CONSTRAINED_BASELINE = 0x40
"""constraint_set1_flag of profile_iop: a Baseline stream with it is Constrained Baseline (RFC 6184 §8.1)."""


def _named(pair: Pair, *names: str) -> tuple[list[Format], list[Format]]:
    if not any(encoding.name.upper() in names for encoding in pair.answered.encodings.values()):
        return [], []
    offered = [item for item in formats_of(pair.offered) if item.name in names]
    answered = [item for item in formats_of(pair.answered) if item.name in names]
    return offered, answered


def _disagreement(
    item: Round, names: tuple[str, ...], value: Callable[[Format], str], fits: Callable[[str, str], bool]
) -> Iterator[tuple[Pair, Format, Format]]:
    """The formats of the answer that fit none of the same codec in the offer, each with the first of those."""
    for pair in item.pairs:
        if not pair.active:
            continue
        offered, answered = _named(pair, *names)
        for format_ in answered:
            same = [other for other in offered if other.name == format_.name]
            if same and not any(fits(value(other), value(format_)) for other in same):
                yield pair, same[0], format_


def _found(
    pair: Pair, left: Format, right: Format, text: str, key: tuple[str, ...], values: dict[str, str],
    severity: Severity | None = None,
) -> Found:  # fmt: skip
    return Found(
        (
            at_sdp(pair.offer_message, left.line, "offered"),
            at_sdp(pair.answer_message, right.line, "answered"),
        ),
        text,
        values,
        key=key,
        calls=(pair.round.leg.call_id,),
        severity=severity,
    )


@check(
    "codec-g729-annexb",
    title="G.729 Annex B is {offered} in the offer and {answered} in the answer",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 7261 §3",
    absent=NO_ANSWER,
    only=has_answer,
)
def codec_g729_annexb(item: Round, model: Model) -> Iterator[Outcome]:
    """One side switches silence suppression of G.729 off, the other leaves it on: `yes` where nothing is written.

    Only noted where the answer switches it off, which the offerer has to follow.
    """
    del model
    for pair, left, right in _disagreement(
        item, ("G729",), lambda one: one.value("annexb"), lambda one, other: one == other
    ):
        offered, answered = left.value("annexb"), right.value("annexb")
        yield _found(
            pair, left, right,
            f"The offer has G.729 with annexb={offered}, the {pair.answer_message.summary} with annexb={answered}"
            " (yes where it is not written).",
            (offered, answered), {"offered": offered, "answered": answered},
            Severity.INFO if answered == "no" else None,
        )  # fmt: skip


@check(
    "codec-amr-mode-mismatch",
    title="Offer and answer disagree on {parameter} of {codec}",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 4867 §8.3.1",
    absent=NO_ANSWER,
    only=has_answer,
)
def codec_amr_mode_mismatch(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer has AMR with another payload structure than any AMR of the offer, or with other modes than those
    offered, which it has to give back unchanged. Low where both sides have a mode in common.
    """
    del model
    names = ("AMR", "AMR-WB")
    found = [
        *(("octet-align", *one) for one in _disagreement(item, names, lambda one: one.value("octet-align"), _equal)),
        *(("mode-set", *one) for one in _disagreement(item, names, lambda one: one.value("mode-set"), _same_modes)),
    ]
    for parameter, pair, left, right in found:
        in_common = parameter == "mode-set" and _overlap(left.value(parameter), right.value(parameter))
        values = left.value(parameter) or "all", right.value(parameter) or "all"
        yield _found(
            pair,
            left,
            right,
            f"The offer has {left.encoding} with {parameter}={values[0]}, the {pair.answer_message.summary} with"
            f" {parameter}={values[1]}.",
            (parameter, left.name),
            {"parameter": parameter, "codec": left.encoding.name},
            Severity.LOW if in_common else None,
        )


def _equal(one: str, other: str) -> bool:
    return one == other


def _same_modes(offered: str, answered: str) -> bool:
    """Whether the answer gives back the modes of the offer; without any in the offer it may choose."""
    return not offered or _modes(offered) == _modes(answered)


def _modes(value: str) -> set[str]:
    return {mode.strip() for mode in value.split(",") if mode.strip()}


def _overlap(one: str, other: str) -> bool:
    if not one or not other:
        return True
    return bool(_modes(one) & _modes(other))


@check(
    "codec-ilbc-mode",
    title="iLBC has mode {offered} in the offer and {answered} in the answer",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 3952 §5",
    absent=NO_ANSWER,
    only=has_answer,
)
def codec_ilbc_mode(item: Round, model: Model) -> Iterator[Outcome]:
    """The two sides ask for different frame lengths of iLBC, 20 and 30 ms (30 where nothing is written)."""
    del model
    for pair, left, right in _disagreement(item, ("ILBC",), lambda one: one.value("mode"), _equal):
        offered, answered = left.value("mode"), right.value("mode")
        yield _found(
            pair, left, right,
            f"The offer has iLBC with mode={offered}, the {pair.answer_message.summary} with mode={answered} (30 where"
            " it is not written).",
            (offered, answered), {"offered": offered, "answered": answered},
        )  # fmt: skip


@check(
    "codec-h264-profile",
    title="The H.264 of the answer is none of those that were offered",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 6184 §8.2.2",
    absent=NO_ANSWER,
    only=has_answer,
)
def codec_h264_profile(item: Round, model: Model) -> Iterator[Outcome]:
    """Profile and packetization mode of H.264 must be the same in offer and answer; levels may differ."""
    del model
    for pair, left, right in _disagreement(item, ("H264",), _h264, _same_h264):
        yield _found(
            pair, left, right,
            f"The {pair.answer_message.summary} has H.264 with {_h264_words(right)}, the offer with {_h264_words(left)}"
            " and none that fits.",
            (_h264(left), _h264(right)), {},
        )  # fmt: skip


def _h264(item: Format) -> str:
    """Profile and packetization mode, without the level."""
    identifier = item.value("profile-level-id")
    mode = item.value("packetization-mode")
    if len(identifier) != 6 or any(char not in "0123456789abcdef" for char in identifier):
        return f"/{mode}"
    constraints = int(identifier[2:4], 16)
    profile = "42c" if identifier[:2] == "42" and constraints & _CONSTRAINED_BASELINE else identifier[:2]
    return f"{profile}/{mode}"


def _same_h264(one: str, other: str) -> bool:
    (left, _, left_mode), (right, _, right_mode) = one.partition("/"), other.partition("/")
    # Constrained Baseline is what Baseline and Main have in common.
    profiles = not left or not right or left == right or (left[:2] == "42" and right[:2] == "42")
    return profiles and left_mode == right_mode


def _h264_words(item: Format) -> str:
    identifier = item.parameters.get("profile-level-id", "no profile-level-id")
    return f"profile-level-id {identifier} and packetization-mode {item.value('packetization-mode')}"


@check(
    "transcoding-detected",
    title="The two legs of the call use different codecs: {outer} and {inner}",
    severity=Severity.INFO,
    category=Category.CODEC,
    rfc="",
    absent="the trace holds no call that a B2BUA joins of two",
    only=lambda model: len(model.joined.all) < len(model.dialogs.calls),
)
def transcoding_detected(model: Model, _: Model) -> Iterator[Outcome]:
    """A B2BUA answered one leg with another codec than the other: it has to convert the audio."""
    for session in model.joined.all:
        for join in session.joins:
            legs = [_answered_round(model, call) for call in (join.outer, join.inner)]
            if legs[0] is None or legs[1] is None or join.relation.value != "relayed":
                continue
            names = [_codec(item) for item in legs if item is not None]
            if not all(names) or names[0] == names[1]:
                continue
            yield Found(
                tuple(
                    at_sdp(item.answer_message, item.answer.audio.line, "the codec of this leg")
                    for item in legs
                    if item and item.answer_message and item.answer and item.answer.audio
                ),
                f"The leg {join.outer} was answered with {names[0]}, the leg {join.inner} that continues it with"
                f" {names[1]}.",
                {"outer": names[0], "inner": names[1]},
                key=(names[0], names[1]),
                calls=(join.outer, join.inner),
            )


def _answered_round(model: Model, call_id: str) -> Round | None:
    for leg in model.dialogs.calls.get(call_id, []):
        for item in reversed(model.rounds[leg.number]):
            if leg.answer is not None and item.answer is not None and item.answer.audio is not None:
                return item
    return None


def _codec(item: Round) -> str:
    """The codec that offerer and answerer both list, first in the answer."""
    if item.offer.audio is None or item.answer is None or item.answer.audio is None:
        return ""
    offered = {encoding.key for encoding in item.offer.audio.speech_encodings}
    return next((str(one).upper() for one in item.answer.audio.speech_encodings if one.key in offered), "")
