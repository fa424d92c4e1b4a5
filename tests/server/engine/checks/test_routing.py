"""Requests and responses that took the wrong way."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, Call, Ladder, Sent, assert_healthy

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

NATTED = Endpoint("203.0.113.99", 31_337)
"""Where Alice's requests come from; her Via names ALICE."""


def _behind_nat(*, rport: str = ";rport", answer_to: Endpoint = ALICE, **options: object) -> tuple[Ladder, Call, Sent]:
    """An INVITE from behind a NAT whose responses go to `answer_to`."""
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.5, 1.5)
    responses = [call.respond(invite, 100, 0.01), call.respond(invite, 200, 2.0)]
    for packet in ladder.packets:
        packet.raw = packet.raw.replace(b";branch=", f"{rport};branch=".encode())
        if packet.source == ALICE:
            packet.source = NATTED
    for response in responses:
        response.packets[0].destination = answer_to
    ladder.know(host_pairs=frozenset({(BOB.host, NATTED.host)})).end(60.0)
    return ladder, call, invite


def test_a_response_to_the_via_although_rport_was_asked_for() -> None:
    ladder, _, _ = _behind_nat()
    finding = ladder.findings()["resp-misrouted"]

    assert finding.severity is Severity.HIGH
    assert str(ALICE) in finding.title
    assert str(NATTED) in finding.detail
    assert "the address in the Via" in finding.detail
    assert [proof.text.split(":")[0] for proof in finding.evidence] == ["Via", "Via"]
    assert finding.evidence[0].message == 0
    assert "100 Trying" in finding.evidence[1].summary


def test_a_response_to_the_source_is_right() -> None:
    ladder, _, _ = _behind_nat(answer_to=NATTED)

    assert "resp-misrouted" not in ladder.findings()


def test_without_rport_the_via_is_where_responses_belong() -> None:
    ladder, _, _ = _behind_nat(rport="")

    assert "resp-misrouted" not in ladder.findings()


@pytest.mark.parametrize(
    ("target", "repeated", "expected"),
    [
        (Endpoint(ALICE.host, 5280), True, Severity.HIGH),
        (Endpoint(ALICE.host, 5280), False, Severity.LOW),
        (ALICE, True, None),
    ],
)
def test_a_response_to_neither_the_source_nor_the_via(
    target: Endpoint, repeated: bool, expected: Severity | None
) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    bye = call.bye(10.0)
    call.respond(bye, 200, 10.1)
    ladder.packets[-1].destination = target
    if repeated:
        ladder.again(bye, 10.5, 11.5, 13.5)
    finding = ladder.end(60.0).findings().get("resp-misrouted")

    assert (finding.severity if finding else None) is expected


def test_a_client_that_listens_there_gets_it_all_the_same() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(10.0), 200, 10.1)
    for packet in ladder.packets:
        packet.raw = packet.raw.replace(b";branch=", b";rport;branch=")
        if packet.source == ALICE:
            packet.source = Endpoint(ALICE.host, 40_001)

    ladder.end(60.0)
    assert ladder.findings()["resp-misrouted"].severity is Severity.MEDIUM


def test_over_tcp_responses_follow_the_connection() -> None:
    ladder, _, _ = _behind_nat(transport=Transport.TCP)

    assert "resp-misrouted" not in ladder.findings()


def test_a_log_does_not_know_its_own_address() -> None:
    ladder, _, _ = _behind_nat(origin=TraceOrigin.LOG)

    assert "resp-misrouted" not in ladder.findings()


# -- loops ----------------------------------------------------------------------------------------------------------


def test_a_482_is_counted_where_it_was_given() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 482, 0.1)
    call.ack(invite, 0.2)
    finding = ladder.end(60.0).findings()["loop-482"]

    assert finding.severity is Severity.HIGH
    assert finding.occurrences == 1
    assert f"{BOB} -> {PROXY}" in finding.evidence[1].summary


def _round(*way: Endpoint) -> tuple[Ladder, Sent]:
    ladder = Ladder()
    call = ladder.call(*way)
    invite = call.invite(0.0)
    return ladder.end(3.0), invite


def test_the_same_request_back_at_the_same_element_is_a_loop() -> None:
    ladder, _ = _round(ALICE, PROXY, SECOND_PROXY, PROXY, SECOND_PROXY, PROXY)
    finding = ladder.findings()["loop-482"]

    assert finding.severity is Severity.HIGH
    assert "3 times" in finding.detail
    assert str(PROXY) in finding.detail
    assert [proof.text[:4] for proof in finding.evidence[:2]] == ["Via:", "Via:"]


def test_a_spiral_with_another_request_uri_is_legal() -> None:
    ladder, invite = _round(ALICE, PROXY, SECOND_PROXY, PROXY, BOB)
    for packet in invite.packets[2:]:
        packet.raw = packet.raw.replace(b"INVITE sip:bob@example.com", b"INVITE sip:bob@198.51.100.20")

    assert "loop-482" not in ladder.findings()


def test_a_spiral_with_another_route_is_legal() -> None:
    ladder, invite = _round(ALICE, PROXY, SECOND_PROXY, PROXY, BOB)
    first = invite.packets[0]
    first.raw = first.raw.replace(b"Max-Forwards", b"Route: <sip:203.0.113.6;lr>\r\nMax-Forwards")

    assert "loop-482" not in ladder.findings()


def test_a_request_that_a_fork_sends_on_two_ways_is_no_loop() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    call.invite(0.0)
    call.request("INVITE", 0.01, inside=False, way=(ALICE, PROXY, SECOND_PROXY, BOB), number=1)

    assert "loop-482" not in ladder.end(3.0).findings()


def test_two_agents_on_one_host_are_no_loop() -> None:
    other = Endpoint(PROXY.host, 5080)
    ladder, _ = _round(ALICE, PROXY, SECOND_PROXY, other)

    assert "loop-482" not in ladder.findings()


def test_a_text_that_names_no_ends_shows_no_loop() -> None:
    ladder, invite = _round(ALICE, PROXY, BOB)
    for packet in invite.packets:
        packet.source = packet.destination = None

    assert "loop-482" not in ladder.findings()


def test_a_retransmission_is_no_loop() -> None:
    ladder, invite = _round(ALICE, PROXY, BOB)
    ladder.again(invite, 0.5, 1.5)

    assert "loop-482" not in ladder.findings()


def test_a_483_relayed_by_several_hops_is_counted_once_at_its_origin() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, SECOND_PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 483, 0.1)
    call.ack(invite, 0.2)
    finding = ladder.end(60.0).findings()["too-many-hops-483"]

    assert finding.severity is Severity.HIGH
    assert finding.occurrences == 1
    assert "Max-Forwards 68" in finding.detail
    assert "3 Via entries" in finding.detail
    assert finding.evidence[0].text == "Max-Forwards: 68"
    assert str(BOB) in finding.detail


def test_options_with_few_hops_is_how_paths_are_traced() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("OPTIONS", 0.0, "Max-Forwards: 0", inside=False), 483, 0.1)

    assert_healthy(ladder.end(60.0))


# -- Record-Route ---------------------------------------------------------------------------------------------------


def _recorded(*path: Endpoint) -> tuple[Ladder, Call]:
    ladder = Ladder()
    call = ladder.call(*path, record_route=True)
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    ladder.end(60.0)
    return ladder, call


def test_a_dialog_through_recording_proxies_is_healthy() -> None:
    ladder, call = _recorded(ALICE, PROXY, SECOND_PROXY, BOB)
    call.respond(call.bye(10.0), 200, 10.1)

    assert_healthy(ladder)
    assert "record-route-not-honored" not in ladder.findings()


def test_a_bye_straight_past_a_recording_proxy() -> None:
    ladder, call = _recorded(ALICE, PROXY, BOB)
    call.respond(call.bye(10.0, way=(ALICE, BOB)), 481, 10.1)
    findings = ladder.findings()
    finding = findings["record-route-not-honored"]

    assert finding.severity is Severity.HIGH
    assert "BYE" in finding.title
    assert "no Route at all" in finding.detail
    assert str(PROXY) in finding.detail
    assert finding.evidence[0].text == f"Record-Route: <sip:{PROXY};lr>"
    assert finding.fingerprint in findings["bye-rejected"].causes


def test_an_ack_that_lacks_one_of_two_proxies() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, SECOND_PROXY, BOB, record_route=True)
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1, way=(ALICE, PROXY, BOB))

    assert "ACK" in ladder.end(60.0).findings()["record-route-not-honored"].title


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"203.0.113.5:5060;lr>", b"203.0.113.5:5060>"), (b"203.0.113.5:5060;lr>", b"203.0.113.5;lr=on>")],
)
def test_a_strict_route_and_a_default_port_are_not_judged_wrong(before: bytes, after: bytes) -> None:
    ladder, _ = _recorded(ALICE, PROXY, BOB)
    for packet in ladder.packets:
        if packet.raw.startswith(b"SIP/2.0"):
            packet.raw = packet.raw.replace(before, after)

    assert "record-route-not-honored" not in ladder.findings()


def test_further_on_the_proxies_have_taken_their_route_off() -> None:
    ladder, _ = _recorded(ALICE, PROXY, BOB)
    ladder.packets = [packet for packet in ladder.packets if ALICE not in (packet.source, packet.destination)]

    assert "record-route-not-honored" not in ladder.findings()


def test_a_proxy_that_records_itself_and_calls_on_is_not_its_own_next_hop() -> None:
    ladder = Ladder()
    call = ladder.call(PROXY, CAROL)
    invite = call.invite(0.0, f"Record-Route: <sip:{PROXY};lr>")
    call.respond(invite, 200, 1.0, f"Record-Route: <sip:{PROXY};lr>")
    call.ack(invite, 1.1)

    assert "record-route-not-honored" not in ladder.end(60.0).findings()


def test_a_message_that_was_cut_off_may_have_had_its_route() -> None:
    ladder, call = _recorded(ALICE, PROXY, BOB)
    bye = call.bye(10.0, way=(ALICE, BOB))
    call.respond(bye, 200, 10.1)
    bye.packets[0].fidelity = Fidelity.TRUNCATED

    assert "record-route-not-honored" not in ladder.findings()
