"""What RTP carries, against what the session descriptions say (RFC 3264 §5.1, §6.1, §7; RFC 3551 §4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

import numpy as np

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.digits import parse_digits
from sip_ci.trace.sdp import MediaDescription
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at_sdp, check
from sip_ci_server.engine.checks.stream_evidence import LONG, calls_of, goes_to_caller, hearer_of, is_audio, shown
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round
from sip_ci_server.engine.rtp_statistics import steps_of
from sip_ci_server.engine.streams import Stream

STRAY = 10
"""Packets of a payload type that may be strays, or on their way while an offer changed."""
SETTLED = 1.0
"""Seconds after an answer in which packets may still follow what held before."""
RTP_HEADER = 12
COMFORT_NOISE = 13
_OLD_COMFORT_NOISE = 19
BYTES_OF_A_TICK = {"PCMU": 1, "PCMA": 1, "G722": 1}
"""Payload bytes for each tick of the RTP clock, of codecs where that is fixed (RFC 3551 §4.5.2, §4.5.14)."""
MOSTLY = 0.8
SRTP_80_BIT_TAG = 10
PACKET_TIME_MARGIN_MS = 5.0
"""Milliseconds below which two packet times count as equal."""
ALTERNATING = 0.2
"""Share of packets that each of two packet times must have."""


def _descriptions(session: MediaSession, model: Model) -> Iterator[MediaDescription]:
    """Everything that either side of a call said of RTP on any hop, whatever became of it."""
    for leg in model.dialogs.calls.get(session.leg.call_id, [session.leg]):
        for item in model.rounds[leg.number]:
            for description in (item.offer, item.answer):
                for media in description.media if description else ():
                    if media.is_rtp:
                        yield media


def _declared(stream: Stream, model: Model) -> set[int]:
    """The payload types that any description of the stream's calls lists."""
    numbers = set(stream.encodings)
    for session in model.owners_of(stream):
        for media in _descriptions(session, model):
            numbers.update(media.encodings)
            numbers.update(number for text in media.formats if (number := parse_digits(text, 127)) is not None)
    return numbers


def _is_noise(payload_type: int) -> bool:
    return payload_type in (COMFORT_NOISE, _OLD_COMFORT_NOISE)


@check(
    "rtp-pt-undeclared",
    title="RTP to {hearer} has payload type {number}, which no SDP declares",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="RFC 3264 §5.1",
    needs=Needs.MEDIA,
    absent="no stream belongs to a call",
    only=lambda stream: bool(stream.encodings),
)
def rtp_pt_undeclared(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Packets have a payload type that neither side of their call ever listed (RFC 3264 §5.1, §6.1).

    Low for types with a fixed meaning that are not the stream's main one.
    """
    owners = model.owners_of(stream)
    unknown = {number: count for number, count in stream.payload_counts.items() if number not in stream.encodings}
    unknown = {number: count for number, count in unknown.items() if count >= STRAY and not _is_noise(number)}
    if not unknown or not owners or any(session.ambiguous for session in owners):
        return
    # Of a call whose INVITE came before the capture only one side's list is known.
    if not all(any(item.answer for item in model.rounds[session.leg.number]) for session in owners):
        return
    declared = _declared(stream, model)
    for number, count in unknown.items():
        if number in declared:
            continue
        rows = stream.rows
        place = int(np.argmax(rows.payload_type == number))
        hearer = hearer_of(stream, model)
        yield Found(
            (
                shown(
                    stream, f"the first packet of type {number}", frame=int(rows.frame[place]),
                    time=int(rows.time_ns[place]) / 1e9,
                ),
            ),
            f"{count} of {stream.packets} RTP packets from {stream.source} to {stream.destination} have payload type"
            f" {number}; the descriptions of the call list {', '.join(map(str, sorted(declared)))}.",
            {"hearer": hearer, "number": str(number)},
            key=(str(number), hearer),
            calls=calls_of(stream, model),
            severity=None if 2 * count > stream.packets else Severity.LOW,
        )  # fmt: skip


@check(
    "rtp-codec-mismatch",
    title="{hearer} is sent {codec}, which the answer does not allow",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3264 §7",
    needs=Needs.MEDIA | Needs.TIMES,
    absent="no stream belongs to a call",
    only=lambda stream: bool(stream.encodings),
)
def rtp_codec_mismatch(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Audio goes on in a codec that was offered and is in no answer of the call (RFC 3264 §7: the offerer MUST send
    one of the answer).
    """
    owners = model.owners_of(stream)
    if not owners or not is_audio(stream):
        return
    answers: list[Round] = []
    for session in owners:
        if session.ambiguous or goes_to_caller(stream, session) is None:
            return
        for leg in model.dialogs.calls.get(session.leg.call_id, [session.leg]):
            if leg.invite.is_initial and leg.answer is None and leg.invite.final is None:
                return
            answers += [item for item in model.rounds[leg.number] if item.answer is not None]
    allowed = {
        allowed_encoding.key
        for item in answers
        for media in (item.answer.media if item.answer else ())
        if media.media == "audio"
        for allowed_encoding in media.encodings.values()
    }
    if not allowed or not answers:
        return
    settled = max((session.leg.answered_at or stream.ends) for session in owners) + SETTLED
    found = None
    for number, packets in stream.payload_counts.items():
        encoding = stream.encodings.get(number)
        if packets < LONG or encoding is None or not encoding.is_speech or encoding.key in allowed:
            continue
        count = int(((stream.rows.payload_type == number) & (stream.rows.time_ns >= settled * 1e9)).sum())
        if count >= LONG:
            found = encoding, count
            break
    if found is None:
        return
    encoding, count = found
    last = answers[0]
    assert last.answer is not None
    assert last.answer_message is not None
    line = next(media.line for media in last.answer.media if media.media == "audio")
    hearer = hearer_of(stream, model)
    yield Found(
        (
            at_sdp(last.answer_message, line, "what the answer allows"),
            shown(stream, f"{plural(count, 'packet')} of {encoding}"),
        ),
        f"{plural(count, 'packet')} of {encoding} went from {stream.source} to {stream.destination} after the answer,"
        f" which allows {', '.join(sorted(f'{name}/{rate}' for name, rate, _ in allowed))}.",
        {"hearer": hearer.capitalize(), "codec": encoding.name},
        key=(encoding.name.upper(), hearer),
        calls=calls_of(stream, model),
    )


@check(
    "rtp-cn-not-negotiated",
    title="{hearer} is sent comfort noise, which no SDP lists",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3389 §5.1",
    needs=Needs.MEDIA,
    absent="no stream of a call holds comfort noise",
    only=lambda stream: bool(stream.encodings) and (13 in stream.payload_counts or 19 in stream.payload_counts),
)
def rtp_cn_not_negotiated(stream: Stream, model: Model) -> Iterator[Outcome]:
    """Packets of payload type 13, or 19 as before RFC 3389, come though no description lists that (RFC 3389 §5.1)."""
    counts = {number: count for number, count in stream.payload_counts.items() if _is_noise(number)}
    if any(session.ambiguous for session in model.owners_of(stream)):
        return
    declared = _declared(stream, model)
    for number, count in counts.items():
        if count < 3 or number in declared:
            continue
        rows = stream.rows
        place = int(np.argmax(rows.payload_type == number))
        hearer = hearer_of(stream, model)
        yield Found(
            (shown(stream, "the first comfort noise", frame=int(rows.frame[place])),),
            f"{plural(count, 'packet')} of payload type {number}, comfort noise, went from {stream.source} to"
            f" {stream.destination}, and no description of the call lists it.",
            {"hearer": hearer.capitalize()},
            key=(str(number), hearer),
            calls=calls_of(stream, model),
        )


@check(
    "rtp-ptime-observed",
    title="The {codec} packets to {hearer} {are}",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 8866 §6.4",
    needs=Needs.MEDIA,
    absent="no stream has a codec of a fixed rate",
    only=lambda stream: stream.codec.upper() in BYTES_OF_A_TICK,
)
def rtp_ptime_observed(stream: Stream, model: Model) -> Iterator[Outcome]:
    """A stream alternates between packet times, each in a fifth of its packets; or has another packet time than the one
    that every description of its call names (RFC 8866 §6.4).

    Where offer and answer name different ones see `sdp-ptime-mismatch`.
    """
    if stream.packets < LONG:
        return
    rows = stream.rows
    sizes = rows.size if len(stream.payload_counts) == 1 else rows.size[rows.payload_type == stream.speech_type]
    changes = int(np.count_nonzero(sizes[1:] != sizes[:-1]))
    common, most = sizes[:1], len(sizes)
    if changes:
        values, counts = np.unique(sizes, return_counts=True)
        common, most = values[counts >= ALTERNATING * len(sizes)], int(counts.max())
    if len(common) >= 2 and changes >= STRAY:
        times = " and ".join(f"{(int(value) - RTP_HEADER) / 8:g}" for value in common)
        why, are = f"packets of {times} ms alternate", f"change between {times} ms"
        detail = f"alternates between packets of {times} ms"
    else:
        named = _named_packet_time(stream, model) if most >= LONG else None
        observed = stream.packet_time_ms if named is not None else None
        if named is None or observed is None or abs(observed - named) < PACKET_TIME_MARGIN_MS:
            return
        why, are = f"packets of {observed:g} ms", f"hold {observed:g} ms, where {named:g} ms were asked for"
        detail = f"has packets of {observed:g} ms, where the descriptions of its call say `a=ptime:{named:g}`"
    hearer = hearer_of(stream, model)
    yield Found(
        (shown(stream, why),),
        f"The {stream.codec} stream from {stream.source} to {stream.destination} {detail}.",
        {"codec": stream.codec, "hearer": hearer, "are": are},
        key=(stream.codec, hearer),
        calls=calls_of(stream, model),
    )


def _named_packet_time(stream: Stream, model: Model) -> float | None:
    """The packet time in milliseconds that the descriptions of a stream's calls agree on; None where they name none,
    or several.
    """
    owners = model.owners_of(stream)
    if any(session.ambiguous or goes_to_caller(stream, session) is None for session in owners):
        return None
    named = {
        media.ptime
        for session in owners
        for media in _descriptions(session, model)
        if media.media == "audio" and media.port and media.ptime is not None
    }
    return named.pop() if len(named) == 1 else None


_EXCESS: WeakKeyDictionary[Stream, tuple[int, float] | None] = WeakKeyDictionary()


def _excess(stream: Stream) -> tuple[int, float] | None:
    """What `_excess_of` finds, computed once."""
    if stream not in _EXCESS:
        _EXCESS[stream] = _excess_of(stream)
    return _EXCESS[stream]


def _excess_of(stream: Stream) -> tuple[int, float] | None:
    """How many bytes the packets of a codec of fixed rate have beyond what their timestamps say, most often, and the
    share of packets of which that is true. None where it cannot be told.
    """
    width = BYTES_OF_A_TICK.get(stream.codec.upper())
    if width is None or stream.packets < LONG:
        return None
    rows = stream.rows
    kinds, size = rows.payload_type, rows.size.astype(np.int64)
    ticks = steps_of(rows.timestamp, 32)
    told = (kinds[1:] == stream.speech_type) & (kinds[:-1] == stream.speech_type)
    if not stream.is_regular:
        told &= steps_of(rows.sequence, 16) == 1
    told &= (ticks > 0) & (ticks <= 1600)
    if told.sum() < LONG:
        return None
    beyond = size[:-1][told] - RTP_HEADER - width * ticks[told]
    first = int(beyond[0])
    if (beyond == first).all():
        return first, 1.0
    values, counts = np.unique(beyond, return_counts=True)
    return int(values[counts.argmax()]), float(counts.max() / len(beyond))


@check(
    "rtp-frame-size",
    title="The packets to {hearer} are too short for {codec}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3551 §4.5",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA,
    absent="no stream has a codec of a fixed rate",
    only=lambda stream: stream.codec.upper() in BYTES_OF_A_TICK,
)
def rtp_frame_size(stream: Stream, model: Model) -> Iterator[Outcome]:
    """The payload is a quarter or more shorter than the codec makes of the time between timestamps (RFC 3551 §4.5).

    What is longer is not judged: a header extension, padding and an authentication tag make it so.
    """
    told = _excess(stream)
    if told is None or told[1] < MOSTLY or told[0] >= 0:
        return
    size = int(np.median(stream.rows.size)) - RTP_HEADER
    if size <= 0 or -told[0] < (size - told[0]) / 4:
        return
    hearer = hearer_of(stream, model)
    yield Found(
        (shown(stream, f"{size} bytes of payload where {size - told[0]} are due"),),
        f"The packets from {stream.source} to {stream.destination} have {size} bytes of payload, and {stream.codec} of"
        f" the time that their timestamps say takes {size - told[0]}.",
        {"codec": stream.codec, "hearer": hearer},
        key=(stream.codec, hearer),
        calls=calls_of(stream, model),
    )


def _profiles(stream: Stream, model: Model) -> set[bool]:
    """Whether the audio profiles that were agreed for a stream are secure: one of them, both, or nothing known."""
    found: set[bool] = set()
    for session in model.owners_of(stream):
        if session.ambiguous:
            return set()
        for media in _descriptions(session, model):
            if media.media == "audio" and media.port:
                found.add("SAVP" in media.protocol.upper() or media.attribute("crypto") is not None)
                if media.attribute("fingerprint", inherit=True) is not None:
                    return set()
    return found


@check(
    "srtp-auth-suspected",
    title="The {codec} packets to {hearer} have the length of {actual}, and {agreed} was agreed",
    severity=Severity.MEDIUM,
    category=Category.ENCRYPTION,
    rfc="RFC 3711 §3.1",
    confidence=Confidence.LIKELY,
    needs=Needs.MEDIA,
    absent="no stream of a call has a codec of a fixed rate",
    only=lambda stream: bool(stream.encodings) and stream.codec.upper() in BYTES_OF_A_TICK,
)
def srtp_auth_suspected(stream: Stream, model: Model) -> Iterator[Outcome]:
    """SRTP was agreed and no packet has room for an authentication tag; or RTP was, and each has ten bytes too many
    (RFC 3711 §3.1, §5.2).

    A header extension or padding adds multiples of four bytes, the usual tag of 80 bits does not.
    """
    told = _excess(stream)
    if told is None or told[1] < 0.95 or not (told[0] == 0 or (told[0] >= SRTP_80_BIT_TAG and told[0] % 4 == 2)):
        return
    profiles = _profiles(stream, model)
    if len(profiles) != 1 or profiles == {told[0] != 0}:
        return
    secure = True in profiles
    session = model.owners_of(stream)[0]
    if secure and any(
        "UNAUTHENTICATED_SRTP" in value for media in _descriptions(session, model)
        for value in media.attribute_values("crypto")
    ):  # fmt: skip
        return
    agreed, actual = ("SRTP", "RTP") if secure else ("RTP", "SRTP")
    hearer = hearer_of(stream, model)
    item = model.rounds[session.leg.number][0]
    line = next((media.line for media in item.offer.media if media.media == "audio"), item.offer.media[0].line)
    yield Found(
        (at_sdp(item.offer_message, line, f"{agreed} is agreed"), shown(stream, f"{told[0]} bytes beyond the payload")),
        f"{agreed} was agreed, and the {stream.codec} packets from {stream.source} to {stream.destination} have"
        f" {told[0]} bytes beyond their payload: that is {actual}.",
        {"codec": stream.codec, "hearer": hearer, "agreed": agreed, "actual": actual},
        key=(actual, hearer),
        calls=calls_of(stream, model),
    )
