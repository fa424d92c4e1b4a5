"""What a reader could not understand, counted by kind and told in a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sip_ci.trace.observation import Position
from sip_ci.trace.trace import Notice, NoticeKind

_TOLD_PER_KIND = 5


@dataclass(frozen=True, slots=True)
class NoticeGroup:
    """All notices of one kind."""

    kind: NoticeKind
    notices: tuple[Notice, ...]

    @property
    def count(self) -> int:
        """How often something of this kind happened."""
        return sum(notice.count for notice in self.notices)


def group_notices(notices: Iterable[Notice]) -> list[NoticeGroup]:
    """Notices by kind, in order of the first of each kind."""
    groups: dict[NoticeKind, list[Notice]] = {}
    for notice in notices:
        groups.setdefault(notice.kind, []).append(notice)
    return [NoticeGroup(kind, tuple(members)) for kind, members in groups.items()]


def describe_notice(notice: Notice) -> str:
    """One line: what it is, how often it happened, and where first."""
    place = _place(notice.position)
    if notice.count > 1:
        return f"{notice.text}: {notice.count:,}" + (f", first at {place}" if place else "")
    return f"{notice.text} ({place})" if place else notice.text


def summarise_notices(notices: Iterable[Notice], per_kind: int = _TOLD_PER_KIND) -> list[str]:
    """At most `per_kind` lines for each kind, and one that counts the rest of it."""
    lines: list[str] = []
    for group in group_notices(notices):
        lines += [describe_notice(notice) for notice in group.notices[:per_kind]]
        if more := sum(notice.count for notice in group.notices[per_kind:]):
            lines.append(f"{more:,} more of the kind {group.kind.value}")
    return lines


def _place(position: Position) -> str:
    if position.frame is not None:
        return f"packet {position.frame}"
    return f"line {position.line}" if position.line is not None else ""
