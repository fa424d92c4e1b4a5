"""Several programs' views of the same calls, put together: one clock, one order, each message once."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from sip_ci.trace.logs.sources import Part, Source, read_source
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Fidelity

_SAME_ZONE = 300.0
"""Seconds by which the clocks of two programs on one machine may differ in a log before the zones are to blame."""
_FINE = 1e-3
_CLOSENESS = (Fidelity.EXACT, Fidelity.LINE_ENDINGS_LOST, Fidelity.DECODED, Fidelity.TRUNCATED)


def read_sources(sources: Sequence[Source]) -> tuple[Clock, list[Part]]:
    """Read all sources on one clock: dates are used where all have them.

    Where a collector wrote times for several programs, those are taken, unless all programs wrote better ones.
    """
    if len(sources) > 1:
        collected = _collector_knows_better(sources)
        for source in sources:
            source.collected = collected
    parts = [read_source(source) for source in sources]
    clocks = {part.clock for part in parts if part.clock is not Clock.ORDINAL}
    if len(clocks) > 1:
        parts = [read_source(source, dated=False) for source in sources]
        clocks = {part.clock for part in parts if part.clock is not Clock.ORDINAL}
    return clocks.pop() if clocks else Clock.ORDINAL, parts


def _collector_knows_better(sources: Sequence[Source]) -> bool:
    offsets: list[float] = []
    fine = True
    for source in sources:
        first = source.pieces[0].claim.head
        label = source.clean.label_stamp(first.start)
        if label is None or not label.absolute:
            return False
        own = first.stamp
        fine = fine and own is not None and own.absolute and own.resolution <= _FINE
        offsets.append(own.seconds - label.seconds if own is not None else 0.0)
    return not fine or max(offsets) - min(offsets) > _SAME_ZONE


def in_order(parts: Sequence[Part], clock: Clock) -> list[SipMessage]:
    """All messages in order of time where that is known, else in order of appearance.

    A clock that was set back says nothing about the order; where it ran, threads may have written out of turn.
    """
    messages = [message for part in parts for message in part.messages]
    if len(parts) > 1:
        messages.sort(key=lambda message: message.observation.position.line or 0)
    timed = all(message.observation.time is not None for message in messages)
    if clock is not Clock.ORDINAL and timed and not any(_went_back(part.times[1:-1]) for part in parts):
        messages.sort(key=lambda message: message.observation.time or 0.0)
    return messages


def without_twins(parts: Sequence[Part]) -> int:
    """Drop, from what one program received, what another one is seen to have sent; return how many were dropped.

    Of two logs of the same message the one closer to the wire is kept. Without this, each message between two
    programs of one log would look like a retransmission.
    """
    seen: dict[bytes, dict[tuple[int, bool | None], deque[SipMessage]]] = {}
    dropped: set[int] = set()
    for number, part in enumerate(parts):
        for message in part.messages:
            views = seen.setdefault(message.raw.replace(b"\r\n", b"\n").strip(), {})
            twins = next((views[view] for view in views if views[view] and _other_side(view, number, message)), None)
            if twins is None:
                views.setdefault((number, message.observation.sent), deque()).append(message)
            else:
                dropped.add(id(_farther(twins.popleft(), message)))
    for part in parts:
        part.messages[:] = [message for message in part.messages if id(message) not in dropped]
    return len(dropped)


def _other_side(view: tuple[int, bool | None], number: int, message: SipMessage) -> bool:
    """Whether what one program saw as sent or received can be what another one saw the other way round."""
    sent = (view[1], message.observation.sent)
    return view[0] != number and sent not in ((True, True), (False, False))


def _farther(first: SipMessage, second: SipMessage) -> SipMessage:
    """Of two logs of one message the worse one; what only that one knows is added to the other."""
    worse, better = (first, second) if _rank(second) < _rank(first) else (second, first)
    one, other = better.observation, worse.observation
    better.observation = replace(
        one,
        time=one.time if one.time is not None else other.time,
        source=other.source if one.source is None or one.source.is_unnamed else one.source,
        destination=other.destination if one.destination is None or one.destination.is_unnamed else one.destination,
    )
    return worse


def _rank(message: SipMessage) -> tuple[int, int]:
    return _CLOSENESS.index(message.fidelity), 0 if message.observation.sent else 1


def _went_back(times: Sequence[float | None]) -> bool:
    known = [time for time in times if time is not None]
    return any(after < before - 1 for before, after in pairwise(known))
