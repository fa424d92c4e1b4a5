"""Calls that are put on hold, and those that stay there (RFC 3264 §8.4)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.sdp import MediaDescription, SdpLine, SessionDescription
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_sdp, check
from sip_ci_server.engine.checks.sdp_changes import accepted_rounds
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round

HELD_FOR = 30.0
"""Seconds on hold before the end from which the call was perhaps not resumed as it should have been."""
_TALKED = 10.0
"""Seconds after a one-sided resume from which people try to talk."""
_DISCARD_PORT = 9
"""The port of a description whose addresses come later (RFC 8840 §4.1.1)."""


def holds(description: SessionDescription) -> bool:
    """Whether the describing side wants nothing of the other's audio."""
    audio = description.audio
    if audio is None or audio.port == 0:
        return False
    return not audio.direction.receives or (audio.connection is not None and audio.connection.is_zero)


def _uses_ice(description: SessionDescription, media: MediaDescription) -> bool:
    return media.port == _DISCARD_PORT or any(
        media.attribute_line(name, inherit=True) for name in ("ice-ufrag", "candidate", "ice-options")
    ) or bool(description.attribute_values("ice-ufrag"))  # fmt: skip


@check(
    "sdp-zero-connection",
    title="The {side} asks for media at 0.0.0.0",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 3264 §8.4",
)
def sdp_zero_connection(item: Round, model: Model) -> Iterator[Outcome]:
    """A description gives the null address: no media can be sent to this side (RFC 3264 §8.4).

    Low: it is the old way to hold, and how a third party connects a call step by step (RFC 3725). Silent with ICE,
    which brings addresses.
    """
    for message, description, by_caller in (
        (item.offer_message, item.offer, item.offered_by_caller),
        (item.answer_message, item.answer, not item.offered_by_caller),
    ):
        if message is None or description is None:
            continue
        media = next(
            (
                one
                for one in description.media
                if one.port and one.connection and one.connection.is_zero and not _uses_ice(description, one)
            ),
            None,
        )
        if media is None or media.connection is None:
            continue
        meant = not item.initial or item.delayed or not media.direction.receives or _later_address(item, model)
        side = "caller" if by_caller else "callee"
        yield Found(
            (at_sdp(message, media.connection.line, "the null address"),),
            f"The {message.summary} of the {side} has `c={media.connection.line.value}` for {media.media} on port"
            f" {media.port}, so that nothing can be sent to it.",
            {"side": side},
            key=(side, "hold" if meant else "call"),
            calls=(item.leg.call_id,),
        )


def _later_address(item: Round, model: Model) -> bool:
    rounds = model.rounds[item.leg.number]
    return len(rounds) > 1 and rounds[-1] is not item


def _hold_line(description: SessionDescription) -> SdpLine | None:
    audio = description.audio
    if audio is None:
        return None
    if audio.connection is not None and audio.connection.is_zero:
        return audio.connection.line
    return audio.attribute_line(audio.direction.value, inherit=True) or audio.line


@check(
    "hold-not-resumed",
    title="The call was put on hold and ended {seconds} s later without being resumed",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3264 §8.4",
    confidence=Confidence.POSSIBLE,
    needs=Needs.TIMES,
    absent="the trace holds no call that changes its media",
    only=lambda leg: leg.answer is not None and bool(leg.transactions),
)
def hold_not_resumed(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The last change of a call put it on hold, and it ended more than 30 s later.

    People do that too: it is low. Silent where the call was transferred, or had been on hold from its beginning.
    """
    rounds = accepted_rounds(leg, model)
    if len(rounds) < 2 or leg.bye is None or _transferred(leg, model):
        return
    last = rounds[-1]
    if not holds(last.offer) or not any(not holds(item.offer) for item in rounds[:-1]):
        return
    first = last
    for item in reversed(rounds):
        if not holds(item.offer):
            break
        first = item
    held, ended = first.offer_message.observation.time, leg.ended_at
    if held is None or ended is None or ended - held < HELD_FOR:
        return
    line = _hold_line(first.offer)
    side = "caller" if first.offered_by_caller else "callee"
    yield Found(
        (
            at_sdp(first.offer_message, line, "put on hold") if line else at(first.offer_message, "put on hold"),
            at(leg.bye.request, "the end"),
        ),
        f"The {side} put the call on hold, and nobody resumed it in the {ended - held:.0f} s until the BYE.",
        {"seconds": f"{ended - held:.0f}"},
        key=(side,),
        calls=(leg.call_id,),
    )


def _transferred(leg: Leg, model: Model) -> bool:
    """Whether a REFER in the call or a Replaces in another takes its place."""
    session = model.joined.of(leg.call_id)
    return any(item.method == "REFER" for item in (*leg.transactions, *leg.elsewhere)) or (
        session is not None and len(session.calls) > 1
    )


@check(
    "hold-double",
    title="Both sides held the call and only the {side} resumed it",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3264 §8.4",
    needs=Needs.TIMES,
    absent="the trace holds no call that changes its media",
    only=lambda leg: leg.answer is not None and bool(leg.transactions),
)
def hold_double(leg: Leg, model: Model) -> Iterator[Outcome]:
    """Each side holds for itself, so each has to resume: after both held, one resumed, and the call went on so."""
    rounds = accepted_rounds(leg, model)
    holding: dict[bool, Round | None] = {True: None, False: None}
    resumed: Round | None = None
    for item in rounds:
        both = all(holding.values())
        caller = item.offered_by_caller
        if holds(item.offer):
            holding[caller] = item
            resumed = None
        else:
            resumed = item if both and holding[caller] is not None else None
            holding[caller] = None
    if resumed is None or not any(holding.values()) or leg.ended_at is None:
        return
    time = resumed.offer_message.observation.time
    if time is None or leg.ended_at - time < _TALKED or resumed.answer is None or not holds(resumed.answer):
        return
    side = "caller" if resumed.offered_by_caller else "callee"
    other = holding[not resumed.offered_by_caller]
    if other is None:
        return
    line = _hold_line(other.offer)
    yield Found(
        (
            at_sdp(other.offer_message, line, "held, and never resumed") if line else at(other.offer_message, "held"),
            at(resumed.offer_message, f"resumed by the {side}"),
        ),
        f"Both sides put the call on hold. The {side} resumed it, the other side did not, and the call went on for"
        f" {leg.ended_at - time:.0f} s.",
        {"side": side},
        key=(side,),
        calls=(leg.call_id,),
    )
