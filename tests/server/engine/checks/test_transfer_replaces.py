"""Attended transfers whose Refer-To names the tags of the call to replace wrongly."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder

from sip_ci.findings import Severity


def transferred(
    to_tag: str, from_tag: str, *, outcome: bytes = b"SIP/2.0 481 Unknown", received: bool = True
) -> Ladder:
    """Bob has two calls with the PBX and joins them; the second one he received, or made."""
    ladder = Ladder()
    first = ladder.call(ALICE, BOB)
    first.established(0.0)
    second = ladder.call(*((ALICE, BOB) if received else (BOB, ALICE)), caller_tag="from2", callee_tag="to2")
    second.established(5.0)
    replaces = f"Replaces={second.call_id.replace('@', '%40')}%3Bto-tag%3D{to_tag}%3Bfrom-tag%3D{from_tag}"
    refer = first.request("REFER", 10.0, f"Refer-To: <sip:carol@example.com?{replaces}>", by_callee=True)
    first.respond(refer, 202, 10.02)
    notify = first.request(
        "NOTIFY", 10.5, "Event: refer", "Subscription-State: terminated;reason=noresource",
        "Content-Type: message/sipfrag", body=outcome + b"\r\n",
    )  # fmt: skip
    first.respond(notify, 200, 10.52)
    return ladder.end(60.0)


@pytest.mark.parametrize(
    ("to_tag", "from_tag", "received"), [("to2", "from2", True), ("from2", "to2", False)], ids=["received", "made"]
)
def test_tags_that_are_exchanged(to_tag: str, from_tag: str, received: bool) -> None:
    findings = transferred(to_tag, from_tag, received=received).findings()
    finding = findings["refer-replaces-tags"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert "exchanged" in finding.title
    assert finding.evidence[0].text.startswith("Refer-To:")
    assert not findings["refer-target-failed"].root


def test_tags_of_another_call() -> None:
    assert "other tags" in transferred("x", "y").findings()["refer-replaces-tags"].title


@pytest.mark.parametrize(
    ("to_tag", "from_tag", "received"), [("from2", "to2", True), ("to2", "from2", False)], ids=["received", "made"]
)
def test_tags_that_are_right(to_tag: str, from_tag: str, received: bool) -> None:
    assert "refer-replaces-tags" not in transferred(to_tag, from_tag, received=received).findings()


def test_a_transfer_that_works_all_the_same_is_low() -> None:
    finding = transferred("to2", "from2", outcome=b"SIP/2.0 200 OK").findings()["refer-replaces-tags"]
    assert finding.severity is Severity.LOW


def test_a_call_that_is_not_in_the_trace_is_not_judged() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.established(0.0)
    refer = call.request("REFER", 10.0, "Refer-To: <sip:carol@example.com?Replaces=else%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    call.respond(refer, 481, 10.02)

    assert "refer-replaces-tags" not in ladder.end(60.0).findings()
