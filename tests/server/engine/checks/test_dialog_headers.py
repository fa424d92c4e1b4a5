"""Contact, To tag, Via and Record-Route of the messages that make a dialog."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder, assert_healthy

from sip_ci.findings import Severity


def test_an_answer_without_contact() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 200, 1.0, "Contact")
    assert ladder.findings()["contact-missing-2xx"].severity is Severity.MEDIUM, "the capture ends early"
    ladder.end(60.0)
    assert ladder.findings()["contact-missing-2xx"].severity is Severity.HIGH


def test_an_answer_without_contact_in_a_call_that_went_well() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, "Contact")
    call.ack(invite, 1.1)
    call.respond(call.bye(5.0), 200, 5.1)
    assert ladder.findings()["contact-missing-2xx"].severity is Severity.MEDIUM


@pytest.mark.parametrize(("status", "severity"), [(400, "high"), (200, "medium"), (404, "low")])
def test_an_invite_without_contact(status: int, severity: str) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0, "Contact"), status, 1.0)
    finding = ladder.findings()["contact-missing-invite"]
    assert finding.severity in ((severity,) if status != 404 else ("low", "medium"))


@pytest.mark.parametrize(
    ("status", "lines", "severity"),
    [
        (180, ("Contact",), "low"),
        (183, ("Contact", "Require: 100rel", "RSeq: 1"), "medium"),
        (180, (), None),
        (100, ("Contact",), None),
    ],
)
def test_a_provisional_response_without_contact(status: int, lines: tuple[str, ...], severity: str | None) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Supported: 100rel")
    call.respond(invite, status, 0.1, *lines)
    finding = ladder.end(1.0).findings().get("contact-missing-1xx")

    assert (finding.severity.value if finding else None) == severity


def test_a_provisional_response_without_tag_makes_no_dialog() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ringing = call.respond(invite, 180, 0.1, "Contact")
    ringing.packets[0].raw = ringing.packets[0].raw.replace(b";tag=b1", b"")

    assert "contact-missing-1xx" not in ladder.end(1.0).findings()


def test_a_response_without_to_tag() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 100, 0.1, "To: <sip:bob@example.com>")
    call.respond(invite, 200, 1.0, "To: <sip:bob@example.com>")
    finding = ladder.end(60.0).findings()["to-tag-missing"]
    assert finding.severity is Severity.HIGH
    assert "200" in finding.title


def test_a_100_needs_no_to_tag() -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, BOB, record_route=True).answered()
    found = ladder.findings()
    for check in ("to-tag-missing", "resp-headers-changed", "record-route-not-copied", "contact-missing-2xx"):
        assert check not in found
    assert_healthy(ladder)


def test_a_response_with_another_via_list() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    response = call.respond(invite, 486, 1.0, hops=(1,))
    packet = response.packets[0]
    packet.raw = packet.raw.replace(b", SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1-0", b"")
    assert "Via" in ladder.findings()["resp-headers-changed"].title


def test_received_and_rport_do_not_change_a_via() -> None:
    ladder = Ladder()
    call = ladder.call()
    response = call.respond(call.invite(0.0), 486, 1.0)
    response.packets[0].raw = response.packets[0].raw.replace(b";branch=", b";received=192.0.2.99;rport=9;branch=")
    assert "resp-headers-changed" not in ladder.findings()


def test_an_answer_without_the_record_route() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, record_route=True)
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0, "Record-Route")
    assert ladder.findings()["record-route-not-copied"].severity is Severity.HIGH


def _foreign(status: int, *lines: str) -> Ladder:
    """An INVITE whose responses have another branch, or these lines."""
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(invite, 0.5, 1.5, 3.5)
    call.respond(invite, status, 0.6, *(lines or ("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-foreign",)))
    return ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)})).end(40.0)


def test_a_response_with_a_branch_of_its_own() -> None:
    finding = _foreign(180).findings()["resp-headers-changed"]
    assert finding.severity.at_least(Severity.MEDIUM)
    assert "z9hG4bK-foreign" in finding.evidence[1].text


def test_a_response_with_a_call_id_of_its_own() -> None:
    assert "resp-headers-changed" in _foreign(180, "Call-ID: other@198.51.100.20").findings()


def test_a_response_to_another_hop_is_none_of_this_request() -> None:
    via = "Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bK-p, SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-1-0"
    assert "resp-headers-changed" not in _foreign(180, via).findings()
