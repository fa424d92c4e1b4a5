"""What checks of streams have in common: whose a stream is, what shows it, and how sure its numbers are."""

from __future__ import annotations

from dataclasses import replace

from sip_ci.findings import Confidence, Severity
from sip_ci_server.engine.checks.registry import Found, Proof
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.stream_timing import VIDEO_CLOCK
from sip_ci_server.engine.streams import Stream

SAMPLED = 60.0
"""Percent of lost packets above which the capture, not the call, is to be suspected."""
LONG = 50
"""Packets below which a stream says little: a second of 20 ms packets."""


def shown(stream: Stream, why: str, *, frame: int | None = None, time: float | None = None) -> Proof:
    """A stream, shown by one of its packets, else by its first."""
    return Proof(
        why,
        text=f"{stream.codec} {stream.source} -> {stream.destination} SSRC 0x{stream.ssrc:08x}:"
        f" {stream.packets} packets",
        frame=int(stream.rows.frame[0]) if frame is None else frame,
        time=stream.starts if time is None else time,
    )


def hearer_of(stream: Stream, model: Model) -> str:
    """Who receives a stream: the caller, the callee, or just the receiver where no call says."""
    for session in model.owners_of(stream):
        if any(stream is item for item in session.to_caller):
            return "the caller"
        if any(stream is item for item in session.to_callee):
            return "the callee"
    return "the receiver"


def calls_of(stream: Stream, model: Model) -> tuple[str, ...]:
    """The Call-IDs that a stream belongs to."""
    return tuple(dict.fromkeys(session.leg.call_id for session in model.owners_of(stream)))


def goes_to_caller(stream: Stream, session: MediaSession) -> bool | None:
    """Whether a stream is audio towards the caller of a session, or the callee; None where it is neither."""
    if any(stream is item for item in session.to_caller):
        return True
    return False if any(stream is item for item in session.to_callee) else None


def is_audio(stream: Stream) -> bool:
    """Whether a stream is judged as speech: its clock is known, and no video's."""
    clock = stream.clock_rate
    return clock is not None and clock != VIDEO_CLOCK


def doubts(stream: Stream, model: Model) -> tuple[Severity, Confidence, str]:
    """The highest severity that the numbers of a stream bear, how sure they are, and a remark (policy F5)."""
    if model.seen.lossy or model.capture_lost(stream):
        return Severity.LOW, Confidence.POSSIBLE, " The capture itself lost packets, so these may have arrived."
    if stream.is_sample or stream.loss.percent >= SAMPLED:
        return Severity.LOW, Confidence.POSSIBLE, " The capture is likely to hold a sample only."
    if not model.owners_of(stream):
        limit = Severity.LOW if stream.clock_inferred else Severity.MEDIUM
        return limit, Confidence.LIKELY, " No SDP in the trace announces this stream."
    return Severity.CRITICAL, Confidence.CERTAIN, ""


def at_most(severity: Severity, limit: Severity) -> Severity:
    """The lower of two severities."""
    return max(severity, limit, key=lambda step: step.rank)


def told(stream: Stream, model: Model, proof: Proof, detail: str, *, key: str = "", **values: str) -> Found:
    """What is found of a stream: its title may name the codec and who hears it, which are its key as well."""
    hearer = hearer_of(stream, model)
    return Found(
        (proof,),
        detail,
        {"codec": stream.codec, "hearer": hearer, **values},
        key=(stream.codec, hearer, *((key,) if key else ())),
        calls=calls_of(stream, model),
    )


def doubted(
    found: Found, stream: Stream, model: Model, severity: Severity, confidence: Confidence = Confidence.CERTAIN
) -> Found:
    """The same as far as the numbers of the stream bear it: at most as severe and as sure, with the reason."""
    limit, sure, remark = doubts(stream, model)
    return replace(
        found,
        detail=found.detail + remark,
        severity=at_most(severity, limit),
        confidence=max(sure, confidence, key=list(Confidence).index),
    )
