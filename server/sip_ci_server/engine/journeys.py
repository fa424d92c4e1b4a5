"""A header's journey: what a message carried on each hop, and which element added, changed or removed it.

The hops of a message are those of its Call-ID with the same CSeq (and, of responses, status and To tag), one after the
other as the nodes between them show. An initial INVITE goes on in the call that a B2BUA made of it, so that its journey
spans the whole session.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from sip_ci.trace.message import SipMessage
from sip_ci.trace.sdp import SessionDescription
from sip_ci_server.engine.nodes import UNKNOWN, Node, Nodes
from sip_ci_server.engine.offer_answer import SessionDescriptions
from sip_ci_server.engine.sessions import Sessions

MOST_HOPS = 70
"""Hops that are followed; no request has more (Max-Forwards)."""
SIGHTING = 0.2
"""Seconds within which one message is seen before and behind a device that is no SIP element."""
SKIPPED_FORMATS = frozenset({"telephone-event", "cn", "red", "ulpfec", "rtx"})
"""Formats that carry no speech of their own."""


class Change(StrEnum):
    """What an element did to a part of a message."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A message on one hop."""

    message: SipMessage
    sender: Node
    receiver: Node
    values: tuple[str, ...]
    """What the part held here; empty where it was not there."""


@dataclass(frozen=True, slots=True, eq=False)
class Alteration:
    """What one element did."""

    node: Node
    kind: Change
    before: Step
    after: Step

    @property
    def lost(self) -> tuple[str, ...]:
        """The values that were there before, and are not any more."""
        return tuple(value for value in self.before.values if value not in self.after.values)

    @property
    def gained(self) -> tuple[str, ...]:
        """The values that are new."""
        return tuple(value for value in self.after.values if value not in self.before.values)


@dataclass(frozen=True, slots=True, eq=False)
class Journey:
    """One part of one message over its hops."""

    name: str
    steps: tuple[Step, ...]

    @property
    def alterations(self) -> tuple[Alteration, ...]:
        """What the elements between the hops did, in order."""
        found = []
        for before, after in zip(self.steps, self.steps[1:], strict=False):
            if before.values != after.values:
                kind = Change.CHANGED if before.values and after.values else Change.ADDED
                kind = Change.REMOVED if before.values and not after.values else kind
                found.append(Alteration(after.sender, kind, before, after))
        return tuple(found)

    def up_to(self, message: SipMessage) -> Journey:
        """The journey as far as a message: what happened before it."""
        for place, step in enumerate(self.steps):
            if step.message is message:
                return Journey(self.name, self.steps[: place + 1])
        return self


def _codecs(description: SessionDescription) -> Iterable[str]:
    for medium in description.media:
        if medium.port:
            for encoding in medium.encodings.values():
                if encoding.name.lower() not in SKIPPED_FORMATS:
                    yield f"{encoding.name}/{encoding.clock_rate}"


def _addresses(description: SessionDescription) -> Iterable[str]:
    return (medium.connection.address for medium in description.media if medium.port and medium.connection is not None)


_SDP_PARTS: dict[str, Callable[[SessionDescription], Iterable[str]]] = {
    "sdp:codecs": _codecs,
    "sdp:connection": _addresses,
    "sdp:origin": lambda description: [description.origin],
    "sdp:media": lambda description: [
        f"{medium.media} {medium.port} {medium.protocol}" for medium in description.media
    ],
}
"""The parts of a session description that can be followed."""
SDP_PARTS = tuple(_SDP_PARTS)

_Key = tuple[str, int | None, str, int, str, str]


class Journeys:
    """Follows messages over their hops; the index is built once, in time linear in the messages."""

    def __init__(
        self, messages: Iterable[SipMessage], nodes: Nodes, joined: Sessions, descriptions: SessionDescriptions
    ) -> None:
        self._nodes = nodes
        self._joined = joined
        self._descriptions = descriptions
        self._sightings: dict[_Key, list[SipMessage]] = defaultdict(list)
        self._invites: dict[str, list[SipMessage]] = defaultdict(list)
        for message in messages:
            known = self._sightings[_key(message)]
            if len(known) >= MOST_HOPS:
                continue
            if any(self._ends(other) == self._ends(message) for other in known):
                continue
            known.append(message)
            if message.method == "INVITE" and not message.to.tag:
                self._invites[message.call_id].append(message)

    def of(self, message: SipMessage, name: str) -> Journey:
        """The journey of a header, by its canonical name in lower case, or of one of `SDP_PARTS`."""
        hops = self.hops(message)
        return Journey(name, tuple(Step(hop, *self._ends(hop), self._values(hop, name)) for hop in hops))

    def hops(self, message: SipMessage) -> list[SipMessage]:
        """The message on each hop in order, from where it was first seen to where it was last."""
        back: list[SipMessage] = []
        seen = {id(message)}
        current: SipMessage | None = message
        while current is not None and len(back) < MOST_HOPS:
            current = self._beside(current, seen, forward=False)
            if current is not None:
                back.append(current)
        hops = [*reversed(back), message]
        current = message
        while current is not None and len(hops) < MOST_HOPS:
            current = self._beside(current, seen, forward=True)
            if current is not None:
                hops.append(current)
        return hops

    def same_hop(self, message: SipMessage) -> list[SipMessage]:
        """The other sightings of a request on its hop: with the same branch, and as many Via entries."""
        return [
            other
            for other in self._sightings[_key(message)]
            if other is not message
            and other.top_via.branch == message.top_via.branch
            and len(other.via) == len(message.via)
            and _within(other, message, SIGHTING)
        ]

    def _beside(self, message: SipMessage, seen: set[int], *, forward: bool) -> SipMessage | None:
        """The message on the hop before or behind; None where none or more than one may be it."""
        sender, receiver = self._ends(message)
        node = receiver if forward else sender
        if node == UNKNOWN:
            return None
        fitting = [
            other
            for other in self._sightings[_key(message)]
            if id(other) not in seen and self._ends(other)[0 if forward else 1] == node
        ]
        if not fitting and message.method == "INVITE" and not message.to.tag:
            calls = self._joined.further_on(message.call_id) if forward else self._joined.before(message.call_id)
            fitting = [
                other
                for call in calls
                for other in self._invites.get(call, ())
                if id(other) not in seen and self._ends(other)[0 if forward else 1] == node
            ]
        if len(fitting) > 1 and forward:
            # A fork: which branch is meant nobody can say.
            return None
        if not fitting:
            return None
        seen.add(id(fitting[0]))
        return fitting[0]

    def _ends(self, message: SipMessage) -> tuple[Node, Node]:
        return self._nodes.source(message), self._nodes.destination(message)

    def _values(self, message: SipMessage, name: str) -> tuple[str, ...]:
        part = _SDP_PARTS.get(name)
        if part is None:
            return tuple(message.values(name))
        description = self._descriptions.of(message)
        return tuple(dict.fromkeys(part(description))) if description is not None else ()


def _key(message: SipMessage) -> _Key:
    method = message.method if message.is_request else message.cseq.method
    tag = message.to.tag if message.is_response else ""
    return (message.call_id, message.cseq.number, method, message.status or 0, message.from_.tag, tag)


def _within(first: SipMessage, second: SipMessage, seconds: float) -> bool:
    one, other = first.observation.time, second.observation.time
    return one is not None and other is not None and abs(one - other) <= seconds
