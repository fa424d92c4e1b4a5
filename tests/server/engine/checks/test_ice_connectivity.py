"""The connectivity checks of ICE: none, unanswered, or answered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.server.engine.checks.test_ice import full
from tests.support.calls import ALICE, BOB, Ladder
from tests.support.rtp import ALICE_MEDIA, BOB_MEDIA, media_table, stream

from sip_ci.findings import Severity
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.observation import Endpoint


def connected(checks: list[tuple[Endpoint, Endpoint]], *, media: str, until: float = 60.0) -> Ladder:
    """A call with ICE on both sides; STUN on these ways, and RTP one way, both ways or not at all."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=full(ALICE, 40_000))
    call.respond(invite, 200, 1.0, body=full(BOB, 42_000))
    call.ack(invite, 1.03)
    ways = {"none": [], "one": [stream(ALICE_MEDIA, BOB_MEDIA, 200)], "both": []}
    ways["both"] = [*ways["one"], stream(BOB_MEDIA, ALICE_MEDIA, 200)]
    rows = [stream(source, destination, 10, ssrc=number + 77) for number, (source, destination) in enumerate(checks)]
    sent = [*ways[media], *rows]
    if sent:
        table = media_table(*sent)
        kind = table.kind.copy()
        kind[np.isin(table.ssrc, [number + 77 for number in range(len(checks))])] = MediaKind.STUN
        ladder.media = replace(table, kind=kind)
    ladder.know(host_pairs=frozenset({(ALICE.host, BOB.host), (BOB.host, ALICE.host)}))
    return ladder.end(until)


def test_nobody_sends_checks() -> None:
    assert connected([], media="one").findings()["ice-no-checks"].severity is Severity.HIGH
    assert connected([], media="both").findings()["ice-no-checks"].severity is Severity.LOW


def test_checks_are_sent_or_cannot_be_seen() -> None:
    ways = [(ALICE_MEDIA, BOB_MEDIA), (BOB_MEDIA, ALICE_MEDIA)]
    assert not {"ice-no-checks", "ice-failed"} & set(connected(ways, media="both").findings())
    assert "ice-no-checks" not in connected([], media="none").findings()
    assert "ice-no-checks" not in connected([], media="one", until=4.0).findings()


def test_no_check_is_answered() -> None:
    finding = connected([(ALICE_MEDIA, BOB_MEDIA)], media="none").findings()["ice-failed"]
    assert finding.severity is Severity.CRITICAL
    assert str(BOB_MEDIA) in finding.detail


def test_checks_that_are_answered_or_may_yet_be() -> None:
    ways = [(ALICE_MEDIA, BOB_MEDIA)]
    assert "ice-failed" not in connected([*ways, (BOB_MEDIA, ALICE_MEDIA)], media="none").findings()
    assert "ice-failed" not in connected(ways, media="none", until=20.0).findings()
    assert "ice-failed" not in connected(ways, media="one").findings()
