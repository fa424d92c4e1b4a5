"""Private and loopback addresses in descriptions: a fault on the Internet, everyday life in a lab."""

from __future__ import annotations

import pytest
from tests.support.calls import BOB, PROXY, Call, Ladder, assert_healthy, sdp
from tests.support.rtp import Sent, carry, stream

from sip_ci.findings import Category, Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Clock, Endpoint
from sip_ci.trace.trace import TraceOrigin

NAT = Endpoint("203.0.113.77", 5060)
"""The public side of the NAT that the caller is behind."""
INSIDE = Endpoint("192.168.1.50", 5060)
PBX = Endpoint("198.51.100.20", 5060)
UNNAMED = Endpoint("0.0.0.0", 0)
HIGH_ABOVE_PORT = "m=audio 40000 RTP/AVP 0 8"


def called(
    caller: Endpoint, callee: Endpoint, offer: bytes | None = None, answer: bytes | None = None, **options: object
) -> tuple[Ladder, Call]:
    """A healthy call of ten seconds between two hosts, but for its descriptions."""
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call(caller, callee)
    invite = call.invite(0.0, offer=sdp(caller) if offer is None else offer)
    call.respond(invite, 180, 0.1)
    call.respond(invite, 200, 1.0, body=sdp(callee, 42_000) if answer is None else answer)
    call.ack(invite, 1.03)
    call.respond(call.bye(11.0), 200, 11.02)
    return ladder, call


def private(ladder: Ladder) -> WireFinding | None:
    return ladder.findings().get("nat-sdp-private")


def severity(ladder: Ladder, check: str = "nat-sdp-private") -> Severity | None:
    found = ladder.findings().get(check)
    return found.severity if found else None


def media(source: tuple[str, int], destination: tuple[str, int], ssrc: int = 1) -> Sent:
    return stream(Endpoint(*source), Endpoint(*destination), 480, ssrc=ssrc)


# -- a private address goes to the Internet -------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["10.0.0.5", "172.16.0.9", "172.31.255.1", "192.168.1.50"])
def test_a_private_address_goes_out(address: str) -> None:
    found = private(called(NAT, PBX, sdp(Endpoint(address, 5060)))[0])
    assert found is not None
    assert (found.severity, found.category) == (Severity.HIGH, Category.MEDIA)
    assert address in found.title
    assert f"c=IN IP4 {address}" in found.detail
    assert (found.evidence[0].text, found.evidence[0].frame) == (f"c=IN IP4 {address}", 1)
    assert found.calls == ("call-1@203.0.113.77",)


def test_the_answer_counts_too() -> None:
    found = private(called(NAT, PBX, answer=sdp(Endpoint("10.0.0.5", 5060), 42_000))[0])
    assert found is not None
    assert found.evidence[0].frame == 3


def test_each_side_is_told() -> None:
    ladder, _ = called(NAT, PBX, sdp(INSIDE), sdp(Endpoint("10.0.0.5", 5060), 42_000))
    found = [item for item in ladder.report().findings if item.check == "nat-sdp-private"]
    assert len(found) == 2
    assert len({item.fingerprint for item in found}) == 2


def test_one_side_helped_by_ice_does_not_hide_the_other() -> None:
    ice = sdp(INSIDE, media=HIGH_ABOVE_PORT + "\r\na=candidate:1 1 UDP 1 203.0.113.77 40000 typ srflx")
    ladder, _ = called(NAT, PBX, ice, sdp(Endpoint("10.0.0.5", 5060), 42_000))
    assert sorted(item.severity for item in ladder.report().findings if item.check == "nat-sdp-private") == [
        Severity.HIGH,
        Severity.LOW,
    ]


def test_the_line_of_the_medium_counts_before_that_of_the_session() -> None:
    public_session = sdp(NAT, media=f"{HIGH_ABOVE_PORT}\r\nc=IN IP4 192.168.1.50")
    found = private(called(NAT, PBX, public_session)[0])
    assert found is not None
    assert found.evidence[0].text == "c=IN IP4 192.168.1.50"
    private_session = sdp(INSIDE, media=f"{HIGH_ABOVE_PORT}\r\nc=IN IP4 203.0.113.77")
    assert private(called(NAT, PBX, private_session)[0]) is None


def test_unique_local_ipv6() -> None:
    left, right = Endpoint("2001:db8::1", 5060), Endpoint("2001:db8::2", 5060)
    offer = sdp(Endpoint("fd00::5", 5060)).replace(b"IP4", b"IP6")
    found = private(called(left, right, offer, sdp(right, 42_000).replace(b"IP4", b"IP6"))[0])
    assert found is not None
    assert found.severity is Severity.HIGH
    assert found.evidence[0].text == "c=IN IP6 fd00::5"


@pytest.mark.parametrize(
    "offer",
    [
        sdp(NAT),
        sdp(Endpoint("pbx.example.com", 5060)),
        sdp(Endpoint("0.0.0.0", 5060)),
        sdp(INSIDE, media="m=audio 0 RTP/AVP 0"),
        sdp(NAT).replace(b"o=- 1 1 IN IP4 203.0.113.77", b"o=- 1 1 IN IP4 192.168.1.50"),
    ],
    ids=["public", "a name", "hold", "disabled", "private only in o="],
)
def test_what_is_no_private_address_of_media(offer: bytes) -> None:
    ladder, _ = called(NAT, PBX, offer)
    if b"m=audio 0" in offer:
        assert private(ladder) is None
    else:
        assert_healthy(ladder)


# -- where it does no harm ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060)),
        (Endpoint("172.17.0.2", 5060), Endpoint("172.17.0.3", 5060)),
        (Endpoint("172.17.0.2", 5060), Endpoint("10.0.0.3", 5060)),
        (Endpoint("127.0.0.1", 5060), Endpoint("127.0.0.1", 5070)),
        (Endpoint("100.64.0.1", 5060), Endpoint("100.64.0.2", 5060)),
        (Endpoint("fd00::1", 5060), Endpoint("fd00::2", 5060)),
    ],
)
def test_a_lab_is_healthy(caller: Endpoint, callee: Endpoint) -> None:
    version = b"IP6" if ":" in caller.host else b"IP4"
    ladder, _ = called(
        caller, callee, sdp(caller).replace(b"IP4", version), sdp(callee, 42_000).replace(b"IP4", version)
    )
    assert_healthy(ladder)


def test_a_neighbour_in_the_lab_is_healthy() -> None:
    ladder, _ = called(Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060), sdp(Endpoint("10.0.0.40", 5060)))
    assert_healthy(ladder)


def test_a_stranger_in_the_lab_is_suspicious() -> None:
    lab = (Endpoint("172.17.0.2", 5060), Endpoint("172.17.0.3", 5060))
    assert severity(called(*lab, sdp(Endpoint("192.168.99.7", 5060)))[0]) is Severity.MEDIUM
    assert severity(called(*lab, sdp(Endpoint("172.20.0.7", 5060)))[0]) is Severity.INFO


@pytest.mark.parametrize(
    "candidate",
    [
        "1 1 UDP 1694498815 203.0.113.77 40000 typ srflx raddr 192.168.1.50 rport 40000",
        "1 1 udp 1 198.51.100.9 50000 typ relay raddr 0.0.0.0 rport 0",
        "1 1 UDP 2130706431 203.0.113.77 40000 typ host",
    ],
)
def test_ice_offers_another_way(candidate: str) -> None:
    ladder, _ = called(NAT, PBX, sdp(INSIDE, media=f"{HIGH_ABOVE_PORT}\r\na=candidate:{candidate}"))
    assert severity(ladder) is Severity.LOW


def test_ice_without_a_reachable_candidate_helps_nobody() -> None:
    line = "a=candidate:1 1 UDP 2130706431 192.168.1.50 40000 typ host"
    assert severity(called(NAT, PBX, sdp(INSIDE, media=f"{HIGH_ABOVE_PORT}\r\n{line}"))[0]) is Severity.HIGH


def test_symmetric_rtp_proves_that_media_finds_its_way() -> None:
    ladder, _ = called(NAT, PBX, sdp(INSIDE))
    hole = (NAT.host, 61_000)
    carry(ladder, media(hole, (PBX.host, 42_000), 1), media((PBX.host, 42_000), hole, 2))
    assert severity(ladder) is Severity.LOW
    assert "media-one-way" not in ladder.findings()


def test_rtp_that_leaves_for_the_private_address_proves_nothing() -> None:
    # Captured at the PBX: it sends to 192.168.1.50, and no router carries that.
    ladder, _ = called(NAT, PBX, sdp(INSIDE))
    lost = media((PBX.host, 42_000), (INSIDE.host, 40_000), 2)
    carry(ladder, media((NAT.host, 61_000), (PBX.host, 42_000), 1), lost)
    assert severity(ladder) is Severity.HIGH


def test_an_element_on_the_path_replaces_the_address() -> None:
    ladder = Ladder()
    call = ladder.call(NAT, PROXY, PBX)
    invite = call.invite(0.0, offer=sdp(INSIDE))
    public = sdp(PROXY, 30_000)
    onward = invite.packets[1]
    onward.raw = onward.raw.replace(sdp(INSIDE), public).replace(
        f"Content-Length: {len(sdp(INSIDE))}".encode(), f"Content-Length: {len(public)}".encode()
    )
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(call.bye(11.0), 200, 11.1)
    assert severity(ladder) is Severity.LOW
    onward.raw = invite.packets[0].raw.replace(b"Max-Forwards: 70", b"Max-Forwards: 69")
    assert severity(ladder) is not Severity.LOW


def test_a_host_outside_that_dialled_the_private_address_reaches_it() -> None:
    ladder = Ladder()
    call = ladder.call(PBX, INSIDE, uri=f"sip:bob@{INSIDE}")
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.03)
    assert severity(ladder.end(20.0)) is Severity.INFO


def test_a_public_server_that_names_a_private_address_to_a_private_client() -> None:
    inside, answer = Endpoint("10.31.32.218", 5060), sdp(Endpoint("10.44.0.17", 5060), 42_000)
    ladder, _ = called(inside, PBX, sdp(NAT), answer)
    assert severity(ladder) is Severity.MEDIUM


def test_a_host_outside_that_answers_through_a_nat_does_not() -> None:
    ladder = Ladder()
    registered = ladder.call(INSIDE, PBX)
    registered.respond(registered.request("OPTIONS", 0.0, inside=False), 200, 0.1)
    call = ladder.call(PBX, INSIDE, uri=f"sip:bob@{INSIDE}")
    invite = call.invite(1.0)
    call.respond(invite, 200, 2.0)
    call.ack(invite, 2.03)
    assert severity(ladder.end(20.0)) is Severity.HIGH


@pytest.mark.parametrize(("status", "expected"), [(0, Severity.LOW), (486, Severity.MEDIUM), (200, Severity.HIGH)])
def test_a_call_without_media_had_no_use_for_the_address(status: int, expected: Severity) -> None:
    ladder = Ladder()
    call = ladder.call(NAT, PBX)
    invite = call.invite(0.0, offer=sdp(INSIDE))
    if status:
        call.respond(invite, status, 1.0)
        call.ack(invite, 1.03)
    else:
        ladder.again(invite, 0.5, 1.5, 3.5)
    assert severity(ladder.end(20.0)) is expected


# -- where the ends are not named -----------------------------------------------------------------------------------


def unnamed(ladder: Ladder, own: Endpoint) -> Ladder:
    """The same call as the program at `own` writes it: its own side is not named."""
    for packet in ladder.packets:
        if packet.source == own:
            packet.source = UNNAMED
        if packet.destination == own:
            packet.destination = UNNAMED
    return ladder


@pytest.mark.parametrize("own", [NAT, PBX])
@pytest.mark.parametrize("origin", [TraceOrigin.CAPTURE, TraceOrigin.LOG])
def test_a_trace_whose_writer_does_not_name_itself(own: Endpoint, origin: TraceOrigin) -> None:
    assert severity(unnamed(called(NAT, PBX, sdp(INSIDE), origin=origin)[0], own)) is Severity.HIGH
    assert_healthy(unnamed(called(NAT, PBX, origin=origin)[0], own))


def test_many_calls_of_a_writer_that_does_not_name_itself() -> None:
    ladder = Ladder()
    phones = [Endpoint(f"10.0.0.{number}", 5060) for number in range(10, 20)]
    pbx = Endpoint("10.0.0.1", 5060)
    for number, phone in enumerate(phones):
        ladder.call(phone, pbx, caller_tag=f"a{number}", callee_tag=f"b{number}").answered(number * 3.0)
    assert_healthy(unnamed(ladder, pbx))


def test_messages_without_ends() -> None:
    # Copied text: only the headers say who is where. The Request-URI is a name, the Contact of the answer is public.
    ladder, _ = called(NAT, PBX, sdp(INSIDE), origin=TraceOrigin.TEXT, clock=Clock.ORDINAL)
    for packet in ladder.packets:
        packet.source = packet.destination = None
    found = private(ladder)
    assert found is not None
    assert found.severity in (Severity.HIGH, Severity.MEDIUM)


def test_messages_without_ends_from_a_lab() -> None:
    ladder, _ = called(
        Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060), origin=TraceOrigin.TEXT, clock=Clock.ORDINAL
    )
    for packet in ladder.packets:
        packet.source = packet.destination = None
    assert_healthy(ladder)


def test_a_route_says_where_a_message_without_ends_went() -> None:
    # A phone in a LAN calls through its private proxy: the public Request-URI is not who receives the description.
    ladder = Ladder(origin=TraceOrigin.TEXT, clock=Clock.ORDINAL)
    call = ladder.call(INSIDE, Endpoint("192.168.1.1", 5060), uri="sip:bob@198.51.100.20")
    call.invite(0.0, "Route: <sip:192.168.1.1;lr>", offer=sdp(INSIDE))
    for packet in ladder.packets:
        packet.source = packet.destination = None
    assert private(ladder) is None


# -- loopback -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1"])
def test_loopback_goes_to_another_host(address: str) -> None:
    ladder, _ = called(NAT, PBX, sdp(Endpoint(address, 5060)))
    found = ladder.findings()["nat-sdp-loopback"]
    assert found.severity is Severity.CRITICAL
    assert address in found.title
    assert found.evidence[0].text == f"c=IN IP4 {address}"


def test_loopback_is_wrong_in_a_lab_too() -> None:
    ladder, _ = called(Endpoint("172.17.0.2", 5060), Endpoint("172.17.0.3", 5060), sdp(Endpoint("127.0.0.1", 5060)))
    assert severity(ladder, "nat-sdp-loopback") is Severity.CRITICAL


def test_loopback_of_ipv6() -> None:
    left, right = Endpoint("2001:db8::1", 5060), Endpoint("2001:db8::2", 5060)
    offer = sdp(Endpoint("::1", 5060)).replace(b"IP4", b"IP6")
    ladder, _ = called(left, right, offer, sdp(right, 42_000).replace(b"IP4", b"IP6"))
    assert severity(ladder, "nat-sdp-loopback") is Severity.CRITICAL


def test_loopback_in_a_contact() -> None:
    ladder = Ladder()
    call = ladder.call(NAT, PBX)
    invite = call.invite(0.0, "Contact: <sip:alice@127.0.0.1:5060>")
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    found = ladder.findings()["nat-sdp-loopback"]
    assert "Contact" in found.title
    assert found.evidence[0].text.startswith("Contact:")


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        (Endpoint("127.0.0.1", 5060), Endpoint("127.0.0.1", 5070)),
        (Endpoint("192.168.1.50", 5060), Endpoint("192.168.1.50", 5070)),
        (Endpoint("127.0.0.1", 5060), Endpoint("127.0.0.2", 5060)),
    ],
)
def test_loopback_on_one_host_is_right(caller: Endpoint, callee: Endpoint) -> None:
    own = sdp(Endpoint("127.0.0.1", 5060))
    assert_healthy(called(caller, callee, own, sdp(Endpoint("127.0.0.1", 5060), 42_000))[0])


def test_loopback_of_a_writer_that_does_not_name_itself() -> None:
    ladder, _ = called(Endpoint("127.0.0.1", 5060), Endpoint("127.0.0.1", 5070), sdp(Endpoint("127.0.0.1", 5060)))
    assert_healthy(unnamed(ladder, Endpoint("127.0.0.1", 5060)))


def test_public_addresses_are_healthy() -> None:
    assert_healthy(called(NAT, BOB)[0])
