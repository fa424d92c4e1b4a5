"""Reports on transfers: the last one ends the subscription, and those of a second REFER say which it is."""

from __future__ import annotations

import pytest
from tests.support.calls import Call, Ladder

from sip_ci.findings import Severity

TARGET = "Refer-To: <sip:carol@example.com>"
ENDED = "Subscription-State: terminated;reason=noresource"
ACTIVE = "Subscription-State: active;expires=60"


def refer(call: Call, time: float) -> None:
    call.respond(call.request("REFER", time, TARGET), 202, time + 0.1)


def report(call: Call, time: float, status: str, state: str, event: str = "Event: refer") -> None:
    lines = (event, state, "Content-Type: message/sipfrag")
    notify = call.request("NOTIFY", time, *lines, body=f"SIP/2.0 {status}\r\n".encode(), by_callee=True)
    call.respond(notify, 200, time + 0.1)


def transferred(*reports: tuple[float, str, str]) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    refer(call, 5.0)
    for time, status, state in reports:
        report(call, time, status, state)
    return ladder.end(60.0)


def test_a_last_report_that_leaves_the_subscription_open() -> None:
    ladder = transferred((5.2, "100 Trying", ACTIVE), (8.0, "200 OK", ACTIVE))
    finding = ladder.findings()["refer-not-terminated"]

    assert finding.severity is Severity.LOW
    assert "active" in finding.detail
    assert finding.evidence[0].text.startswith("Subscription-State:")


@pytest.mark.parametrize(
    "reports",
    [
        ((5.2, "100 Trying", ACTIVE), (8.0, "200 OK", ENDED)),
        ((5.2, "200 OK", ACTIVE), (5.3, "200 OK", ENDED)),
        ((5.2, "100 Trying", ACTIVE),),
        ((5.2, "200 OK", "Subscription-State"),),
    ],
    ids=["ended", "ended by another", "no final report", "no state, which notify-no-state tells"],
)
def test_reports_that_are_right_or_open(reports: tuple[tuple[float, str, str], ...]) -> None:
    assert "refer-not-terminated" not in transferred(*reports).findings()


def test_a_capture_that_ends_with_the_report_says_nothing() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    refer(call, 5.0)
    report(call, 8.0, "200 OK", ACTIVE)

    assert "refer-not-terminated" not in ladder.end(9.0).findings()


def second(event: str, first: str = ENDED) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    refer(call, 5.0)
    report(call, 6.0, "486 Busy Here", first)
    refer(call, 10.0)
    report(call, 11.0, "200 OK", ENDED, event)
    return ladder.end(60.0)


def test_a_report_on_a_second_transfer() -> None:
    finding = second("Event: refer").findings()["refer-notify-no-id"]

    assert finding.severity is Severity.LOW
    assert [proof.text.partition(":")[0] for proof in finding.evidence][1] == "Event"


def test_a_report_with_its_id_or_of_a_transfer_that_is_still_open() -> None:
    assert "refer-notify-no-id" not in second("Event: refer;id=3").findings()
    assert "refer-notify-no-id" not in second("Event: refer", ACTIVE).findings()
    assert "refer-notify-no-id" not in transferred((5.2, "200 OK", ENDED)).findings()
