"""Descriptions that change in a call where they must stay, or are missing where they must come (RFC 3264 §8)."""

from __future__ import annotations

from collections.abc import Iterator

from sip_ci.findings import Category, Severity
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Fidelity
from sip_ci.trace.sdp import SdpLine, SessionDescription
from sip_ci.wording import plural
from sip_ci_server.engine.checks.registry import Found, NotCheckable, Outcome, Proof, at, at_header, at_sdp, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round, is_reliable_provisional

_NO_SECOND = "the trace holds no second offer in a call"
_DYNAMIC = range(96, 128)
_Side = tuple[SipMessage, SessionDescription]


def accepted_rounds(leg: Leg, model: Model) -> list[Round]:
    """The offers of a leg that were not refused: a refused description never took effect (RFC 3264 §4)."""
    return [item for item in model.rounds[leg.number] if item.rejected is None]


def _steps(leg: Leg, model: Model) -> Iterator[tuple[bool, bool, _Side, _Side]]:
    """Each description with the one that the same side sent before: whether it is the caller's, whether it is an
    offer, the earlier, the later.
    """
    previous: dict[bool, _Side] = {}
    for item in accepted_rounds(leg, model):
        sides = (
            (item.offer_message, item.offer, item.offered_by_caller, True),
            (item.answer_message, item.answer, not item.offered_by_caller, False),
        )
        for message, description, caller, is_offer in sides:
            if message is None or description is None:
                continue
            if caller in previous:
                yield caller, is_offer, previous[caller], (message, description)
            previous[caller] = (message, description)


def _origin(side: _Side, why: str) -> Proof:
    line = next((line for line in side[1].lines if line.type == "o"), None)
    return at_sdp(side[0], line, why) if line else at(side[0], why)


def _body(description: SessionDescription) -> list[str]:
    return [f"{line.type}={line.value}" for line in description.lines if line.type != "o"]


def _who(caller: bool) -> str:
    return "caller" if caller else "callee"


@check(
    "sdp-version-bumped-unchanged",
    title="An offer that repeats the session has a new version in its o= line",
    severity=Severity.INFO,
    category=Category.CODEC,
    rfc="RFC 3264 §8",
    absent=_NO_SECOND,
    only=lambda leg: bool(leg.transactions),
)
def sdp_version_bumped_unchanged(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A later offer is the earlier description with another version: the other side must compare all of it."""
    for caller, is_offer, before, after in _steps(leg, model):
        if not is_offer or before[1].session_version == after[1].session_version:
            continue
        if _body(before[1]) != _body(after[1]):
            continue
        yield Found(
            (_origin(before, "before"), _origin(after, "the same description with another version")),
            f"The {_who(caller)}'s {after[0].summary} repeats its description with the o= version"
            f" {after[1].session_version} instead of {before[1].session_version}.",
            key=(_who(caller),),
            calls=(leg.call_id,),
        )
        return


@check(
    "sdp-origin-changed",
    title="The {side} changes {what} of its o= line in the call",
    severity=Severity.LOW,
    category=Category.CODEC,
    rfc="RFC 3264 §8",
    absent=_NO_SECOND,
    only=lambda leg: bool(leg.transactions),
)
def sdp_origin_changed(leg: Leg, model: Model) -> Iterator[Outcome]:
    """In a new offer the o= line must be that of the description before, but for its version (RFC 3264 §8).

    Low: B2BUAs that pass descriptions through change it at every transfer, and most phones do not look.
    """
    for caller, is_offer, before, after in _steps(leg, model):
        left, right = before[1].origin.split(), after[1].origin.split()
        if not is_offer or len(left) != 6 or len(right) != 6 or left[:2] + left[3:] == right[:2] + right[3:]:
            continue
        names = ("user", "session identifier", "", "network", "address type", "address")
        changed = [name for name, one, two in zip(names, left, right, strict=True) if name and one != two]
        yield Found(
            (_origin(before, "before"), _origin(after, "in the new offer")),
            f"The {_who(caller)}'s {after[0].summary} has `o={after[1].origin}` where its description before had"
            f" `o={before[1].origin}`.",
            {"side": _who(caller), "what": " and ".join(changed)},
            key=(_who(caller), *changed),
            calls=(leg.call_id,),
        )
        return


@check(
    "sdp-media-line-dropped",
    title="A new offer has {after} media lines where the session has {before}",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 3264 §8",
    absent=_NO_SECOND,
    only=lambda leg: bool(leg.transactions),
)
def sdp_media_line_dropped(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The number of m-lines never decreases: a medium that is no longer wanted keeps its line with port zero.

    An offer that was refused is judged, too, but changes nothing in the session (RFC 3264 §8).
    """
    most: Round | None = None
    for item in model.rounds[leg.number]:
        if item.offer.defects:
            continue
        if most is None or len(item.offer.media) >= len(most.offer.media):
            if item.rejected is None:
                most = item
            continue
        left, right = most.offer, item.offer
        last = right.media[-1].line if right.media else right.lines[-1]
        yield Found(
            (
                at_sdp(most.offer_message, left.media[-1].line, f"medium {len(left.media)} of the session"),
                at_sdp(item.offer_message, last, f"the new offer ends, with {plural(len(right.media), 'media line')}"),
            ),
            f"The session has the media {', '.join(media.media for media in left.media)}, and the later"
            f" {item.offer_message.summary} offers only {', '.join(media.media for media in right.media) or 'none'}.",
            {"before": str(len(left.media)), "after": str(len(right.media))},
            key=("caller" if item.offered_by_caller else "callee",),
            calls=(leg.call_id,),
        )
        return


@check(
    "sdp-pt-redefined",
    title="Payload type {type} changes from {before} to {after} in the call",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 3264 §8.3.2",
    absent=_NO_SECOND,
    only=lambda leg: bool(leg.transactions),
)
def sdp_pt_redefined(leg: Leg, model: Model) -> Iterator[Outcome]:
    """A dynamic payload type of a medium must mean the same codec for the whole session (RFC 3264 §8.3.2).

    Low where neither meaning is a codec of the conversation, and where the o= line shows that another party's
    description is passed on.
    """
    for caller, _, before, after in _steps(leg, model):
        same = before[1].session_id == after[1].session_id
        for old, new in zip(before[1].media, after[1].media, strict=False):
            if old.media != new.media or not new.port:
                continue
            for number, encoding in new.encodings.items():
                known = old.encodings.get(number)
                if number not in _DYNAMIC or known is None or known.key == encoding.key:
                    continue
                if str(number) not in new.formats or str(number) not in old.formats:
                    continue
                yield Found(
                    (
                        at_sdp(before[0], _mapping(old.attributes, number) or old.line, f"before: {known}"),
                        at_sdp(after[0], _mapping(new.attributes, number) or new.line, f"now: {encoding}"),
                    ),
                    f"The {_who(caller)} used payload type {number} for {known}, and its later {after[0].summary} uses"
                    f" it for {encoding}.",
                    {"type": str(number), "before": str(known), "after": str(encoding)},
                    key=(_who(caller), str(known), str(encoding)),
                    calls=(leg.call_id,),
                    severity=None if same and (known.is_speech or encoding.is_speech) else Severity.LOW,
                )
                return


def _mapping(attributes: tuple[SdpLine, ...], number: int) -> SdpLine | None:
    return next((line for line in attributes if line.value.startswith(f"rtpmap:{number} ")), None)


@check(
    "sdp-answer-drift",
    title="The {later} describes other media than the {earlier} before it",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 6337 §3.1",
    absent="the trace holds no INVITE with two descriptions in its responses",
    only=lambda leg: leg.answer is not None and bool(leg.invite.provisionals),
)
def sdp_answer_drift(leg: Leg, model: Model) -> Iterator[Outcome]:
    """The first description in a response is the answer, and the caller must ignore those in later responses (RFC 3261
    §13.2.1). Where a later one differs in address, port, protocol or formats the callee means something that the caller
    must not know.

    Low where the first came in an unreliable response: many callers take the later one. Silent where an UPDATE or
    PRACK made a new offer in between.
    """
    if model.descriptions.of(leg.invite.request) is None or any(
        item.method in ("UPDATE", "PRACK") and model.descriptions.of(item.request) is not None
        for item in leg.transactions
    ):
        return
    described = []
    for response in leg.invite.responses:
        description = model.descriptions.of(response) if response.to.tag == leg.callee_tag else None
        if description is not None and response.fidelity is not Fidelity.TRUNCATED and (response.status or 0) < 300:
            described.append((response, description))
    for message, description in described[1:]:
        first_message, first = described[0]
        left, right = _essence(first), _essence(description)
        if left == right or not first.media or not description.media:
            continue
        place = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), 0)
        yield Found(
            (
                at_sdp(first_message, first.media[min(place, len(first.media) - 1)].line, "the answer came here"),
                at_sdp(message, description.media[min(place, len(description.media) - 1)].line, "this one differs"),
            ),
            f"The {first_message.summary} answered the offer with {_written(first, place)}, and the later"
            f" {message.summary} of the same callee has {_written(description, place)}.",
            {"earlier": str(first_message.status), "later": str(message.status)},
            key=(str(first_message.status), str(message.status)),
            calls=(leg.call_id,),
            severity=None if is_reliable_provisional(first_message) else Severity.LOW,
        )
        return


def _written(description: SessionDescription, place: int) -> str:
    media = description.media[min(place, len(description.media) - 1)]
    address = media.connection.address if media.connection else "no address"
    return f"`m={media.line.value}` at {address}"


def _essence(description: SessionDescription) -> list[tuple[object, ...]]:
    return [
        (
            media.media, media.port, media.protocol.upper(), media.formats,
            media.connection.address if media.connection else "",
        )
        for media in description.media
    ]  # fmt: skip


@check(
    "sdp-missing-delayed",
    title="The INVITE has no offer, and the {status} that answers it has none either",
    severity=Severity.MEDIUM,
    category=Category.CODEC,
    rfc="RFC 3261 §13.2.1",
    absent="the trace holds no answered INVITE without an offer",
    only=lambda leg: leg.answer is not None and leg.invite.request.content_length in (0, None),
)
def sdp_missing_delayed(leg: Leg, model: Model) -> Iterator[Outcome]:
    """Where the INVITE carries no offer, the first reliable response must (RFC 3261 §13.2.1).

    Low where the trace holds no media at all: tests of signalling alone do without descriptions.
    """
    invite, answer = leg.invite.request, leg.answer
    if answer is None or invite.body.strip() or any(has_body(response) for response in leg.invite.responses):
        return
    if Fidelity.TRUNCATED in (invite.fidelity, answer.fidelity):
        return
    if any(item.method == "PRACK" for item in leg.transactions) and not any(
        is_reliable_provisional(response) for response in leg.invite.responses
    ):
        yield NotCheckable("a PRACK shows that a reliable response came which is not in the trace")
        return
    if any(model.descriptions.of(ack) is not None for ack in leg.acks):
        # The caller answers an offer that the trace did not keep.
        return
    status = f"{answer.status} {answer.reason}".strip()
    yield Found(
        (
            at_header(invite, "content-length", "no offer"),
            at_header(answer, "content-length", "here the offer should be"),
        ),
        f"The INVITE of {leg.caller} carries no session description, and the {status} answers it without one: nobody"
        " described any media.",
        {"status": status},
        key=(str(answer.status),),
        calls=(leg.call_id,),
        severity=None if model.seen.media_visible else Severity.LOW,
    )


def has_body(message: SipMessage) -> bool:
    """Whether a message has a body, or says that it has one."""
    return bool((message.content_length or 0) > 0 or message.body.strip())
