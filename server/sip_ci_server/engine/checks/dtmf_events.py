"""Telephone events as they are sent: their end, their timestamp and their duration (RFC 4733 §2.5.1).

Which key was pressed is in no finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, check
from sip_ci_server.engine.checks.stream_evidence import calls_of, hearer_of, shown
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.telephone_events import FLASH, LONGEST, TelephoneEvent

_ABSENT = "no stream of a call holds telephone events"
SHORTEST = 0.040
"""Seconds that a key must be pressed for to be recognised (ITU-T Q.24, as RFC 4733 §3.1 quotes it)."""
_EVENT_CLOCK = 8000


def _has_events(stream: Stream) -> bool:
    return bool(stream.event_types)


def _keys(stream: Stream) -> list[TelephoneEvent]:
    """The keys, and hook flash: events that begin and end, unlike states."""
    return [event for event in stream.telephone_events.events if event.code <= FLASH]


def _told(
    stream: Stream, model: Model, wrong: list[TelephoneEvent], frame: int, why: str, detail: str,
    *, key: str = "", severity: Severity | None = None, values: dict[str, str] | None = None,
) -> Found:  # fmt: skip
    hearer = hearer_of(stream, model)
    return Found(
        (shown(stream, why, frame=frame, time=wrong[0].time_ns / 1e9),),
        detail,
        {"hearer": hearer, "count": plural(len(wrong), "digit"), **(values or {})},
        key=(hearer, key) if key else (hearer,),
        calls=calls_of(stream, model),
        severity=severity,
        confidence=None if stream.encodings else Confidence.LIKELY,
    )


def _of(wrong: list[TelephoneEvent], stream: Stream) -> str:
    every = len(_keys(stream))
    return f"{len(wrong)} of {plural(every, 'digit')} from {stream.source} to {stream.destination}"


def _not_readable(stream: Stream) -> Iterator[NotCheckable]:
    if stream.telephone_events.hidden:
        yield NotCheckable(stream.telephone_events.hidden)


@check(
    "dtmf-end-missing",
    title="{count} to {hearer} never end",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 4733 §2.5.1.2",
    needs=Needs.MEDIA,
    absent=_ABSENT,
    only=_has_events,
)
def dtmf_end_missing(stream: Stream, model: Model) -> Iterator[Outcome]:
    """No packet of an event has the E bit, and the packets behind it are there, so that none of its end was lost (RFC
    4733 §2.5.1.2: the final packet MUST have it).

    Silent where a packet is missing behind the event, and where the stream ends with it.
    """
    yield from _not_readable(stream)
    wrong = [item for item in _keys(stream) if not item.ends and item.followed and item.packets > 1]
    if not wrong:
        return
    first = wrong[0]
    yield _told(
        stream, model, wrong, first.last_frame, "the last packet of the first such digit",
        f"{_of(wrong, stream)} have no packet with the E bit: the first stops after {plural(first.packets, 'packet')},"
        " and the next packet of the stream has the next sequence number, so none was lost.",
    )  # fmt: skip


@check(
    "dtmf-ts-not-constant",
    title="The timestamp changes within {count} to {hearer}",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 4733 §2.5.1.2",
    needs=Needs.MEDIA,
    absent=_ABSENT,
    only=_has_events,
)
def dtmf_ts_not_constant(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Packets in a row of one event, with a duration that goes on, have other timestamps than its first (RFC 4733
    §2.5.1.2: they MUST have the same).

    A new segment of a long event is none, nor is a second press of the same key.
    """
    yield from _not_readable(stream)
    wrong = [item for item in _keys(stream) if item.moved_frame]
    if not wrong:
        return
    yield _told(
        stream, model, wrong, wrong[0].moved_frame, "the first packet with another timestamp than that before it",
        f"{_of(wrong, stream)} have packets whose timestamp moves on while the duration is counted from the"
        " beginning of the digit.",
    )  # fmt: skip


@check(
    "dtmf-duration-decreasing",
    title="The duration goes down within {count} to {hearer}",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 4733 §2.5.1.2",
    needs=Needs.MEDIA,
    absent=_ABSENT,
    only=_has_events,
)
def dtmf_duration_decreasing(stream: Stream, model: Model) -> Iterator[Outcome]:
    """A later packet of an event, by sequence number, has a smaller duration than an earlier one (RFC 4733 §2.5.1.2).

    Low where the field ran over because a long press was not divided into segments (RFC 4733 §2.5.1.3).
    """
    yield from _not_readable(stream)
    fallen = [item for item in _keys(stream) if item.fell_frame]
    for ran_over in (False, True):
        wrong = [item for item in fallen if item.ran_over is ran_over]
        if not wrong:
            continue
        yield _told(
            stream, model, wrong, wrong[0].fell_frame, "the first packet with a smaller duration than that before it",
            f"{_of(wrong, stream)} "
            + (
                f"last longer than the {LONGEST} ticks that the duration holds, which begins at 0 again where a new"
                " segment should."
                if ran_over
                else "have packets with a smaller duration than the packet before, though it counts from the beginning"
                " of the digit."
            ),
            key="ran over" if ran_over else "fell",
            severity=Severity.LOW if ran_over else None,
        )  # fmt: skip


@check(
    "dtmf-duration-short",
    title="{count} to {hearer} last less than 40 ms",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 4733 §3.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA,
    absent=_ABSENT,
    only=_has_events,
)
def dtmf_duration_short(stream: Stream, model: Model) -> Iterator[Outcome]:
    """The final packet of a digit tells less than 40 ms, the shortest tone that must be recognised (ITU-T Q.24, which
    RFC 4733 §3.1 quotes). Gateways that make tones of events are those that miss them.
    """
    yield from _not_readable(stream)
    encodings = [encoding for number in stream.event_types if (encoding := stream.encodings.get(number)) is not None]
    clock = max((encoding.clock_rate for encoding in encodings), default=_EVENT_CLOCK)
    wrong = [
        item
        for item in _keys(stream)
        if item.is_key and item.ends and not item.fell_frame and item.total < SHORTEST * clock
    ]
    if not wrong:
        return
    shortest = min(wrong, key=lambda item: item.total)
    yield _told(
        stream, model, wrong, shortest.last_frame, "the final packet of the shortest",
        f"{_of(wrong, stream)} end with a duration of less than 40 ms; the shortest has {shortest.total} ticks of"
        f" {clock} Hz, {shortest.total / clock * 1000:.0f} ms.",
    )  # fmt: skip
