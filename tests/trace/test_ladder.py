from __future__ import annotations

import pytest

from sip_ci.trace.ladder import UNKNOWN_PARTICIPANT, LadderModel, build_ladder
from sip_ci.trace.ladder_drawing import draw
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Observation, Position, Transport

ALICE, BOB, CAROL = (Endpoint(f"192.0.2.{host}", 5060) for host in (1, 2, 3))


def message(
    index: int,
    start: str,
    ends: tuple[Endpoint | None, Endpoint | None] = (ALICE, BOB),
    time: float | None = None,
    *,
    branch: str = "z9hG4bK1",
    cseq: str = "1 INVITE",
    extra: str = "",
) -> SipMessage:
    raw = f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch={branch}\r\nCSeq: {cseq}\r\nCall-ID: a\r\n{extra}\r\n"
    position = Position(frame=index + 10, line=index + 100)
    return SipMessage(raw.encode(), Observation(time, *ends, Transport.UDP, position), index=index)


def call() -> list[SipMessage]:
    return [
        message(0, "INVITE sip:b@192.0.2.2 SIP/2.0", time=50.0, extra="Content-Type: application/sdp\r\n"),
        message(1, "INVITE sip:b@192.0.2.2 SIP/2.0", time=50.5, extra="Content-Type: application/sdp\r\n"),
        message(2, "SIP/2.0 200 OK", (BOB, ALICE), 51.25),
        message(3, "ACK sip:b@192.0.2.2 SIP/2.0", time=51.5, branch="z9hG4bK2", cseq="1 ACK"),
    ]


def drawn(ladder: LadderModel) -> list[str]:
    return [line.text for line in draw(ladder.participants, ladder.steps, omitted=ladder.omitted)]


def test_retransmissions_are_folded_and_times_start_at_zero() -> None:
    ladder = build_ladder(call())
    assert ladder.participants == ("192.0.2.1:5060", "192.0.2.2:5060")
    assert [(step.source, step.destination, step.label, step.repeats) for step in ladder.steps] == [
        (0, 1, "INVITE (SDP)", 2),
        (1, 0, "200 OK (INVITE)", 1),
        (0, 1, "ACK", 1),
    ]
    assert [step.time for step in ladder.steps] == pytest.approx([0.0, 1.25, 1.5])
    assert [(step.message, step.line, step.frame) for step in ladder.steps] == [
        (0, 100, 10),
        (2, 102, 12),
        (3, 103, 13),
    ]


def test_the_same_message_on_another_hop_is_not_a_retransmission() -> None:
    start = "INVITE sip:b@192.0.2.2 SIP/2.0"
    ladder = build_ladder([message(0, start), message(1, start, (BOB, CAROL))])
    assert [(step.source, step.destination, step.repeats) for step in ladder.steps] == [(0, 1, 1), (1, 2, 1)]


def test_a_long_call_keeps_its_beginning_and_its_end() -> None:
    messages = [message(i, "OPTIONS sip:b SIP/2.0", branch=f"z9hG4bK{i}", cseq=f"{i} OPTIONS") for i in range(100)]
    ladder = build_ladder(messages, limit=30)
    assert len(ladder.steps) == 30
    assert ladder.omitted == 70
    assert ladder.steps[0].message == 0
    assert ladder.steps[-1].message == 99


def test_unknown_ends_and_times_are_shown_as_unknown() -> None:
    ladder = build_ladder([message(0, "BYE sip:b SIP/2.0", (None, None))])
    assert ladder.participants == (UNKNOWN_PARTICIPANT,)
    assert ladder.steps[0].time is None


def test_nothing_at_all() -> None:
    assert build_ladder([]).steps == ()
    assert drawn(build_ladder([])) == []


def test_the_picture_has_one_line_for_each_step_and_arrows_in_the_right_direction() -> None:
    lines = drawn(build_ladder(call()))
    assert len(lines) == 4
    assert "192.0.2.1:5060" in lines[0]
    assert "INVITE (SDP) ×2" in lines[1]
    assert "▶" in lines[1]
    assert "◀" in lines[2]
    assert "◀" not in lines[3]
    assert max(map(len, lines)) <= 100


def test_many_participants_become_lines_of_text() -> None:
    hosts = [Endpoint(f"198.51.100.{host}", 5060) for host in range(8)]
    messages = [message(i, "OPTIONS sip:b SIP/2.0", (hosts[i], hosts[i + 1]), branch=f"z9hG4bK{i}") for i in range(7)]
    lines = drawn(build_ladder(messages))
    assert len(lines) == 7
    assert all(" → " in line and len(line) <= 100 for line in lines)


def test_hostile_text_cannot_steer_the_terminal() -> None:
    hostile = message(0, "SIP/2.0 200 \x1b[2J\u202eKO\x07")
    lines = drawn(build_ladder([hostile]))
    assert not any(ord(char) < 32 for line in lines for char in line)
    assert not any("\u202e" in line for line in lines)
    assert len(lines) == 2
