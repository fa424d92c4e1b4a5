"""Sessions as the answer tells them: their legs, and why their calls belong together."""

from __future__ import annotations

from sip_ci.service.wire import AmbiguousCall, CallSession, SessionCandidate, SessionJoin, SessionLeg
from sip_ci.trace.observation import Endpoint
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.sessions import Session

LISTED = 100
"""Sessions and ambiguous calls that are told."""


def told_sessions(model: Model) -> tuple[CallSession, ...]:
    """The first sessions that have more than one Call-ID; of the others the legs say everything."""
    joined = [session for session in model.joined.all if len(session.calls) > 1]
    return tuple(_told(session) for session in joined[:LISTED])


def told_ambiguous(model: Model) -> tuple[AmbiguousCall, ...]:
    """The first calls that continue one of several others."""
    return tuple(
        AmbiguousCall(
            call=item.inner,
            candidates=tuple(SessionCandidate(call=call, score=score) for call, score in item.candidates),
        )
        for item in model.joined.ambiguous[:LISTED]
    )


def _told(session: Session) -> CallSession:
    return CallSession(
        calls=tuple(session.calls[:LISTED]),
        legs=tuple(
            SessionLeg(
                call=leg.call_id,
                source=_name(leg.invite.source),
                destination=_name(leg.invite.destination),
                status=leg.invite.final.status if leg.invite.final is not None else None,
            )
            for leg in session.legs[:LISTED]
        ),
        joins=tuple(
            SessionJoin(
                outer=join.outer,
                inner=join.inner,
                relation=join.relation.value,
                score=join.score,
                evidence=join.evidence,
            )
            for join in session.joins[:LISTED]
        ),
    )


def _name(endpoint: Endpoint | None) -> str:
    return str(endpoint) if endpoint is not None else "?"
