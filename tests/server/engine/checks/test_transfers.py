"""Transfers: refused, not reported, failed, abandoned; and the headers that they need."""

from __future__ import annotations

import pytest
from tests.support.calls import Call, Ladder, Sent

from sip_ci.findings import Severity

TARGET = "Refer-To: <sip:carol@example.com>"
FRAGMENT = ("Event: refer", "Content-Type: message/sipfrag")


def transfer(ladder: Ladder, *lines: str, status: int = 202) -> tuple[Call, Sent]:
    """A call in which the caller asks the callee to call someone else, five seconds after it began."""
    call = ladder.call()
    call.established()
    refer = call.request("REFER", 5.0, *(lines or (TARGET,)))
    call.respond(refer, status, 5.1)
    return call, refer


def report(call: Call, time: float, body: str, state: str = "") -> None:
    state = state or ("active;expires=60" if body.startswith("SIP/2.0 1") else "terminated;reason=noresource")
    lines = (*FRAGMENT, f"Subscription-State: {state}")
    call.respond(call.request("NOTIFY", time, *lines, body=body.encode(), by_callee=True), 200, time + 0.1)


@pytest.mark.parametrize(("status", "severity"), [(405, Severity.HIGH), (603, Severity.INFO), (491, None), (401, None)])
def test_a_refused_transfer(status: int, severity: Severity | None) -> None:
    ladder = Ladder()
    transfer(ladder, status=status)
    finding = ladder.findings().get("refer-rejected")
    assert (finding.severity if finding else None) is severity


def test_a_transfer_without_report() -> None:
    ladder = Ladder()
    transfer(ladder)
    assert ladder.end(60.0).findings()["refer-no-notify"].severity is Severity.MEDIUM


@pytest.mark.parametrize(("waited", "severity"), [(0.5, Severity.LOW), (10.0, Severity.MEDIUM)])
def test_a_transfer_without_report_whose_caller_hangs_up(waited: float, severity: Severity) -> None:
    ladder = Ladder()
    call, _ = transfer(ladder)
    call.respond(call.bye(5.1 + waited), 200, 5.2 + waited)
    assert ladder.end(60.0).findings()["refer-no-notify"].severity is severity


def test_a_report_that_ends_without_an_outcome() -> None:
    ladder = Ladder()
    call, _ = transfer(ladder)
    report(call, 5.2, "SIP/2.0 100 Trying\r\n", "terminated;reason=noresource")
    call.respond(call.bye(8.5), 200, 8.6)
    assert ladder.end(9.0).findings()["refer-no-final-notify"].severity is Severity.MEDIUM


def test_a_capture_that_ends_early_says_nothing_of_reports() -> None:
    ladder = Ladder()
    transfer(ladder)
    assert "refer-no-notify" not in ladder.end(7.0).findings()


def test_a_report_that_was_declined_is_not_missed() -> None:
    ladder = Ladder()
    transfer(ladder, TARGET, "Refer-Sub: false")
    assert "refer-no-notify" not in ladder.end(60.0).findings()


def test_a_transfer_that_works_is_silent() -> None:
    ladder = Ladder()
    call, _ = transfer(ladder)
    report(call, 5.2, "SIP/2.0 100 Trying\r\n")
    report(call, 8.0, "SIP/2.0 200 OK\r\n")
    call.respond(call.bye(8.5), 200, 8.6)
    found = ladder.end(120.0).findings()
    assert not [check for check in found if check.startswith(("refer", "replaces"))]


def test_a_transfer_whose_outcome_nobody_reports() -> None:
    ladder = Ladder()
    call, _ = transfer(ladder)
    report(call, 5.2, "SIP/2.0 100 Trying\r\n")
    call.respond(call.bye(20.0, by_callee=True), 200, 20.1)
    assert ladder.end(100.0).findings()["refer-no-final-notify"].severity is Severity.MEDIUM
    assert "refer-no-final-notify" not in ladder_that_ends_early().findings()


def ladder_that_ends_early() -> Ladder:
    ladder = Ladder()
    call, _ = transfer(ladder)
    report(call, 5.2, "SIP/2.0 180 Ringing\r\n")
    return ladder.end(40.0)


@pytest.mark.parametrize(("line", "severity"), [("404 Not Found", Severity.HIGH), ("486 Busy Here", Severity.INFO)])
def test_a_target_that_fails(line: str, severity: Severity) -> None:
    ladder = Ladder()
    call, _ = transfer(ladder)
    report(call, 6.0, f"SIP/2.0 {line}\r\n")
    finding = ladder.findings()["refer-target-failed"]
    assert finding.severity is severity
    assert line in finding.title


def test_a_report_without_status_line() -> None:
    ladder = Ladder()
    call, _ = transfer(ladder)
    report(call, 6.0, "done")
    assert ladder.findings()["refer-notify-sipfrag-invalid"].severity is Severity.LOW


def test_nobody_takes_a_failed_transfer_back() -> None:
    ladder = Ladder()
    call, _ = transfer(ladder)
    call.respond(call.bye(6.0), 200, 6.1)
    report(call, 8.0, "SIP/2.0 404 Not Found\r\n")
    found = ladder.findings()
    assert "refer-orphan" in found


def replacing(value: str, status: int = 481) -> Ladder:
    ladder = Ladder()
    first = ladder.call()
    first.established()
    second = ladder.call(caller="carol", caller_tag="c1", callee_tag="d1")
    second.respond(second.invite(10.0, f"Replaces: {value}"), status, 10.1)
    return ladder


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("call-1@192.0.2.10;to-tag=a1;from-tag=b1", "exchanged"),
        ("call-1@192.0.2.10;to-tag=x;from-tag=a1", "tags"),
        ("call-1@192.0.2.10;to-tag=b1;from-tag=a1", "does not know"),
        ("nothing@192.0.2.10;to-tag=b1;from-tag=a1", "not in the trace"),
        ("call-1%40192.0.2.10;to-tag=b1;from-tag=a1", "escaped"),
        ("call-1@192.0.2.10", "lacks"),
    ],
)
def test_a_takeover_that_is_refused_says_why(value: str, why: str) -> None:
    finding = replacing(value).findings()["replaces-481"]
    assert finding.severity is Severity.HIGH
    assert why in finding.title


def test_a_takeover_of_a_busy_phone_is_not_judged_without_reason() -> None:
    assert "replaces-481" not in replacing("nothing@192.0.2.10;to-tag=b1;from-tag=a1", 486).findings()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("abc%40host%3Bto-tag%3Dx%3Bfrom-tag%3Dy", False),
        ("abc@host;to-tag=x;from-tag=y", True),
    ],
)
def test_a_replaces_that_is_not_escaped(value: str, wanted: bool) -> None:
    ladder = Ladder()
    transfer(ladder, f"Refer-To: <sip:carol@example.com?Replaces={value}>", status=400)
    assert ("refer-replaces-unescaped" in ladder.findings()) is wanted


def test_a_refer_that_names_nobody() -> None:
    ladder = Ladder()
    transfer(ladder, "Subject: nobody", status=400)
    assert ladder.findings()["refer-to-count"].severity is Severity.HIGH


def test_a_replaces_outside_an_invite() -> None:
    ladder = Ladder()
    transfer(ladder, TARGET, "Replaces: a;to-tag=b;from-tag=c", status=400)
    assert "REFER" in ladder.findings()["replaces-misplaced"].title


@pytest.mark.parametrize(("users", "wanted"), [("aba", True), ("abc", False), ("aa", False), ("a", False)])
def test_a_call_that_two_phones_divert_to_each_other(users: str, wanted: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    lines = [f"Diversion: <sip:{user}@example.com>;reason=unconditional" for user in users]
    call.respond(call.invite(0.0, *lines), 480, 1.0)
    assert ("diversion-loop" in ladder.findings()) is wanted
