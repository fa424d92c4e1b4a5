"""IPv6 addresses as they must and must not be written."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, assert_healthy, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

ALICE6, BOB6 = Endpoint("2001:db8::10", 5060), Endpoint("2001:db8::20", 5060)


def sdp6(end: Endpoint, port: int = 40_000) -> bytes:
    return sdp(end, port).replace(b"IN IP4", b"IN IP6")


def called(*lines: str, uri: str = "", ends: tuple[Endpoint, Endpoint] = (ALICE6, BOB6), method: str = "") -> Ladder:
    ladder = Ladder()
    call = ladder.call(*ends, uri=uri)
    if method:
        call.respond(call.request(method, 0.0, *lines, inside=False), 200, 0.1)
        return ladder
    body = sdp6(ends[0]) if ":" in ends[0].host else sdp(ends[0])
    invite = call.invite(0.0, *lines, offer=body)
    call.respond(invite, 200, 1.0, body=sdp6(ends[1], 42_000) if ":" in ends[1].host else sdp(ends[1], 42_000))
    call.ack(invite, 1.03)
    call.respond(call.bye(8.0), 200, 8.02)
    return ladder


@pytest.mark.parametrize(
    ("lines", "uri"),
    [
        (["Contact: <sip:alice@2001:db8::10:5060>"], ""),
        (["Via: SIP/2.0/UDP 2001:db8::10:5060;branch=z9hG4bKq"], ""),
        ([], "sip:bob@2001:db8::20"),
        ([], "sip:2001:db8::20"),
        (["Record-Route: <sip:2001:db8::99;lr>"], ""),
    ],
    ids=["Contact", "Via", "Request-URI", "without user", "Record-Route"],
)
def test_no_brackets(lines: list[str], uri: str) -> None:
    finding = called(*lines, uri=uri).findings()["ipv6-uri-no-brackets"]
    assert finding.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("lines", "uri"),
    [
        (["Contact: <sip:alice@[2001:db8::10]:5060>"], "sip:bob@[2001:db8::20]:5060;transport=udp"),
        (["Call-ID: a84b4c76e66710@2001:db8::10"], ""),
        (["Via: SIP/2.0/UDP [2001:db8::10]:5060;branch=z9hG4bKq;received=2001:db8::11"], ""),
        (["Contact: <sip:10:20:30@192.0.2.1:5060>"], ""),
        (["X-Peer: 2001:db8::10"], ""),
        (["Subject: sip:aa:bb:cc is a MAC"], ""),
    ],
    ids=["brackets", "Call-ID", "received", "user with colons", "other header", "prose"],
)
def test_what_needs_no_brackets(lines: list[str], uri: str) -> None:
    ladder = called(*lines, uri=uri)
    assert "ipv6-uri-no-brackets" not in ladder.findings()


def test_a_call_over_ipv6_is_healthy() -> None:
    ladder = called()
    assert_healthy(ladder)
    assert not [check for check in ladder.findings() if check.startswith("ipv6-")]


def test_an_answer_of_the_other_family() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp6(ALICE6))
    call.respond(invite, 200, 1.0)
    finding = ladder.findings()["ipv6-family-mixed"]
    assert finding.severity is Severity.HIGH
    assert [proof.text for proof in finding.evidence] == ["c=IN IP6 2001:db8::10", f"c=IN IP4 {BOB.host}"]


def test_an_offer_of_the_other_family_is_refused() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0, offer=sdp6(ALICE6)), 488, 1.0)
    assert "488" in ladder.findings()["ipv6-family-mixed"].title
    ladder = Ladder()
    call = ladder.call(ALICE6, BOB6)
    call.respond(call.invite(0.0, offer=sdp6(ALICE6)), 488, 1.0)
    assert "ipv6-family-mixed" not in ladder.findings()


def test_alternatives_bring_both_families() -> None:
    ladder = Ladder()
    call = ladder.call()
    both = sdp6(ALICE6) + b"a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\n"
    both += b"a=candidate:1 1 UDP 2130706431 2001:db8::10 40000 typ host\r\n"
    both += b"a=candidate:2 1 UDP 2130706430 192.0.2.10 40000 typ host\r\n"
    call.respond(call.invite(0.0, offer=both), 200, 1.0)
    assert "ipv6-family-mixed" not in ladder.findings()


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        (b"c=IN IP4 192.0.2.10", b"c=IN IP4 2001:db8::10", Severity.HIGH),
        (b"c=IN IP4", b"c=IN IP6", Severity.HIGH),
        (b"1 1 IN IP4", b"1 1 IN IP6", Severity.LOW),
        (b"c=IN IP4 192.0.2.10", b"c=IN IP4 media.example.com", None),
        (b"c=IN IP4 192.0.2.10", b"c=IN IP4 224.2.1.1/127", None),
    ],
)
def test_the_type_of_an_address(old: bytes, new: bytes, severity: Severity | None) -> None:
    ladder = Ladder()
    ladder.call().invite(0.0, offer=sdp(ALICE).replace(old, new))
    finding = ladder.findings().get("ipv6-sdp-type")
    assert (finding.severity if finding else None) is severity


def test_a_link_local_address_is_recorded() -> None:
    ladder = called("Record-Route: <sip:[fe80::1];lr>")
    assert ladder.findings()["ipv6-linklocal"].severity is Severity.HIGH
    register = called("Contact: <sip:alice@[fe80::10]:5060>", method="REGISTER")
    assert register.findings()["ipv6-linklocal"].severity is Severity.HIGH


def test_link_local_addresses_on_one_link() -> None:
    ends = (Endpoint("fe80::10", 5060), Endpoint("fe80::20", 5060))
    register = called("Contact: <sip:alice@[fe80::10]:5060>", ends=ends, method="REGISTER")
    assert register.findings()["ipv6-linklocal"].severity is Severity.LOW
    assert "ipv6-linklocal" not in called(method="REGISTER").findings()


def test_a_zone() -> None:
    finding = called("Contact: <sip:alice@[fe80::10%eth0]:5060>", method="REGISTER").findings()["ipv6-scope-zone"]
    assert (finding.severity, "%eth0" in finding.title) == (Severity.MEDIUM, True)
    assert "ipv6-scope-zone" not in called("Contact: <sip:a%20b@[fe80::10]:5060>", method="REGISTER").findings()
