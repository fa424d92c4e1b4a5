"""Responses to the source port without rport, and redirected requests to the old server."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

OTHER_PORT = Endpoint(ALICE.host, 52_174)


def _from_other_port(via: str, *times: float) -> Ladder:
    ladder = Ladder()
    call = ladder.call(OTHER_PORT, BOB)
    line = f"Via: SIP/2.0/UDP {via};branch=z9hG4bKsame"
    request = call.request("OPTIONS", 0.0, line, inside=False)
    answer = call.respond(request, 200, 0.01, line)
    ladder.again(request, *times)
    ladder.again(answer, *(time + 0.01 for time in times))
    return ladder.end(60.0)


def test_a_response_to_the_source_port_that_nobody_gets() -> None:
    found = _from_other_port("192.0.2.10", 0.5, 1.5, 3.5).findings()
    finding = found["resp-sent-by-ignored"]

    assert finding.severity.at_least(Severity.HIGH)
    assert finding.root
    assert "52174" in finding.title
    assert "5060" in finding.title


def test_a_client_that_asks_for_rport_or_gets_the_response_or_names_its_port() -> None:
    for via, times in (
        ("192.0.2.10;rport", (0.5, 1.5, 3.5)),
        ("192.0.2.10", ()),
        ("192.0.2.10:52174", (0.5, 1.5, 3.5)),
        ("10.0.0.7", (0.5, 1.5, 3.5)),
    ):
        assert "resp-sent-by-ignored" not in _from_other_port(via, *times).findings()


def _redirected(second: Endpoint, *lines: str, status: int = 302) -> Ladder:
    ladder = Ladder()
    place = "Contact: <sip:bob@198.51.100.99>"
    first = ladder.call(ALICE, BOB)
    invite = first.invite(0.0)
    first.respond(invite, 302, 0.1, place)
    first.ack(invite, 0.2)
    again = ladder.call(ALICE, second)
    again.uri = "sip:bob@198.51.100.99"
    invite = again.invite(0.3, *lines)
    again.respond(invite, status, 0.4, *([place] if status == 302 else []))
    again.ack(invite, 0.5)
    return ladder.end(60.0)


def test_a_redirected_call_that_goes_to_the_old_server() -> None:
    found = _redirected(BOB).findings()
    finding = found["redirect-target-ignored"]

    assert finding.severity is Severity.MEDIUM
    assert finding.root
    assert "198.51.100.99" in finding.detail
    assert "redirect-to-itself" not in found


@pytest.mark.parametrize(("status", "expected"), [(403, True), (404, True), (486, False), (401, False)])
def test_a_server_that_refuses_what_it_redirected(status: int, expected: bool) -> None:
    found = _redirected(BOB, status=status).findings()

    assert ("redirect-target-ignored" in found) is expected
    if expected:
        assert not found[f"final-{status}"].root


def test_one_that_goes_where_it_should_or_has_a_route() -> None:
    assert "redirect-target-ignored" not in _redirected(Endpoint("198.51.100.99", 5060)).findings()
    assert "redirect-target-ignored" not in _redirected(BOB, "Route: <sip:198.51.100.20;lr>").findings()
