"""Opening handshakes of SIP over WebSocket, and of other applications."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, START, Ladder

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Transport
from sip_ci.trace.web_socket import WebSocketHandshake

GOOD = WebSocketHandshake(ALICE, BOB, START, 4, "/ws", ("sip",), 101, START + 0.1, 5, "sip")


def findings(*items: WebSocketHandshake, sip: bool = True) -> dict[str, WireFinding]:
    ladder = Ladder(transport=Transport.WS if sip else Transport.UDP)
    if sip:
        call = ladder.call()
        call.respond(call.request("OPTIONS", 1.0, inside=False), 200, 1.1)
    found = ladder.know(web_sockets=items).end(40.0).findings()
    return {check: finding for check, finding in found.items() if check.startswith("ws-")}


def test_a_healthy_handshake_is_silent() -> None:
    assert findings(GOOD) == {}
    assert findings(replace(GOOD, offered=("chat", "SIP"), chosen="SIP"), sip=False) == {}


def test_a_server_that_does_not_choose_sip() -> None:
    assert findings(replace(GOOD, chosen=""), sip=False)["ws-no-sip-subprotocol"].severity is Severity.HIGH
    assert findings(replace(GOOD, chosen=""))["ws-no-sip-subprotocol"].severity is Severity.MEDIUM


def test_a_client_that_does_not_offer_sip() -> None:
    found = findings(replace(GOOD, offered=(), chosen=""))["ws-no-sip-subprotocol"]
    assert "client" in found.title
    assert [proof.frame for proof in found.evidence] == [4, 5]


def test_other_applications_are_left_alone() -> None:
    assert findings(replace(GOOD, offered=("graphql",), chosen=""), sip=False) == {}
    assert findings(replace(GOOD, offered=("graphql",), chosen="", status=403), sip=False) == {}


@pytest.mark.parametrize(("status", "found"), [(403, True), (404, True), (None, False), (101, False)])
def test_a_refused_request(status: int | None, found: bool) -> None:
    refused = replace(GOOD, status=status, chosen="sip")
    assert ("ws-handshake-refused" in findings(refused, sip=False)) is found
    if found:
        assert findings(refused)["ws-handshake-refused"].severity is Severity.HIGH
        later = replace(GOOD, time=START + 3.0)
        assert findings(refused, later)["ws-handshake-refused"].severity is Severity.LOW
