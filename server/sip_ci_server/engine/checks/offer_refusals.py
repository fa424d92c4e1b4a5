"""Offers that are refused for their profile or DTLS role, and INVITEs that are refused for having no offer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci_server.engine.checks.dtls_srtp import over_dtls
from sip_ci_server.engine.checks.registry import Found, Outcome, at, at_sdp, check
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Described, Round
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

_RTP_PROFILE = re.compile(r"(?:(?:UDP|TCP|UDP/TLS|TCP/TLS|TCP/DTLS)/)?RTP/S?AVPF?", re.IGNORECASE)
"""The protocols of m= lines that carry RTP (RFC 3551, RFC 3711, RFC 4585, RFC 5124, RFC 5764, RFC 4571, RFC 7850)."""
_OF_DESCRIPTIONS = frozenset({400, 406, 415, 488, 500, 606})
"""Responses of an element that cannot do with a description, or without one."""


@check(
    "sdp-profile-unknown",
    title="The m= line of {media} names {protocol}, which is no profile of RTP",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 8866 §5.14",
    absent="the trace holds no session description with audio or video",
    only=lambda item: any(media.media in ("audio", "video") for media in item.description.media),
)
def sdp_profile_unknown(item: Described, model: Model) -> Iterator[Outcome]:
    """Audio or video with payload types goes over a protocol that begins or ends as RTP/AVP does and is none.

    Low where the call was answered all the same. Names without RTP or AVP belong to other protocols and are not judged.
    """
    for media in item.description.media:
        protocol = media.protocol.strip()
        if media.media not in ("audio", "video") or not all(one.isdigit() for one in media.formats):
            continue
        if _RTP_PROFILE.fullmatch(protocol) or not re.search(r"RTP|AVP", protocol, re.IGNORECASE):
            continue
        yield Found(
            (at_sdp(item.message, media.line, "the profile"),),
            f"The {item.message.summary} describes {media.media} over `{protocol[:40]}`. RTP in the clear is `RTP/AVP`,"
            " with SDES keys `RTP/SAVP`, for browsers `UDP/TLS/RTP/SAVPF`.",
            {"media": media.media, "protocol": protocol[:40]},
            key=(protocol.upper()[:40],),
            calls=(item.message.call_id,),
            severity=Severity.LOW if model.lookups.is_answered(item.message.call_id) else None,
        )
        return


@check(
    "dtls-offer-role",
    title="The offer says a=setup:{role} instead of actpass",
    severity=Severity.HIGH,
    category=Category.ENCRYPTION,
    rfc="RFC 5763 §5; RFC 8842 §5.2, §5.5",
    absent="the trace holds no offer with DTLS",
    only=lambda item: any(over_dtls(media) for media in item.offer.media),
)
def dtls_offer_role(item: Round, model: Model) -> Iterator[Outcome]:
    """An offer over DTLS has another role than actpass (RFC 5763 §5, RFC 8842 §5.2, §5.5): browsers refuse it.

    Noted only where it was answered: an answerer has to understand the other roles for the sake of old ones (§5.3).
    """
    del model
    for media in item.offer.media:
        role = (media.attribute("setup", inherit=True) or "").strip().lower()
        if not over_dtls(media) or role not in ("active", "passive"):
            continue
        refusal = item.rejected
        refused = refusal is not None and refusal.status in _OF_DESCRIPTIONS
        line = media.attribute_line("setup", inherit=True) or media.line
        where = "re-INVITE" if item.transaction.method == "INVITE" and not item.initial else item.transaction.method
        yield Found(
            (
                at_sdp(item.offer_message, line, "the role that the offer asks for"),
                *([at(refusal, "the refusal")] if refused and refusal is not None else []),
            ),
            f"{name_of(item.offer_message)} offers {media.media} over DTLS with `a=setup:{role}` ({where})"
            + (f", and was answered {phrase_of(refusal)}." if refused and refusal is not None else "."),
            {"role": role},
            key=(role, "first" if item.initial else "later"),
            calls=(item.leg.call_id,),
            severity=None if refused else Severity.INFO,
        )
        return


@check(
    "offerless-invite-refused",
    title="An INVITE without an offer was refused with {status}",
    severity=Severity.HIGH,
    category=Category.CODEC,
    rfc="RFC 3261 §13.3.1",
    confidence=Confidence.LIKELY,
    absent="the trace holds no INVITE without a description",
    only=lambda item: item.method == "INVITE" and not item.request.body,
)
def offerless_invite_refused(item: Transaction, model: Model) -> Iterator[Outcome]:
    """An INVITE that leaves the offer to the callee (RFC 3261 §13.3.1, §14.1) got a refusal as if it were malformed.

    Only where nothing else of the request explains a 400: then it lacks nothing that every request has.
    """
    final, request = item.final, item.request
    if final is None or final.status not in _OF_DESCRIPTIONS or model.relayed_from_further_on(item):
        return
    if final.status == 500 and final.lines_of("retry-after"):
        return
    # A body that the trace lost was there, and a length that is not zero says so.
    if (request.content_length or 0) > 0 or request.lines_of("content-type") or not request.lines_of("contact"):
        return
    yield Found(
        (at(request, "the INVITE, without a description"), at(final, "its refusal")),
        f"{name_of(request)} sent INVITE without a session description, which asks {name_of(final)} for the offer, and"
        f" was answered {phrase_of(final)}.",
        {"status": phrase_of(final)},
        key=(str(final.status), "first" if item.is_initial else "later"),
        calls=(item.call_id,),
    )
