"""The numbers of the o= line."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, Ladder, sdp

from sip_ci.findings import Severity


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ("9223372036854775807 1", False),
        ("9223372036854775808 1", True),
        ("1 18446744073709551615", True),
        ("1 " + "9" * 40, True),
        ("1 2", False),
    ],
)
def test_a_number_that_no_signed_integer_holds(numbers: str, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0, offer=sdp(ALICE).replace(b"o=- 1 1 ", f"o=- {numbers} ".encode())), 200, 0.1)
    findings = ladder.end(60.0).findings()

    assert ("sdp-origin-range" in findings) is found
    if found:
        assert findings["sdp-origin-range"].severity is Severity.LOW
        assert findings["sdp-origin-range"].evidence[0].text.startswith("o=")
