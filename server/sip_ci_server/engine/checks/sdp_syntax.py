"""Session descriptions that break the rules of RFC 8866, so that the other side cannot read what is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.payload_types import Encoding
from sip_ci.trace.sdp import MediaDescription, SdpLine, SessionDescription
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, Proof, at_header, at_sdp, check
from sip_ci_server.engine.checks.sdp_transport import unnumbered_format
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described

_DYNAMIC = range(96, 128)
_SESSION_ORDER = "vosiuepcbtrzka"
"""The order of the lines of the session level (RFC 8866 §5); the first `a` or `m` ends what is compared."""
_RTP_MEDIA = ("audio", "video", "text")
"""The media whose rtpmap lines are read."""
_MANDATORY = {"v": Severity.HIGH, "o": Severity.HIGH, "s": Severity.MEDIUM, "t": Severity.MEDIUM}
_ORIGIN_FIELDS = 6
_EMPTY_LINE = re.compile(rb"\n[ \t]*\r?\n")
_LEGS = 32
"""Legs of one Call-ID among which the offer of an answer is looked for."""


def rtpmap_lines(media: MediaDescription) -> list[tuple[str, SdpLine, str]]:
    """The rtpmap lines of a medium: payload type as written, line, and the mapping."""
    found = []
    for line in media.attributes:
        name, _, value = line.value.partition(":")
        if name.strip().lower() == "rtpmap":
            number, _, mapping = value.strip().partition(" ")
            found.append((number, line, mapping.strip()))
    return found


@check(
    "sdp-dynamic-pt-without-rtpmap",
    title="Payload type {type} has no rtpmap",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 8866 §6.6",
)
def sdp_dynamic_pt_without_rtpmap(item: Described, model: Model) -> Iterator[Outcome]:
    """An m-line lists a dynamic payload type that no rtpmap gives a meaning (RFC 8866 §6.6, RFC 3551 §3).

    Medium where another payload type of the same medium can be understood; low in an answer to an offer that gives the
    type its meaning.
    """
    for media in item.description.media:
        if not media.is_rtp or not media.port or media.media not in _RTP_MEDIA:
            continue
        for format_ in media.formats:
            if not (format_.isascii() and format_.isdigit() and len(format_) <= 3) or int(format_) not in _DYNAMIC:
                continue
            if int(format_) in media.encodings:
                continue
            broken = next((line for number, line, _ in rtpmap_lines(media) if number == format_), None)
            proofs = [at_sdp(item.message, media.line, f"payload type {format_} is listed here")]
            if broken is not None:
                proofs.append(at_sdp(item.message, broken, "not <encoding>/<clock rate>"))
            offered = _offered_meaning(item.message, media, int(format_), model)
            yield Found(
                tuple(proofs),
                f"The {item.message.summary} lists payload type {format_} for {media.media}, and "
                + (f"its `a={broken.value}` cannot be read." if broken else "no a=rtpmap says what it means.")
                + (f" In the offer it is {offered}." if offered else ""),
                {"type": format_},
                key=(media.media, format_),
                calls=(item.message.call_id,),
                severity=Severity.LOW if offered else Severity.MEDIUM if media.speech_encodings else None,
            )


def _offered_meaning(answer: SipMessage, media: MediaDescription, number: int, model: Model) -> str:
    """What the offer says of a payload type of its answer; empty where it says nothing, or no offer is known."""
    for leg in model.dialogs.calls.get(answer.call_id, [])[:_LEGS]:
        for item in model.rounds[leg.number]:
            if item.answer_message is answer:
                meanings = (one.encodings.get(number) for one in item.offer.media if one.media == media.media)
                return next((str(meaning) for meaning in meanings if meaning is not None), "")
    return ""


@check(
    "sdp-duplicate-pt",
    title="Payload type {type} has two meanings in one description",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 8866 §6.6",
)
def sdp_duplicate_pt(item: Described, model: Model) -> Iterator[Outcome]:
    """Two rtpmap lines of one medium give the same payload type different encodings."""
    del model
    for media in item.description.media:
        first: dict[str, tuple[SdpLine, Encoding]] = {}
        for number, line, mapping in rtpmap_lines(media):
            parts = mapping.split("/", 3)
            if len(parts) < 2 or not parts[1].strip().isdecimal():
                continue
            channels = int(parts[2]) if len(parts) > 2 and parts[2].strip().isdecimal() else 1
            encoding = Encoding(parts[0].strip(), int(parts[1]), channels)
            known = first.setdefault(number, (line, encoding))
            if known[1].key == encoding.key:
                continue
            yield Found(
                (at_sdp(item.message, known[0], "the first meaning"), at_sdp(item.message, line, "the second")),
                f"The {item.message.summary} says that payload type {number} is {known[1]}, and that it is {encoding}.",
                {"type": number},
                key=(media.media, str(known[1]), str(encoding)),
                calls=(item.message.call_id,),
            )
            break


@check(
    "sdp-mandatory-line",
    title="The session description {fault}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 8866 §5",
)
def sdp_mandatory_line(item: Described, model: Model) -> Iterator[Outcome]:
    """One of v=, o=, s= and t= is missing, v= is not 0, an m= line cannot be read or has formats of RTP that are no
    numbers, o= has not its six fields, s= stands twice, lines stand in another order than RFC 8866 §5 gives, or one of
    them is empty.
    """
    del model
    description, message = item.description, item.message
    session = description.session_lines
    letters = [line.type for line in session]
    for letter, severity in _MANDATORY.items():
        if letter not in letters:
            yield _broken(item, session[0] if session else None, f"has no {letter}= line", letter, severity)
            return
    version = next(line for line in session if line.type == "v")
    if version.value != "0":
        yield _broken(item, version, f"has the version {version.value[:20]}", "version", Severity.MEDIUM)
        return
    unread = next((line for line, _ in description.defects if line.type == "m"), None)
    if unread is not None:
        yield _broken(item, unread, "has an m= line that cannot be read", "media", Severity.MEDIUM)
        return
    for media in description.media:
        unnumbered = unnumbered_format(media)
        if unnumbered is not None:
            fault = f"lists {unnumbered[:20]} for {media.protocol} instead of a payload type number"
            yield _broken(item, media.line, fault, "format", Severity.MEDIUM)
            return
    origin = next(line for line in session if line.type == "o")
    fields = origin.value.split()
    if len(fields) != _ORIGIN_FIELDS:
        fault = f"has an o= line of {len(fields)} fields instead of six"
        yield _broken(item, origin, fault, "origin", Severity.MEDIUM)
        return
    if message.fidelity is Fidelity.DECODED:
        return
    if letters.count("s") > 1:
        yield _broken(item, session[len(letters) - 1 - letters[::-1].index("s")], "has two s= lines", "s", Severity.LOW)
        return
    last = -1
    for line in session:
        place = _SESSION_ORDER.find(line.type)
        if place < 0 or line.type in "rz" or len(line.type) != 1:
            continue
        if place < last:
            fault = f"has its {line.type}= line in the wrong place"
            yield _broken(item, line, fault, "order", Severity.LOW)
            return
        last = place
    gap = _EMPTY_LINE.search(message.raw, message.body_start) if message.fidelity is Fidelity.EXACT else None
    behind = next((line for line in description.lines if gap is not None and line.offset >= gap.end() - 1), None)
    if behind is not None and not message.content_type.startswith("multipart/"):
        yield _broken(item, behind, "has an empty line inside, where some readers stop", "empty", Severity.LOW)


def _broken(item: Described, line: SdpLine | None, fault: str, key: str, severity: Severity) -> Found:
    proof = at_sdp(item.message, line, "the description") if line else Proof("the description", item.message)
    return Found(
        (proof,),
        f"The session description in the {item.message.summary} {fault}.",
        {"fault": fault},
        key=(key,),
        calls=(item.message.call_id,),
        severity=severity,
    )


@check(
    "sdp-missing-connection",
    title="The {media} has no address: no c= line applies to it",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 8866 §5.7",
)
def sdp_missing_connection(item: Described, model: Model) -> Iterator[Outcome]:
    """There must be a c= line in every medium, or one at the session level (RFC 8866 §5.7)."""
    del model
    for media in item.description.media:
        if media.port == 0 or media.connection is not None:
            continue
        broken = next((line for line, _ in item.description.defects if line.type == "c"), None)
        proofs = [at_sdp(item.message, media.line, "no c= line applies to this medium")]
        if broken is not None:
            proofs.append(at_sdp(item.message, broken, "this one cannot be read"))
        yield Found(
            tuple(proofs),
            f"The {item.message.summary} describes {media.media} on port {media.port}, and no c= line says at which"
            " address" + (f"; `c={broken.value}` has not its three fields." if broken else "."),
            {"media": media.media},
            key=(media.media,),
            calls=(item.message.call_id,),
        )


@check(
    "sdp-format-missing",
    title="The {media} has no codec: its m= line lists no format",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 8866 §5.14, §9",
)
def sdp_format_missing(item: Described, model: Model) -> Iterator[Outcome]:
    """An m= line ends behind the transport protocol: at least one format is to follow (RFC 8866 §9)."""
    del model
    for media in item.description.media:
        if media.formats:
            continue
        yield Found(
            (at_sdp(item.message, media.line, "no format follows the protocol"),),
            f"The {item.message.summary} has `m={media.line.value[:120]}`, which lists no format: no codec is left for"
            f" the {media.media}.",
            {"media": media.media},
            key=(media.media,),
            calls=(item.message.call_id,),
            severity=None if media.port else Severity.LOW,
        )


@check(
    "content-type-mismatch",
    title="The body is {body}, and Content-Type says {type}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3261 §20.15",
)
def content_type_mismatch(model: Model, _: Model) -> Iterator[Outcome]:
    """A body that begins as a session description is declared as something else, or nothing in a body that is declared
    as one can be read as one. A body without Content-Type is reported too: it must be there (RFC 3261 §20.15).
    """
    any_body = False
    known: set[tuple[str, str, str]] = set()
    for message in model.messages:
        described = message.content_type == "application/sdp"
        if message.fidelity is Fidelity.TRUNCATED or not (described or b"\nv=0" in message.raw):
            continue
        body = message.body
        if not body.strip() or message.header("content-encoding"):
            continue
        any_body = True
        is_sdp = body.lstrip().startswith(b"v=0")
        declared = message.content_type
        key = (message.call_id, message.method or str(message.status), declared)
        if is_sdp is described or declared.startswith("multipart/") or key in known:
            continue
        if not declared and message.fidelity is Fidelity.DECODED:
            continue
        if described and _reads_as_description(model.descriptions.of(message)):
            continue
        if not described and not is_sdp:
            continue
        known.add(key)
        names = ("a session description" if is_sdp else "no session description", declared or "nothing")
        yield Found(
            (at_header(message, "content-type", "what the body is said to be"),),
            f"The body of the {message.summary} is {names[0]}, and its Content-Type says {names[1]}.",
            {"body": names[0], "type": names[1]},
            key=(names[0], declared),
            calls=(message.call_id,),
        )
    if not any_body:
        cut = any(message.fidelity is Fidelity.TRUNCATED and len(message.raw) > message.body_start
                  for message in model.messages)  # fmt: skip
        yield NotCheckable("the bodies of the trace are not whole" if cut else "the trace holds no session description")


def _reads_as_description(description: SessionDescription | None) -> bool:
    return description is not None and any(line.type in ("v", "o", "m") for line in description.lines)
