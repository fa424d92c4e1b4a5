"""Contacts, Vias and sources of media behind NAT: a fault on the Internet, everyday life in a lab."""

from __future__ import annotations

import pytest
from tests.server.engine.checks.test_nat import INSIDE, NAT, PBX, called
from tests.support.calls import ALICE, BOB, START, Ladder, assert_healthy, sdp
from tests.support.rtp import carry, stream

from sip_ci.findings import Confidence, Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.trace import IcmpError

LAB = (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060))
PRIVATE = f"Contact: <sip:alice@{INSIDE}>"


def _call(*lines: str, path: tuple[Endpoint, Endpoint] = (NAT, PBX), bye: str = "") -> dict[str, WireFinding]:
    ladder = Ladder()
    call = ladder.call(*path)
    invite = call.invite(0.0, *lines)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.03)
    if bye:
        request = call.bye(11.0, by_callee=True)
        if bye == "answered":
            call.respond(request, 200, 11.1)
    return ladder.end(60.0).findings()


@pytest.mark.parametrize(("bye", "severity"), [("lost", Severity.HIGH), ("answered", Severity.LOW), ("", Severity.LOW)])
def test_a_private_contact_and_what_comes_of_it(bye: str, severity: Severity) -> None:
    finding = _call(PRIVATE, bye=bye)["nat-contact-private"]

    assert finding.severity is severity
    assert INSIDE.host in finding.title
    assert finding.evidence[0].text == PRIVATE


def test_a_private_contact_whose_ack_does_not_arrive() -> None:
    ladder = Ladder()
    call = ladder.call(PBX, NAT)
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 200, 1.0, f"Contact: <sip:bob@{INSIDE}>"), 1.5, 2.5, 4.5)
    call.ack(invite, 1.03)
    response = ladder.end(60.0).report()
    finding = next(one for one in response.findings if one.check == "nat-contact-private")

    assert finding.severity is Severity.HIGH
    effects = [one for one in response.findings if finding.fingerprint in one.causes]
    assert {one.check for one in effects} & {"ack-ignored", "ack-wrong-target"}


def _refused(target: Endpoint, *lines: str, method: str = "BYE", answered: bool = True) -> dict[str, WireFinding]:
    """A call from behind a NAT in which what Bob sends to `target` is refused by a router."""
    ladder = Ladder()
    call = ladder.call(NAT, PBX)
    invite = call.invite(0.0, *lines)
    if answered:
        call.respond(invite, 200, 1.0)
        call.ack(invite, 1.03)
    request = call.request(method, 2.0, by_callee=True, way=(PBX, target), inside=answered)
    ladder.again(request, 2.5, 3.5)
    error = IcmpError(
        START + 2.001, "203.0.113.1", 3, 0, False, PBX, target, Transport.UDP, b"BYE sip:", frame=len(ladder.packets)
    )
    return ladder.know(icmp_errors=(error,)).end(30.0).findings()


def test_a_router_that_knows_no_way_to_a_private_contact_bears_it_out() -> None:
    found = _refused(INSIDE, PRIVATE)
    finding = found["nat-contact-private"]

    assert finding.root
    assert finding.severity is Severity.HIGH
    assert finding.confidence is Confidence.CERTAIN
    assert "ICMP" in (finding.evidence[-1].text or "")
    assert [name for name in found if found[name].root and found[name].severity.at_least(Severity.MEDIUM)] == [
        "nat-contact-private"
    ]


@pytest.mark.parametrize("target", [Endpoint("192.0.2.99", 5060), Endpoint(INSIDE.host, 5099)])
def test_another_target_that_is_unreachable_is_a_fault_of_its_own(target: Endpoint) -> None:
    found = _refused(target, PRIVATE)

    assert found["txn-icmp-unreachable"].root
    assert found["txn-icmp-unreachable"].severity is Severity.CRITICAL


def test_a_call_to_a_private_address_that_no_dialog_named_is_a_fault_of_its_own() -> None:
    assert _refused(INSIDE, PRIVATE, method="INVITE", answered=False)["txn-icmp-unreachable"].root


def test_an_unreachable_contact_that_is_public_is_a_fault_of_its_own() -> None:
    other = Endpoint("203.0.113.77", 5060)
    found = _refused(other, f"Contact: <sip:alice@{other}>")

    assert found["txn-icmp-unreachable"].root
    assert "nat-contact-private" not in found


def test_the_description_behind_the_same_nat_leads() -> None:
    ladder = Ladder()
    call = ladder.call(NAT, PBX)
    call.invite(0.0, PRIVATE, offer=sdp(INSIDE))
    findings = ladder.end(1.0).findings()

    assert "nat-sdp-private" in findings
    assert "nat-contact-private" not in findings


@pytest.mark.parametrize("path", [LAB, (Endpoint("192.168.1.7", 5060), Endpoint("192.168.1.8", 5060))])
def test_private_contacts_in_a_lab_are_healthy(path: tuple[Endpoint, Endpoint]) -> None:
    assert "nat-contact-private" not in _call(f"Contact: <sip:alice@{path[0]}>", path=path)


def test_a_public_contact_is_healthy() -> None:
    assert "nat-contact-private" not in _call(f"Contact: <sip:alice@{NAT}>")


# -- link-local and carrier-grade NAT -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "check", "severity"),
    [
        ("169.254.7.7", "nat-sdp-linklocal", Severity.HIGH),
        ("100.64.0.9", None, None),
        ("203.0.113.77", None, None),
    ],
)
def test_addresses_of_a_link_and_of_a_carrier(address: str, check: str | None, severity: Severity | None) -> None:
    findings = _call(f"Contact: <sip:alice@{address}>")
    assert {"nat-sdp-linklocal", "nat-cgnat"} & set(findings) == ({check} if check else set())
    if check and severity:
        assert findings[check].severity is severity


def test_what_is_out_of_reach_is_named_once() -> None:
    assert _call("Contact: <sip:alice@100.64.0.9>")["nat-contact-private"].severity is Severity.LOW


def test_a_carriers_address_among_its_neighbours() -> None:
    ladder = Ladder()
    ladder.call(Endpoint("100.64.0.1", 5060), LAB[1]).answered(0.0)
    ladder.call(*LAB).invite(40.0, "Contact: <sip:alice@100.64.0.9>")
    finding = ladder.end(41.0).findings()["nat-cgnat"]

    assert finding.severity is Severity.LOW
    assert finding.evidence[0].text == "Contact: <sip:alice@100.64.0.9>"


def test_link_local_neighbours_are_healthy() -> None:
    path = (Endpoint("169.254.1.1", 5060), Endpoint("169.254.1.2", 5060))
    assert "nat-sdp-linklocal" not in _call(path=path)


def test_a_link_local_address_in_sdp() -> None:
    ladder, _ = called(NAT, PBX, sdp(Endpoint("169.254.7.7", 5060)))
    assert ladder.findings()["nat-sdp-linklocal"].evidence[0].text == "c=IN IP4 169.254.7.7"


# -- nat-rport-missing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "transport", "found"),
    [
        ("10.0.0.1:5060;branch=z9hG4bK-x", Transport.UDP, True),
        ("10.0.0.1:5060;branch=z9hG4bK-x;rport", Transport.UDP, False),
        ("10.0.0.1:40000;branch=z9hG4bK-x", Transport.UDP, False),
        ("10.0.0.1:5060;branch=z9hG4bK-x", Transport.TCP, False),
    ],
)
def test_a_request_from_another_port(via: str, transport: Transport, found: bool) -> None:
    ladder = Ladder(transport=transport)
    call = ladder.call(Endpoint("10.0.0.1", 40_000), LAB[1])
    call.request("OPTIONS", 0.0, f"Via: SIP/2.0/{transport} {via}", inside=False)
    finding = ladder.end(1.0).findings().get("nat-rport-missing")

    assert (finding is not None) is found
    assert finding is None or finding.severity is Severity.LOW


# -- nat-alg-suspected ----------------------------------------------------------------------------------------------

PRIVATE_ORIGIN = sdp(NAT).replace(b"o=- 1 1 IN IP4 203.0.113.77", b"o=- 1 1 IN IP4 192.168.1.50")


@pytest.mark.parametrize(
    ("lines", "offer", "path", "found"),
    [
        ((PRIVATE,), PRIVATE_ORIGIN, (NAT, PBX), True),
        ((), PRIVATE_ORIGIN, (NAT, PBX), False),
        ((PRIVATE,), sdp(INSIDE), (NAT, PBX), False),
        ((PRIVATE,), PRIVATE_ORIGIN, LAB, False),
    ],
    ids=["two signs", "one sign", "NAT without a gateway", "a lab"],
)
def test_a_router_that_rewrites(
    lines: tuple[str, ...], offer: bytes, path: tuple[Endpoint, Endpoint], found: bool
) -> None:
    ladder = Ladder()
    ladder.call(*path).invite(0.0, *lines, offer=offer)
    finding = ladder.end(1.0).findings().get("nat-alg-suspected")

    assert (finding is not None) is found
    assert finding is None or (finding.severity, len(finding.evidence)) == (Severity.HIGH, 2)


# -- nat-keepalive-gap ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "keepalive", "answered", "found"),
    [
        (100.0, False, False, True),
        (30.0, False, False, False),
        (100.0, True, False, False),
        (100.0, False, True, False),
    ],
)
def test_a_way_back_that_closed(at: float, keepalive: bool, answered: bool, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call(NAT, PBX, callee="bob", caller="bob")
    call.respond(call.request("REGISTER", 0.0, f"Contact: <sip:bob@{INSIDE}>", inside=False), 200, 0.1)
    if keepalive:
        ping = ladder.call(PBX, NAT)
        ping.respond(ping.request("OPTIONS", at - 20.0, inside=False), 200, at - 19.9)
    inward = ladder.call(PBX, NAT, uri=f"sip:bob@{INSIDE}")
    invite = inward.invite(at)
    if answered:
        inward.respond(invite, 486, at + 0.1)
        inward.ack(invite, at + 0.2)

    assert ("nat-keepalive-gap" in ladder.end(200.0).findings()) is found


# -- a description without its offer --------------------------------------------------------------------------------


def test_an_answer_whose_invite_is_not_in_the_trace() -> None:
    ladder = Ladder()
    call = ladder.call(NAT, PBX)
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, body=sdp(Endpoint("10.0.0.5", 5060), 42_000))
    del ladder.packets[0]
    finding = ladder.end(60.0).findings()["nat-sdp-private"]

    assert finding.severity is Severity.HIGH
    assert finding.evidence[0].text == "c=IN IP4 10.0.0.5"


def test_a_preview_in_a_provisional_response() -> None:
    ladder = Ladder()
    call = ladder.call(NAT, PBX)
    invite = call.invite(0.0, offer=b"")
    call.respond(invite, 183, 0.5, body=sdp(Endpoint("127.0.0.1", 5060), 42_000))

    assert ladder.end(60.0).findings()["nat-sdp-loopback"].severity is Severity.CRITICAL


# -- rtp-source-mismatch --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "back", "severity"),
    [
        (("203.0.113.99", 40_000), False, Severity.MEDIUM),
        (("203.0.113.99", 40_000), True, Severity.LOW),
        ((ALICE.host, 50_000), False, Severity.LOW),
        ((ALICE.host, 40_000), True, None),
    ],
)
def test_where_media_comes_from(source: tuple[str, int], back: bool, severity: Severity | None) -> None:
    ladder, _ = called(ALICE, BOB)
    sent = [stream(Endpoint(*source), Endpoint(BOB.host, 42_000), 480)]
    if back:
        sent.append(stream(Endpoint(BOB.host, 42_000), Endpoint(ALICE.host, 40_000), 480, ssrc=2))
    finding = carry(ladder, *sent).findings().get("rtp-source-mismatch")

    assert (finding.severity if finding else None) is severity


def test_a_relay_that_both_descriptions_name() -> None:
    """The callee's own description, with the address that its RTP comes from, went over a hop that is not captured."""
    relay, callee = Endpoint("203.0.113.50", 30_000), Endpoint("203.0.113.99", 40_000)
    ladder, _ = called(ALICE, BOB, sdp(Endpoint(relay.host, 5060), 30_000), sdp(Endpoint(relay.host, 5060), 30_002))
    there = stream(Endpoint(ALICE.host, 42_000), Endpoint(relay.host, 30_002), 480)
    assert "rtp-source-mismatch" not in carry(ladder, there, stream(callee, relay, 480, ssrc=2)).findings()


def test_a_healthy_call_with_media() -> None:
    ladder, _ = called(ALICE, BOB)
    there = stream(Endpoint(ALICE.host, 40_000), Endpoint(BOB.host, 42_000), 480)
    back = stream(Endpoint(BOB.host, 42_000), Endpoint(ALICE.host, 40_000), 480, ssrc=2)
    assert_healthy(carry(ladder, there, back))
