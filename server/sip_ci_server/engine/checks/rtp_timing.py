"""How RTP arrives: jitter, pauses, bursts of loss, order, timestamps and clocks (RFC 3550)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Needs, NotCheckable, Outcome, check
from sip_ci_server.engine.checks.stream_evidence import (
    LONG,
    at_most,
    doubted,
    goes_to_caller,
    is_audio,
    shown,
    told,
)
from sip_ci_server.engine.media_promises import is_promised
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.rtp_statistics import MAXIMUM_DROPOUT, steps_of
from sip_ci_server.engine.stream_timing import JITTER_LIMITS_MS, timing_of
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.voice_quality import estimate_of

SUSTAINED = 50
"""Packets over which jitter must stay high: a single stall is a pause, not jitter."""
BURST = 5
"""Packets lost in a row that no concealment hides."""
DISORDER = 0.01
"""Share of packets out of order, or doubled, from which it is told."""
DRIFT = 0.5
"""Percent by which a clock may be wrong."""
MOS_STEPS = ((2.6, Severity.CRITICAL), (3.1, Severity.HIGH), (3.6, Severity.MEDIUM))


def _agreed(stream: Stream, model: Model, start: float, end: float) -> bool:
    """Whether a stream that belongs to calls was agreed to flow throughout, so that a pause in it is none of a hold."""
    owners = model.owners_of(stream)
    if not owners:
        return True
    for session in owners:
        toward = goes_to_caller(stream, session)
        if toward is not None and is_promised(session, model, toward_caller=toward, start=start, end=end):
            return True
    return False


@check(
    "rtp-jitter",
    title="{jitter} ms of jitter on the {codec} packets to {hearer}",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="RFC 3550 §6.4.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA,
)
def rtp_jitter(stream: Stream, model: Model) -> Iterator[Outcome]:
    """The running interarrival jitter (RFC 3550 appendix A.8) stays at 30 ms (medium) or 60 ms (high) for a second."""
    if stream.clock_inferred:
        yield NotCheckable("nothing says how fast the clock of the payload type runs")
        return
    timing = timing_of(stream)
    high, low = timing.jittery
    if low < SUSTAINED:
        return
    severity = Severity.HIGH if high >= SUSTAINED else Severity.MEDIUM
    highest = timing.jitter_ms
    found = told(
        stream, model, shown(stream, "the highest jitter is after this packet", frame=timing.jitter_frame),
        f"The interarrival jitter of the {stream.codec} stream from {stream.source} to {stream.destination} was at or"
        f" above {JITTER_LIMITS_MS[-1]:g} ms after {low} of its {stream.packets} packets, and {highest:.0f} ms at the"
        " worst.",
        jitter=f"{highest:.0f}",
    )  # fmt: skip
    yield doubted(found, stream, model, severity, Confidence.LIKELY)


@check(
    "rtp-gap",
    title="No {codec} packet to {hearer} for {seconds} s",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="RFC 3550 §5.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.TIMES,
)
def rtp_gap(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Nothing came for half a second (medium) or two (high), and the packets were lost or held back (RFC 3550 §5.1).

    Silence suppression is none: a talkspurt begins with the marker, or the timestamp moves on as the wall clock does.
    """
    pauses = [item for item in timing_of(stream).pauses if _agreed(stream, model, item.start, item.end)]
    if not pauses:
        return
    worst = max(pauses, key=lambda item: item.seconds)
    what = (
        f"{plural(worst.lost, 'packet is', 'packets are')} missing"
        if worst.lost
        else "the packets then came all at once"
    )
    severity = Severity.HIGH if worst.seconds >= 2.0 else Severity.MEDIUM
    if not worst.lost:
        # A sender that was stalled for a moment, as load generators are, cannot be told from a path that was.
        severity = at_most(severity, Severity.LOW if worst.seconds < 1.0 else Severity.MEDIUM)
    more = f" There are {len(pauses)} such pauses." if len(pauses) > 1 else ""
    found = told(
        stream, model,
        shown(stream, f"the first packet after {worst.seconds:.2f} s", frame=worst.frame, time=worst.end),
        f"For {worst.seconds:.2f} s no packet of the {stream.codec} stream from {stream.source} to"
        f" {stream.destination} came; {what}.{more}",
        seconds=f"{worst.seconds:.1f}",
    )  # fmt: skip
    yield doubted(found, stream, model, severity, Confidence.CERTAIN if worst.lost else Confidence.POSSIBLE)


@check(
    "rtp-burst-loss",
    title="{run} {codec} packets in a row to {hearer} were lost",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 3550 §A.3",
    needs=Needs.MEDIA,
    absent="no stream lost packets",
    only=lambda stream: stream.loss.lost > 0,
)
def rtp_burst_loss(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Five packets or more in a row are missing, or losses are twice as long as chance gives (ITU-T G.107 §7.5)."""
    loss = stream.loss
    bursty = loss.burst_ratio >= 2.0 and loss.lost >= 2 * BURST
    if loss.expected < LONG or not is_audio(stream) or not (loss.longest_run >= BURST or bursty):
        return
    rows = stream.rows
    steps = steps_of(rows.sequence, 16)
    forward = np.where(steps <= MAXIMUM_DROPOUT, steps, 0)
    place = int(forward.argmax())
    start, end = int(rows.time_ns[place]) / 1e9, int(rows.time_ns[place + 1]) / 1e9
    if not _agreed(stream, model, start, end):
        return
    found = told(
        stream, model, shown(stream, "the packet after the longest run", frame=int(rows.frame[place + 1]), time=end),
        f"Of {loss.expected} {stream.codec} packets from {stream.source} to {stream.destination}, {loss.lost} are"
        f" missing in {plural(len(loss.runs), 'run')}, the longest of {plural(loss.longest_run, 'packet')}; the burst"
        f" ratio is {loss.burst_ratio:.1f}.",
        run=str(loss.longest_run),
    )  # fmt: skip
    yield doubted(found, stream, model, Severity.MEDIUM)


@check(
    "rtp-mos-low",
    title="The {codec} audio to {hearer} has an estimated MOS of {mos}",
    severity=Severity.CRITICAL,
    category=Category.MEDIA,
    rfc="",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA,
    absent="no stream has a codec with published values for the E-model and lost packets",
    only=lambda stream: stream.loss.lost > 0 and estimate_of(stream) is not None,
)
def rtp_mos_low(stream: Stream, model: Model) -> Iterator[Outcome]:
    """The E-model (ITU-T G.107) gives a listening quality below 3.6 (medium), 3.1 (high) or 2.6 (critical),
    even where the receiver conceals losses.
    """
    score = estimate_of(stream, concealed=True)
    if score is None or not score.grounded or stream.loss.expected < 5 * LONG:
        return
    severity = next((step for value, step in MOS_STEPS if score.value < value), None)
    if severity is None:
        return
    found = told(
        stream, model, shown(stream, f"{stream.loss.lost} of {stream.loss.expected} packets are missing"),
        f"{stream.loss.percent:.1f} % loss with a burst ratio of {stream.loss.burst_ratio:.1f} gives {stream.codec}"
        f" from {stream.source} to {stream.destination} a MOS of {score.value:.2f} ({score.model}) even"
        " where the receiver conceals losses.",
        mos=f"{score.value:.1f}",
    )  # fmt: skip
    yield doubted(found, stream, model, severity, Confidence.LIKELY)


@check(
    "rtp-out-of-order",
    title="{percent} % of the {codec} packets to {hearer} came out of order",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3550 §5.1",
    needs=Needs.MEDIA,
    absent="all streams came in order",
    only=lambda stream: stream.loss.reordered > 0,
)
def rtp_out_of_order(stream: Stream, model: Model) -> Iterator[Outcome]:
    """More than one packet in a hundred has a lower sequence number than the one before it (RFC 3550 §5.1)."""
    yield from _disordered(stream, model, stream.loss.reordered, "came after a later one")


@check(
    "rtp-duplicate",
    title="{percent} % of the {codec} packets to {hearer} came twice",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3550 §5.1",
    needs=Needs.MEDIA,
    absent="no stream holds a packet twice",
    only=lambda stream: stream.loss.duplicates > 0,
)
def rtp_duplicate(stream: Stream, model: Model) -> Iterator[Outcome]:
    """More than one packet in a hundred came again, and not as a copy that the capture made (RFC 3550 §5.1)."""
    yield from _disordered(stream, model, stream.loss.duplicates, "came again")


def _disordered(stream: Stream, model: Model, count: int, what: str) -> Iterator[Outcome]:
    # A type that nothing explains may be another program's, which sends some packets twice or in its own order.
    if stream.packets < LONG or count <= DISORDER * stream.packets or not is_audio(stream) or stream.clock_inferred:
        return
    yield told(
        stream, model, shown(stream, f"{count} packets {what}"),
        f"{count} of {stream.packets} {stream.codec} packets from {stream.source} to {stream.destination} {what}.",
        percent=f"{100 * count / stream.packets:.1f}",
    )  # fmt: skip


@check(
    "rtp-timestamp-jump",
    title="The timestamp of the {codec} stream to {hearer} jumped by {seconds} s",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 3550 §5.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA,
)
def rtp_timestamp_jump(stream: Stream, model: Model) -> Iterator[Outcome]:
    """The RTP timestamp moves by more than a second against the sequence numbers and the wall clock, unmarked (RFC
    3550 §5.1).

    Low where it happens once: a sender that changes its source, as for music on hold, may do so.
    """
    if stream.packets < LONG:
        return
    jumps = [item for item in timing_of(stream).jumps if _agreed(stream, model, item.time - 0.5, item.time + 0.5)]
    if not jumps:
        return
    worst = max(jumps, key=lambda item: abs(item.seconds))
    found = told(
        stream, model, shown(stream, "the packet after the jump", frame=worst.frame, time=worst.time),
        f"Between two packets {worst.packets} apart in sequence the timestamp of the {stream.codec} stream from"
        f" {stream.source} to {stream.destination} moved by {worst.seconds:.1f} s, which the clock on the wall did not."
        + (f" There are {len(jumps)} such jumps." if len(jumps) > 1 else ""),
        seconds=f"{worst.seconds:.1f}",
    )  # fmt: skip
    severity = Severity.MEDIUM if len(jumps) > 2 else Severity.LOW
    yield doubted(found, stream, model, severity, Confidence.LIKELY)


@check(
    "rtp-clock-drift",
    title="The clock behind the {codec} audio to {hearer} is {percent} % off",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3550 §5.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.TIMES,
    absent="no stream of audio lasts half a minute",
    only=lambda stream: stream.duration >= 30.0,
)
def rtp_clock_drift(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Over half a minute or more the timestamps run half a percent off the times of arrival (RFC 3550 §5.1)."""
    drift = timing_of(stream).drift_percent
    if drift is None or abs(drift) < DRIFT or stream.clock_inferred:
        return
    faster = "fast" if drift > 0 else "slow"
    yield told(
        stream, model, shown(stream, f"the sender's clock is {abs(drift):.2f} % {faster}"),
        f"In {stream.duration:.0f} s the timestamps of the {stream.codec} stream from {stream.source} to"
        f" {stream.destination} ran {abs(drift):.2f} % {faster} against the times of arrival, so that a jitter buffer"
        f" {'fills up' if drift > 0 else 'runs empty'} by {abs(drift) * 600:.0f} ms in a minute.",
        key=faster,
        percent=f"{abs(drift):.1f}",
    )  # fmt: skip
