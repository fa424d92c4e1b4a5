"""PUBLISH requests that take the entity tag from each other."""

from __future__ import annotations

import pytest
from tests.support.calls import Ladder

from sip_ci.findings import Severity

MATCH = "SIP-If-Match: a1"
EVENT = "Event: dialog"


def published(second: float, answered: float, *, anew: bool = False) -> Ladder:
    """Two PUBLISHs with one tag; the first is answered at a time, the second is refused."""
    ladder = Ladder()
    call = ladder.call()
    first = call.request("PUBLISH", 0.0, MATCH, EVENT, inside=False)
    later = call.request("PUBLISH", second, MATCH, EVENT, inside=False) if second < answered else None
    call.respond(first, 200, answered, "SIP-ETag: a2", "Expires: 3600")
    later = later or call.request("PUBLISH", second, MATCH, EVENT, inside=False)
    call.respond(later, 412, max(second, answered) + 0.1)
    if anew:
        call.respond(call.request("PUBLISH", 5.0, EVENT, inside=False), 200, 5.1, "SIP-ETag: b1", "Expires: 3600")
    return ladder.end(60.0)


@pytest.mark.parametrize(("anew", "severity"), [(False, Severity.MEDIUM), (True, Severity.LOW)])
def test_two_publications_at_a_time(anew: bool, severity: Severity) -> None:
    findings = published(0.1, 0.3, anew=anew).findings()

    assert findings["publish-412"].severity is severity
    assert len(findings["publish-412"].evidence) == 3
    assert "final-400" not in findings


def test_a_tag_that_was_replaced_long_ago() -> None:
    findings = published(3.0, 0.3).findings()

    assert findings["publish-412"].severity is Severity.LOW
    assert len(findings["publish-412"].evidence) == 2


def test_a_tag_that_ran_out_and_is_made_good() -> None:
    assert "publish-412" not in published(3.0, 0.3, anew=True).findings()
