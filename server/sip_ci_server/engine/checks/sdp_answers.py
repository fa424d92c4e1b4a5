"""Answers that do not fit their offer medium by medium (RFC 3264 §6)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.sdp import Direction, MediaDescription, SdpLine
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.exposure import is_from_test_tool
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round

NO_ANSWER = "the trace holds no SDP offer with an answer"
_ALLOWED = {
    Direction.SENDONLY: (Direction.RECVONLY, Direction.INACTIVE),
    Direction.RECVONLY: (Direction.SENDONLY, Direction.INACTIVE),
    Direction.INACTIVE: (Direction.INACTIVE,),
}
"""What may answer a direction (RFC 3264 §6.1); anything may answer sendrecv."""
_AT_ONCE = 1.0
"""Seconds within which a side hangs up because of an answer, and no user because of the call."""


def has_answer(item: Round) -> bool:
    """Whether the answer to an offer is in the trace."""
    return item.answer is not None


@check(
    "sdp-media-rejected",
    title="The {media} of the offer was rejected",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3264 §6",
    absent=NO_ANSWER,
    only=has_answer,
)
def sdp_media_rejected(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer sets the port of an offered medium to zero (RFC 3264 §6).

    Only noted for video and other media, and where another audio or image medium of the same answer was accepted.
    """
    del model
    carries = any(pair.active and pair.offered.media in ("audio", "image") for pair in item.pairs)
    for pair in item.pairs:
        if pair.offered.port == 0 or pair.answered.port != 0:
            continue
        codecs = ", ".join(str(encoding) for encoding in pair.offered.speech_encodings)
        harmless = pair.offered.media != "audio" or carries
        yield Found(
            (
                at_sdp(pair.offer_message, pair.offered.line, "offered"),
                at_sdp(pair.answer_message, pair.answered.line, "rejected: port 0"),
            ),
            f"The offer had {pair.offered.media} over {pair.offered.protocol}"
            + (f" ({codecs})" if codecs else "")
            + f", and the {pair.answer_message.summary} rejects it with port 0.",
            {"media": pair.offered.media},
            key=(pair.offered.media,),
            calls=(item.leg.call_id,),
            severity=Severity.INFO if harmless else None,
        )


@check(
    "sdp-answer-direction",
    title="An offer of {offered} was answered with {answered}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3264 §6.1",
    absent=NO_ANSWER,
    only=has_answer,
)
def sdp_answer_direction(item: Round, model: Model) -> Iterator[Outcome]:
    """The direction of the answer does not fit that of the offer (RFC 3264 §6.1).

    Low where only media that nobody plays would flow: test tools and old phones answer every hold with sendrecv. Not
    where the side that made the offer hangs up at once.
    """
    gone = _hangs_up_at_once(item, model)
    for pair in item.pairs:
        offered, answered = pair.offered.direction, pair.answered.direction
        if not pair.active or answered in _ALLOWED.get(offered, tuple(Direction)):
            continue
        if pair.answered.connection is not None and pair.answered.connection.is_zero:
            continue
        silent = offered is answered and offered in (Direction.SENDONLY, Direction.RECVONLY)
        yield Found(
            (
                at_sdp(pair.offer_message, _direction_line(pair.offered), f"offered: {offered}"),
                at_sdp(pair.answer_message, _direction_line(pair.answered), f"answered: {answered}"),
            ),
            f"The offer says {offered} for {pair.offered.media}, and the {pair.answer_message.summary} answers"
            f" {answered}."
            + (" No media can flow in either direction." if silent else "")
            + (" The side that made the offer hung up at once." if gone else ""),
            {"offered": offered.value, "answered": answered.value},
            key=(offered.value, answered.value),
            calls=(item.leg.call_id,),
            severity=None if silent or gone else Severity.LOW,
        )


def _hangs_up_at_once(item: Round, model: Model) -> bool:
    """Whether the side that changed a call ended it within a second of the answer to its change."""
    answer, offer = item.answer_message, item.offer_message
    if answer is None or not offer.to.tag or answer.observation.time is None or is_from_test_tool(offer):
        return False
    return any(
        bye.method == "BYE"
        and bye.source_node == model.nodes.source(offer)
        and bye.time is not None
        and 0.0 <= bye.time - answer.observation.time <= _AT_ONCE
        for bye in item.leg.transactions
    )


def _direction_line(media: MediaDescription) -> SdpLine:
    return media.attribute_line(media.direction.value, inherit=True) or media.line


@check(
    "sdp-answer-extra-format",
    title="The answer lists {codec}, which was not offered",
    severity=Severity.INFO,
    category=Category.CODEC,
    rfc="RFC 3264 §6.1",
    absent=NO_ANSWER,
    only=has_answer,
)
def sdp_answer_extra_format(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer lists a codec that the offer does not; it is allowed, and cannot be used (RFC 3264 §6.1)."""
    del model
    for pair in item.pairs:
        if not pair.active or not pair.offered.is_rtp:
            continue
        known = {(encoding.name.upper(), encoding.clock_rate) for encoding in pair.offered.encodings.values()}
        for number, encoding in pair.answered.encodings.items():
            if (
                str(number) not in pair.answered.formats
                or not encoding.is_speech
                or str(number) in pair.offered.formats
            ):
                continue
            if (encoding.name.upper(), encoding.clock_rate) in known:
                continue
            yield Found(
                (
                    at_sdp(pair.answer_message, pair.answered.line, f"answered: {encoding} as {number}"),
                    at_sdp(pair.offer_message, pair.offered.line, "the offer"),
                ),
                f"The {pair.answer_message.summary} lists {encoding}, which the offer does not.",
                {"codec": str(encoding)},
                key=(str(encoding),),
                calls=(item.leg.call_id,),
            )


@check(
    "sdp-pt-remap",
    title="{codec} has payload type {offered} in the offer and {answered} in the answer",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 3264 §6.1",
    absent=NO_ANSWER,
    only=has_answer,
)
def sdp_pt_remap(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer gives a codec another payload type than the offer; the same should be used (RFC 3264 §6.1)."""
    del model
    for pair in item.pairs:
        if not pair.active or not pair.offered.is_rtp:
            continue
        offered: dict[tuple[str, int, int], list[str]] = {}
        for number, encoding in pair.offered.encodings.items():
            if str(number) in pair.offered.formats:
                offered.setdefault(encoding.key, []).append(str(number))
        for number, encoding in pair.answered.encodings.items():
            numbers = offered.get(encoding.key)
            if str(number) not in pair.answered.formats or not numbers or str(number) in numbers:
                continue
            if encoding.name.upper() in ("RTX", "RED", "H264", "VP8", "VP9"):
                # One encoding with several parameters: which of them is meant the number does not tell.
                continue
            yield Found(
                (
                    at_sdp(pair.offer_message, pair.offered.line, f"offered: {encoding} as {', '.join(numbers)}"),
                    at_sdp(pair.answer_message, pair.answered.line, f"answered: {encoding} as {number}"),
                ),
                f"{encoding} is payload type {', '.join(numbers)} in the offer and {number} in the"
                f" {pair.answer_message.summary}: each side must send with the other's number.",
                {"codec": str(encoding), "offered": numbers[0], "answered": str(number)},
                key=(str(encoding),),
                calls=(item.leg.call_id,),
            )


@check(
    "sdp-profile-mismatch",
    title="{offered} was offered and {answered} was answered",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3264 §6",
    absent=NO_ANSWER,
    only=has_answer,
)
def sdp_profile_mismatch(item: Round, model: Model) -> Iterator[Outcome]:
    """The transport protocol of the answer is not that of the offer (RFC 3264 §6).

    High between RTP in the clear and SRTP, and between keys in the description and DTLS; medium where the offer in the
    clear brought keys, so that SRTP was meant; low where only the feedback profile or the spelling for DTLS differs.
    """
    del model
    for pair in item.pairs:
        left, right = pair.offered.protocol.upper(), pair.answered.protocol.upper()
        if not pair.active or left == right:
            continue
        severity: Severity | None = Severity.LOW
        sides = ((pair.offered, left), (pair.answered, right))
        keyed = all("/TLS/" in text or side.attribute_line("fingerprint", inherit=True) for side, text in sides)
        if "/TLS/" in left + right and not keyed and "SAVP" in left and "SAVP" in right:
            severity = None
        elif ("SAVP" in left) is not ("SAVP" in right) or pair.offered.is_rtp is not pair.answered.is_rtp:
            optional = "SAVP" in right and any(
                pair.offered.attribute_line(name, inherit=True) for name in ("crypto", "fingerprint")
            )
            severity = Severity.MEDIUM if optional else None
        yield Found(
            (
                at_sdp(pair.offer_message, pair.offered.line, "the protocol of the offer"),
                at_sdp(pair.answer_message, pair.answered.line, "the protocol of the answer"),
            ),
            f"The offer has {pair.offered.media} over {pair.offered.protocol}, and the {pair.answer_message.summary}"
            f" answers {pair.answered.protocol}; the two must be equal.",
            {"offered": pair.offered.protocol, "answered": pair.answered.protocol},
            key=(left, right),
            calls=(item.leg.call_id,),
            severity=severity,
        )


@check(
    "sdp-disabled-media-answered",
    title="The answer opens {media} that the offer had switched off",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 3264 §8.2",
    absent=NO_ANSWER,
    only=has_answer,
)
def sdp_disabled_media_answered(item: Round, model: Model) -> Iterator[Outcome]:
    """A medium that was offered with port zero must have port zero in the answer (RFC 3264 §8.2), unless it is only to
    be used in a bundle (RFC 9143 §6).
    """
    del model
    for pair in item.pairs:
        if pair.offered.port != 0 or pair.answered.port == 0 or pair.offered.attribute_line("bundle-only"):
            continue
        yield Found(
            (
                at_sdp(pair.offer_message, pair.offered.line, "switched off: port 0"),
                at_sdp(pair.answer_message, pair.answered.line, "answered with a port"),
            ),
            f"The offer has {pair.offered.media} with port 0, and the {pair.answer_message.summary} gives it port"
            f" {pair.answered.port}.",
            {"media": pair.offered.media},
            key=(pair.offered.media,),
            calls=(item.leg.call_id,),
        )
