"""ACKs of refusals that are not made from their INVITE, and ACKs of a 2xx that are sent once."""

from __future__ import annotations

import pytest
from tests.support.calls import Call, Ladder, Sent

from sip_ci.findings import Severity

SENDS = (1.5, 2.5, 4.5, 8.5)


def _refused(*sends: float) -> tuple[Ladder, Call, Sent]:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 486, 1.0), *sends)
    return ladder, call, invite


def _changed(sent: Sent, old: bytes, new: bytes) -> None:
    for packet in sent.packets:
        assert old in packet.raw
        packet.raw = packet.raw.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"branch=z9hG4bK-", b"branch=z9hG4bK-other-", "branch"),
        (b"Call-ID: call-1", b"Call-ID: other-1", "Call-ID"),
        (b"UDP 192.0.2.10:5060;branch", b"UDP 192.0.2.99:5060;branch", "address in Via"),
        (b"tag=a1", b"tag=a2", "From tag"),
        (b"Max-Forwards:", b"Route: <sip:203.0.113.5;lr>\r\nMax-Forwards:", "Route"),
    ],
)
def test_an_ack_that_does_not_copy_its_invite(old: bytes, new: bytes, field: str) -> None:
    ladder, call, invite = _refused(*SENDS)
    _changed(call.ack(invite, 1.05), old, new)
    findings = ladder.end(60.0).findings()

    assert findings["ack-differs-from-invite"].severity is Severity.HIGH
    assert field in findings["ack-differs-from-invite"].title
    assert findings["ack-differs-from-invite"].root
    assert not findings.keys() & {"ack-missing-non2xx", "ack-ignored"}


def test_a_right_ack_that_is_lost_is_another_fault() -> None:
    ladder, call, invite = _refused(*SENDS)
    call.ack(invite, 1.05)
    findings = ladder.end(60.0).findings()

    assert "ack-differs-from-invite" not in findings
    assert "ack-ignored" in findings


def test_a_refusal_that_was_sent_twice_tells_nothing() -> None:
    ladder, call, invite = _refused(1.5)
    _changed(call.ack(invite, 1.05), b"branch=z9hG4bK-", b"branch=z9hG4bK-other-")

    assert "ack-differs-from-invite" not in ladder.end(60.0).findings()


def test_a_late_but_right_ack() -> None:
    ladder, call, invite = _refused(1.5, 2.5)
    call.ack(invite, 2.6)

    assert "ack-differs-from-invite" not in ladder.end(60.0).findings()
