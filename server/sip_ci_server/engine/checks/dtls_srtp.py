"""What session descriptions say of DTLS-SRTP: fingerprints and roles (RFC 5763, RFC 8842)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.sdp import MediaDescription, SdpLine, SessionDescription
from sip_ci.trace.trace import TraceOrigin
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.checks.sdp_answers import NO_ANSWER, has_answer
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Pair, Round

_HASH_BYTES = {"sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
"""Bytes of the hash functions that fingerprints are made with (RFC 8122 §5)."""
_DIGITS_OF_A_HASH = 4
"""Different digits below which a value is no hash: it is masked, or an example."""
_NEEDED = ("fingerprint", "setup", "ice-ufrag", "candidate", "rtcp-mux")
"""Of these each description over DTLS has some."""
_NO_DTLS = "the trace holds no session description with DTLS"


def over_dtls(media: MediaDescription) -> bool:
    """Whether a medium is switched on and keyed by DTLS (RFC 5764 §8, RFC 8841 §4)."""
    protocol = media.protocol.upper()
    return bool(media.port) and (protocol.startswith("UDP/TLS/") or "DTLS" in protocol)


def is_bundled(description: SessionDescription) -> bool:
    """Whether media share one transport, so that its attributes may stand in one of them only (RFC 9143 §7)."""
    return any(value.upper().startswith("BUNDLE") for value in description.attribute_values("group"))


def is_shortened(item: Described, model: Model) -> bool:
    """Whether a description over DTLS is an excerpt: in a text or log, without any line that DTLS or ICE need.

    No program writes such a description, and people who paste one leave out what they think does not matter.
    """
    if model.trace.origin is TraceOrigin.CAPTURE:
        return False
    return not any(media.attribute_line(name, inherit=True) for media in item.description.media for name in _NEEDED)


@check(
    "dtls-fingerprint-missing",
    title="The {media} is keyed by DTLS and no fingerprint is given",
    severity=Severity.CRITICAL,
    category=Category.ENCRYPTION,
    rfc="RFC 5763 §5",
    absent=_NO_DTLS,
    only=lambda item: any(over_dtls(media) for media in item.description.media),
)
def dtls_fingerprint_missing(item: Described, model: Model) -> Iterator[Outcome]:
    """A medium over DTLS has no a=fingerprint, and neither has the session; in a bundle one medium's is enough.

    Low where somebody seems to have shortened the description: a text in which all else that DTLS needs is absent, too.
    """
    description = item.description
    shortened = is_shortened(item, model)
    anywhere = any(media.attribute_line("fingerprint", inherit=True) for media in description.media)
    if anywhere and is_bundled(description):
        return
    for media in description.media:
        if not over_dtls(media) or media.attribute_line("fingerprint", inherit=True):
            continue
        yield Found(
            (at_sdp(item.message, media.line, "DTLS, and no a=fingerprint applies"),),
            f"The {item.message.summary} describes {media.media} over {media.protocol} without a fingerprint of the"
            " certificate.",
            {"media": media.media},
            key=(media.media,),
            calls=(item.message.call_id,),
            severity=Severity.LOW if shortened else None,
            confidence=Confidence.POSSIBLE if shortened else None,
        )


@check(
    "dtls-fingerprint-malformed",
    title="The fingerprint {fault}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 8122 §5",
    absent=_NO_DTLS,
    only=lambda item: any(over_dtls(media) for media in item.description.media),
)
def dtls_fingerprint_malformed(item: Described, model: Model) -> Iterator[Outcome]:
    """A fingerprint has not as many bytes as its hash gives, is none of hexadecimal bytes with colons, or is by MD2 or
    MD5, which are not allowed. Silent where a log masks it, and where another fingerprint of the medium is sound.
    """
    del model
    for media in item.description.media:
        if not over_dtls(media):
            continue
        lines = [line for line in media.attributes if _is_fingerprint(line)]
        lines = lines or [line for line in media.session_attributes if _is_fingerprint(line)]
        faults = [(line, _fault_of(line.value.partition(":")[2])) for line in lines]
        if not faults or any(not fault for _, fault in faults):
            continue
        line, fault = faults[0]
        yield Found(
            (at_sdp(item.message, line, fault),),
            f"The {item.message.summary} describes {media.media} over {media.protocol} with a fingerprint that"
            f" {fault}.",
            {"fault": fault},
            key=(fault.split(" instead")[0],),
            calls=(item.message.call_id,),
        )
        return


def _is_fingerprint(line: SdpLine) -> bool:
    return line.value.partition(":")[0].strip().lower() == "fingerprint"


def _fault_of(value: str) -> str:
    """What is wrong with a fingerprint; empty where nothing is, or where it cannot be judged."""
    fields = value.split()
    if len(fields) != 2:
        return "is not a hash function and its value"
    name, digits = fields[0].lower(), fields[1].upper().split(":")
    if name in ("md2", "md5"):
        return f"is by {name.upper()}"
    expected = _HASH_BYTES.get(name)
    if expected is None or len(set(fields[1]) - {":"}) < _DIGITS_OF_A_HASH:
        return ""
    if any(len(pair) != 2 or set(pair) - set("0123456789ABCDEF") for pair in digits):
        return "is not written as hexadecimal bytes with colons"
    return "" if len(digits) == expected else f"has {len(digits)} bytes instead of the {expected} of {name}"


@check(
    "dtls-setup-conflict",
    title="The DTLS roles do not fit: {offered} was answered with {answered}",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 5763 §5",
    absent=NO_ANSWER,
    only=has_answer,
)
def dtls_setup_conflict(item: Round, model: Model) -> Iterator[Outcome]:
    """The answer must be active to a passive offer, passive to an active one, and either of both to actpass.

    Medium where the answer has no a=setup: many implementations take it for active.
    """
    del model
    for pair in item.pairs:
        if not _keyed_by_dtls(pair):
            continue
        offered, answered = _role(pair.offered), _role(pair.answered)
        if (offered, answered) in (("active", "passive"), ("passive", "active")):
            continue
        if offered in ("actpass", "") and answered in ("active", "passive"):
            continue
        if "holdconn" in (offered, answered):
            continue
        if not answered and is_bundled(item.offer):
            continue
        lines = pair.offered.attribute_line("setup", inherit=True), pair.answered.attribute_line("setup", inherit=True)
        yield Found(
            (
                at_sdp(pair.offer_message, lines[0] or pair.offered.line, f"offered: {offered or 'no a=setup'}"),
                at_sdp(pair.answer_message, lines[1] or pair.answered.line, f"answered: {answered or 'no a=setup'}"),
            ),
            f"The offer has {f'a=setup:{offered}' if offered else 'no a=setup'}, and the {pair.answer_message.summary}"
            f" answers {f'a=setup:{answered}' if answered else 'without a=setup'}: nobody, or everybody, begins the"
            " handshake.",
            {"offered": offered or "no role", "answered": answered or "no role"},
            key=(offered, answered),
            calls=(item.leg.call_id,),
            severity=None if answered else Severity.MEDIUM,
        )
        return


def _keyed_by_dtls(pair: Pair) -> bool:
    return pair.active and all(
        over_dtls(side) or side.attribute_line("fingerprint", inherit=True) for side in (pair.offered, pair.answered)
    )


def _role(media: MediaDescription) -> str:
    return (media.attribute("setup", inherit=True) or "").lower()


@check(
    "dtls-role-changed",
    title="The DTLS roles change in the middle of the call, on the same addresses",
    severity=Severity.MEDIUM,
    category=Category.ENCRYPTION,
    rfc="RFC 8842 §5.1",
    confidence=Confidence.LIKELY,
    absent="the trace holds no call that agrees on DTLS twice",
    only=lambda leg: leg.answer is not None,
)
def dtls_role_changed(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A later answer turns the roles round while certificates, addresses and credentials of both sides stay.

    Other roles mean a new association (RFC 8842 §4), for which one side has to take a new address or port (§5.1);
    without one the roles must stay (§5.3).
    """
    agreed: dict[int, tuple[bool, tuple[str, ...], Pair]] = {}
    for item in model.rounds[leg.number]:
        for pair in item.pairs:
            answered = _role(pair.answered)
            if not _keyed_by_dtls(pair) or answered not in ("active", "passive"):
                continue
            by_caller = (answered == "passive") is item.offered_by_caller
            sides = (pair.offered, pair.answered) if item.offered_by_caller else (pair.answered, pair.offered)
            marks = tuple(mark for side in sides for mark in _marks(side))
            before = agreed.get(pair.offered.index)
            agreed[pair.offered.index] = by_caller, marks, pair
            if before is None or before[0] is by_caller or before[1] != marks:
                continue
            yield _turned(leg, before[2], pair)
            return


def _marks(media: MediaDescription) -> tuple[str, ...]:
    """What stays where an association does: certificate, address and credentials of a side."""
    connection = media.connection.address if media.connection is not None else ""
    names = ("fingerprint", "tls-id", "ice-ufrag")
    return connection, str(media.port), *((media.attribute(name, inherit=True) or "").upper() for name in names)


def _turned(leg: Leg, before: Pair, after: Pair) -> Found:
    pairs = ((before, "the roles so far"), (after, "the other way round"))
    proofs = [
        at_sdp(pair.answer_message, pair.answered.attribute_line("setup", inherit=True) or pair.answered.line, why)
        for pair, why in pairs
    ]
    return Found(
        tuple(proofs),
        f"The {after.answer_message.summary} answers a=setup:{_role(after.answered)} for {after.answered.media}, which"
        " turns the roles round that were agreed before, while certificates, addresses and credentials of ICE of both"
        " sides are the same.",
        key=(after.answered.media,),
        calls=(leg.call_id,),
    )
