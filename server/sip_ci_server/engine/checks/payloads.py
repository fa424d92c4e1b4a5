"""What the payloads and the IP headers of media show: digital silence, and how packets are marked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.media_groups import is_silence
from sip_ci.trace.media_table import CONTENT_CUT
from sip_ci.trace.session_description import Direction
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, check
from sip_ci_server.engine.checks.stream_evidence import LONG, calls_of, goes_to_caller, hearer_of, shown
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.streams import Stream

_G711 = (0, 8)
DEAD_AIR = 5.0
"""Seconds of digital silence from which on it is worth a word."""
_PAUSE = 1.0
"""Seconds between two packets of silence that are no longer one stretch."""
_TALKING = 0.8
"""Share of packets with sound from which a side talks."""
_BEST_EFFORT = 0


def _is_g711(stream: Stream) -> bool:
    return stream.speech_type in _G711 and not stream.comfort_noise_share()


@check(
    "rtp-dead-air",
    title="{hearer} hears digital silence for {seconds} s",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3551 §4.5.14",
    confidence=Confidence.POSSIBLE,
    needs=Needs.MEDIA,
    absent="no stream of a call carries G.711 without comfort noise",
    only=lambda stream: bool(stream.encodings) and _is_g711(stream),
)
def rtp_dead_air(stream: Stream, model: Model) -> Iterator[Outcome]:
    """All packets of five seconds and more hold one byte, the zero of G.711, while sound comes from the other side (RFC
    3551 §4.5.14).

    Low, for a muted microphone looks the same, and so does a test tool without sound. Silent in calls that are put on
    hold, with comfort noise, and where both sides are silent.
    """
    if not stream.silent_packets:
        if stream.cut_packets == stream.packets:
            yield NotCheckable("the payload of the audio was not captured: raise the snap length")
        return
    owners = model.owners_of(stream)
    if not owners or any(session.ambiguous or _is_held(session, model) for session in owners):
        return
    rows = stream.rows
    start, end = _longest(rows.time_ns, is_silence(rows.content) & (rows.payload_type == stream.speech_type))
    seconds = (int(rows.time_ns[end]) - int(rows.time_ns[start])) / 1e9
    if seconds < DEAD_AIR or not _other_side_talks(stream, owners, int(rows.time_ns[start]), int(rows.time_ns[end])):
        return
    hearer = hearer_of(stream, model)
    share = stream.silent_packets / stream.packets * 100
    yield Found(
        (shown(stream, "where the silence begins", frame=int(rows.frame[start]), time=int(rows.time_ns[start]) / 1e9),),
        f"{end - start + 1} packets in a row from {stream.source} to {stream.destination}, {seconds:.1f} s, hold"
        f" nothing but digital silence while sound comes from the other side; {share:.0f} % of the whole stream does.",
        {"hearer": hearer.capitalize(), "seconds": f"{seconds:.0f}"},
        key=(hearer,),
        calls=calls_of(stream, model),
    )


def _longest(times: npt.NDArray[np.int64], silent: npt.NDArray[np.bool_]) -> tuple[int, int]:
    """The first and the last place of the longest stretch of silence."""
    breaks = ~silent
    breaks[1:] |= np.diff(times) > _PAUSE * 1e9
    begins = np.flatnonzero(silent & (breaks | ~np.concatenate(([False], silent[:-1]))))
    if not len(begins):
        return 0, 0
    # Each stretch ends before the next packet with sound, or the next stretch.
    bounds = np.append(np.flatnonzero(breaks), len(times))
    ends = bounds[np.searchsorted(bounds, begins, side="right")] - 1
    place = int(np.argmax(times[ends] - times[begins]))
    return int(begins[place]), int(ends[place])


def _is_held(session: MediaSession, model: Model) -> bool:
    """Whether any description of the call says that audio goes one way or none."""
    return any(
        media.media == "audio" and media.port and media.direction is not Direction.SENDRECV
        for leg in model.dialogs.calls.get(session.leg.call_id, [session.leg])
        for item in model.rounds[leg.number]
        for description in (item.offer, item.answer)
        for media in (description.media if description is not None else ())
    )


def _other_side_talks(stream: Stream, owners: list[MediaSession], start: int, end: int) -> bool:
    for session in owners:
        toward_caller = goes_to_caller(stream, session)
        for other in session.to_callee if toward_caller else session.to_caller:
            if other.speech_type not in _G711 or toward_caller is None:
                continue
            rows = other.rows
            within = (rows.time_ns >= start) & (rows.time_ns <= end) & (rows.payload_type == other.speech_type)
            heard = within & ~is_silence(rows.content) & (rows.content != CONTENT_CUT)
            if int(within.sum()) >= LONG and int(heard.sum()) >= _TALKING * int(within.sum()):
                return True
    return False


@check(
    "rtp-dscp",
    title="RTP to {hearer} is not marked for the network, RTP the other way is ({marked})",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 4594 §4.1",
    confidence=Confidence.POSSIBLE,
    needs=Needs.MEDIA,
    absent="no call has RTP in both directions",
    only=lambda session: bool(session.to_caller and session.to_callee),
)
def rtp_dscp(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """Packets of one direction have a codepoint above best effort, as telephony should (RFC 4594 §4.1: EF), and those
    of the other have none. Low: one side may not mark, or a network between may have taken the mark away.
    """
    del model
    if session.ambiguous:
        return
    ways = [[stream for stream in way if stream.packets >= LONG] for way in (session.to_caller, session.to_callee)]
    marks = [{stream.dscp for stream in way} for way in ways]
    for plain, marked, hearer in ((0, 1, "the caller"), (1, 0, "the callee")):
        if marks[plain] != {_BEST_EFFORT} or not marks[marked] or marks[marked] & {None, _BEST_EFFORT}:
            continue
        names = " and ".join(sorted(_name(mark) for mark in marks[marked] if mark is not None))
        unmarked, other = ways[plain][0], ways[marked][0]
        yield Found(
            (shown(unmarked, "packets without a mark"), shown(other, f"packets with {names}")),
            f"RTP from {unmarked.source} to {unmarked.destination} has codepoint 0, best effort; the other way it has"
            f" {names}.",
            {"hearer": hearer, "marked": names},
            key=(hearer,),
            calls=(session.leg.call_id,),
        )


def _name(mark: int) -> str:
    """The usual name of a codepoint (RFC 2474 §4.2.2, RFC 2597 §6, RFC 3246 §2.7)."""
    if mark == 46:
        return "EF"
    if mark % 8 == 0:
        return f"CS{mark // 8}"
    if 10 <= mark <= 38 and mark % 2 == 0:
        return f"AF{mark // 8}{mark % 8 // 2}"
    return f"codepoint {mark}"
