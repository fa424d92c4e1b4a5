from __future__ import annotations

from sip_ci.trace.notice_summary import group_notices, summarise_notices
from sip_ci.trace.observation import Position
from sip_ci.trace.trace import Notice, NoticeKind


def test_notices_of_a_kind_are_counted_together() -> None:
    notices = [
        Notice(NoticeKind.UNREAD_PROTOCOL, "ESP", 3, Position(frame=7)),
        Notice(NoticeKind.SNAPLEN, "Cut", 1, Position(frame=9)),
        Notice(NoticeKind.UNREAD_PROTOCOL, "SCTP", 2),
    ]
    assert [(group.kind, group.count) for group in group_notices(notices)] == [
        (NoticeKind.UNREAD_PROTOCOL, 5),
        (NoticeKind.SNAPLEN, 1),
    ]


def test_each_line_says_what_how_often_and_where() -> None:
    lines = summarise_notices([
        Notice(NoticeKind.SKIPPED_TEXT, "Lines of no message", 12_400, Position(line=1)),
        Notice(NoticeKind.TCP_GAP, "A gap", 1, Position(frame=9)),
        Notice(NoticeKind.LIMIT, "A limit"),
    ])  # fmt: skip
    assert lines == ["Lines of no message: 12,400, first at line 1", "A gap (packet 9)", "A limit"]


def test_a_kind_with_many_notices_is_told_in_short() -> None:
    notices = [Notice(NoticeKind.MALFORMED_PACKET, f"Packet of form {n}", 2) for n in range(100)]
    lines = summarise_notices(notices, per_kind=3)
    assert len(lines) == 4
    assert str(97 * 2) in lines[-1]
    assert summarise_notices([]) == []
