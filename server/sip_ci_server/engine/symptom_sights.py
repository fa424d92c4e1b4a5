"""Whether a trace shows what a symptom is about: why it cannot, or what it shows where the symptom is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from sip_ci.trace.session_description import Direction
from sip_ci.wording import plural
from sip_ci_server.engine.attempts import Attempt, credentials_of
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.journeys import Alteration
from sip_ci_server.engine.knowledge.symptom_files import Sight
from sip_ci_server.engine.kpis import compute_kpis
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.symptom_media import see_dtmf, see_early_media, see_fax, see_media, see_quality, see_webrtc
from sip_ci_server.engine.symptom_seen import Seen
from sip_ci_server.engine.transactions import Transaction

LONG_WAIT = 3.0
"""Seconds from an INVITE to its answer in which a caller expects to hear ringing."""
LOAD = 10
"""Calls from which one can speak of load."""
FAILING = 0.2
"""Share of failed calls from which load makes calls fail."""


def look(sight: Sight, model: Model) -> Seen:
    """Look at the part of the trace that a symptom is about."""
    if not model.messages and sight not in (Sight.TLS, Sight.QUALITY, Sight.DTMF):
        return Seen(hidden="the trace holds no SIP")
    return _SIGHTS[sight](model)


def _answered(model: Model) -> list[Leg]:
    return [leg for leg in model.legs if leg.answer is not None]


def _delays(model: Model) -> Seen:
    if not model.seen.timed:
        return Seen(hidden="the trace has no times")
    waits = [wait for leg in model.legs if (wait := _until_first_ring(leg.invite)) is not None]
    if not waits:
        return Seen(hidden="the trace holds no INVITE with its response")
    return Seen(well=f"the longest time from an INVITE to its ringing or answer is {max(waits):.1f} s")


def _until_first_ring(invite: Transaction) -> float | None:
    first = next((item for item in invite.responses if (item.status or 0) >= 180), None)
    if first is None or first.observation.time is None or invite.time is None:
        return None
    return first.observation.time - invite.time


def _endings(model: Model) -> Seen:
    answered = _answered(model)
    if not answered:
        return Seen(hidden="the trace holds no answered call", absent=True)
    talks = [leg.talk_time for leg in answered if leg.talk_time is not None]
    if not talks:
        return Seen(hidden="no answered call ends within the trace")
    span = f"{min(talks):.1f}" + (f" to {max(talks):.1f}" if f"{min(talks):.1f}" != f"{max(talks):.1f}" else "")
    return Seen(
        well=f"{plural(len(talks), 'answered call')} ended with BYE after {span} s, and nothing says that a fault ended"
        f" {'one' if len(talks) > 1 else 'it'}"
    )


def _setups(model: Model) -> Seen:
    if not model.legs:
        return Seen(hidden="the trace holds no INVITE that begins a call", absent=True)
    calls = frozenset(leg.call_id for leg in model.legs)
    ended = Counter(leg.invite.final.status for leg in model.legs if leg.invite.final is not None)
    if not ended:
        return Seen(hidden="no INVITE of the trace has a final response", calls=calls)
    told = ", ".join(
        f"{status} {count:,} times" if count > 1 else str(status) for status, count in ended.most_common(5)
    )
    return Seen(well=f"no call setup failed for a fault; the INVITEs ended with {told}", calls=calls)


def _registrations(model: Model) -> Seen:
    if not model.registrations:
        return Seen(hidden="the trace holds no REGISTER", absent=True)
    calls = frozenset(transaction.call_id for item in model.registrations for transaction in item.transactions)
    done = [item for item in model.registrations if item.transactions[-1].success is not None]
    if not done:
        return Seen(hidden="no REGISTER of the trace has a final response that tells", calls=calls)
    told = f"{len(done)} of {plural(len(model.registrations), 'registration')} ended with a 2xx"
    return Seen(well=told, calls=calls)


def _challenges(model: Model) -> Seen:
    challenged = [attempt for attempt in model.attempts if attempt.challenged]
    if not challenged:
        bare = not any(credentials_of(attempt.last.request) for attempt in model.attempts)
        return Seen(hidden="nobody in the trace is asked for credentials", absent=bare)
    refused = [item for item in challenged if _refused(item)]
    if refused:
        final = refused[0].last.final
        assert final is not None
        return Seen(
            wrong=f"{len(refused)} of {plural(len(challenged), 'challenge')} ended with credentials that were refused,"
            f" the first with {final.status} {final.reason}"
        )
    met = [item for item in challenged if item.last.success is not None]
    if not met:
        return Seen(hidden="what became of the credentials is not in the trace")
    return Seen(
        well=f"{len(met)} of {plural(len(challenged), 'challenge')} were met with credentials that were accepted"
    )


def _refused(attempt: Attempt) -> bool:
    """Whether the last request of a challenged attempt carried credentials and was refused for them."""
    final = attempt.last.final
    return final is not None and final.status in (401, 403, 407) and bool(credentials_of(attempt.last.request))


def _ringing(model: Model) -> Seen:
    if not model.legs:
        return Seen(hidden="the trace holds no INVITE", absent=True)
    silent = [leg for leg in _answered(model) if _waits_in_silence(leg)]
    if silent:
        first = silent[0]
        return Seen(
            wrong=f"{plural(len(silent), 'call')} got neither 180 nor 183 in the {_wait(first):.1f} s before the"
            f" answer (Call-ID {first.call_id})"
        )
    rung = [leg for leg in model.legs if any(item.status in (180, 183) for item in leg.invite.provisionals)]
    if not rung:
        return Seen(hidden="every call ended before anything could ring")
    return Seen(
        well=f"{plural(len(rung), 'call')} got 180 or 183; what the caller's phone makes of it is not in the trace"
    )


def _waits_in_silence(leg: Leg) -> bool:
    rings = any((item.status or 0) >= 180 for item in leg.invite.provisionals)
    return not rings and _wait(leg) >= LONG_WAIT


def _wait(leg: Leg) -> float:
    if leg.answered_at is None or leg.invite.time is None:
        return 0.0
    return leg.answered_at - leg.invite.time


def _transfers(model: Model) -> Seen:
    refers = [item for item in model.transactions if item.method == "REFER"]
    replacing = [leg for leg in model.legs if leg.invite.request.lines_of("replaces")]
    if not refers and not replacing:
        return Seen(hidden="the trace holds neither a REFER nor an INVITE with Replaces", absent=True)
    calls = _calls_of_transfers(refers, replacing, model)
    failed = [item for item in refers if item.final is not None and (item.final.status or 0) >= 300
              and item.final.status not in (401, 407)]  # fmt: skip
    failed += [leg.invite for leg in replacing if leg.invite.final is not None and (leg.invite.final.status or 0) >= 400
               and leg.invite.final.status not in (401, 407)]  # fmt: skip
    if failed:
        final = failed[0].final
        assert final is not None
        return Seen(wrong=f"{failed[0].method} of a transfer was answered {final.status} {final.reason}")
    told = _failed_target(model)
    if told:
        return Seen(wrong=told)
    if not any(item.success for item in refers) and not any(leg.answer for leg in replacing):
        return Seen(hidden="how the transfer ended is not in the trace", calls=calls)
    told = f"{plural(len(refers) or len(replacing), 'transfer')} accepted, and no report of a failure"
    return Seen(well=told, calls=calls)


def _calls_of_transfers(refers: Sequence[Transaction], replacing: Sequence[Leg], model: Model) -> frozenset[str]:
    """The calls that are transferred, and those that a transfer makes: by Replaces, Referred-By or the target."""
    calls = {item.call_id for item in refers} | {leg.call_id for leg in replacing}
    targets = [item.request.header("refer-to") or "" for item in refers]
    for leg in model.legs:
        user = leg.invite.request.request_uri.user
        wanted = bool(user) and any(f":{user}@" in target for target in targets)
        if wanted or leg.invite.request.lines_of("referred-by"):
            calls.add(leg.call_id)
    joined = [session for call in calls if (session := model.joined.of(call)) is not None]
    return frozenset(calls.union(*(session.calls for session in joined)))


def _failed_target(model: Model) -> str:
    """What a NOTIFY says of a transfer that failed (RFC 3515 §2.4.5); empty where none does."""
    for transaction in model.transactions:
        request = transaction.request
        if transaction.method == "NOTIFY" and (request.header("event") or "").lower().startswith("refer"):
            line = request.body[:100].split(b"\r\n", 1)[0].decode("latin-1")
            if line.startswith("SIP/2.0 ") and line[8:9] in "3456":
                return f"a NOTIFY reports that the transfer ended with {line[8:60]}"
    return ""


def _holds(model: Model) -> Seen:
    held = [
        item
        for item in model.all_rounds
        if not item.initial
        and any(
            medium.direction in (Direction.SENDONLY, Direction.INACTIVE)
            or (medium.connection is not None and medium.connection.is_zero)
            for medium in item.offer.media
        )
    ]
    if not held:
        return Seen(hidden="no call of the trace is put on hold", absent=True)
    calls = frozenset(item.offer_message.call_id for item in held)
    refused = [item for item in held if item.rejected is not None and item.rejected.status not in (401, 407, 491)]
    if refused and refused[0].rejected is not None:
        return Seen(wrong=f"a hold was refused with {refused[0].rejected.status} {refused[0].rejected.reason}")
    return Seen(well=f"{plural(len(held), 'hold')} accepted", calls=calls)


def _tls(model: Model) -> Seen:
    if model.trace.origin.value != "capture":
        return Seen(hidden="a log holds no TLS handshake")
    facts = model.trace.facts
    begun = [item for item in facts.tls if item.client_hello is not None or item.server_hello is not None]
    if not facts.tls and not facts.tls_connections:
        return Seen(hidden="the trace holds no TLS connection")
    if not begun:
        told = plural(len({*facts.tls_connections, *((item.client, item.server) for item in facts.tls)}), "connection")
        return Seen(hidden=f"the trace holds {told} with TLS, and of none the handshake")
    return Seen(well=f"{plural(len(begun), 'TLS handshake')}, none with a fault")


def _codecs(model: Model) -> Seen:
    agreed = Counter(
        encoding.name
        for item in model.all_rounds
        if item.answer is not None and item.answer.audio is not None
        for encoding in item.answer.audio.speech_encodings[:1]
    )
    if not agreed:
        return Seen(hidden="no offer of the trace is answered", absent=not model.all_rounds)
    told = ", ".join(f"{name} {count:,} times" for name, count in agreed.most_common(5))
    return Seen(hidden=f"which codec is wanted is not in the trace; agreed on were {told}")


def _caller_id(model: Model) -> Seen:
    if not model.legs:
        return Seen(hidden="the trace holds no INVITE", absent=True)
    for leg in model.legs:
        for name in ("p-asserted-identity", "remote-party-id", "from"):
            for alteration in model.journey(leg.invite.request, name).alterations:
                old, new = _identities(alteration)
                if old and new and old != new:
                    return Seen(wrong=f"{alteration.node} changes {name} from {old} to {new} (Call-ID {leg.call_id})")
    return Seen(hidden="which number should be shown is not in the trace; no element in it changes one")


def _identities(alteration: Alteration) -> tuple[str, str]:
    """The URIs before and behind an element, without tags, which every leg has its own of."""

    def uri(values: tuple[str, ...]) -> str:
        text = values[0] if values else ""
        inside = text.partition("<")[2].partition(">")[0] or text
        return inside.partition(";")[0].partition("@")[0]

    return uri(alteration.before.values), uri(alteration.after.values)


def _load(model: Model) -> Seen:
    kpis = compute_kpis(model)
    if kpis.attempts < LOAD:
        few = f"the trace holds only {plural(kpis.attempts, 'call')}; load begins with {LOAD}"
        return Seen(hidden=few, absent=True)
    share = kpis.ineffective / kpis.attempts
    told = f"{kpis.ineffective:,} of {kpis.attempts:,} calls failed in the network (408, 500, 503, 504 or no answer)"
    return Seen(wrong=told) if share >= FAILING else Seen(well=told)


_SIGHTS: dict[Sight, Callable[[Model], Seen]] = {
    Sight.MEDIA: see_media, Sight.QUALITY: see_quality, Sight.DELAYS: _delays, Sight.ENDINGS: _endings,
    Sight.SETUPS: _setups, Sight.REGISTRATIONS: _registrations, Sight.CHALLENGES: _challenges,
    Sight.RINGING: _ringing, Sight.EARLY_MEDIA: see_early_media, Sight.TRANSFERS: _transfers, Sight.HOLDS: _holds,
    Sight.DTMF: see_dtmf, Sight.FAX: see_fax, Sight.WEBRTC: see_webrtc, Sight.TLS: _tls, Sight.CODECS: _codecs,
    Sight.CALLER_ID: _caller_id, Sight.LOAD: _load,
}  # fmt: skip
