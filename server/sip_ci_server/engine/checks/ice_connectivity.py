"""Whether the connectivity checks of ICE get through (RFC 8445)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sip_ci.findings import Category, Confidence, Severity
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.sdp import SdpLine, SessionDescription
from sip_ci_server.engine.checks.ice import first_line, uses_ice
from sip_ci_server.engine.checks.registry import Found, Needs, NotCheckable, Outcome, at, at_sdp, check
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.offer_answer import Round

_PATIENCE = 5.0
"""Seconds after the answer within which connectivity checks begin."""
_FAILURE = 30.0
"""Seconds after which connectivity checks without an answer have failed."""
_MINIMUM = 5
"""Checks that must have gone unanswered."""


def _ice_rounds(model: Model) -> Iterator[tuple[Leg, Round]]:
    """The answered legs on which both sides use ICE, with the round that agreed on it."""
    for leg in model.legs:
        if leg.answer is None:
            continue
        for item in model.rounds[leg.number]:
            if item.answer is not None and uses_ice(item.offer) and uses_ice(item.answer):
                yield leg, item
                break


def _advertised(description: SessionDescription | None) -> set[Endpoint]:
    found: set[Endpoint] = set()
    for media in description.media if description is not None else ():
        found |= {Endpoint(one.address, one.port) for one in media.candidates}
        if media.connection is not None and media.port:
            found.add(Endpoint(media.connection.address, media.port))
    return found


def _stun_paths(model: Model) -> dict[tuple[Endpoint, Endpoint], int]:
    """How many STUN messages went from where to where."""
    table = model.trace.media
    rows = table.kind == MediaKind.STUN
    pairs = np.stack([table.source[rows], table.destination[rows]])
    paths, counts = np.unique(pairs, axis=1, return_counts=True)
    return {
        (table.endpoints[source], table.endpoints[destination]): count
        for (source, destination), count in zip(paths.T.tolist(), counts.tolist(), strict=True)
    }


@check(
    "ice-no-checks",
    each=True,
    title="Both sides agreed on ICE and no connectivity check was sent",
    severity=Severity.HIGH,
    category=Category.NAT,
    rfc="RFC 8445 §7.2",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES | Needs.MEDIA,
)
def ice_no_checks(model: Model, _: Model) -> Iterator[Outcome]:
    """Offer and answer have ICE, media of the call is in the trace, and no STUN goes to or from any of its addresses.

    Low where audio flows in both directions all the same.
    """
    yield from _judge(model, failed=False)


@check(
    "ice-failed",
    each=True,
    title="No connectivity check of ICE was answered",
    severity=Severity.CRITICAL,
    category=Category.NAT,
    rfc="RFC 8445 §7.2.5.2.3",
    confidence=Confidence.LIKELY,
    needs=Needs.CAPTURE | Needs.TIMES,
)
def ice_failed(model: Model, _: Model) -> Iterator[Outcome]:
    """STUN goes to addresses of the other side's description for 30 s, none comes back from there, and no media flows.

    Silent where the trace holds nothing at all in the other direction.
    """
    yield from _judge(model, failed=True)


def _judge(model: Model, *, failed: bool) -> Iterator[Outcome]:
    legs = list(_ice_rounds(model))
    if not legs:
        yield NotCheckable("the trace holds no answered call with ICE on both sides")
        return
    if model.trace.media.spill is not None or model.seen.lossy:
        yield NotCheckable("the capture is too large, or lost packets, to look for connectivity checks")
        return
    paths = _stun_paths(model)
    for leg, item in legs:
        session = model.session_of(leg)
        ends = _advertised(item.offer), _advertised(item.answer)
        everyone = ends[0] | ends[1]
        mine = {path: count for path, count in paths.items() if path[0] in everyone or path[1] in everyone}
        sent = {path: count for path, count in mine.items() if path[1] in everyone}
        found = _nothing_sent(leg, item, session is not None and bool(session.streams), mine, model)
        if failed:
            flows = session is not None and bool(session.streams)
            found = None if flows else _nothing_answered(leg, item, sent, mine, model)
        if found is not None:
            yield found


def _proofs(item: Round) -> tuple[SdpLine | None, SdpLine | None]:
    return (
        first_line(item.offer, "ice-ufrag", "candidate"),
        first_line(item.answer, "ice-ufrag", "candidate") if item.answer is not None else None,
    )


def _nothing_sent(
    leg: Leg, item: Round, media: bool, paths: dict[tuple[Endpoint, Endpoint], int], model: Model
) -> Found | None:
    session = model.session_of(leg)
    lines = _proofs(item)
    if not media or paths or session is None or not model.seen.would_show(leg.answered_at, _PATIENCE):
        return None
    if lines[0] is None or lines[1] is None or item.answer_message is None:
        return None
    both = bool(session.to_caller and session.to_callee)
    return Found(
        (at_sdp(item.offer_message, lines[0], "ICE is offered"), at_sdp(item.answer_message, lines[1], "and answered")),
        "Offer and answer have ICE, and no STUN went to or from any of their addresses"
        + (", though audio flows in both directions." if both else "."),
        calls=(leg.call_id,),
        severity=Severity.LOW if both else None,
    )


def _nothing_answered(
    leg: Leg,
    item: Round,
    sent: dict[tuple[Endpoint, Endpoint], int],
    paths: dict[tuple[Endpoint, Endpoint], int],
    model: Model,
) -> Found | None:
    if any((path[1], path[0]) in paths for path in sent) or sum(sent.values()) < _MINIMUM:
        return None
    if not model.seen.would_show(leg.answered_at, _FAILURE) or item.answer_message is None:
        return None
    pairs = model.trace.facts.host_pairs
    if not any((path[1].host, path[0].host) in pairs for path in sent):
        return None
    tried = ", ".join(f"{source} -> {destination}" for source, destination in list(sent)[:3])
    lines = _proofs(item)
    return Found(
        (
            at_sdp(item.offer_message, lines[0], "ICE is offered") if lines[0] else at(item.offer_message, "offered"),
            at_sdp(item.answer_message, lines[1], "and answered") if lines[1] else at(item.answer_message, "answered"),
        ),
        f"{sum(sent.values())} connectivity checks were sent ({tried}), and none of them was answered.",
        calls=(leg.call_id,),
    )
