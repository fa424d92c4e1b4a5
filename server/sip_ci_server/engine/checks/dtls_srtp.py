"""What session descriptions say of DTLS-SRTP: fingerprints and roles (RFC 5763, RFC 8842)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.sdp import MediaDescription, SessionDescription
from sip_ci_server.engine.checks.registry import Found, Outcome, at_sdp, check
from sip_ci_server.engine.checks.sdp_answers import NO_ANSWER, has_answer
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Pair, Round

_NO_DTLS = "the trace holds no session description with DTLS"


def over_dtls(media: MediaDescription) -> bool:
    """Whether a medium is switched on and keyed by DTLS (RFC 5764 §8, RFC 8841 §4)."""
    protocol = media.protocol.upper()
    return bool(media.port) and (protocol.startswith("UDP/TLS/") or "DTLS" in protocol)


def is_bundled(description: SessionDescription) -> bool:
    """Whether media share one transport, so that its attributes may stand in one of them only (RFC 9143 §7)."""
    return any(value.upper().startswith("BUNDLE") for value in description.attribute_values("group"))


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
    """A medium over DTLS has no a=fingerprint, and neither has the session; in a bundle one medium's is enough."""
    del model
    description = item.description
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
        )


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
