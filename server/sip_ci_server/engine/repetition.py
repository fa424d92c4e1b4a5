"""The same call, made again and again: a load test is diagnosed by its different calls, and counted by all of them.

Two calls are the same where their messages have the same bytes but for what every call has of its own (Call-ID, tags,
branches, the session identifier and the port of the media), went between the same endpoints, and came at the same
intervals. Checks then see one of them, with its weight. Whatever went wrong in a call keeps it from being folded: a
failure response, a message sent again, a Reason. So a fault is always judged, and counted, in its own call.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from sip_ci.trace.message import SipMessage
from sip_ci.trace.message_table import MessageTable
from sip_ci.trace.trace import Trace

WORTHWHILE = 20_000
"""Messages below which nothing is folded: the time would not be noticed."""
KEPT = 200
"""Calls at the beginning that are kept whatever they look like: they are those that reports list one by one."""
SAME_GAP = 0.050
"""Seconds up to which intervals between messages count as equal; longer ones are equal within `SAME_RATIO`."""
SAME_RATIO = 1.1
LONG_AFTER = 7_200 * 10**9
"""Nanoseconds of trace behind a call beyond which it does not matter how much more there is."""
MOST_MESSAGES = 64
"""Messages of a call beyond which it is not compared with others."""
MARK = b"\x01"
"""Stands in the place of what differs; a call whose bytes hold it is not folded."""

_LOG_RATIO = math.log(SAME_RATIO)
_CALL_ID = re.compile(rb"\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?\n", re.IGNORECASE)
_USUAL_CALL_ID = b"\nCall-ID: "
_TOKEN = re.compile(rb"[A-Za-z0-9_.!%*+`'~-]+")
_ORIGIN = re.compile(rb"\no=\S+ ([0-9]+) ")
_MEDIA_PORT = re.compile(rb"\nm=[a-z]+ ([1-9][0-9]*) ")
_CHALLENGES = (b"401", b"407")
_REASON = re.compile(rb"\nreason[ \t]*:", re.IGNORECASE)


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

    Traces with media keep all their calls, as each call's media has to be judged.
    """
    table = trace.messages
    if not isinstance(table, MessageTable) or len(table) < WORTHWHILE or len(trace.media):
        return trace, Repetitions()
    kept: list[int] = []
    standing: dict[tuple[object, ...], str] = {}
    others: dict[str, list[list[int]]] = {}
    own: dict[str, list[int]] = {}
    last = trace.facts.last_time
    end = max(table.times_ns[-1], round(last * 1e9) if last is not None else 0)
    folded = 0
    for number, (call_id, places) in enumerate(_calls(table.raws).items()):
        shape = _shape_of(call_id, places, table, end)
        name = standing.get(shape) if shape is not None and number >= KEPT else None
        if name is not None:
            others.setdefault(name, []).append(places)
            folded += len(places)
            continue
        kept += places
        if shape is not None:
            text = table[places[0]].call_id
            standing.setdefault(shape, text)
            own[text] = places
    if not folded:
        return trace, Repetitions()
    repetitions = Repetitions(
        folded, sum(map(len, others.values())), others, {name: own[name] for name in others}, table.times_ns
    )
    messages = tuple(table[place] for place in sorted(kept))
    return replace(trace, messages=messages), repetitions


def _calls(raws: Sequence[bytes]) -> dict[bytes, list[int]]:
    """The places of the messages of each Call-ID, in the order in which the calls begin."""
    calls: dict[bytes, list[int]] = {}
    skip = len(_USUAL_CALL_ID)
    for place, raw in enumerate(raws):
        start = raw.find(_USUAL_CALL_ID)
        if start >= 0:
            call_id = raw[start + skip : raw.find(b"\n", start + 1)].strip()
        else:
            match = _CALL_ID.search(raw)
            call_id = match[1] if match is not None else b""
        found = calls.get(call_id)
        if found is None:
            calls[call_id] = [place]
        else:
            found.append(place)
    return calls


def _shape_of(call_id: bytes, places: list[int], table: MessageTable, end: int) -> tuple[object, ...] | None:
    """What two calls that are the same have in common; None for a call that is not to be folded."""
    raws = [table.raws[place] for place in places]
    if not call_id or len(raws) > MOST_MESSAGES or not raws[0].startswith(b"INVITE ") or not _went_well(raws):
        return None
    text = _impersonal(call_id, raws)
    times = [table.times_ns[place] for place in places]
    gaps = [_interval(later - earlier) for earlier, later in pairwise(times)]
    gaps.append(_interval(min(end - times[-1], LONG_AFTER)))
    paths = [(table.sources[place], table.destinations[place], table.manners[place]) for place in places]
    return (text, max(map(len, raws)) // 64, tuple(gaps), tuple(paths))


def _went_well(raws: list[bytes]) -> bool:
    """Whether nothing was sent twice or gives a reason, and no response is a failure, challenges apart."""
    if len(set(raws)) < len(raws):
        return False
    codes = [raw[8:11] for raw in raws if raw[:8] == b"SIP/2.0 "]
    if any(code[:1] not in (b"1", b"2") and code not in _CHALLENGES for code in codes):
        return False
    text = b"".join(raws)
    return MARK not in text and not (b"eason" in text.lower() and _REASON.search(text))


def _impersonal(call_id: bytes, raws: list[bytes]) -> bytes:
    """The bytes of a call with marks in the place of its own identifiers."""
    text = b"\n\n".join([raw if raw[-4:] == b"\r\n\r\n" else _with_marked_length(raw) for raw in raws])
    text = text.replace(call_id, MARK + b"c" + MARK)
    text = _marked(text, b";tag=", _TOKEN)
    text = _marked(text, b";branch=z9hG4bK", _TOKEN)
    for pattern in (_ORIGIN, _MEDIA_PORT):
        for number, found in enumerate(dict.fromkeys(pattern.findall(text))):
            text = text.replace(b" %b " % found, b" %b%d%b " % (MARK, number, MARK))
    return text


def _with_marked_length(raw: bytes) -> bytes:
    """A message with a mark for a Content-Length that is right, as the length of a description varies with its port."""
    size = len(raw) - raw.find(b"\r\n\r\n") - 4
    if not size or size > len(raw) - 4:
        return raw
    return raw.replace(b"\nContent-Length: %d\r" % size, b"\nContent-Length: %b\r" % MARK, 1)


def _marked(text: bytes, name: bytes, value: re.Pattern[bytes]) -> bytes:
    """The text with each distinct value of a parameter numbered in the order of appearance."""
    start = 0
    number = 0
    while (start := text.find(name, start)) >= 0:
        start += len(name)
        match = value.match(text, start) if text[start : start + 1] != MARK else None
        if match is not None:
            text = text.replace(name + match[0], b"%b%b%d%b" % (name, MARK, number, MARK))
            number += 1
    return text


def _interval(nanoseconds: int) -> int:
    """The class of an interval: those of one class are the same within `SAME_RATIO`."""
    seconds = nanoseconds / 1e9
    return 0 if seconds <= SAME_GAP else 1 + int(math.log(seconds / SAME_GAP) / _LOG_RATIO)
