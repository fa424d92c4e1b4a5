"""What a caller hears before the call is answered, and changes to the session before that."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.attempts import is_challenge
from sip_ci_server.engine.checks.registry import Found, Needs, Outcome, at, at_header, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.media_sessions import MediaSession
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sequence import name_of, phrase_of
from sip_ci_server.engine.transactions import Transaction

SILENT = 2.0
"""Seconds without RTP after an announcement of early media that a caller notices."""
LOOKED_AT = 8
"""The UPDATEs of a call that are looked at: the rest repeat them."""


def _is_ringing(transaction: Transaction) -> bool:
    return transaction.method == "INVITE" and any((item.status or 0) > 100 for item in transaction.provisionals)


@check(
    "early-media-no-sdp",
    title="183 Session Progress carries no SDP",
    severity=Severity.LOW,
    category=Category.SIGNALING,
    rfc="RFC 3960 §3.2",
    absent="the trace holds no 183",
    only=lambda transaction: any(item.status == 183 for item in transaction.provisionals),
)
def early_media_no_sdp(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 183 without session description, so that the caller can hear nothing (RFC 3960 §3.2)."""
    if model.is_forwarded(transaction) or model.descriptions.of(transaction.request) is None:
        return
    described = [item for item in transaction.provisionals if model.descriptions.of(item) is not None]
    bare = next((item for item in transaction.provisionals if item.status == 183 and not item.body), None)
    if bare is None or described or (bare.content_length or 0) > 0:
        return
    yield Found(
        (at(bare, "a 183 without SDP"),),
        f"{name_of(bare)} sent {phrase_of(bare)} without SDP. Nothing tells the caller where early media comes"
        " from, and many phones play no ringing tone after a 183.",
        calls=(transaction.call_id,),
    )


@check(
    "ringback-conflict",
    title="180 without SDP follows early media",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3960 §3.2",
    absent="the trace holds no INVITE that rang",
    only=_is_ringing,
)
def ringback_conflict(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """A 183 with SDP announced early media, and a 180 without SDP of the same dialog followed (RFC 3960 §3.2).

    Some phones then play their own ringing tone, others go on with the media.
    """
    if model.is_forwarded(transaction):
        return
    announced: dict[str, SipMessage] = {}
    for response in transaction.provisionals:
        described = model.descriptions.of(response) is not None
        if response.status == 183 and described:
            announced.setdefault(response.to.tag, response)
        elif response.status == 180 and not described and response.to.tag in announced:
            first = announced[response.to.tag]
            yield Found(
                (at(first, "early media is announced"), at(response, "ringing without SDP")),
                f"{name_of(response)} announced early media with {phrase_of(first)} and then sent {phrase_of(response)}"
                " without SDP. Whether the caller hears the media, a local ringing tone or both depends on the phone.",
                calls=(transaction.call_id,),
            )
            return


@check(
    "early-media-forked",
    title="Early media comes from {count} places at once",
    severity=Severity.INFO,
    category=Category.MEDIA,
    rfc="RFC 3960 §3.1",
    absent="the trace holds no INVITE that rang",
    only=_is_ringing,
)
def early_media_forked(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """Provisional responses of two dialogs announced early media (RFC 3960 §3.1): the caller can play but one."""
    announced: dict[str, SipMessage] = {}
    for response in transaction.provisionals:
        if (response.status or 0) > 100 and response.to.tag and model.descriptions.of(response) is not None:
            announced.setdefault(response.to.tag, response)
    if len(announced) < 2:
        return
    yield Found(
        tuple(at(response, "early media of one dialog") for response in list(announced.values())[:4]),
        f"The INVITE was forked, and {len(announced)} dialogs announced early media. The caller hears one of them, or a"
        " mixture.",
        {"count": str(len(announced))},
        key=("forked",),
        calls=(transaction.call_id,),
    )


@check(
    "early-media-gap",
    title="Early media was announced and did not come",
    severity=Severity.LOW,
    category=Category.MEDIA,
    rfc="RFC 3960 §3.2",
    confidence=Confidence.POSSIBLE,
    needs=Needs.TIMES | Needs.MEDIA,
    absent="the trace holds no call with audio",
)
def early_media_gap(session: MediaSession, model: Model) -> Iterator[Outcome]:
    """A 183 with SDP was followed by two seconds or more without RTP towards the caller (RFC 3960 §3.2).

    Judged only where RTP in that direction is seen later in the call. The RTP may be there and be of a tone nobody
    needs, so this is low.
    """
    invite, streams = session.leg.invite, session.to_caller
    final = invite.final
    announced = next(
        (item for item in invite.provisionals if item.status == 183 and model.descriptions.of(item) is not None), None
    )
    if announced is None or final is None or not streams or len(invite.request.via) != 1:
        return
    start, end = announced.observation.time, final.observation.time
    if start is None or end is None or end - start <= SILENT or session.ambiguous:
        return
    first = min(stream.starts for stream in streams)
    if first - start <= SILENT:
        return
    yield Found(
        (at(announced, "early media is announced"), at(final, "the final response")),
        f"{name_of(announced)} announced early media with {phrase_of(announced)}, and the first RTP towards the caller"
        f" came {first - start:.1f} s later.",
        calls=(session.leg.call_id,),
    )


@check(
    "early-update-rejected",
    title="UPDATE before the answer was refused with {status}",
    severity=Severity.MEDIUM,
    category=Category.SIGNALING,
    rfc="RFC 3311 §5.2",
    absent="the trace holds no UPDATE",
    only=lambda transaction: transaction.method == "UPDATE",
)
def early_update_rejected(transaction: Transaction, model: Model) -> Iterator[Outcome]:
    """An UPDATE in an early dialog was refused (RFC 3311 §5.2); 491, 504, and 500 with Retry-After ask for another
    try, and are none.
    """
    final, request = transaction.final, transaction.request
    if final is None or (final.status or 0) < 300 or is_challenge(final) or model.relayed_from_further_on(transaction):
        return
    if final.status in (422, 491, 504) or (final.status == 500 and final.header("retry-after") is not None):
        return
    tags = {request.from_.tag, request.to.tag}
    for leg in model.dialogs.calls.get(transaction.call_id, []):
        if {leg.caller_tag, leg.callee_tag} != tags or transaction not in leg.transactions:
            continue
        ended = leg.invite.final
        if not leg.invite.responses or (ended is not None and ended.index < final.index):
            continue
        yield Found(
            (at(leg.invite.request, "the INVITE"), at(request, "the UPDATE"), at(final, "its refusal")),
            f"{name_of(final)} answered an UPDATE {phrase_of(final)} while the INVITE was not yet answered.",
            {"status": phrase_of(final)},
            key=(str(final.status),),
            calls=(transaction.call_id,),
        )
        return


@check(
    "update-not-allowed",
    title="UPDATE was sent to a side that does not allow it",
    severity=Severity.LOW,
    category=Category.COMPLIANCE,
    rfc="RFC 3311 §4",
    absent="the trace holds no call with UPDATE",
    only=lambda leg: any(item.method == "UPDATE" for item in leg.transactions),
)
def update_not_allowed(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The last Allow of the other side does not list UPDATE (RFC 3311 §4), low because some agents take it all the
    same.
    """
    del model
    for update in [item for item in leg.transactions if item.method == "UPDATE"][:LOOKED_AT]:
        by_caller = leg.sent_by_caller(update)
        heard: list[SipMessage] = []
        for item in (leg.invite, *leg.transactions):
            if leg.sent_by_caller(item) is by_caller:
                heard += [response for response in item.responses if (response.status or 0) < 300]
            else:
                heard.append(item.request)
        heard = [message for message in heard if message.index < update.request.index and message.header("allow")]
        if not heard:
            continue
        last = max(heard, key=lambda message: message.index)
        if "update" in last.options("allow") or any("update" in message.options("allow") for message in heard):
            continue
        yield Found(
            (at_header(last, "allow", "what the other side allows"), at(update.request, "the UPDATE")),
            f"{name_of(update.request)} sent UPDATE, and the other side's last `Allow` lists"
            f" {', '.join(sorted(last.options('allow'))).upper()}.",
            key=("accepted" if update.success is not None else "refused",),
            calls=(leg.call_id,),
        )
        return
