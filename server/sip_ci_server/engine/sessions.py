"""Sessions: the legs that B2BUAs and proxies made of one call, joined with a score and with what speaks for it.

Legs of one Call-ID belong together beyond doubt. Across Call-IDs a join rests on evidence (an identifier that both
legs carry, the same users, the same media, the element that received one leg and sent the other, the time between
them), each piece with its weight. Where two calls fit about as well as the leg that goes on, the answer is that it is
ambiguous, and nothing is joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sip_ci_server.engine.dialogs import Leg
from sip_ci_server.engine.nodes import UNKNOWN, Node
from sip_ci_server.engine.offer_answer import SessionDescriptions
from sip_ci_server.engine.session_marks import Marks, marks_of
from sip_ci_server.engine.transactions import Transaction

ENOUGH = 0.6
"""The score from which legs are joined."""
NEAR = 0.1
"""The lead that the best candidate must have over the next."""
RELAY_TIME = 2.0
"""Seconds within which a B2BUA sends the INVITE of its other leg, where nothing but time and users speaks for it."""
IDENTIFIED_TIME = 180.0
"""Seconds within which it does where an identifier speaks for it: it may try one destination after another."""
REORDERED = 0.05
"""Seconds by which a leg may seem to begin before the one that it continues (clocks of two interfaces)."""
CANDIDATES = 8
"""Calls that are compared with one; more that fit equally well would be ambiguous all the same."""
COMMON = 4
"""Calls with one and the same o= line beyond which it identifies nothing: test tools write a constant one."""

_SAME_IDENTIFIER = 0.9
_NAMED = 0.95
_DERIVED = 0.6
_SAME_ORIGIN = 0.5
_SAME_MEDIA = 0.5
_SAME_NODE = 0.3
_SAME_CALLEE = 0.2
_SAME_CALLER = 0.2
_SAME_CODECS = 0.05


class Relation(StrEnum):
    """How two calls hang together."""

    RELAYED = "relayed"
    """A B2BUA received the one and sent the other."""
    REPLACES = "replaces"
    """The one takes the place of the other (RFC 3891)."""
    REFERRED = "referred"
    """The one was made because of a REFER in the other (RFC 3515)."""


@dataclass(frozen=True, slots=True)
class Join:
    """Two calls of one session."""

    outer: str
    """The Call-ID of the call that was there first: nearer to the caller."""
    inner: str
    """The Call-ID of the call that continues it."""
    relation: Relation
    score: float
    """From 0 to 1."""
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A call that continues one of several others; which one the trace does not tell."""

    inner: str
    candidates: tuple[tuple[str, float], ...]
    """Call-IDs with their scores, best first."""


@dataclass(slots=True, eq=False)
class Session:
    """The calls that belong together."""

    number: int
    calls: list[str] = field(default_factory=list)
    """Call-IDs in the order in which they begin."""
    legs: list[Leg] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)


class Sessions:
    """All sessions of a trace."""

    def __init__(self, calls: Mapping[str, list[Leg]], joins: Iterable[Join], ambiguous: Sequence[Ambiguous]) -> None:
        self.ambiguous = tuple(ambiguous)
        self._inner: dict[str, list[str]] = defaultdict(list)
        self._outer: dict[str, list[str]] = defaultdict(list)
        parents = {call: call for call in calls}

        def root(call: str) -> str:
            while parents[call] != call:
                parents[call] = parents[parents[call]]
                call = parents[call]
            return call

        kept = []
        for join in joins:
            kept.append(join)
            first, second = root(join.outer), root(join.inner)
            if first != second:
                parents[second] = first
            if join.relation is Relation.RELAYED:
                self._inner[join.outer].append(join.inner)
                self._outer[join.inner].append(join.outer)
        self.all: list[Session] = []
        self._by_call: dict[str, Session] = {}
        by_root: dict[str, Session] = {}
        for call, legs in calls.items():
            name = root(call)
            session = by_root.get(name)
            if session is None:
                session = by_root[name] = Session(len(self.all))
                self.all.append(session)
            session.calls.append(call)
            session.legs += legs
            self._by_call[call] = session
        for join in kept:
            self._by_call[join.outer].joins.append(join)

    def of(self, call_id: str) -> Session | None:
        """The session of a Call-ID; None where the trace holds no INVITE with it."""
        return self._by_call.get(call_id)

    def key(self, call_id: str) -> str:
        """What is equal for all calls of a session: the Call-ID of its first call."""
        session = self._by_call.get(call_id)
        return session.calls[0] if session is not None else call_id

    def further_on(self, call_id: str) -> list[str]:
        """The calls that a B2BUA made of a call, and those made of them, in order."""
        return self._reach(self._inner, call_id)

    def before(self, call_id: str) -> list[str]:
        """The calls that a call continues, nearest first."""
        return self._reach(self._outer, call_id)

    @staticmethod
    def _reach(ways: Mapping[str, list[str]], call_id: str) -> list[str]:
        found: dict[str, None] = {}
        waiting = list(ways.get(call_id, ()))
        while waiting:
            call = waiting.pop(0)
            if call not in found and call != call_id:
                found[call] = None
                waiting += ways.get(call, ())
        return list(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A Call-ID with what a join needs of it."""

    call_id: str
    order: int
    """Its place among the calls of the trace."""
    time: float | None
    enters: Node
    """Who sent its first INVITE."""
    leaves: tuple[Node, ...]
    """Who received it at the end of what the trace shows."""
    marks: Marks


def build_sessions(
    calls: Mapping[str, list[Leg]], transactions: Iterable[Transaction], descriptions: SessionDescriptions
) -> Sessions:
    """Join the calls of a trace; time is linear in their number."""
    if len(calls) < 2:
        return Sessions(calls, (), ())
    entries = {call_id: _call(order, legs, descriptions) for order, (call_id, legs) in enumerate(calls.items())}
    index = _Index(entries.values())
    joins: list[Join] = []
    ambiguous: list[Ambiguous] = []
    for entry in entries.values():
        scored = sorted(
            ((*_score(outer, entry, index), outer) for outer in index.candidates(entry)), key=lambda item: -item[0]
        )
        scored = [item for item in scored if item[0] >= ENOUGH]
        if len(scored) > 1 and scored[0][0] - scored[1][0] < NEAR:
            close = [(outer.call_id, score) for score, _, outer in scored if scored[0][0] - score < NEAR]
            ambiguous.append(Ambiguous(entry.call_id, tuple(close)))
        elif scored:
            score, evidence, outer = scored[0]
            joins.append(Join(outer.call_id, entry.call_id, Relation.RELAYED, score, evidence))
    joins += _named_dialogs(calls, transactions)
    return Sessions(calls, joins, ambiguous)


def _call(order: int, legs: list[Leg], descriptions: SessionDescriptions) -> _Call:
    first = legs[0].invite
    callers = {leg.caller for leg in legs}
    leaves = tuple(dict.fromkeys(leg.callee for leg in legs if leg.callee not in callers))
    marks = marks_of(first.request, descriptions.of(first.request))
    return _Call(first.call_id, order, first.time, legs[0].caller, leaves, marks)


class _Index:
    """Finds the calls that another may continue."""

    def __init__(self, entries: Iterable[_Call]) -> None:
        self.by_call: dict[str, _Call] = {}
        self.origins: dict[str, int] = defaultdict(int)
        self._by_mark: dict[str, list[_Call]] = defaultdict(list)
        self._by_node: dict[tuple[Node, str], list[_Call]] = defaultdict(list)
        for entry in entries:
            self.by_call[entry.call_id] = entry
            self.origins[entry.marks.origin] += 1
            for identifier in entry.marks.identifiers:
                self._by_mark[identifier].append(entry)
            for node in entry.leaves:
                for user in dict.fromkeys((entry.marks.callee, entry.marks.caller, "")):
                    self._by_node[(node, user)].append(entry)

    def candidates(self, inner: _Call) -> list[_Call]:
        """The calls that began before this one and may lead to it; those that fit best by nearest time."""
        found: dict[str, _Call] = {}
        for _, named in inner.marks.named_calls:
            outer = self.by_call.get(named)
            if outer is not None:
                found[named] = outer
        groups = [self._by_mark[mark] for mark in inner.marks.identifiers]
        if inner.enters != UNKNOWN:
            users = dict.fromkeys((inner.marks.callee, inner.marks.caller, ""))
            groups += [self._by_node[(inner.enters, user)] for user in users if (inner.enters, user) in self._by_node]
        for group in groups:
            for outer in _nearest(group, inner.time):
                if outer is not inner:
                    found.setdefault(outer.call_id, outer)
        return [outer for outer in found.values() if _in_time(outer, inner, IDENTIFIED_TIME)]


def _nearest(group: list[_Call], time: float | None) -> list[_Call]:
    """The last calls of a group that begin no later than a time; the group is in order of time."""
    if time is None:
        return group[:CANDIDATES]
    low, high = 0, len(group)
    while low < high:
        middle = (low + high) // 2
        begins = group[middle].time
        if begins is not None and begins > time + REORDERED:
            high = middle
        else:
            low = middle + 1
    return group[max(0, low - CANDIDATES) : low]


def _in_time(outer: _Call, inner: _Call, seconds: float) -> bool:
    if outer.time is None or inner.time is None:
        return outer.time is inner.time
    return -REORDERED <= inner.time - outer.time <= seconds


def _score(outer: _Call, inner: _Call, index: _Index) -> tuple[float, tuple[str, ...]]:
    """How well a call continues another, from 0 to 1, and what speaks for it."""
    score, evidence = 0.0, []
    mine, other = inner.marks, outer.marks
    named = next((name for name, call in mine.named_calls if call == outer.call_id), None)
    shared = [mark.partition("=")[0] for mark in mine.identifiers if mark in other.identifiers]
    at_node = inner.enters != UNKNOWN and inner.enters in outer.leaves
    if outer.order > inner.order and not at_node:
        return 0.0, ()
    if named is not None:
        score, evidence = _NAMED, [f"{named} names the other Call-ID"]
    elif shared:
        score, evidence = _SAME_IDENTIFIER, [f"both carry the same {shared[0]}"]
    elif not at_node or not _in_time(outer, inner, RELAY_TIME):
        return 0.0, ()
    if at_node:
        score += _SAME_NODE
        evidence.append(f"{inner.enters} received the one and sent the other" + _later(outer, inner))
        if _derived(outer.call_id, inner.call_id):
            score += _DERIVED
            evidence.append("one Call-ID is made from the other")
    if mine.origin and mine.origin == other.origin and index.origins[mine.origin] <= COMMON:
        score += _SAME_ORIGIN
        evidence.append("the offers have the same origin (o=)")
    if mine.media & other.media:
        score += _SAME_MEDIA
        evidence.append(f"the offers name the same media address {min(mine.media & other.media)}")
    if mine.callee and mine.callee == other.callee:
        score += _SAME_CALLEE
        evidence.append(f"the same user {mine.callee} is called")
    if mine.caller and mine.caller == other.caller and mine.caller != "anonymous":
        score += _SAME_CALLER
        evidence.append(f"the same user {mine.caller} calls")
    if len(mine.codecs) > 1 and mine.codecs == other.codecs:
        score += _SAME_CODECS
        evidence.append("the offers list the same codecs")
    return min(round(score, 2), 1.0), tuple(evidence)


def _later(outer: _Call, inner: _Call) -> str:
    if outer.time is None or inner.time is None:
        return ""
    return f" {max(inner.time - outer.time, 0.0) * 1000:.0f} ms later"


def _derived(outer: str, inner: str) -> bool:
    """Whether a Call-ID is the other with something added before or after it, as some B2BUAs do."""
    short, long = sorted((outer.partition("@")[0], inner.partition("@")[0]), key=len)
    return len(short) >= 8 and short != long and (long.startswith(short) or long.endswith(short))


def _named_dialogs(calls: Mapping[str, list[Leg]], transactions: Iterable[Transaction]) -> list[Join]:
    """The joins that requests state themselves: Replaces in an INVITE or in a Refer-To, Target-Dialog, Join."""
    joins: dict[tuple[str, str], Join] = {}
    referring: dict[str, tuple[str, float | None]] = {}
    for transaction in transactions:
        request = transaction.request
        if transaction.method == "REFER":
            target = request.header("refer-to") or ""
            if request.call_id in calls:
                referring[_target_of(target)] = (request.call_id, transaction.time)
            continue
        if transaction.method != "INVITE" or not transaction.is_initial:
            continue
        for header in ("replaces", "join", "target-dialog"):
            for value in request.values(header):
                named = value.partition(";")[0].strip()
                if named in calls and named != request.call_id:
                    evidence = (f"the {header.title()} header names the other call",)
                    key = (named, request.call_id)
                    joins.setdefault(key, Join(*key, Relation.REPLACES, 1.0, evidence))
        referred = referring.get(_target_of(request.request_uri.text))
        if referred is None or referred[0] == request.call_id or not request.header("referred-by"):
            continue
        call, time = referred
        if time is None or transaction.time is None or 0 <= transaction.time - time <= 10.0:
            evidence = ("it calls the target of a REFER in the other call, and says so in Referred-By",)
            joins.setdefault(
                (call, request.call_id), Join(call, request.call_id, Relation.REFERRED, _SAME_IDENTIFIER, evidence)
            )
    return list(joins.values())


def _target_of(text: str) -> str:
    """User and host of a URI in a header, without parameters and headers."""
    uri = text.partition("<")[2].partition(">")[0] if "<" in text else text
    uri = uri.partition("?")[0]
    return next(iter(uri.split(";"))).lower().removeprefix("sips:").removeprefix("sip:").partition(":")[0]
