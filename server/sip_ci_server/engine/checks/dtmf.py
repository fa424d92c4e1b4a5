"""Digits: as telephone events (RFC 4733), in INFO (RFC 6086), or as tones in the audio."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_sdp, check
from sip_ci_server.engine.checks.stream_evidence import calls_of, goes_to_caller, hearer_of, shown
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Pair, Round
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.transactions import Transaction

DTMF_TYPES = frozenset({"application/dtmf-relay", "application/dtmf", "audio/telephone-event"})
LOW_BITRATE = frozenset({"G729", "G723", "AMR", "AMR-WB", "GSM", "ILBC", "SPEEX", "EVS", "GSM-EFR", "GSM-HR-08"})
"""Codecs that distort tones, so that digits in the audio are not recognised."""
TOGETHER = 1.0
"""Seconds between an event and an INFO that stand for one key."""
_SIGNAL = re.compile(rb"(?i)signal\s*=\s*([0-9A-D*#])")


def _is_dtmf_info(transaction: Transaction) -> bool:
    return transaction.method == "INFO" and transaction.request.content_type in DTMF_TYPES


def _settled_pair(leg: Leg, model: Model) -> Pair | None:
    """The audio of the first answered round of a call that was answered."""
    if leg.answer is None:
        return None
    for item in model.rounds[leg.number]:
        if item.rejected is None:
            for pair in item.pairs:
                if pair.offered.media == "audio" and pair.active and pair.offered.is_rtp:
                    return pair
    return None


@check(
    "dtmf-info-rejected",
    title="A digit in INFO was refused with {status}",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 6086 §4.2.2",
    absent="the trace holds no digit in INFO",
    only=_is_dtmf_info,
)
def dtmf_info_rejected(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An INFO that carries a digit was answered 405, 415, 469 or 501: the other side takes none (RFC 6086 §4.2.2)."""
    final = transaction.final
    if final is None or final.status not in (405, 415, 469, 501) or model.relayed_from_further_on(transaction):
        return
    yield Found(
        (at(transaction.request, "the digit"), at(final, "its refusal")),
        f"An INFO with {transaction.request.content_type} was answered {final.status} {final.reason}.".rstrip(),
        {"status": str(final.status)},
        key=(str(final.status),),
        calls=(transaction.call_id,),
    )


def _without_events(leg: Leg, model: Model) -> Pair | None:
    """The audio of a call of which one side offered telephone events, and the other answered none."""
    pair = _settled_pair(leg, model)
    if pair is None or not pair.offered.telephone_event or pair.answered.telephone_event:
        return None
    if any(_is_dtmf_info(item) for item in leg.transactions):
        return None
    return pair


@check(
    "dtmf-not-negotiated",
    title="Digits as events were offered and not answered",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 4733 §2.1",
    confidence=Confidence.POSSIBLE,
    absent="no call was answered",
    only=lambda leg: leg.answer is not None,
)
def dtmf_not_negotiated(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The offer lists telephone-event and the answer does not, and no digit goes in INFO (RFC 4733 §2.1).

    Low, for whether anybody presses a key cannot be known. With a codec that distorts tones see
    `dtmf-inband-lowbitrate`.
    """
    pair = _without_events(leg, model)
    if pair is None or _lowbitrate(pair):
        return
    yield Found(
        (
            at_sdp(pair.offer_message, pair.offered.line, "telephone-event is offered"),
            at_sdp(pair.answer_message, pair.answered.line, "and not answered"),
        ),
        "The offer has telephone-event, the answer has not; digits can only go as tones in the audio.",
        calls=(leg.call_id,),
    )


def _lowbitrate(pair: Pair) -> str:
    """The codec of the answer that distorts tones, where it is the first and no other does not."""
    names = [encoding.name.upper() for encoding in pair.answered.speech_encodings]
    return names[0] if names and all(name in LOW_BITRATE for name in names) else ""


@check(
    "dtmf-inband-lowbitrate",
    title="Digits can only go as tones in {codec}, which distorts them",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 4733 §1.2",
    confidence=Confidence.LIKELY,
    absent="no call was answered",
    only=lambda leg: leg.answer is not None,
)
def dtmf_inband_lowbitrate(leg: Leg, model: Model) -> Iterator[Outcome]:
    """Telephone events were offered and not answered, and all codecs of the answer are made for speech alone (RFC 4733
    §1.2).
    """
    pair = _without_events(leg, model)
    codec = _lowbitrate(pair) if pair is not None else ""
    if pair is None or not codec:
        return
    yield Found(
        (
            at_sdp(pair.offer_message, pair.offered.line, "telephone-event is offered"),
            at_sdp(pair.answer_message, pair.answered.line, f"{codec} alone is answered"),
        ),
        f"The offer has telephone-event, the answer has {codec} and no events; that codec does not carry tones.",
        {"codec": codec},
        key=(codec,),
        calls=(leg.call_id,),
    )


@check(
    "dtmf-clock-mismatch",
    title="Telephone events have no clock rate of {codec}",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 4733 §2.1",
    absent="no call agreed on telephone events",
    only=lambda item: item.answer is not None,
)
def dtmf_clock_mismatch(item: Round, model: Model) -> Iterator[Outcome]:
    """The codec of the answer has a clock rate at which no telephone-event is answered (RFC 4733 §2.1).

    Low: many agents offer events at 8000 Hz alone and take them beside Opus.
    """
    del model
    for pair in item.pairs:
        if pair.offered.media != "audio" or not pair.active or item.rejected is not None:
            continue
        events = [pair.answered.encodings[number].clock_rate for number in pair.answered.telephone_event]
        speech = pair.answered.speech_encodings
        if not events or not speech or speech[0].clock_rate in events:
            continue
        yield Found(
            (at_sdp(pair.answer_message, pair.answered.line, "the answer"),),
            f"The answer begins with {speech[0]} and has telephone-event at {', '.join(map(str, sorted(set(events))))}"
            f" Hz only, so that events and audio share timestamps of different clocks.",
            {"codec": speech[0].name},
            key=(speech[0].name.upper(), str(events[0])),
            calls=(item.leg.call_id,),
        )


@check(
    "dtmf-pt-mismatch",
    title="Digits go to {hearer} as payload type {number}, which that side did not give to events",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="RFC 3264 §5.1",
    needs=Needs.MEDIA,
    absent="no stream of a call holds telephone events",
    only=lambda stream: bool(stream.encodings) and bool(stream.event_types),
)
def dtmf_pt_mismatch(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Events have the payload type of the sender's description, and the receiver's gives another number to events (RFC
    3264 §5.1: the receiver's numbers hold).
    """
    owners = model.owners_of(stream)
    for session in owners:
        toward_caller = goes_to_caller(stream, session)
        if session.ambiguous or toward_caller is None:
            return
        wanted = _wanted_types(session, model, toward_caller)
        if not wanted or any(number in wanted for number in stream.event_types):
            return
    if not owners:
        return
    number = stream.event_types[0]
    rows = stream.rows
    place = int(np.argmax(rows.payload_type == number))
    hearer = hearer_of(stream, model)
    wanted = _wanted_types(owners[0], model, bool(goes_to_caller(stream, owners[0])))
    yield Found(
        (
            shown(
                stream, f"the first packet of type {number}", frame=int(rows.frame[place]),
                time=int(rows.time_ns[place]) / 1e9,
            ),
        ),
        f"{stream.payload_counts[number]} packets of payload type {number} from {stream.source} are meant as"
        f" telephone events; {hearer} asked for them as {', '.join(map(str, sorted(wanted)))}.",
        {"hearer": hearer, "number": str(number)},
        key=(hearer, str(number)),
        calls=calls_of(stream, model),
    )  # fmt: skip


def _wanted_types(session: MediaSession, model: Model, of_caller: bool) -> set[int]:
    """The payload types that one side gave to telephone events in any round of the call, on any hop."""
    found: set[int] = set()
    for leg in model.dialogs.calls.get(session.leg.call_id, [session.leg]):
        for item in model.rounds[leg.number]:
            description = item.offer if item.offered_by_caller is of_caller else item.answer
            for media in description.media if description else ():
                if media.media == "audio":
                    found.update(media.telephone_event)
    return found


@check(
    "dtmf-duplicate-method",
    title="{count} digits went both as events and in INFO",
    severity=Severity.MEDIUM,
    category=Category.MEDIA,
    rfc="RFC 4733 §1.4",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA | Needs.TIMES,
    absent="no call has digits in INFO",
    only=lambda session: any(_is_dtmf_info(item) for item in session.leg.transactions),
)
def dtmf_duplicate_method(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """Two or more INFO requests with a digit fall within a second of telephone events of the same side (RFC 4733 §1.4):
    the far end counts the key twice.
    """
    del model
    if session.ambiguous:
        return
    for by_caller, streams in ((True, session.to_callee), (False, session.to_caller)):
        infos = [
            item
            for item in session.leg.transactions
            if _is_dtmf_info(item) and session.leg.sent_by_caller(item) is by_caller and item.time is not None
        ]
        begins = sorted(time for stream in streams for time in _beginnings(stream))
        if len(infos) < 2 or not begins:
            continue
        both: list[tuple[Transaction, float]] = []
        for item in infos:
            assert item.time is not None
            nearest = min(begins, key=lambda time: abs(time - item.time))  # type: ignore[operator]
            if abs(nearest - item.time) <= TOGETHER and _key_of(item.request):
                both.append((item, nearest))
        if len(both) < 2:
            continue
        first, nearest = both[0]
        stream = max(streams, key=lambda item: sum(item.payload_counts[number] for number in item.event_types))
        yield Found(
            (at(first.request, "the digit in INFO"), shown(stream, "the events", time=nearest)),
            f"{len(both)} of {len(infos)} digits in INFO have telephone events of the same side within"
            f" {TOGETHER:g} s, so that each counts twice.",
            {"count": str(len(both))},
            calls=(session.leg.call_id,),
        )


def _key_of(message: SipMessage) -> str:
    match = _SIGNAL.search(message.body)
    return match[1].decode() if match else message.body.strip().decode("ascii", "replace")[:1]


def _beginnings(stream: Stream) -> list[float]:
    """When each telephone event of a stream began: all packets of one have the same timestamp (RFC 4733 §2.4.1)."""
    types = stream.event_types
    if not types:
        return []
    rows = stream.rows
    events = np.flatnonzero(np.isin(rows.payload_type, types))
    _, first = np.unique(rows.timestamp[events], return_index=True)
    return [int(rows.time_ns[events[place]]) / 1e9 for place in first[:1000]]
