"""Which streams belong to which call, and in which direction (RFC 3264, RFC 4961).

A stream is a call's where it goes to an address that a party of the call advertised, or comes from one (symmetric RTP
through a NAT), while the call lasts; or where it answers such a stream along the same path. Where two calls advertise
one address at the same time nothing can be said, and the session is marked ambiguous. Where they do so one after
another, a stream that goes on through both is cut between them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from sip_ci.trace.observation import Endpoint
from sip_ci.trace.payload_types import Encoding
from sip_ci.trace.sdp import MediaDescription
from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.offer_answer import Round
from sip_ci_server.engine.streams import Stream, cut

TRAILING = 3.0
"""Seconds after the BYE within which packets still in flight are the call's."""
LEADING = 1.0
"""Seconds before the INVITE within which a packet may be stamped that is the call's (clocks of two interfaces)."""
KINDS = ("audio", "video")
"""The media whose streams are told apart."""


@dataclass(slots=True, eq=False)
class MediaSession:
    """The media of one leg: its first audio description with the streams in each direction, and its video."""

    leg: Leg
    caller_description: MediaDescription | None = None
    """The caller's audio."""
    callee_description: MediaDescription | None = None
    to_caller: list[Stream] = field(default_factory=list)
    """Audio towards the caller."""
    to_callee: list[Stream] = field(default_factory=list)
    video: list[Stream] = field(default_factory=list)
    """Video in either direction."""
    ambiguous: bool = False
    """Whether another call used the same address at the same time."""

    @property
    def streams(self) -> list[Stream]:
        """All streams, both directions."""
        return [*self.to_caller, *self.to_callee, *self.video]


@dataclass(slots=True, eq=False)
class _Claim:
    """An address that a party of a call advertised for one medium, while the call lasts."""

    session: MediaSession
    kind: str
    toward_caller: bool
    """Whether streams to this address go to the caller."""
    start: float
    end: float
    received: dict[int, Encoding]
    """The payload types of streams to this address."""
    sent: dict[int, Encoding]
    """The payload types of streams from this address."""


class _Claims:
    """The claims of each address in the order of their calls, to be asked by time."""

    def __init__(self) -> None:
        self._by_endpoint: dict[Endpoint, list[_Claim]] = defaultdict(list)
        self._latest: dict[Endpoint, list[float]] = defaultdict(list)

    def add(self, endpoint: Endpoint, claim: _Claim) -> None:
        """Take a claim; they come in ascending order of their starts."""
        latest = self._latest[endpoint]
        latest.append(max(claim.end, latest[-1]) if latest else claim.end)
        self._by_endpoint[endpoint].append(claim)

    def between(self, endpoint: Endpoint, start: float, end: float) -> list[_Claim]:
        """The claims of an address that hold at some time from `start` to `end`, in order."""
        claims = self._by_endpoint.get(endpoint)
        if claims is None:
            return []
        latest = self._latest[endpoint]
        found = []
        for place in range(bisect_right(claims, end, key=lambda claim: claim.start) - 1, -1, -1):
            if latest[place] < start:
                break
            if claims[place].end >= start:
                found.append(claims[place])
        return found[::-1]


def build_media_sessions(
    legs: list[Leg], rounds: dict[int, list[Round]], streams: list[Stream], trace_end: float | None
) -> tuple[list[MediaSession], list[Stream]]:
    """Attach streams to legs; each leg with audio or video gets one session.

    Returns the sessions and all streams, those that were cut between two calls in parts.
    """
    sessions: list[MediaSession] = []
    claims = _Claims()
    for leg in legs:
        session = _session_of(leg, rounds.get(leg.number, []), claims, trace_end)
        if session is not None:
            sessions.append(session)
    parts = [part for stream in streams for part in _parts(stream, claims)]
    owned: dict[tuple[Endpoint, Endpoint], list[tuple[_Claim, bool, Stream]]] = defaultdict(list)
    left = [stream for stream in parts if not _attach(stream, claims, owned)]
    for stream in left:
        _attach_answer(stream, owned)
    return sessions, parts


def _session_of(leg: Leg, rounds: list[Round], claims: _Claims, trace_end: float | None) -> MediaSession | None:
    session: MediaSession | None = None
    start = leg.invite.time
    if start is None:
        return None
    end = _end_of(leg, trace_end, start)
    for item in rounds:
        for index, offered in enumerate(item.offer.media):
            if offered.media not in KINDS:
                continue
            answered = item.answer.media[index] if item.answer and index < len(item.answer.media) else None
            caller, callee = (offered, answered) if item.offered_by_caller else (answered, offered)
            session = session or MediaSession(leg)
            if offered.media == "audio" and session.caller_description is None and session.callee_description is None:
                session.caller_description, session.callee_description = caller, callee
            both = {**(answered.encodings if answered else {}), **offered.encodings}
            for own, other, toward_caller in ((caller, callee, True), (callee, caller, False)):
                # A stream uses the payload types that its receiver declared (RFC 3264 §5.1), so his meaning wins.
                received = {**both, **(own.encodings if own else {})}
                sent = {**both, **(other.encodings if other else {})}
                for endpoint in _endpoints(own):
                    claims.add(endpoint, _Claim(session, offered.media, toward_caller, start, end, received, sent))
    return session


def _end_of(leg: Leg, trace_end: float | None, start: float) -> float:
    """When the leg's addresses are free again: at the BYE, or at the refusal of a call that was not answered."""
    if leg.ended_at is not None:
        return leg.ended_at
    final = leg.invite.final
    if leg.answer is None and final is not None and final.observation.time is not None:
        return final.observation.time
    return trace_end if trace_end is not None else start


def _endpoints(description: MediaDescription | None) -> Iterator[Endpoint]:
    """Where a party may receive a medium: its c= and m= lines, and its ICE candidates for RTP."""
    if description is None or description.port == 0:
        return
    if description.connection is not None and not description.connection.is_zero:
        yield Endpoint(description.connection.address, description.port)
    for candidate in description.candidates:
        if candidate.component == 1 and candidate.transport == "UDP":
            yield Endpoint(candidate.address, candidate.port)


def _parts(stream: Stream, claims: _Claims) -> list[Stream]:
    """A stream cut between calls that use its address one after another, as test tools do; else the stream whole."""
    for endpoint in (stream.destination, stream.source):
        spans: dict[str, tuple[float, float]] = {}
        for claim in claims.between(endpoint, stream.starts, stream.ends):
            call = claim.session.leg.call_id
            before = spans.get(call, (claim.start, claim.end))
            spans[call] = (min(before[0], claim.start), max(before[1], claim.end))
        if spans:
            ordered = sorted(spans.values())
            gaps = [(ended[1], begins[0]) for ended, begins in pairwise(ordered)]
            if not gaps or any(begins <= ended for ended, begins in gaps):
                return [stream]
            return cut(stream, [begins for _, begins in gaps])
    return [stream]


def _attach(
    stream: Stream,
    claims: _Claims,
    owned: dict[tuple[Endpoint, Endpoint], list[tuple[_Claim, bool, Stream]]],
) -> bool:
    """Give a stream to the calls that advertised its destination, else its source; False where none did."""
    for endpoint, outgoing in ((stream.destination, False), (stream.source, True)):
        # A stream that begins after a call has ended is none of its packets in flight, and one that ended before it and
        # began long before is that of a call whose INVITE is not in the trace.
        overlapping = [
            claim
            for claim in claims.between(endpoint, stream.starts, stream.ends + LEADING)
            if claim.start <= stream.ends or claim.start - stream.starts <= LEADING
        ]
        if len({claim.session.leg.call_id for claim in overlapping}) > 1:
            # A call that only touches the stream with its leading second does not count beside another.
            within = claims.between(endpoint, stream.starts, stream.ends)
            if len({claim.session.leg.call_id for claim in within}) != 1:
                for claim in overlapping:
                    claim.session.ambiguous = True
                return True
            overlapping = within
        if overlapping:
            for claim in _one_for_each_session(stream, overlapping, outgoing):
                _give(stream, claim, outgoing)
                owned[(stream.source, stream.destination)].append((claim, outgoing, stream))
            return True
    return False


def _attach_answer(stream: Stream, owned: dict[tuple[Endpoint, Endpoint], list[tuple[_Claim, bool, Stream]]]) -> None:
    """Give a stream that nobody announced to the call whose stream it answers along the same path (RFC 4961)."""
    for claim, outgoing, other in owned.get((stream.destination, stream.source), ()):
        if stream.starts <= other.ends + TRAILING and stream.ends >= other.starts - TRAILING:
            _give(stream, claim, not outgoing)


def _one_for_each_session(stream: Stream, claims: list[_Claim], outgoing: bool) -> list[_Claim]:
    """Of several media on one address (a bundle, RFC 9143) the one that declares the stream's payload type."""
    dominant = max(stream.payload_counts, key=lambda number: stream.payload_counts[number])
    chosen: dict[int, _Claim] = {}
    for claim in claims:
        held = chosen.get(id(claim.session))
        declares = dominant in (claim.sent if outgoing else claim.received)
        if held is None or (declares and dominant not in (held.sent if outgoing else held.received)):
            chosen[id(claim.session)] = claim
    return list(chosen.values())


def _give(stream: Stream, claim: _Claim, outgoing: bool) -> None:
    session = claim.session
    if claim.kind == "video":
        session.video.append(stream)
    elif claim.toward_caller is not outgoing:
        session.to_caller.append(stream)
    else:
        session.to_callee.append(stream)
    stream.encodings = {**(claim.sent if outgoing else claim.received), **stream.encodings}
