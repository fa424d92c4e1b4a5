"""Offers and answers that do not fit (RFC 3264, RFC 3261 §13.2.1, RFC 8866)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.payload_types import STATIC_PAYLOAD_TYPES, Encoding
from sip_ci.trace.sdp import MediaDescription, SessionDescription
from sip_ci_server.engine.checks.journey_evidence import changed_before
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, at, at_header, at_sdp, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round, is_reliable_provisional

CODEC_REFUSALS = (406, 415, 488, 606)
_LEGS = 32
"""Legs of one Call-ID that are looked through for what another hop or message shows."""
_FLOWING = 50
"""RTP packets of a stream that show that media flows: one second."""


def _speech(media: MediaDescription) -> dict[tuple[str, int], Encoding] | None:
    """The speech encodings that a medium lists, by name and clock; None where a payload type means nothing known."""
    found: dict[tuple[str, int], Encoding] = {}
    for format_ in media.formats:
        encoding = media.encodings.get(int(format_)) if format_.isascii() and format_.isdigit() else None
        if encoding is None:
            return None
        if encoding.is_speech:
            found[(encoding.name.upper(), encoding.clock_rate)] = encoding
    return found


def _static_speech(media: MediaDescription) -> set[int]:
    """The payload types with a fixed meaning that a medium lists (RFC 3551 §6): both sides mean the same by them even
    if one spells the rtpmap wrongly, as `G722/16000`.
    """
    listed = {int(format_) for format_ in media.formats if format_.isascii() and format_.isdigit()}
    return {number for number in listed if number in STATIC_PAYLOAD_TYPES and STATIC_PAYLOAD_TYPES[number].is_speech}


def _names(encodings: dict[tuple[str, int], Encoding]) -> str:
    return ", ".join(str(encoding) for encoding in encodings.values()) or "no speech codec"


@check(
    "sdp-no-common-codec",
    title="The answer shares no audio codec with the offer",
    severity=Severity.CRITICAL,
    category=Category.CODEC,
    rfc="RFC 3264 §6.1",
    absent="the trace holds no SDP offer with an answer",
    only=lambda item: item.answer is not None,
)
def sdp_no_common_codec(item: Round, model: Model) -> Iterator[Outcome]:
    """Both sides list audio codecs, and none is common (RFC 3264 §6.1). Names compare without case, with the clock
    rate.
    """
    if item.answer is None or item.answer_message is None or _damaged(item.offer) or _damaged(item.answer):
        return
    for offered, answered in zip(item.offer.media, item.answer.media, strict=False):
        if offered.media != "audio" or answered.media != "audio" or not offered.port or not answered.port:
            continue
        left, right = _speech(offered), _speech(answered)
        if left is None or right is None or not left or left.keys() & right.keys():
            continue
        if _static_speech(offered) & _static_speech(answered):
            continue
        offer_proofs, offer_words = changed_before(item.offer_message, "sdp:codecs", "the offer's codecs", model)
        answer_proofs, answer_words = changed_before(item.answer_message, "sdp:codecs", "the answer's codecs", model)
        yield Found(
            (
                at_sdp(item.offer_message, offered.line, f"offered: {_names(left)}"),
                at_sdp(item.answer_message, answered.line, f"answered: {_names(right)}"),
                *offer_proofs,
                *answer_proofs,
            ),
            f"The offer lists {_names(left)}, the answer {_names(right)}: no codec is common to both."
            f"{offer_words}{answer_words}",
            key=(offered.media,),
            calls=(item.leg.call_id,),
        )


@check(
    "sdp-488",
    title="The media offer was refused with {status}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3261 §21.4.26",
)
def sdp_488(leg: Leg, model: Model) -> Iterator[Outcome]:
    """An INVITE was refused with 488, 606, 415 or 406 (RFC 3261 §21.4.26, §21.6.4, §21.4.13, §21.4.7); what was
    offered is listed.
    """
    final = leg.invite.final
    if final is None or final.status not in CODEC_REFUSALS or _refused_further_on(leg, final.status, model):
        return
    answered = model.lookups.is_answered(leg.call_id)
    offer = model.descriptions.of(leg.invite.request)
    offered = "; ".join(_describe(media) for media in offer.media) if offer else "no SDP at all"
    warnings = [f"Warning: {value}" for value in final.values("warning")]
    line = offer.media[0].line if offer and offer.media else None
    proofs, words = changed_before(leg.invite.request, "sdp:codecs", "the offer's codecs", model)
    yield Found(
        (
            at_sdp(leg.invite.request, line, "what was offered") if line else at(leg.invite.request, "the INVITE"),
            at_header(final, "warning", "the refusal") if final.lines_of("warning") else at(final, "the refusal"),
            *proofs,
        ),
        f"INVITE was answered {final.status} {final.reason} by {final.observation.source or 'the far end'}. It offered"
        f" {offered}.{words}" + (f" {'; '.join(warnings)}." if warnings else ""),
        {"status": f"{final.status} {final.reason}".strip()},
        key=(str(final.status),),
        calls=(leg.call_id,),
        severity=Severity.INFO if answered else None,
    )


def _refused_further_on(leg: Leg, status: int, model: Model) -> bool:
    return model.lookups.ended_further_on(leg.invite, status)


def _describe(media: MediaDescription) -> str:
    codecs = ", ".join(str(encoding) for encoding in media.encodings.values() if encoding.is_speech)
    keys = " with SDES keys" if media.attribute_line("crypto") else ""
    disabled = " (port 0: disabled)" if media.port == 0 else ""
    return f"{media.media} {codecs or ' '.join(media.formats)} over {media.protocol}{keys}{disabled}"


@check(
    "sdp-mline-count",
    title="The answer has {answered} media lines where the offer has {offered}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3264 §6",
    absent="the trace holds no SDP offer with an answer",
    only=lambda item: item.answer is not None,
)
def sdp_mline_count(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer must have the offer's m-lines, as many and in the same order (RFC 3264 §6).

    Low where what the answer leaves out was disabled in the offer already, with port 0.
    """
    del model
    offer, answer, message = item.offer, item.answer, item.answer_message
    if answer is None or message is None or _damaged(offer) or _damaged(answer):
        return
    if message.fidelity is Fidelity.TRUNCATED or item.offer_message.fidelity is Fidelity.TRUNCATED:
        return
    left, right = [media.media for media in offer.media], [media.media for media in answer.media]
    if left == right:
        return
    left_out = offer.media[len(right) :] if left[: len(right)] == right else ()
    disabled = bool(left_out) and all(media.port == 0 for media in left_out)
    yield Found(
        (
            at_sdp(item.offer_message, offer.media[-1].line, f"the offer's media: {', '.join(left)}")
            if left
            else at(item.offer_message, "the offer has no media line"),
            at_sdp(message, answer.media[-1].line, f"the answer's media: {', '.join(right)}")
            if right
            else at(message, "the answer has no media line"),
        ),
        f"The offer has the media lines {', '.join(left) or 'none'}, the answer {', '.join(right) or 'none'}. They"
        f" must be as"
        " many and in the same order; a refused one keeps its line with port 0."
        + (" What is left out was disabled in the offer already." if disabled else ""),
        {"answered": _count(right), "offered": _count(left)},
        key=("count" if len(left) != len(right) else "order",),
        calls=(item.leg.call_id,),
        severity=Severity.LOW if disabled else None,
    )


def _count(media: list[str]) -> str:
    return f"{len(media)} ({', '.join(media) or 'none'})"


def _damaged(description: SessionDescription) -> bool:
    """Whether an m-line could not be read, so that their number says nothing."""
    return any(line.type == "m" for line, _ in description.defects)


_REFUSED_FOR_CONTENTS = (400, 415, 488, 606)
"""Refusals of an offer as it is; others, such as 491, are of the moment, and the same offer comes again."""


@check(
    "sdp-version-not-incremented",
    title="A new offer changes the session but not the version in its o= line",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 3264 §8",
    absent="the trace holds no second offer in a call",
)
def sdp_version_not_incremented(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A modifying offer must increment the o= version by one (RFC 3264 §8); a peer may ignore one that does not.

    Low while the call is being set up: no hold or transfer can be lost then, and preconditions are negotiated so in
    practice (RFC 3312).
    """
    previous: dict[bool, tuple[SipMessage, SessionDescription]] = {}
    for item in model.rounds[leg.number]:
        if item.rejected is not None and item.rejected.status not in _REFUSED_FOR_CONTENTS:
            continue
        sides = (
            (item.offer_message, item.offer, item.offered_by_caller, True),
            (item.answer_message, item.answer, not item.offered_by_caller, False),
        )
        for message, description, caller, is_offer in sides:
            if message is None or description is None:
                continue
            last = previous.get(caller)
            if item.rejected is None:
                # A refused description never took effect; what comes next modifies the one before (RFC 3264 §4).
                previous[caller] = (message, description)
            if last is None or not is_offer or not _same_version(last[1], description):
                continue
            changed = _difference(last[1], description)
            if not changed:
                continue
            origin = next((line for line in description.lines if line.type == "o"), description.lines[0])
            yield Found(
                (
                    at_sdp(message, origin, f"version {description.session_version}, as in the description before"),
                    at_sdp(
                        last[0],
                        next((line for line in last[1].lines if line.type == "o"), last[1].lines[0]),
                        "the description before",
                    ),
                ),
                f"The offer in the {message.summary} has the same o= version {description.session_version} as the"
                f" description that the same side sent before, but another body: {changed}.",
                key=("caller" if caller else "callee",),
                calls=(leg.call_id,),
                severity=Severity.LOW if _before_answer(item) else None,
            )
            return


def _before_answer(item: Round) -> bool:
    answered, offered = item.leg.answered_at, item.offer_message.observation.time
    return answered is None or (offered is not None and offered < answered)


def _same_version(before: SessionDescription, after: SessionDescription) -> bool:
    return bool(after.session_version) and (before.session_id, before.session_version) == (
        after.session_id,
        after.session_version,
    )


def _difference(before: SessionDescription, after: SessionDescription) -> str:
    """The first lines that differ besides o=; empty where there are none."""
    left = [f"{line.type}={line.value}" for line in before.lines if line.type != "o"]
    right = [f"{line.type}={line.value}" for line in after.lines if line.type != "o"]
    gone = [line for line in left if line not in right]
    new = [line for line in right if line not in left]
    if not gone and not new:
        return ""
    return "; ".join([f"`{line}` is gone" for line in gone[:2]] + [f"`{line}` is new" for line in new[:2]])


@check(
    "sdp-ptime-mismatch",
    title="Offer and answer ask for different packet times: {offered} ms and {answered} ms",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 8866 §6.4",
    absent="the trace holds no SDP offer with an answer",
    only=lambda item: item.answer is not None,
    each=True,
)
def sdp_ptime_mismatch(item: Round, model: Model) -> Iterator[Outcome]:
    """Offer and answer both name a packet time, and not the same (RFC 8866 §6.4).

    Each names what it wants to receive, and the two need not be the same (RFC 3264 §6.1), so it is low but where RTP
    flows one way only.
    """
    if item.answer is None or item.answer_message is None or _damaged(item.offer) or _damaged(item.answer):
        return
    for offered, answered in zip(item.offer.media, item.answer.media, strict=False):
        if offered.media != "audio" or answered.media != "audio" or not offered.port or not answered.port:
            continue
        left, right = offered.attribute_line("ptime"), answered.attribute_line("ptime")
        if left is None or right is None or offered.ptime is None or answered.ptime is None:
            continue
        if offered.ptime == answered.ptime:
            continue
        yield Found(
            (
                at_sdp(item.offer_message, left, "the packet time of the offer"),
                at_sdp(item.answer_message, right, "the packet time of the answer"),
            ),
            f"The offer asks for packets of {offered.ptime:g} ms (`a={left.value}`), the answer for"
            f" {answered.ptime:g} ms"
            f" (`a={right.value}`).",
            {"offered": f"{offered.ptime:g}", "answered": f"{answered.ptime:g}"},
            key=(f"{offered.ptime:g}", f"{answered.ptime:g}"),
            calls=(item.leg.call_id,),
            severity=None if _is_heard_one_way(item.leg, model) else Severity.LOW,
        )


def _is_heard_one_way(leg: Leg, model: Model) -> bool:
    """Whether RTP flows in one direction of a call alone, on every hop of its session that shows media."""
    sessions = (
        model.session_of(other)
        for call in (leg.call_id, *model.joined.before(leg.call_id), *model.joined.further_on(leg.call_id))
        for other in model.dialogs.calls.get(call, [])[:_LEGS]
    )
    flowing = [
        tuple(any(stream.packets >= _FLOWING for stream in way) for way in (session.to_caller, session.to_callee))
        for session in sessions
        if session is not None and not session.ambiguous
    ]
    return any(map(any, flowing)) and not any(map(all, flowing))


@check(
    "sdp-answer-missing",
    title="{method} made an offer and the {status} has no answer",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3261 §13.2.1",
    absent="the trace holds no answered INVITE",
    only=lambda leg: leg.answer is not None or any(item.method in ("PRACK", "UPDATE") for item in leg.transactions),
)
def sdp_answer_missing(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A request had an offer, and no reliable response carries the answer (RFC 3261 §13.2.1, RFC 3262 §5, RFC 3311
    §5.2).

    An answer only in an unreliable 18x is a preview that may be lost; it lowers the finding to medium.
    """
    if any(item.method == "PRACK" for item in leg.transactions) and not any(
        is_reliable_provisional(response) for response in leg.invite.responses
    ):
        yield NotCheckable("a PRACK shows that a reliable response came which is not in the trace")
        return
    for item in model.rounds[leg.number]:
        if item.delayed:
            continue
        success = item.transaction.success if item.transaction is not leg.invite else leg.answer
        if success is None or not _has_no_body(success):
            continue
        message = item.answer_message if item.answer is not None else None
        if message is not None and ((message.status or 0) >= 200 or is_reliable_provisional(message)):
            continue
        previewed = message is not None
        yield Found(
            (
                at_sdp(item.offer_message, item.offer.media[0].line, "the offer")
                if item.offer.media
                else at(item.offer_message, "the offer"),
                at_header(success, "content-length", "the answer is missing here"),
            ),
            f"{item.transaction.method} carried an offer and was answered {success.status} {success.reason}"
            " without SDP."
            + (f" Only the unreliable {message.status} described media." if message is not None else ""),
            {
                "method": _name(item),
                "status": f"{success.status} {success.reason}".strip(),
            },
            key=("initial" if item.initial else _name(item),),
            calls=(leg.call_id,),
            severity=Severity.MEDIUM if previewed else None,
        )
        return


def _name(item: Round) -> str:
    return "re-INVITE" if item.transaction.method == "INVITE" and not item.initial else item.transaction.method


def _has_no_body(message: SipMessage) -> bool:
    if message.fidelity is Fidelity.TRUNCATED or (message.content_length or 0) > 0:
        return False
    return not message.body.strip()
