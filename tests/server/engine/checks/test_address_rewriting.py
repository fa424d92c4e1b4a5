"""Routers that rewrite SIP without being SIP elements."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import BOB, PROXY, Ladder, Packet

from sip_ci.findings import Confidence, Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint

INSIDE = Endpoint("192.168.1.20", 5060)
OUTSIDE = Endpoint("198.51.100.7", 5060)
CHECK = "nat-alg-rewriting"


def _behind_router(ladder: Ladder, packet: Packet, *edits: tuple[bytes, bytes]) -> None:
    """Show a packet again as it left the router."""
    raw = packet.raw
    for old, new in edits:
        assert old in raw
        raw = raw.replace(old, new)
    ladder.packets.append(replace(packet, raw=raw, source=OUTSIDE, time=(packet.time or 0.0) + 0.001))


def _found(ladder: Ladder) -> WireFinding | None:
    return ladder.end(60.0).findings().get(CHECK)


def test_a_request_that_changes_between_two_sides_of_a_router() -> None:
    ladder = Ladder()
    invite = ladder.call(INSIDE, BOB).invite(0.0)
    _behind_router(ladder, invite.packets[0], (b"c=IN IP4 192.168.1.20", b"c=IN IP4 198.51.100.7"))
    found = _found(ladder)

    assert found is not None
    assert (found.severity, found.confidence) == (Severity.HIGH, Confidence.CERTAIN)
    assert [proof.text for proof in found.evidence] == ["c=IN IP4 192.168.1.20", "c=IN IP4 198.51.100.7"]
    assert "media address" in found.title


def test_a_rewritten_request_that_is_answered() -> None:
    ladder = Ladder()
    call = ladder.call(INSIDE, BOB)
    invite = call.invite(0.0)
    _behind_router(ladder, invite.packets[0], (b"c=IN IP4 192.168.1.20", b"c=IN IP4 198.51.100.7"))
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)

    assert _found(ladder) is not None


def test_a_rewritten_contact_is_shown() -> None:
    ladder = Ladder()
    request = ladder.call(INSIDE, BOB).request("REGISTER", 0.0, inside=False)
    _behind_router(ladder, request.packets[0], (b"Contact: <sip:192.168.1.20", b"Contact: <sip:198.51.100.7"))
    found = _found(ladder)

    assert found is not None
    assert "Contact" in found.title
    assert all("Contact" in proof.text for proof in found.evidence)


@pytest.mark.parametrize("edit", [(b"", b""), (b"5060;branch", b"5060;received=198.51.100.7;branch")])
def test_a_router_that_changes_the_packet_s_address_alone(edit: tuple[bytes, bytes]) -> None:
    ladder = Ladder()
    _behind_router(ladder, ladder.call(INSIDE, BOB).invite(0.0).packets[0], edit)

    assert _found(ladder) is None


def test_a_proxy_with_a_media_relay_adds_its_via() -> None:
    ladder = Ladder()
    invite = ladder.call(INSIDE, PROXY, BOB).invite(0.0)
    invite.packets[1].raw = invite.packets[1].raw.replace(b"c=IN IP4 192.168.1.20", b"c=IN IP4 203.0.113.5")

    assert _found(ladder) is None
