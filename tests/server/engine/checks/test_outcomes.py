"""What follows on responses, and what the hops of a path do to messages."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, START, Ladder, assert_healthy

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.trace import TcpEvent, TcpEventKind, TraceOrigin


def _forked(*, bye: bool, ack: bool = True) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    call.respond(invite, 200, 1.1, to_tag="b2")
    call.ack(invite, 1.2)
    call.callee_tag = "b2"
    if ack:
        call.ack(invite, 1.25)
    if bye:
        call.respond(call.bye(1.3), 200, 1.4)
    return ladder.end(60.0)


def test_surplus_answers_of_a_fork_that_are_not_ended() -> None:
    finding = _forked(bye=False).findings()["fork-multiple-2xx"]

    assert finding.severity is Severity.MEDIUM
    assert "`b2`" in finding.detail


def test_a_phone_of_a_fork_that_says_itself_that_it_was_forgotten() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 200, 1.0)
    ladder.again(call.respond(invite, 200, 1.1, to_tag="b2"), 1.6, 2.6, 4.6)
    call.ack(invite, 1.2)
    found = ladder.end(8.0).findings()

    assert found["fork-multiple-2xx"].root
    assert found["fork-multiple-2xx"].severity is Severity.CRITICAL
    assert not found["ack-missing-2xx"].root


def test_a_fork_of_which_no_ack_is_seen_is_no_fault_of_the_fork() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    for tag in ("b1", "b2"):
        ladder.again(call.respond(invite, 200, 1.0, to_tag=tag), 1.5, 2.5, 4.5)
    found = ladder.end(60.0).findings()

    assert "fork-multiple-2xx" not in found
    assert found["ack-missing-2xx"].root


def test_surplus_answers_of_a_fork_that_are_ended_are_healthy() -> None:
    ladder = _forked(bye=True)

    assert_healthy(ladder)
    assert "fork-multiple-2xx" not in ladder.findings()


def test_a_2xx_that_came_twice_is_no_fork() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    ladder.again(call.respond(invite, 200, 1.0), 1.5)
    call.ack(invite, 1.6)

    assert "fork-multiple-2xx" not in ladder.end(60.0).findings()


@pytest.mark.parametrize(("followed", "severity"), [(True, Severity.INFO), (False, Severity.MEDIUM)])
def test_a_redirection(followed: bool, severity: Severity) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 302, 0.1, f"Contact: <sip:bob@{CAROL}>")
    call.ack(invite, 0.2)
    if followed:
        other = ladder.call(ALICE, CAROL, uri=f"sip:bob@{CAROL}")
        other.answered(0.5)
    findings = ladder.end(60.0).findings()

    assert findings["redirect-302"].severity is severity
    assert CAROL.host in findings["redirect-302"].detail


def test_a_redirection_at_the_end_of_the_trace_is_not_blamed() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 302, 0.1, f"Contact: <sip:bob@{CAROL}>")

    assert ladder.end(1.0).findings()["redirect-302"].severity is Severity.INFO


@pytest.mark.parametrize(
    ("contact", "found"),
    [
        ("<sip:bob@example.com>", True),
        ("<sip:bob@EXAMPLE.com:5060>;q=0.5", True),
        ("<sip:bob@example.com;transport=tcp>", False),
        ("<sip:bob@example.com>, <sip:bob@example.net>", False),
        (f"<sip:bob@{CAROL}>", False),
    ],
)
def test_a_redirection_to_the_same_address(contact: str, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 302, 0.1, f"Contact: {contact}")
    call.ack(invite, 0.2)
    findings = ladder.end(60.0).findings()

    assert ("redirect-to-itself" in findings) is found
    assert ("redirect-302" in findings) is not found
    if found:
        assert findings["redirect-to-itself"].severity is Severity.MEDIUM
        assert findings["redirect-to-itself"].evidence[1].text.startswith("Contact:")


def _redirected(*steps: tuple[str, str]) -> dict[str, WireFinding]:
    """A call that is redirected from one user to another, again and again."""
    ladder = Ladder()
    call = ladder.call()
    for time, (user, other) in enumerate(steps):
        call.uri = f"sip:{user}@example.com"
        invite = call.invite(float(time))
        call.respond(invite, 302, time + 0.1, f"Contact: <sip:{other}@example.com>")
        call.ack(invite, time + 0.2)
    return ladder.end(60.0).findings()


def test_redirections_in_a_circle() -> None:
    finding = _redirected(("bob", "carol"), ("carol", "bob"), ("bob", "carol"))["redirect-to-itself"]

    assert finding.severity is Severity.MEDIUM
    assert finding.occurrences == 1 or finding.calls_affected == 1
    assert [proof.message for proof in finding.evidence[:3]] == [1, 3, 4]


def test_redirections_one_after_another_are_no_circle() -> None:
    found = _redirected(("bob", "carol"), ("carol", "dora"), ("dora", "erin"))
    assert "redirect-to-itself" not in found


@pytest.mark.parametrize(("waited", "found"), [(8.0, True), (0.1, False)])
def test_a_failover(waited: float, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    ladder.again(call.invite(0.0), 0.5, 1.5, 3.5)
    again = call.invite(waited, way=(ALICE, CAROL), number=1)
    call.respond(again, 200, waited + 1.0)
    call.ack(again, waited + 1.1, way=(ALICE, CAROL))
    ladder.know(host_pairs=frozenset({(BOB.host, ALICE.host)}))

    assert ("failover-slow" in ladder.end(60.0).findings()) is found


@pytest.mark.parametrize(("waited", "found"), [(2.0, True), (40.0, False)])
def test_retry_after(waited: float, found: bool) -> None:
    ladder = Ladder()
    first = ladder.call()
    invite = first.invite(0.0)
    first.respond(invite, 503, 0.1, "Retry-After: 30")
    first.ack(invite, 0.2)
    ladder.call().answered(waited)
    findings = ladder.end(120.0).findings()

    assert ("retry-after-ignored" in findings) is found


@pytest.mark.parametrize(("failures", "found"), [(4, True), (1, False)])
def test_overload(failures: int, found: bool) -> None:
    ladder = Ladder()
    for number in range(12):
        call = ladder.call()
        if number < failures:
            invite = call.invite(number * 3.0)
            call.respond(invite, 503, number * 3.0 + 0.1)
            call.ack(invite, number * 3.0 + 0.2)
        else:
            call.answered(number * 3.0)
    findings = ladder.end(120.0).findings()

    assert ("overload-503" in findings) is found
    if found:
        assert findings["overload-503"].severity is Severity.HIGH
        assert findings["final-503"].causes == (findings["overload-503"].fingerprint,)


@pytest.mark.parametrize(("received", "found"), [("", True), (f";received={ALICE.host}", False)])
def test_received(received: str, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    request = call.request("OPTIONS", 0.0, inside=False)
    call.respond(request, 200, 0.1)
    for packet in ladder.packets:
        sent_by = b"192.168.1.5:5060"
        if packet.raw.startswith(b"SIP/2.0"):
            sent_by += received.encode()
        packet.raw = packet.raw.replace(f"UDP {ALICE}".encode(), b"UDP " + sent_by)

    assert ("resp-via-received-missing" in ladder.end(20.0).findings()) is found


@pytest.mark.parametrize(("value", "found"), [(b"70", True), (b"71", True), (b"69", False)])
def test_max_forwards_is_counted_down(value: bytes, found: bool) -> None:
    ladder = Ladder()
    ladder.call(ALICE, PROXY, BOB).answered()
    for packet in ladder.packets:
        if packet.source == PROXY and packet.raw.startswith(b"INVITE"):
            packet.raw = packet.raw.replace(b"Max-Forwards: 69", b"Max-Forwards: " + value)

    assert ("max-forwards-not-decremented" in ladder.end(60.0).findings()) is found


@pytest.mark.parametrize(("value", "found"), [(3, True), (70, False), (0, False)])
def test_few_hops_left(value: int, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("MESSAGE", 0.0, f"Max-Forwards: {value}", inside=False), 200, 0.1)

    assert ("max-forwards-low" in ladder.end(20.0).findings()) is found


@pytest.mark.parametrize(
    ("kind", "sender", "answered", "severity"),
    [
        (TcpEventKind.RST, BOB, False, Severity.MEDIUM),
        (TcpEventKind.FIN, BOB, False, Severity.LOW),
        (TcpEventKind.FIN, ALICE, False, None),
        (TcpEventKind.RST, BOB, True, None),
    ],
)
def test_a_connection_that_is_cut_off(
    kind: TcpEventKind, sender: Endpoint, answered: bool, severity: Severity | None
) -> None:
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call()
    request = call.request("MESSAGE", 0.0, inside=False)
    if answered:
        call.respond(request, 200, 0.1)
    other = ALICE if sender == BOB else BOB
    ladder.know(
        tcp_events=(TcpEvent(kind, START + 5.0, sender, other, 9),),
        host_pairs=frozenset({(BOB.host, ALICE.host)}),
    )
    finding = ladder.end(20.0).findings().get("tcp-reset-mid-dialog")

    assert (finding.severity if finding is not None else None) is severity


def test_a_client_that_closes_its_connection_has_given_up() -> None:
    """The server's own FIN follows that of the client, and neither is why no response came."""
    ladder = Ladder(transport=Transport.TCP)
    ladder.call().request("PUBLISH", 0.0, inside=False)
    ladder.know(
        tcp_events=(
            TcpEvent(TcpEventKind.FIN, START + 0.1, ALICE, BOB, 9),
            TcpEvent(TcpEventKind.FIN, START + 0.15, BOB, ALICE, 10),
        ),
        host_pairs=frozenset({(BOB.host, ALICE.host)}),
    )
    report = ladder.end(60.0).report()

    assert not {item.check for item in report.findings} & {"tcp-reset-mid-dialog", "txn-no-response"}
    assert "txn-no-response" in {item.check for item in report.not_checked}


def test_a_failure_without_its_request() -> None:
    ladder = Ladder(origin=TraceOrigin.TEXT)
    call = ladder.call()
    call.respond(call.invite(0.0), 483, 0.1)
    del ladder.packets[0]
    finding = ladder.findings()["resp-unmatched"]

    assert finding.severity is Severity.MEDIUM
    assert "483" in finding.title


@pytest.mark.parametrize("status", [200, 401, 486, 404])
def test_a_capture_that_starts_late_is_no_fault(status: int) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), status, 0.1)
    del ladder.packets[0]

    assert "resp-unmatched" not in ladder.end(60.0).findings()


def test_a_response_with_another_branch_in_the_middle_of_a_trace() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    request = call.request("INFO", 50.0)
    response = call.respond(request, 200, 50.1)
    for packet in response.packets:
        packet.raw = packet.raw.replace(b"branch=z9hG4bK-", b"branch=z9hG4bK-x")

    assert ladder.end(60.0).findings()["resp-unmatched"].severity is Severity.LOW


def test_an_extension_that_is_required_and_not_supported() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, "Require: 100rel, timer")
    call.respond(invite, 420, 0.1, "Unsupported: 100rel")
    call.ack(invite, 0.2)
    findings = ladder.end(20.0).findings()

    assert findings["ext-required-unsupported"].severity is Severity.HIGH
    assert "100rel" in findings["ext-required-unsupported"].title
    assert "final-420" not in findings


def test_an_extension_that_is_demanded() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 421, 0.1, "Require: timer")
    call.ack(invite, 0.2)
    findings = ladder.end(20.0).findings()

    assert findings["ext-required-by-peer-421"].severity is Severity.MEDIUM
    assert "final-421" not in findings


def test_a_precondition_that_failed() -> None:
    ladder = Ladder()
    call = ladder.call()
    body = (
        b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
        b"a=curr:qos e2e none\r\na=des:qos mandatory e2e sendrecv\r\n"
    )
    invite = call.invite(0.0, "Require: precondition", offer=body)
    call.respond(invite, 580, 0.1)
    call.ack(invite, 0.2)
    findings = ladder.end(20.0).findings()

    assert findings["precondition-580"].severity is Severity.HIGH
    assert "des:qos mandatory e2e sendrecv" in findings["precondition-580"].detail
    assert "final-580" not in findings


def test_short_calls_are_noted_only() -> None:
    ladder = Ladder()
    for number, talk in enumerate((1.0, 30.0, 30.0)):
        ladder.call().answered(100.0 * number, talk=talk)

    assert_healthy(ladder.end(400.0))
    assert ladder.findings()["short-call"].severity is Severity.INFO
    assert ladder.findings()["short-call"].calls_affected == 1


def test_a_test_of_short_calls_wants_them_short() -> None:
    ladder = Ladder()
    for number in range(3):
        ladder.call().answered(10.0 * number, talk=1.0)

    assert "short-call" not in ladder.end(60.0).findings()
