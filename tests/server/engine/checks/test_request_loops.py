"""Requests in a circle."""

from __future__ import annotations

from tests.support.calls import ALICE, BOB, PROXY, Call, Ladder, assert_healthy

from sip_ci.findings import Severity


def _looping(call: Call, times: int) -> None:
    """The ACK of the call comes to the proxy, which sends it to itself."""
    target = f"sip:bob@{PROXY}"
    vias = [f"SIP/2.0/UDP {ALICE};branch=z9hG4bK-a"]
    for visit in range(times):
        vias.insert(0, f"SIP/2.0/UDP {PROXY};branch=z9hG4bK-p{visit}")
        lines = [
            f"ACK {target} SIP/2.0",
            f"Via: {', '.join(vias)}",
            "From: <sip:alice@example.com>;tag=a1",
            "To: <sip:bob@example.com>;tag=b1",
            f"Call-ID: {call.call_id}",
            "CSeq: 1 ACK",
            f"Max-Forwards: {69 - visit}",
            "Content-Length: 0",
        ]
        raw = "\r\n".join([*lines, "", ""]).encode()
        call.ladder.put(raw, PROXY, PROXY, 1.05 + visit / 1000)


def test_an_ack_that_the_proxy_sends_to_itself() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 200, 1.0), 1.5, 2.5, 4.5)
    _looping(call, 6)
    finding = ladder.end(60.0).findings()["request-loops"]

    assert finding.severity.at_least(Severity.HIGH)
    assert PROXY.host in finding.title
    assert finding.root


def test_a_call_that_visits_a_proxy_twice() -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, BOB, record_route=True).answered()

    assert "request-loops" not in ladder.end(60.0).findings()
    assert_healthy(ladder)


def test_two_visits_are_a_spiral() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    call.established()
    _looping(call, 2)

    assert "request-loops" not in ladder.end(60.0).findings()
