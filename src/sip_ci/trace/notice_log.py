"""Collects what a reader has to say, once for each kind of thing, with a count."""

from __future__ import annotations

from sip_ci.trace.notices import Notice, NoticeKind
from sip_ci.trace.observation import Position

_DISTINCT = 200


class NoticeLog:
    """Notices in order of first appearance; equal ones are counted, and there are never more than a few hundred."""

    def __init__(self) -> None:
        self._entries: dict[tuple[NoticeKind, str], tuple[int, Position]] = {}

    def add(self, kind: NoticeKind, text: str, *, frame: int | None = None, count: int = 1) -> None:
        """Note one thing, or `count` equal ones; `frame` is the 1-based number of the first packet concerned."""
        if count <= 0:
            return
        key = (kind, text)
        known = self._entries.get(key)
        if known is None and len(self._entries) >= _DISTINCT:
            # A file of noise must not make a notice for each of its packets: the kind is what matters then.
            key = (kind, f"{kind.value}, and more of the same kind")
            known = self._entries.get(key)
        if known is None:
            self._entries[key] = (count, Position(frame=frame))
        else:
            self._entries[key] = (known[0] + count, known[1])

    def notices(self) -> tuple[Notice, ...]:
        """Everything that was noted."""
        return tuple(Notice(kind, text, count, place) for (kind, text), (count, place) in self._entries.items())
