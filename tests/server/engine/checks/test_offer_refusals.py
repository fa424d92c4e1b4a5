"""Offers that are refused for their profile or their role, and INVITEs that are refused for having none."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder, assert_healthy, sdp

from sip_ci.findings import Severity

PRINT = "a=fingerprint:sha-256 " + ":".join(f"{number:02X}" for number in range(32))


def offered(media: str, *, status: int = 488, method: str = "INVITE") -> Ladder:
    """A call whose offer is this, and is answered with a status."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=media))
    call.respond(invite, status, 0.5, body=sdp(BOB, 42_000) if status == 200 else b"")
    call.ack(invite, 0.52)
    if status == 200:
        call.respond(call.bye(20.0), 200, 20.02)
    return ladder.end(60.0)


@pytest.mark.parametrize("protocol", ["RTP", "RTP/AVPS", "AVP", "RTP/AVP/UDP"])
def test_a_profile_that_is_none(protocol: str) -> None:
    findings = offered(f"m=audio 40000 {protocol} 0 8").findings()
    finding = findings["sdp-profile-unknown"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert protocol in finding.title
    assert finding.evidence[0].text == f"m=audio 40000 {protocol} 0 8"
    assert not findings["sdp-488"].root


def test_a_profile_that_was_taken_all_the_same_is_low() -> None:
    assert offered("m=audio 40000 RTP 0", status=200).findings()["sdp-profile-unknown"].severity is Severity.LOW


@pytest.mark.parametrize(
    "media",
    [
        "m=audio 40000 RTP/AVP 0",
        "m=audio 40000 rtp/avp 0",
        "m=audio 40000 RTP/SAVPF 0",
        "m=audio 40000 UDP/TLS/RTP/SAVPF 0",
        "m=audio 40000 TCP/RTP/AVP 0",
        "m=image 40000 udptl t38",
        "m=message 2855 TCP/MSRP *",
        "m=audio 40000 PSTN -",
    ],
)
def test_profiles_that_exist(media: str) -> None:
    assert "sdp-profile-unknown" not in offered(media).findings()


@pytest.mark.parametrize("role", ["active", "passive"])
def test_an_offer_that_chooses_its_dtls_role_and_is_refused(role: str) -> None:
    media = f"m=audio 40000 UDP/TLS/RTP/SAVPF 0\r\n{PRINT}\r\na=rtcp-mux\r\na=setup:{role}"
    findings = offered(media).findings()
    finding = findings["dtls-offer-role"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert finding.evidence[0].text == f"a=setup:{role}"
    assert not findings["sdp-488"].root


def test_a_reinvite_that_repeats_its_role_and_is_refused() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    media = f"m=audio 40000 UDP/TLS/RTP/SAVPF 0\r\n{PRINT}\r\na=rtcp-mux\r\na=setup:passive"
    again = call.request("INVITE", 5.0, body=sdp(ALICE, version=2, media=media))
    call.respond(again, 500, 5.1)
    call.ack(again, 5.12)
    findings = ladder.end(60.0).findings()

    assert findings["dtls-offer-role"].root
    assert not findings["reinvite-rejected"].root


@pytest.mark.parametrize("role", ["actpass", "holdconn"])
def test_roles_of_offers_that_are_right(role: str) -> None:
    media = f"m=audio 40000 UDP/TLS/RTP/SAVPF 0\r\n{PRINT}\r\na=rtcp-mux\r\na=setup:{role}"
    assert "dtls-offer-role" not in offered(media).findings()


def test_a_role_that_was_answered_is_only_noted() -> None:
    media = f"m=audio 40000 UDP/TLS/RTP/SAVPF 0\r\n{PRINT}\r\na=rtcp-mux\r\na=setup:active"
    assert offered(media, status=200).findings()["dtls-offer-role"].severity is Severity.INFO


@pytest.mark.parametrize("status", [400, 415, 488])
def test_an_invite_without_an_offer_that_is_refused(status: int) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, status, 0.1)
    call.ack(invite, 0.12)
    findings = ladder.end(60.0).findings()
    finding = findings["offerless-invite-refused"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert [proof.message for proof in finding.evidence] == [0, 1]
    assert all(not one.root for check, one in findings.items() if check in ("final-400", "sdp-488"))


def test_an_invite_without_an_offer_that_is_answered_is_healthy() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 200, 1.0, body=sdp(BOB, 42_000))
    call.ack(invite, 1.03, body=sdp(ALICE))
    call.respond(call.bye(20.0), 200, 20.02)

    assert_healthy(ladder.end(60.0))


@pytest.mark.parametrize(("status", "lines"), [(486, ()), (404, ()), (500, ("Retry-After: 3",)), (503, ())])
def test_refusals_that_have_other_reasons(status: int, lines: tuple[str, ...]) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, status, 0.1, *lines)
    call.ack(invite, 0.12)

    assert "offerless-invite-refused" not in ladder.end(60.0).findings()


def test_an_invite_that_lacks_more_than_its_offer() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Contact", offer=b"")
    call.respond(invite, 400, 0.1)
    call.ack(invite, 0.12)

    assert "offerless-invite-refused" not in ladder.end(60.0).findings()


def test_the_refusal_is_told_once_for_the_hops_of_a_proxy() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 488, 0.1)
    call.ack(invite, 0.12)

    assert ladder.end(60.0).findings()["offerless-invite-refused"].occurrences == 1
