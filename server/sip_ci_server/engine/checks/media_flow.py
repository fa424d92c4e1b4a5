"""When audio flows: from the answer, through every agreement, to the BYE (RFC 3264 §5.1, RFC 3261 §15)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, check
from sip_ci_server.engine.checks.stream_evidence import LONG, shown
from sip_ci_server.engine.media_promises import spans_of
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.streams import Stream

LATE = (2.0, 0.5)
"""Seconds from the answer to the first packet: medium, low."""
EARLY_STOP = 5.0
"""Seconds before the end of the call from which silence is told."""
AFTER_BYE = 2.0
LEAK = 10
"""Packets after the BYE that are no longer in flight."""
CONTINUOUS = 0.9


def _continuous(stream: Stream) -> bool:
    """Whether a stream has a packet for nearly all of its time, so that its sender suppresses no silence."""
    usual = stream.packet_time_ms
    return usual is not None and stream.packets * usual / 1000 >= CONTINUOUS * stream.duration


@check(
    "media-late",
    title="The {hearer} hears the first audio {seconds} s after the answer",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 3264 §5.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.TIMES,
    only=lambda session: session.leg.answer is not None,
    absent="no call was answered",
)
def media_late(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """Audio that was agreed begins more than half a second (low) or two seconds (medium) after the 2xx, while the other
    direction flows from the start (RFC 3264 §5.1).
    """
    spans = spans_of(session, model)
    if session.ambiguous or not spans or not spans[0].first or not spans[0].both_ways or session.leg.answer is None:
        return
    span = spans[0]
    for hearer, streams, others in (
        ("caller", session.to_caller, session.to_callee),
        ("callee", session.to_callee, session.to_caller),
    ):
        if not streams or not others or min(item.starts for item in others) > span.start + LATE[-1]:
            continue
        first = min(streams, key=lambda item: item.starts)
        delay = first.starts - span.start
        if delay <= LATE[-1] or first.starts > span.end or first.packets < LONG or not _continuous(first):
            continue
        yield Found(
            (at(session.leg.answer, "the answer"), shown(first, f"the first packet, {delay:.1f} s later")),
            f"The call was answered, audio to the other side flowed at once, and the first packet to the {hearer} came"
            f" {delay:.1f} s after the answer.",
            {"hearer": hearer, "seconds": f"{delay:.1f}"},
            key=(hearer,),
            calls=(session.leg.call_id,),
            severity=None if delay > LATE[0] else Severity.LOW,
        )


@check(
    "media-stopped-early",
    title="Audio to the {hearer} stopped {seconds} s before the call ended",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3264 §5.1",
    confidence=Confidence.POSSIBLE,
    needs=Needs.MEDIA | Needs.TIMES,
    only=lambda session: session.leg.bye is not None and session.leg.answer is not None,
    absent="no answered call ends in the trace",
)
def media_stopped_early(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """Audio that was agreed stops five seconds or more before the BYE while the other direction goes on (RFC 3264
    §5.1).

    Low: a recording that has come to its end looks the same, and so do announcements and test tools.
    """
    spans = spans_of(session, model)
    if session.ambiguous or not spans or not spans[-1].last or not spans[-1].both_ways:
        return
    span = spans[-1]
    if span.seconds < 2 * EARLY_STOP:
        return
    for hearer, streams, others in (
        ("caller", session.to_caller, session.to_callee),
        ("callee", session.to_callee, session.to_caller),
    ):
        if not streams or not others or max(item.ends for item in others) < span.end - 1.0:
            continue
        last = max(streams, key=lambda item: item.ends)
        silence = span.end - last.ends
        if silence < EARLY_STOP or last.ends < span.start + 1.0 or last.packets < LONG or not _continuous(last):
            continue
        bye = session.leg.bye
        assert bye is not None
        rows = last.rows
        yield Found(
            (
                shown(last, "the last packet", frame=int(rows.frame[-1]), time=last.ends),
                at(bye.request, f"the BYE, {silence:.1f} s later"),
            ),
            f"The last packet to the {hearer} came {silence:.1f} s before the BYE, while audio from there went on and"
            f" no message put the call on hold.",
            {"hearer": hearer, "seconds": f"{silence:.1f}"},
            key=(hearer,),
            calls=(session.leg.call_id,),
        )


@check(
    "media-after-bye",
    title="RTP to the {hearer} went on for {seconds} s after the BYE",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3261 §15.1.1",
    needs=Needs.MEDIA | Needs.TIMES,
    only=lambda session: session.leg.bye is not None,
    absent="no call ends in the trace",
)
def media_after_bye(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """Packets of a call come for more than two seconds after its BYE was accepted (RFC 3261 §15.1.1, §15.1.2)."""
    bye, ended = session.leg.bye, session.leg.ended_at
    if bye is None or ended is None or bye.success is None or session.ambiguous:
        return
    for hearer, streams in (("caller", session.to_caller), ("callee", session.to_callee)):
        for stream in streams:
            if stream.ends <= ended + AFTER_BYE or stream.starts >= ended:
                continue
            owners = model.owners_of(stream)
            if any(owner.leg.ended_at is None or owner.leg.ended_at > ended + 0.5 for owner in owners):
                yield NotCheckable("another call uses the same media addresses")
                continue
            count = stream.between(ended + AFTER_BYE, stream.ends + 1)
            if count < LEAK:
                continue
            rows = stream.rows
            yield Found(
                (
                    at(bye.request, "the BYE"),
                    shown(stream, "the last packet", frame=int(rows.frame[-1]), time=stream.ends),
                ),
                f"{plural(count, 'packet')} from {stream.source} to {stream.destination} came more than {AFTER_BYE:g}"
                f" s after the BYE, the last after {stream.ends - ended:.1f} s.",
                {"hearer": hearer, "seconds": f"{stream.ends - ended:.0f}"},
                key=(hearer,),
                calls=(session.leg.call_id,),
            )
            break
