"""Fax over T.38 as signalling shows it (ITU-T T.38 Annex D): refused, answered with more than was offered, unused."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.sdp import MediaDescription, SessionDescription
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_sdp, check
from sip_ci_server.engine.checks.sdp_answers import has_answer
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round

_NO_FAX = "the trace holds no offer of T.38"
_NO_REFUSALS = (401, 407, 408, 481, 487, 491)
"""Finals that say nothing of T.38: challenges, calls that are gone, and glare."""
_G711 = ("PCMU", "PCMA")
_COMPRESSED = ("G729", "G723", "GSM", "AMR", "AMR-WB", "ILBC", "OPUS", "SPEEX", "EVS", "G728", "SILK")
"""Codecs that fax tones do not survive."""
_PATIENCE = 5.0
"""Seconds within which a gateway sends UDPTL: it repeats its no-signal indicator."""
_LIMITS = ("t38faxversion", "t38maxbitrate")


def fax_of(description: SessionDescription | None) -> MediaDescription | None:
    """The T.38 medium of a description that is switched on."""
    if description is None:
        return None
    for media in description.media:
        formats = [format_.lower() for format_ in media.formats]
        if media.media == "image" and media.port and "udptl" in media.protocol.lower() and "t38" in formats:
            return media
    return None


def offers_fax(item: Round) -> bool:
    """Whether an offer wants T.38."""
    return fax_of(item.offer) is not None


def _refusal(item: Round) -> str:
    """How an offer of T.38 was refused; empty where it was not."""
    if item.rejected is not None:
        status = item.rejected.status or 0
        return "" if status in _NO_REFUSALS else f"{status} {item.rejected.reason}".strip()
    return "port 0" if item.answer is not None and fax_of(item.answer) is None else ""


def _rounds_after(item: Round, model: Model) -> list[Round]:
    rounds = model.rounds[item.leg.number]
    return rounds[rounds.index(item) + 1 :]


def _codec(leg: Leg, model: Model, before: Round) -> str:
    """The name of the codec that the call uses when fax is offered; empty where it is unknown."""
    name = ""
    for item in model.rounds[leg.number]:
        if item is before:
            break
        audio = item.answer.audio if item.answer is not None and item.rejected is None else None
        if audio is not None and audio.port and audio.speech_encodings:
            name = audio.speech_encodings[0].name.upper()
    return name


def _falls_back(item: Round, model: Model) -> bool:
    """Whether a later offer of the call brought G.711."""
    for later in _rounds_after(item, model):
        audio = later.answer.audio if later.answer is not None and later.rejected is None else None
        if audio is not None and audio.port and any(one.name.upper() in _G711 for one in audio.speech_encodings):
            return True
    return False


@check(
    "t38-reinvite-rejected",
    title="The switch to T.38 was refused with {status}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3261 §14.1",
    absent=_NO_FAX,
    only=lambda item: offers_fax(item) and not item.initial,
)
def t38_reinvite_rejected(item: Round, model: Model) -> Iterator[Outcome]:
    """A re-INVITE that offers T.38 was refused, or answered with port zero.

    Medium where G.711 carries the call, so that the fax may still pass as audio; low where a later offer brought it,
    which is how gateways fall back on purpose.
    """
    status = _refusal(item)
    media = fax_of(item.offer)
    if not status or media is None or any(
        offers_fax(later) and later.answer is not None and not _refusal(later) for later in _rounds_after(item, model)
    ):  # fmt: skip
        return
    falls_back = _falls_back(item, model)
    passes = falls_back or _codec(item.leg, model, item) in _G711
    final = item.rejected or item.answer_message or item.offer_message
    yield Found(
        (at_sdp(item.offer_message, media.line, "T.38 is offered"), at(final, "the refusal")),
        f"The {'caller' if item.offered_by_caller else 'callee'} offered T.38 on port {media.port}, and it was refused"
        f" with {status}." + (" G.711 carries the fax as audio." if passes else ""),
        {"status": status},
        key=(status.split(" ")[0],),
        calls=(item.leg.call_id,),
        severity=Severity.LOW if falls_back else Severity.MEDIUM if passes else None,
    )


@check(
    "fax-on-compressed-codec",
    title="The fax has to pass through {codec}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3264 §8.3.3",
    absent=_NO_FAX,
    only=lambda item: offers_fax(item) and not item.initial,
)
def fax_on_compressed_codec(item: Round, model: Model) -> Iterator[Outcome]:
    """T.38 was refused, the call uses a codec that fax tones do not survive, and no later offer brings G.711."""
    codec = _codec(item.leg, model, item)
    media = fax_of(item.offer)
    if media is None or not _refusal(item) or codec not in _COMPRESSED or _falls_back(item, model):
        return
    if any(offers_fax(later) for later in _rounds_after(item, model)):
        return
    yield Found(
        (at_sdp(item.offer_message, media.line, "T.38 is offered and refused"),),
        f"T.38 was refused, and the call goes on with {codec}, which does not carry the tones of a fax machine.",
        {"codec": codec},
        key=(codec,),
        calls=(item.leg.call_id,),
    )


def _number(media: MediaDescription, name: str) -> int | None:
    value = (media.attribute(name) or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


@check(
    "t38-param-drift",
    title="The T.38 answer has {parameter} {answered} where the offer has {offered}",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="",
    absent=_NO_FAX,
    only=lambda item: offers_fax(item) and has_answer(item),
)
def t38_param_drift(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer asks for a higher version or bit rate than was offered, or for another way of rate management
    (ITU-T T.38 Annex D).
    """
    del model
    offered, answered = fax_of(item.offer), fax_of(item.answer)
    if offered is None or answered is None or item.answer_message is None:
        return
    drifts = [
        (name, str(left), str(right))
        for name in _LIMITS
        if (left := _number(offered, name)) is not None
        and (right := _number(answered, name)) is not None
        and right > left
    ]
    managed = [(one.attribute("t38faxratemanagement") or "").lower() for one in (offered, answered)]
    if all(managed) and managed[0] != managed[1]:
        drifts.append(("t38faxratemanagement", managed[0], managed[1]))
    for name, limit, wanted in drifts:
        lines = offered.attribute_line(name), answered.attribute_line(name)
        if lines[0] is None or lines[1] is None:
            continue
        yield Found(
            (at_sdp(item.offer_message, lines[0], "offered"), at_sdp(item.answer_message, lines[1], "answered")),
            f"The offer has `a={lines[0].value}`, and the {item.answer_message.summary} answers `a={lines[1].value}`.",
            {"parameter": lines[1].value.partition(":")[0], "offered": limit, "answered": wanted},
            key=(name,),
            calls=(item.leg.call_id,),
        )


@check(
    "t38-port-reuse",
    title="T.38 takes the port of the audio that it replaces",
    severity=Severity.INFO,
    category=Category.CODEC,
    rfc="RFC 3264 §8.3.3",
    absent=_NO_FAX,
    only=lambda item: offers_fax(item) and not item.initial,
)
def t38_port_reuse(item: Round, model: Model) -> Iterator[Outcome]:
    """The port of the T.38 offer is that of the same side's audio: allowed, and hard on firewalls that track RTP."""
    media = fax_of(item.offer)
    for earlier in model.rounds[item.leg.number]:
        if earlier is item or media is None:
            return
        same_side = earlier.offer if earlier.offered_by_caller is item.offered_by_caller else earlier.answer
        if same_side is None or same_side.audio is None or same_side.audio.port != media.port:
            continue
        yield Found(
            (at_sdp(item.offer_message, media.line, f"port {media.port}, which was that of the audio"),),
            f"T.38 is offered on port {media.port}, which carried the audio of the same side.",
            key=("caller" if item.offered_by_caller else "callee",),
            calls=(item.leg.call_id,),
        )
        return


@check(
    "t38-glare",
    title="Both sides switched to T.38 at the same time",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3261 §14.1",
    absent=_NO_FAX,
    only=lambda item: offers_fax(item) and not item.initial,
)
def t38_glare(item: Round, model: Model) -> Iterator[Outcome]:
    """An offer of T.38 was answered 491: the other side offered it too."""
    if item.rejected is None or item.rejected.status != 491:
        return
    other = next(
        (
            one
            for one in model.rounds[item.leg.number]
            if one is not item and offers_fax(one) and one.offered_by_caller is not item.offered_by_caller
        ),
        None,
    )
    if other is None:
        return
    yield Found(
        (at(item.offer_message, "one offer"), at(other.offer_message, "the other"), at(item.rejected, "refused")),
        "Caller and callee offered T.38 at the same time, and one of the offers was refused with 491.",
        calls=(item.leg.call_id,),
    )


@check(
    "t38-no-udptl",
    each=True,
    title="T.38 was agreed on and no UDPTL is sent",
    severity=Severity.HIGH,
    category=Category.MEDIA,
    rfc="",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES | Needs.MEDIA,
    absent=_NO_FAX,
    only=lambda item: offers_fax(item) and has_answer(item) and fax_of(item.answer) is not None,
)
def t38_no_udptl(item: Round, model: Model) -> Iterator[Outcome]:
    """Both sides agreed on T.38, the call went on for more than five seconds, and nothing went to or from either port,
    though the call's audio is in the trace.
    """
    session = model.session_of(item.leg)
    if model.trace.media.spill is not None:
        yield NotCheckable("the capture is too large to look for UDPTL")
        return
    offered, answered = fax_of(item.offer), fax_of(item.answer)
    started = item.answer_message.observation.time if item.answer_message is not None else None
    if offered is None or answered is None or started is None or item.answer_message is None:
        return
    if session is None or not session.streams or not model.seen.would_show(started, _PATIENCE) or model.seen.lossy:
        yield NotCheckable("the trace does not hold the audio of a call that switches to T.38")
        return
    if item.leg.ended_at is not None and item.leg.ended_at - started < _PATIENCE:
        return
    ends = {
        Endpoint(media.connection.address, media.port) for media in (offered, answered) if media.connection is not None
    }
    table = model.trace.media
    numbers = [number for number, end in enumerate(table.endpoints) if end in ends]
    rows = ((table.kind == MediaKind.UDPTL) | (table.kind == MediaKind.OTHER)) & (table.time_ns >= int(started * 1e9))
    for row in rows.nonzero()[0].tolist():
        if int(table.source[row]) in numbers or int(table.destination[row]) in numbers:
            return
    yield Found(
        (
            at_sdp(item.offer_message, offered.line, "T.38 is offered"),
            at_sdp(item.answer_message, answered.line, "and accepted"),
        ),
        f"Both sides agreed on T.38 ({', '.join(sorted(map(str, ends)))}), and no UDPTL went to or from these ports.",
        calls=(item.leg.call_id,),
    )
