"""Packet times that are none, and those that are."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, Ladder, sdp

from sip_ci.findings import Severity


def found(line: str, status: int = 200) -> dict[str, Severity]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=sdp(ALICE, media=f"m=audio 40000 RTP/AVP 0\r\n{line}"))
    call.respond(invite, status, 1.0)
    call.ack(invite, 1.1)
    call.respond(call.bye(9.0), 200, 9.1)
    return {check: finding.severity for check, finding in ladder.findings().items()}


@pytest.mark.parametrize("line", ["a=ptime:0", "a=maxptime:0.0", "a=ptime:", "a=ptime:-20", "a=ptime:twenty"])
def test_no_packet_time(line: str) -> None:
    assert found(line)["sdp-ptime-invalid"] is Severity.LOW


@pytest.mark.parametrize("line", ["a=ptime:20", "a=maxptime:150", "a=ptime:2.5", "a=ptime:20 30", "a=sendrecv"])
def test_a_packet_time(line: str) -> None:
    assert "sdp-ptime-invalid" not in found(line)


def test_a_refusal_comes_of_it() -> None:
    severities = found("a=ptime:0", 488)
    assert severities["sdp-ptime-invalid"] is severities["sdp-488"]
