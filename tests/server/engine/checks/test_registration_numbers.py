"""Lifetimes that are no numbers."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, PROXY, Ladder

from sip_ci.findings import Severity


def _asks(parameter: str) -> Ladder:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY)
    lines = ("To: <sip:alice@example.com>", f"Contact: <sip:alice@192.0.2.10>{parameter}")
    call.respond(call.request("REGISTER", 0.0, *lines, inside=False), 200, 0.1)
    return ladder.end(60.0)


@pytest.mark.parametrize("value", ["-1638193966", "never", ""])
def test_a_lifetime_that_is_no_number(value: str) -> None:
    finding = _asks(f";expires={value}").findings()["reg-expires-malformed"]

    assert finding.severity is Severity.MEDIUM
    assert finding.evidence[0].text.startswith("Contact:")


@pytest.mark.parametrize("parameter", ["", ";expires=0", ";expires=3600", ";expires=4294967295", ';expires="600"'])
def test_a_lifetime_that_is_one(parameter: str) -> None:
    assert "reg-expires-malformed" not in _asks(parameter).findings()
