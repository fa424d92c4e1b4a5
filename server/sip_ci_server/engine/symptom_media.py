"""Whether a trace shows what a symptom of sound, video, digits or fax is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sip_ci.wording import plural
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.media_promises import spans_of
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.streams import Stream
from sip_ci_server.engine.symptom_seen import Seen

PROVEN = 50
"""Packets in a direction that show that it works."""
SILENT = 0.95
"""Share of packets with digital silence from which a direction carries no sound."""


def see_media(model: Model) -> Seen:
    """Sound in both directions of the answered calls."""
    if not any(leg.answer is not None for leg in model.legs) and not model.streams:
        return Seen(hidden="the trace holds no answered call", absent=True)
    return _flow(model, [session for session in model.sessions if session.leg.answer is not None])


def _flow(model: Model, talks: Sequence[MediaSession]) -> Seen:
    """Which ways the sound of some answered calls goes."""
    calls = _calls_that_talk(model)
    if not model.seen.media_visible:
        return Seen(hidden=model.seen.media_reason, calls=calls)
    if not talks:
        return Seen(hidden="the trace holds no answered call with audio", calls=calls)
    clear = [session for session in talks if not session.ambiguous]
    if not clear:
        return Seen(hidden="the RTP of the calls cannot be told from that of others", calls=calls)
    both = [session for session in clear if _flows(session)]
    if not both:
        agreed = next((told for session in clear if (told := _agreed_one_way(session, model))), "")
        short = f"no call has {PROVEN} packets of audio in each direction, nor lasts long enough without them"
        return Seen(well=agreed, certain=bool(agreed), hidden="" if agreed else short, calls=calls)
    for session in both:
        for hearer, way, back in (
            ("caller", session.to_caller, session.to_callee), ("callee", session.to_callee, session.to_caller)
        ):  # fmt: skip
            if _is_silent(way) and not _is_silent(back):
                return Seen(
                    wrong=f"RTP flows in both directions, and what goes to the {hearer} is digital silence, as of a"
                    f" muted or missing microphone (Call-ID {session.leg.call_id})",
                    calls=calls,
                )
    told = f"RTP flows in both directions in {len(both)} of {plural(len(talks), 'answered call')}"
    return Seen(well=told, calls=calls)


def _calls_that_talk(model: Model) -> frozenset[str]:
    """All calls but those that the trace shows to have failed: nobody hears anything in a call that is not answered."""
    answered = {leg.call_id for leg in model.legs if leg.answer is not None}
    calls = {transaction.call_id for transaction in model.transactions}
    return frozenset(
        call for call in calls if call not in model.dialogs.calls or not answered.isdisjoint(_joined(model, call))
    )


def _joined(model: Model, call: str) -> set[str]:
    """The Call-IDs of the session that a call is part of."""
    session = model.joined.of(call)
    return {call, *(session.calls if session is not None else ())}


def _agreed_one_way(session: MediaSession, model: Model) -> str:
    """That a call's audio goes one way because both sides agreed so, and does; empty where it is otherwise."""
    spans = spans_of(session, model)
    caller, callee = session.caller_description, session.callee_description
    if not spans or caller is None or callee is None or len({span.to_caller for span in spans}) > 1:
        return ""
    first = spans[0]
    if any(span.to_caller == span.to_callee for span in spans):
        return ""
    way, hearer = (session.to_caller, "caller") if first.to_caller else (session.to_callee, "callee")
    packets = sum(stream.packets for stream in way)
    if packets < PROVEN:
        return ""
    return (
        f"audio goes one way by agreement: the caller says a={caller.direction.value} and the callee"
        f" a={callee.direction.value}, and {packets:,} packets go to the {hearer} (Call-ID {session.leg.call_id})"
    )


def _is_silent(way: Sequence[Stream]) -> bool:
    """Whether nearly all packets of a direction hold the digital zero."""
    return sum(stream.silent_packets for stream in way) > SILENT * sum(stream.packets for stream in way)


def _flows(session: MediaSession) -> bool:
    return all(sum(stream.packets for stream in way) >= PROVEN for way in (session.to_caller, session.to_callee))


def see_quality(model: Model) -> Seen:
    """The loss of the streams."""
    if not model.seen.media_visible:
        return Seen(hidden=model.seen.media_reason)
    if not model.streams:
        return Seen(hidden="the trace holds no RTP stream")
    worst = max(model.streams, key=lambda stream: stream.loss.percent)
    return Seen(
        well=f"{plural(len(model.streams), 'stream')}, of which the worst loses {worst.loss.percent:.1f} % of its"
        " packets"
    )


def see_early_media(model: Model) -> Seen:
    """RTP to the caller before the answer."""
    if not model.legs:
        return Seen(hidden="the trace holds no INVITE", absent=True)
    early = [
        leg for leg in model.legs if any(model.descriptions.of(item) is not None for item in leg.invite.provisionals)
    ]
    if not early:
        return Seen(hidden="no provisional response in the trace carries a session description")
    if not model.seen.media_visible:
        return Seen(hidden=model.seen.media_reason)
    heard = [leg for leg in early if _heard_early(leg, model)]
    if len(heard) < len(early):
        silent = next(leg for leg in early if leg not in heard)
        return Seen(
            wrong=f"{len(early) - len(heard)} of {plural(len(early), 'call')} with early media got no RTP before the"
            f" answer (Call-ID {silent.call_id})"
        )
    return Seen(well=f"RTP comes to the caller before the answer in {plural(len(heard), 'call')}")


def _heard_early(leg: Leg, model: Model) -> bool:
    session = model.session_of(leg)
    final = leg.invite.final
    until = final.observation.time if final is not None and final.observation.time is not None else model.seen.ends
    return session is not None and until is not None and any(stream.starts < until for stream in session.to_caller)


def see_dtmf(model: Model) -> Seen:
    """Digits in INFO requests, else telephone events in RTP."""
    infos = [
        item for item in model.transactions if item.method == "INFO" and "dtmf" in item.request.content_type.lower()
    ]
    agreed = [
        item
        for item in model.all_rounds
        if item.answer is not None and item.offer.audio is not None and item.offer.audio.telephone_event
    ]
    answered = [item for item in agreed if item.answer and item.answer.audio and item.answer.audio.telephone_event]
    if infos:
        bad = next((item for item in infos if item.final is not None and (item.final.status or 0) >= 300), None)
        if bad is not None and bad.final is not None:
            return Seen(wrong=f"an INFO with a digit was answered {bad.final.status} {bad.final.reason}")
        return Seen(well=f"{plural(len(infos), 'digit')} sent in INFO, all accepted")
    if agreed and not answered:
        return Seen(
            wrong="telephone-event is offered and no answer takes it, so digits can only go in the voice itself"
        )
    senders = [stream for stream in model.streams if stream.event_types]
    if not answered and not senders:
        return Seen(hidden="no call of the trace agrees on telephone-event or sends a digit in INFO")
    if not model.seen.media_visible:
        return Seen(hidden=model.seen.media_reason)
    if not senders:
        return Seen(hidden="telephone-event is agreed on and nobody presses a key in the trace")
    keys = [event for stream in senders for event in stream.telephone_events.events if event.is_key]
    if not keys:
        return Seen(hidden=senders[0].telephone_events.hidden or "the telephone events of the trace are no keys")
    ended = sum(bool(event.ends) for event in keys)
    return Seen(
        well=f"{plural(len(keys), 'digit')} went as telephone events, {ended} of them with their end; which they"
        " were is not told, and what the far end made of them is not in the trace"
    )


def see_fax(model: Model) -> Seen:
    """Offers of T.38."""
    rounds = [item for item in model.all_rounds if any(medium.media == "image" for medium in item.offer.media)]
    if not rounds:
        return Seen(hidden="no call of the trace offers T.38", absent=True)
    refused = next((item.rejected for item in rounds if item.rejected is not None), None)
    if refused is not None and refused.status not in (401, 407, 491):
        return Seen(wrong=f"the change to T.38 was refused with {refused.status} {refused.reason}")
    return Seen(well=f"{plural(len(rounds), 'offer')} of T.38, none refused")


def see_webrtc(model: Model) -> Seen:
    """Media in both directions of the answered calls that offer SAVPF or ICE."""
    ours = {
        item.offer_message.call_id
        for item in model.all_rounds
        if any("SAVPF" in medium.protocol.upper() or medium.candidates for medium in item.offer.media)
    }
    if not ours:
        return Seen(hidden="no call of the trace offers WebRTC media (SAVPF or ICE)", absent=True)
    talks = [session for session in model.sessions if session.leg.answer is not None and session.leg.call_id in ours]
    return replace(_flow(model, talks), calls=frozenset(call for item in ours for call in _joined(model, item)))
