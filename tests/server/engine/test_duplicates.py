"""Copies of one packet are folded, retransmissions are not (policy F0)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy

from sip_ci.trace.observation import Endpoint
from sip_ci_server.engine.duplicates import fold_messages

OUTSIDE = Endpoint("203.0.113.77", 31_000)
"""Alice's address as it is seen outside her NAT."""


def _invite_twice(elapsed: float, **changes: object) -> Ladder:
    ladder = Ladder()
    packet = ladder.call().invite(0.0).packets[0]
    ladder.packets.append(replace(packet, time=elapsed, **changes))  # type: ignore[arg-type]
    return ladder


@pytest.mark.parametrize(
    ("elapsed", "changes", "copy"),
    [
        (0.0, {}, True),
        (0.004, {}, True),
        (0.006, {}, False),
        (0.5, {}, False),
        (0.040, {"source": OUTSIDE}, True),
        (0.040, {"destination": OUTSIDE}, True),
        (0.060, {"source": OUTSIDE}, False),
        (0.030, {"ip_id": 7}, False),
    ],
)
def test_only_what_comes_too_soon_for_a_retransmission_is_a_copy(
    elapsed: float, changes: dict[str, object], copy: bool
) -> None:
    kept, folded = fold_messages(_invite_twice(elapsed, **changes).trace().messages)

    assert (len(kept), folded) == ((1, 1) if copy else (2, 0))


def test_equal_ip_identification_marks_a_late_copy() -> None:
    ladder = _invite_twice(0.3)
    for packet in ladder.packets:
        packet.ip_id = 4711
    kept, folded = fold_messages(ladder.trace().messages)

    assert (len(kept), folded) == (1, 1)


def test_zero_ip_identification_says_nothing() -> None:
    ladder = _invite_twice(0.5)
    for packet in ladder.packets:
        packet.ip_id = 0

    assert len(fold_messages(ladder.trace().messages)[0]) == 2


def test_a_folded_message_counts_its_copies_and_keeps_its_place_in_the_trace() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.request("OPTIONS", 0.0, inside=False)
    invite = call.invite(1.0)
    ladder.again(invite, 1.001, 1.002)
    kept, folded = fold_messages(ladder.trace().messages)

    assert folded == 2
    assert [(message.method, message.index, message.observation.copies) for message in kept] == [
        ("OPTIONS", 0, 1),
        ("INVITE", 1, 3),
    ]


def test_copies_do_not_swallow_the_retransmission_behind_them() -> None:
    ladder = Ladder()
    invite = ladder.call().invite(0.0)
    ladder.again(invite, 0.001, 0.5, 0.501, 1.5, 1.501)
    model = ladder.model()

    assert model.copies == 3
    assert len(model.transactions[0].requests) == 3


def test_without_times_nothing_is_folded() -> None:
    ladder = Ladder()
    invite = ladder.call().invite(0.0)
    ladder.again(invite, 0.0)
    for packet in ladder.packets:
        packet.time = None

    assert fold_messages(ladder.trace().messages)[1] == 0


def test_a_call_captured_on_both_sides_of_a_nat_is_one_healthy_call() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established(0.0)
    call.respond(call.bye(10.0, by_callee=True), 200, 10.02)
    reinvite_free = list(ladder.packets)
    for packet in reinvite_free:
        outward = packet.source == ALICE
        copy = replace(
            packet,
            source=OUTSIDE if outward else packet.source,
            destination=packet.destination if outward else OUTSIDE,
            time=(packet.time or 0.0) + (0.0003 if outward else -0.0003),
        )
        ladder.packets.append(copy)
    for packet in ladder.packets:
        packet.raw = packet.raw.replace(b";branch=", b";rport;branch=")
    ladder.end(60.0)

    assert_healthy(ladder)
    model = ladder.model()
    assert model.copies == len(reinvite_free)
    assert len(model.legs) == 1
    leg = model.legs[0]
    assert leg.acks
    assert leg.bye in leg.transactions
    assert not leg.elsewhere


def test_a_hop_through_a_proxy_is_no_copy() -> None:
    ladder = Ladder()
    ladder.call(ALICE, Endpoint("203.0.113.5", 5060), BOB).answered()

    assert ladder.model().copies == 0
