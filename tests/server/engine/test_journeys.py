"""What a header held on each hop, and who changed it."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, Ladder, Sent, sdp

from sip_ci_server.engine.journeys import Change, Journey


def _with(sent: Sent, hop: int, old: bytes, new: bytes) -> None:
    packet = sent.packets[hop]
    assert old in packet.raw
    packet.raw = packet.raw.replace(old, new)


def _journey(ladder: Ladder, sent: Sent, name: str, hop: int = 0) -> Journey:
    model = ladder.end(60.0).model()
    message = next(item for item in model.messages if item.raw == sent.packets[hop].raw)
    return model.journey(message, name)


def _three_hops() -> tuple[Ladder, Sent]:
    ladder = Ladder()
    return ladder, ladder.call(ALICE, PROXY, SECOND_PROXY, BOB).invite(0.0)


@pytest.mark.parametrize("hop", [0, 1, 2])
def test_a_request_is_followed_from_wherever_it_is_looked_at(hop: int) -> None:
    ladder, invite = _three_hops()
    journey = _journey(ladder, invite, "max-forwards", hop)

    assert [step.values for step in journey.steps] == [("70",), ("69",), ("68",)]
    assert [step.sender for step in journey.steps] == [ALICE.host, PROXY.host, SECOND_PROXY.host]
    assert [(item.node, item.kind) for item in journey.alterations] == [
        (PROXY.host, Change.CHANGED), (SECOND_PROXY.host, Change.CHANGED),
    ]  # fmt: skip


def test_who_rewrote_added_and_removed_a_header_is_known() -> None:
    ladder, invite = _three_hops()
    _with(invite, 1, f"<sip:{ALICE}>".encode(), f"<sip:alice@{PROXY}>".encode())
    _with(invite, 1, b"Max-Forwards", b"Subject: hi\r\nMax-Forwards")
    (rewritten, back) = _journey(ladder, invite, "contact").alterations
    added, removed = _journey(ladder, invite, "subject").alterations

    assert (rewritten.node, rewritten.kind) == (PROXY.host, Change.CHANGED)
    assert rewritten.gained == (f"<sip:alice@{PROXY}>",)
    assert back.node == SECOND_PROXY.host
    assert (added.node, added.kind) == (PROXY.host, Change.ADDED)
    assert (removed.node, removed.kind) == (SECOND_PROXY.host, Change.REMOVED)


def test_an_element_that_takes_a_codec_out_is_named() -> None:
    ladder, invite = _three_hops()
    _with(invite, 2, b"RTP/AVP 0 8", b"RTP/AVP 8  ")
    (change,) = _journey(ladder, invite, "sdp:codecs").alterations

    assert (change.node, change.lost, change.gained) == (SECOND_PROXY.host, ("PCMU/8000",), ())


def test_a_response_is_followed_on_its_way_back() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    answer = call.respond(call.invite(0.0), 200, 1.0)
    journey = _journey(ladder, answer, "contact", 1)

    assert [step.sender for step in journey.steps] == [BOB.host, PROXY.host]
    assert journey.alterations == ()


def test_the_journey_goes_on_behind_a_b2bua() -> None:
    ladder = Ladder()
    outer, inner = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB)
    first = outer.invite(0.0)
    inner.invite(0.01, offer=sdp(PROXY, 30_000, media="m=audio 30000 RTP/AVP 8"))
    (change,) = _journey(ladder, first, "sdp:codecs").alterations

    assert (change.node, change.lost) == (PROXY.host, ("PCMU/8000",))


def test_a_fork_is_followed_from_a_branch_back_and_not_forward() -> None:
    ladder = Ladder()
    to_bob, to_carol = ladder.call(ALICE, PROXY, BOB), ladder.call(ALICE, PROXY, CAROL)
    to_carol.call_id = to_bob.call_id
    first = to_bob.invite(0.0)
    second = to_carol.invite(0.001, hops=(1,))

    assert len(_journey(ladder, first, "via").steps) == 1
    assert [step.receiver for step in _journey(ladder, second, "via").steps] == [PROXY.host, CAROL.host]


def test_a_loop_ends() -> None:
    ladder = Ladder()
    invite = ladder.call(ALICE, PROXY, SECOND_PROXY, PROXY, SECOND_PROXY, BOB).invite(0.0)

    assert 1 <= len(_journey(ladder, invite, "via").steps) <= 5


def test_ends_that_the_trace_does_not_name_lead_nowhere() -> None:
    ladder, invite = _three_hops()
    for packet in ladder.packets:
        packet.source = packet.destination = None

    assert len(_journey(ladder, invite, "via").steps) == 1
