"""When the capture is to blame for missing packets, and when the network is."""

from __future__ import annotations

import numpy as np
from tests.support.rtp import Sent, media_table, stream

from sip_ci.trace.observation import Endpoint
from sip_ci_server.engine.capture_loss import instants_of_loss, streams_lost_by_capture
from sip_ci_server.engine.streams import build_streams

PBX = "203.0.113.5"


def phone(number: int) -> Endpoint:
    return Endpoint(f"198.51.100.{number}", 40_000)


def inward(number: int, packets: int = 1000) -> Sent:
    return stream(phone(number), Endpoint(PBX, 30_000 + 2 * number), packets, ssrc=number)


def outward(number: int, packets: int = 1000) -> Sent:
    return stream(Endpoint(PBX, 30_000 + 2 * number), phone(number), packets, ssrc=100 + number)


def blamed(*sent: Sent) -> set[int]:
    """The SSRCs whose losses are the capture's."""
    found = build_streams(media_table(*sent))
    suspects = streams_lost_by_capture(found)
    return {item.ssrc for item in found if id(item) in suspects}


def randomly(sent: Sent, share: float, seed: int) -> Sent:
    lost = np.flatnonzero(np.random.default_rng(seed).random(len(sent)) < share)
    return sent.without(lost[(lost > 0) & (lost < len(sent) - 1)])


def test_nothing_lost_nobody_blamed() -> None:
    assert blamed() == set()
    assert blamed(*(inward(number) for number in range(1, 6))) == set()


def test_a_stall_of_the_capture_takes_packets_of_all_calls_both_ways() -> None:
    stalled = list(range(300, 330)) + list(range(600, 640))
    flows = [make(number).without(stalled) for number in range(1, 5) for make in (inward, outward)]
    assert blamed(*flows) == {1, 2, 3, 4, 101, 102, 103, 104}


def test_the_capture_and_the_network_lose_each_its_own() -> None:
    stalled = list(range(300, 330))
    flows = [make(number).without(stalled) for number in range(1, 5) for make in (inward, outward)]
    bad_line = randomly(inward(9), 0.1, 9)
    assert 9 not in blamed(*flows, bad_line)
    assert {1, 101} <= blamed(*flows, bad_line)


def test_an_uplink_that_loses_what_comes_in_is_the_network() -> None:
    lost = list(range(300, 330))
    incoming = [inward(number).without(lost) for number in range(1, 6)]
    assert blamed(*incoming, *(outward(number) for number in range(1, 6))) == set()


def test_two_streams_prove_nothing() -> None:
    lost = list(range(300, 330))
    assert blamed(inward(1).without(lost), outward(1).without(lost), inward(2).without(lost)) == set()


def test_many_calls_that_lose_at_random_are_the_network() -> None:
    flows = [randomly(make(number), 0.05, number) for number in range(1, 31) for make in (inward, outward)]
    assert blamed(*flows) == set()


def test_few_calls_that_lose_much_are_the_network() -> None:
    flows = [randomly(make(number), 0.15, number) for number in range(1, 7) for make in (inward, outward)]
    assert blamed(*flows) == set()


def test_a_restart_is_no_instant_of_loss() -> None:
    restarted = inward(1, 100).then(
        stream(phone(1), Endpoint(PBX, 30_002), 100, ssrc=1, start=3.2, sequence=40_000, timestamp=5)
    )
    (found,) = build_streams(media_table(restarted))
    assert instants_of_loss(found) == []
