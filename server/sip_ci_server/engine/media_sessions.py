"""Which streams belong to which call, and in which direction (RFC 3264, RFC 4961).

A stream is a call's where it goes to an address that a party of the call advertised, or comes from one (symmetric RTP
through a NAT), while the call lasts. Where two calls advertise one address at the same time nothing can be said, and
the
session is marked ambiguous.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sip_ci.trace.observation import Endpoint
from sip_ci.trace.payload_types import Encoding
from sip_ci.trace.sdp import MediaDescription
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.offer_answer import Round
from sip_ci_server.engine.streams import Stream

TRAILING = 3.0
"""Seconds after the BYE within which packets still in flight are the call's."""


@dataclass(slots=True, eq=False)
class MediaSession:
    """One audio description of one leg with its streams."""

    leg: Leg
    caller_description: MediaDescription | None
    callee_description: MediaDescription | None
    to_caller: list[Stream] = field(default_factory=list)
    to_callee: list[Stream] = field(default_factory=list)
    ambiguous: bool = False
    """Whether another call used the same address at the same time."""

    @property
    def streams(self) -> list[Stream]:
        """All streams, both directions."""
        return [*self.to_caller, *self.to_callee]


@dataclass(slots=True, eq=False)
class _Claim:
    session: MediaSession
    toward_caller: bool
    """Whether streams to this endpoint go to the caller."""
    start: float
    end: float
    encodings: dict[int, Encoding]


def build_media_sessions(
    legs: list[Leg], rounds: dict[int, list[Round]], streams: list[Stream], trace_end: float | None
) -> list[MediaSession]:
    """Attach streams to the answered legs; each leg with audio gets one session."""
    sessions: list[MediaSession] = []
    claims: dict[Endpoint, list[_Claim]] = defaultdict(list)
    for leg in legs:
        session = _session_of(leg, rounds.get(leg.number, []), claims, trace_end)
        if session is not None:
            sessions.append(session)
    for stream in streams:
        _attach(stream, claims)
    return sessions


def _session_of(
    leg: Leg, rounds: list[Round], claims: dict[Endpoint, list[_Claim]], trace_end: float | None
) -> MediaSession | None:
    session: MediaSession | None = None
    start = leg.invite.time
    if start is None:
        return None
    end = leg.ended_at if leg.ended_at is not None else (trace_end if trace_end is not None else start)
    for item in rounds:
        for index, offered in enumerate(item.offer.media):
            if offered.media != "audio":
                continue
            answered = item.answer.media[index] if item.answer and index < len(item.answer.media) else None
            caller, callee = (offered, answered) if item.offered_by_caller else (answered, offered)
            if session is None:
                session = MediaSession(leg, caller, callee)
            encodings = {**(answered.encodings if answered else {}), **offered.encodings}
            for description, toward_caller in ((caller, True), (callee, False)):
                endpoint = _endpoint(description)
                if endpoint is not None:
                    claims[endpoint].append(
                        _Claim(session, toward_caller, start - 1.0, end + TRAILING, _merged(description, encodings))
                    )
    return session


def _merged(description: MediaDescription | None, both: dict[int, Encoding]) -> dict[int, Encoding]:
    """A stream uses the payload types that its receiver declared (RFC 3264 §5.1), so the receiver's meaning wins."""
    return {**both, **(description.encodings if description else {})}


def _endpoint(description: MediaDescription | None) -> Endpoint | None:
    if description is None or description.port == 0 or description.connection is None:
        return None
    if description.connection.is_zero:
        return None
    return Endpoint(description.connection.address, description.port)


def _attach(stream: Stream, claims: dict[Endpoint, list[_Claim]]) -> None:
    for endpoint, reverse in ((stream.destination, False), (stream.source, True)):
        overlapping = [
            claim for claim in claims.get(endpoint, ()) if stream.starts <= claim.end and stream.ends >= claim.start
        ]
        owners = {claim.session.leg.call_id for claim in overlapping}
        if not owners:
            continue
        if len(owners) > 1:
            # One address serves two calls at once: the stream is the call's only if it lies within that call alone.
            within = [claim for claim in overlapping if claim.start <= stream.starts and stream.ends <= claim.end]
            if len({claim.session.leg.call_id for claim in within}) != 1:
                for claim in overlapping:
                    claim.session.ambiguous = True
                return
            overlapping = within
        seen: set[int] = set()
        for claim in overlapping:
            if id(claim.session) in seen:
                continue
            seen.add(id(claim.session))
            toward_caller = claim.toward_caller is not reverse
            (claim.session.to_caller if toward_caller else claim.session.to_callee).append(stream)
            stream.encodings = {**claim.encodings, **stream.encodings}
        return
