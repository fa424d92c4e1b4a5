"""The same call, made again and again: a load test is diagnosed by its different calls, and counted by all of them.

Two calls are the same where their messages have the same bytes but for what every call has of its own (Call-ID, tags,
branches, the session identifier and the port of the media), went between the same endpoints, and came at the same
intervals. Checks then see one of them, with its weight. Whatever went wrong in a call keeps it from being folded: a
failure response, a message sent again, a Reason. So a fault is always judged, and counted, in its own call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from sip_ci.trace.header_index import unfold
from sip_ci.trace.message import SipMessage
from sip_ci.trace.message_table import MessageTable
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.call_shapes import CallShapes

WORTHWHILE = 20_000
"""Messages below which nothing is folded: the time would not be noticed."""
WORTHWHILE_BESIDE_MEDIA = 5_000
"""The same for traces with media."""
KEPT = 100
"""Calls at the beginning that are kept whatever they look like: they are those that reports list one by one."""
SAME_GAP = 0.050
"""Seconds up to which intervals between messages count as equal; longer ones are equal within `SAME_RATIO`."""
SAME_RATIO = 1.1
LONG_AFTER = 7_200 * 10**9
"""Nanoseconds of trace behind a call beyond which it does not matter how much more there is."""
MOST_MESSAGES = 64
"""Messages of a call beyond which it is not compared with others."""
_CALL_ID = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?\n", re.IGNORECASE)
_USUAL_CALL_ID = b"\nCall-ID: "


@dataclass(frozen=True, slots=True)
class Repetitions:
    """The calls that were folded into others."""

    messages: int = 0
    """Messages that were folded."""
    calls: int = 0
    """Calls that were folded."""
    others: dict[str, list[list[int]]] = field(default_factory=dict)
    """By the Call-ID of the call that stands for them: the places of each other call's messages in the trace."""
    places: dict[str, list[int]] = field(default_factory=dict)
    """By the same Call-ID: the places of its own messages."""
    times: Sequence[int] = ()
    """When each message of the trace was sent, in nanoseconds."""
    folded: frozenset[str] = frozenset()
    """The Call-IDs of the calls that others stand for."""

    def weight(self, call_id: str) -> int:
        """How many calls a call stands for, itself included."""
        return 1 + len(self.others.get(call_id, ()))

    def weight_of(self, call_ids: Iterable[str]) -> int:
        """How many calls these calls stand for together."""
        return sum(self.weight(call_id) for call_id in call_ids)

    def delays(self, first: SipMessage, second: SipMessage) -> list[float]:
        """The seconds between the counterparts of two messages of one call, in each call that was folded into it."""
        others = self.others.get(first.call_id)
        if not others:
            return []
        own = self.places[first.call_id]
        start, end = own.index(first.index), own.index(second.index)
        return [(self.times[places[end]] - self.times[places[start]]) / 1e9 for places in others]


def fold_repetitions(trace: Trace) -> tuple[Trace, Repetitions]:
    """The trace with one call for each kind of call, and what was left out. Time is linear in the trace.

    Traces with media keep all their calls, as each call's media has to be judged: see `twins_beside_media`.
    """
    table = trace.messages
    if not isinstance(table, MessageTable) or len(table) < WORTHWHILE or len(trace.media):
        return trace, Repetitions()
    kept, repetitions = _find(trace, table)
    if not repetitions.calls:
        return trace, repetitions
    return replace(trace, messages=tuple(table[place] for place in sorted(kept))), repetitions


def twins_beside_media(trace: Trace) -> Repetitions:
    """The calls of a trace with media whose signalling is that of another call, which checks judge once."""
    table = trace.messages
    if not isinstance(table, MessageTable) or len(table) < WORTHWHILE_BESIDE_MEDIA or not len(trace.media):
        return Repetitions()
    return _find(trace, table)[1]


def _find(trace: Trace, table: MessageTable) -> tuple[list[int], Repetitions]:
    """The places of the messages that stay, and the calls that others stand for."""
    calls = _calls(table.raws)
    routes = _routes(table, list(calls.values()), trace.facts.last_time)
    shapes = CallShapes()
    kept: list[int] = []
    standing: dict[tuple[int, tuple[int, ...]], str] = {}
    others: dict[str, list[list[int]]] = {}
    own: dict[str, list[int]] = {}
    folded: list[bytes] = []
    for number, ((call_id, places), (route, paces)) in enumerate(zip(calls.items(), routes, strict=True)):
        shape = -1
        if call_id and len(places) <= MOST_MESSAGES:
            shape = shapes.shape_of(call_id, [table.raws[place] for place in places], route)
        name = standing.get((shape, paces)) if shape >= 0 and number >= KEPT else None
        if name is not None:
            others.setdefault(name, []).append(places)
            folded.append(call_id)
            continue
        kept += places
        if shape >= 0:
            text = table[places[0]].call_id
            standing.setdefault((shape, paces), text)
            own[text] = places
    if not others:
        return kept, Repetitions()
    repetitions = Repetitions(
        len(table) - len(kept), sum(map(len, others.values())), others, {name: own[name] for name in others},
        table.times_ns, frozenset(map(unfold, folded)),
    )  # fmt: skip
    return kept, repetitions


def _calls(raws: Sequence[bytes]) -> dict[bytes, list[int]]:
    """The places of the messages of each Call-ID, in the order in which the calls begin."""
    calls: dict[bytes, list[int]] = {}
    skip = len(_USUAL_CALL_ID)
    for place, raw in enumerate(raws):
        start = raw.find(_USUAL_CALL_ID)
        if start >= 0:
            call_id = raw[start + skip : raw.find(b"\r\n", start + skip)]
        else:
            match = _CALL_ID.search(raw)
            call_id = match[1] if match is not None else b""
        if call_id in calls:
            calls[call_id].append(place)
        else:
            calls[call_id] = [place]
    return calls


def _routes(
    table: MessageTable, calls: list[list[int]], last: float | None
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """For each call the way of each message (equal numbers for equal ends and transports), and that with its pace.

    The pace of a message is the class of the interval before it, and of its size. The first number is the class of
    what there is of the trace behind the call.
    """
    places = np.concatenate([np.array(call, np.int64) for call in calls])
    sizes = np.array([len(call) for call in calls])
    ends = np.cumsum(sizes)
    times = np.asarray(table.times_ns)[places]
    gaps = np.diff(times, prepend=times[:1])
    gaps[ends - sizes] = 0
    end = max(int(table.times_ns[-1]), round(last * 1e9) if last is not None else 0)
    rest = _classes(np.minimum(end - times[ends - 1], LONG_AFTER)).tolist()
    sources, destinations, manners = (
        np.asarray(column)[places].astype(np.int64) for column in (table.sources, table.destinations, table.manners)
    )
    codes = (sources * len(table.endpoints) + destinations) * (int(manners.max()) + 1) + manners
    _, ways = np.unique(codes, return_inverse=True)
    lengths = np.array([len(raw) for raw in table.raws])[places] // 128
    paces = (_classes(gaps) << 16) + np.minimum(lengths, 0xFFFF)
    all_ways, all_paces = ways.tolist(), paces.tolist()
    start = 0
    for stop, behind in zip(ends.tolist(), rest, strict=True):
        yield tuple(all_ways[start:stop]), (behind, *all_ways[start:stop], *all_paces[start:stop])
        start = stop


def _classes(nanoseconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The classes of intervals: those of one class are the same within `SAME_RATIO`."""
    ratio = np.maximum(nanoseconds / (SAME_GAP * 1e9), 1.0)
    classes: npt.NDArray[np.int64] = np.ceil(np.log(ratio) / np.log(SAME_RATIO)).astype(np.int64)
    return classes
