"""Media: audio that goes one way or not at all, and packets that are lost (RFC 3550)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.sdp import Direction
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, Proof, at, check
from sip_ci_server.engine.media_promises import spans_of
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.voice_quality import estimate_of

TALK = 3.0
"""Seconds that a call must last before missing media means anything."""
SETTLED = 1.0
"""Seconds after an answer within which media takes its new way."""
FLOWING = 50
"""Packets that prove that one direction flows: a second of 20 ms packets."""
SILENT = 5
"""Packets up to which a direction counts as silent."""
NOISE_SHARE = 0.3
"""Share of comfort noise above which a side is taken to be silent on purpose."""


def _talk(session: MediaSession, model: Model) -> tuple[float, float] | None:
    """The part of the call in which audio is to flow both ways: from the answer to the first hold, the BYE or the end
    of the trace. None where that is too short, or where the call began otherwise.
    """
    leg = session.leg
    start = leg.answered_at
    end = leg.ended_at if leg.ended_at is not None else model.seen.ends
    if start is None or end is None:
        return None
    for item in model.rounds[leg.number]:
        if _silent_on_purpose(item):
            changed = item.offer_message.observation.time
            end = start if item.initial or changed is None else min(end, changed)
            break
    return (start, end) if end - start >= TALK else None


def _later_talk(session: MediaSession, model: Model) -> list[tuple[float, float]]:
    """The parts of a call after a hold or another change in which audio is to flow both ways again.

    Only where both directions flowed until just before a change: what had ended before, as a recording may, is not the
    change's doing.
    """
    if len(model.rounds[session.leg.number]) < 2:
        return []
    spans = [span for span in spans_of(session, model) if span.both_ways]
    flowed = False
    found: list[tuple[float, float]] = []
    for before, span in pairwise(spans):
        until = (before.end - SETTLED + 0.5, before.end + 0.5)
        flowed = flowed or min(_count(session.to_caller, until), _count(session.to_callee, until)) > SILENT
        if flowed and span.seconds >= TALK + SETTLED:
            found.append((span.start + SETTLED, span.end))
    return found


def _silent_on_purpose(item: Round) -> bool:
    """Whether a round leaves audio other than sendrecv, at the null address, or disabled (as for fax)."""
    if item.rejected is not None:
        return False
    for description in (item.offer, item.answer):
        for media in description.media if description else ():
            held = media.connection is not None and media.connection.is_zero
            if media.media == "audio" and (not media.port or media.direction is not Direction.SENDRECV or held):
                return True
            if media.media == "image" and media.port:
                return True
    return False


def _accepted(session: MediaSession) -> bool:
    caller, callee = session.caller_description, session.callee_description
    return caller is not None and callee is not None and caller.port > 0 and callee.port > 0


def _count(streams: list[Stream], span: tuple[float, float]) -> int:
    return sum(stream.between(span[0] - 0.5, span[1]) for stream in streams)


def _encrypted_elsewhere(session: MediaSession) -> bool:
    """Whether media is bundled on another line, or its transport is not RTP at all."""
    return any(
        description is not None and not description.is_rtp
        for description in (session.caller_description, session.callee_description)
    )


@check(
    "media-one-way",
    title="One-way audio: the {deaf} hears nothing",
    severity=Severity.CRITICAL,
    category=Category.MEDIA,
    rfc="RFC 3264 §5.1",
    needs=Needs.MEDIA | Needs.TIMES,
)
def media_one_way(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """An answered call of three seconds or more, sendrecv on both sides, with RTP in one direction only (RFC 3264
    §5.1).
    """
    first = _talk(session, model)
    later = _later_talk(session, model)
    if session.leg.answer is None or not (first or later) or not _accepted(session):
        return
    if session.ambiguous:
        yield NotCheckable("several calls use the same media address at the same time")
        return
    if _encrypted_elsewhere(session):
        return
    for span in ([first] if first else []) + later:
        to_caller, to_callee = _count(session.to_caller, span), _count(session.to_callee, span)
        if min(to_caller, to_callee) <= SILENT and max(to_caller, to_callee) >= FLOWING:
            break
    else:
        return
    caller_is_deaf = to_caller < to_callee
    flowing = session.to_callee if caller_is_deaf else session.to_caller
    if max(stream.comfort_noise_share() for stream in flowing) > NOISE_SHARE:
        return
    deaf, mute = ("caller", "callee") if caller_is_deaf else ("callee", "caller")
    deaf_description = session.caller_description if caller_is_deaf else session.callee_description
    stream = max(flowing, key=lambda item: item.packets)
    if _unannounced_answer(stream, model):
        yield NotCheckable("RTP flows back between the same hosts on addresses that no SDP announces")
        return
    silent = session.to_caller if caller_is_deaf else session.to_callee
    if any(other.is_sample or other.loss.percent >= SAMPLED for other in silent):
        yield NotCheckable("of the direction that seems silent the capture holds a sample only")
        return
    if not _would_see(stream, model):
        yield NotCheckable("packets in the other direction between the media addresses are not in the capture")
        return
    target = (
        str(Endpoint(deaf_description.connection.address, deaf_description.port))
        if deaf_description and deaf_description.connection
        else "?"
    )
    count = min(to_caller, to_callee)
    sent = plural(count, "packet goes", "packets go")
    yield Found(
        (
            Proof(
                f"audio to the {mute} flows",
                text=f"{stream.codec} {stream.source} -> {stream.destination}: {plural(stream.packets, 'packet')}",
                frame=int(stream.rows.frame[0]),
                time=stream.starts,
            ),
            at(session.leg.answer, f"the call is answered; {sent} to the {deaf} at {target}"),
        ),
        f"In {span[1] - span[0]:.1f} s of call, {max(to_caller, to_callee)} RTP packets went to the {mute} and {count}"
        f" to the {deaf} at {target}, though both sides agreed to send and receive. The {mute}'s packets were never"
        " sent, or were lost before the point of capture.",
        {"deaf": deaf},
        key=(deaf,),
        calls=(session.leg.call_id,),
    )


def _unannounced_answer(stream: Stream, model: Model) -> bool:
    """Whether RTP that belongs to no call flows from the stream's receiver to its sender at the same time."""
    return any(
        (other.source.host, other.destination.host) == (stream.destination.host, stream.source.host)
        and other.starts <= stream.ends
        and other.ends >= stream.starts
        for other in model.unclaimed_streams
    )


def _would_see(stream: Stream, model: Model) -> bool:
    """Whether packets back along the stream's path would be in the capture: some packet of that pair of hosts is."""
    pairs = model.trace.facts.host_pairs
    return (stream.destination.host, stream.source.host) in pairs


@check(
    "media-none",
    title="The call was answered and no audio flowed at all",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="RFC 3264 §5.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.TIMES,
)
def media_none(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """An answered call of three seconds or more without any RTP, in a capture that holds RTP of the same hosts (RFC
    3264 §5.1).

    Without RTP from these hosts in other calls, media may simply take a path that was not captured.
    """
    span = _talk(session, model)
    if session.leg.answer is None or span is None or not _accepted(session):
        return
    if session.ambiguous:
        yield NotCheckable("several calls use the same media address at the same time")
        return
    if _encrypted_elsewhere(session) or session.to_caller or session.to_callee:
        return
    hosts = {
        description.connection.address
        for description in (session.caller_description, session.callee_description)
        if description is not None and description.connection is not None
    }
    if not hosts <= model.media_hosts:
        yield NotCheckable("the capture holds no RTP of these hosts, so media may take another path")
        return
    if any(
        {stream.source.host, stream.destination.host} & hosts and stream.starts <= span[1] and stream.ends >= span[0]
        for stream in model.unclaimed_streams
    ):
        yield NotCheckable("RTP of these hosts flows at that time on addresses that no SDP announces")
        return
    yield Found(
        (at(session.leg.invite.request, "the call is offered"), at(session.leg.answer, "and answered")),
        f"The call lasted {span[1] - span[0]:.1f} s after its answer, and not one RTP packet to or from its media"
        f" addresses"
        f" ({', '.join(sorted(hosts))}) was captured, while other calls of these hosts have audio.",
        calls=(session.leg.call_id,),
    )


LOSS_STEPS = ((15.0, Severity.CRITICAL), (5.0, Severity.HIGH), (1.0, Severity.MEDIUM))
"""Percent of lost packets from which each severity holds."""
SAMPLED = 60.0
"""Percent of lost packets above which the capture, not the call, is to be suspected: no conversation goes on through
that.
"""
MINIMUM_EXPECTED = 50
MINIMUM_LOST = 5


def _is_whole_the_other_way(stream: Stream, model: Model) -> bool:
    """Whether the capture holds nearly all packets that go the other way at the time, so that it took no sample.

    A single run that makes up half of what is missing was cut out of the file: a call does not go on through that.
    """
    if 2 * stream.loss.longest_run >= stream.loss.lost:
        return False
    return any(
        other.source == stream.destination
        and other.destination == stream.source
        and other.loss.expected >= MINIMUM_EXPECTED
        and other.loss.percent < LOSS_STEPS[-1][0]
        and other.starts < stream.ends
        and stream.starts < other.ends
        for other in model.streams
    )


@check(
    "rtp-loss",
    title="{percent} % of the {codec} packets to {destination} were lost",
    severity=Severity.CRITICAL,
    category=Category.MEDIA,
    rfc="RFC 3550 §A.3",
    needs=Needs.MEDIA,
)
def rtp_loss(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Sequence numbers are missing from a stream (RFC 3550 appendix A.3): 1 % is medium, 5 % high, 15 % critical.

    Low where the capture itself lost packets (policy F5), or so many are missing that the capture must be a sample.
    """
    loss = stream.loss
    if loss.expected < MINIMUM_EXPECTED or loss.lost < MINIMUM_LOST or stream.is_events_alone:
        return
    severity = next((step for limit, step in LOSS_STEPS if loss.percent >= limit), None)
    if severity is None:
        return
    owner = next((session.leg for session in model.owners_of(stream)), None)
    remark, confidence = "", Confidence.CERTAIN
    if model.seen.lossy or model.capture_lost(stream):
        severity, confidence = Severity.LOW, Confidence.POSSIBLE
        remark = " The capture itself lost packets, so these may have arrived."
    elif loss.percent >= SAMPLED and not stream.is_sample and _is_whole_the_other_way(stream, model):
        severity, confidence = Severity.MEDIUM, Confidence.POSSIBLE
        remark = " The capture holds the packets of the other way, so it is no even sample."
    elif loss.percent >= SAMPLED or stream.is_sample:
        severity, confidence = Severity.LOW, Confidence.POSSIBLE
        remark = " So many are missing that the capture is likely to hold a sample only."
    elif owner is None:
        least = Severity.MEDIUM if stream.clock_rate is not None else Severity.LOW
        severity = max(severity, least, key=lambda step: step.rank)
        confidence = Confidence.LIKELY
        remark = " No SDP in the trace announces this stream."
    side = _side(stream, model)
    score = estimate_of(stream)
    quality = f" By the E-model that is a MOS of {score.value:.1f}." if score else ""
    yield Found(
        (
            Proof(
                f"{loss.lost} of {loss.expected} packets are missing, the longest run {loss.longest_run}",
                text=f"{stream.codec} {stream.source} -> {stream.destination} SSRC 0x{stream.ssrc:08x}:"
                f" {stream.packets} packets",
                frame=int(stream.rows.frame[0]),
                time=stream.starts,
            ),
        ),
        f"Of {loss.expected} {stream.codec} packets from {stream.source} to {stream.destination}, {loss.lost}"
        f" ({loss.percent:.1f} %) never passed the point of capture; the longest run is"
        f" {plural(loss.longest_run, 'packet')}, the burst ratio {loss.burst_ratio:.1f}.{quality}{remark}",
        {"percent": f"{loss.percent:.1f}", "codec": stream.codec, "destination": side},
        key=(stream.codec, side),
        calls=(owner.call_id,) if owner is not None else (),
        severity=severity,
        confidence=confidence,
    )


def _side(stream: Stream, model: Model) -> str:
    """Who receives a stream: the caller, the callee, or just the receiver where no call says."""
    for session in model.owners_of(stream):
        if stream in session.to_caller:
            return "the caller"
        if stream in session.to_callee:
            return "the callee"
    return "the receiver"
