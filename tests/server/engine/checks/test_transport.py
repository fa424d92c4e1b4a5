"""Datagrams too large for their path, and TCP connections that never came up."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, START, Ladder, assert_healthy

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.trace import TcpEvent, TcpEventKind

HEARD = frozenset({(BOB.host, ALICE.host)})


def _padding(size: int) -> str:
    return "X-Padding: " + "x" * size


def _large(size: int = 1100, *, sends: int = 1, answered: bool = False, fragments: int = 1) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, _padding(size))
    invite.packets[0].fragments = fragments
    ladder.again(invite, *(0.5, 1.5, 3.5)[: sends - 1])
    if answered:
        call.respond(invite, 200, 4.0 if sends > 1 else 1.0)
        call.ack(invite, 4.1 if sends > 1 else 1.1)
        call.respond(call.bye(9.0), 200, 9.1)
    return ladder.know(host_pairs=HEARD).end(40.0)


def test_a_large_request_that_is_never_answered_while_smaller_ones_are() -> None:
    ladder = _large(sends=4)
    probe = ladder.call()
    probe.respond(probe.request("OPTIONS", 20.0, inside=False), 200, 20.1)
    findings = ladder.findings()
    finding = findings["udp-too-large"]

    assert finding.severity is Severity.HIGH
    assert finding.evidence[0].message == 0
    assert "INVITE of 15" in finding.title
    assert "smaller requests" in finding.detail
    assert "txn-no-response" not in findings


def test_a_server_that_answers_nothing_at_all_is_the_greater_fault() -> None:
    findings = _large(1000, sends=4).findings()

    assert findings["txn-no-response"].severity is Severity.CRITICAL
    assert findings["udp-too-large"].severity is Severity.MEDIUM


def test_a_datagram_in_fragments_that_is_never_answered() -> None:
    findings = _large(3000, sends=4, fragments=3).findings()

    assert findings["udp-too-large"].severity is Severity.HIGH
    assert "3 IP fragments" in findings["udp-too-large"].detail
    assert "txn-no-response" not in findings


def test_one_that_had_to_be_sent_again_is_medium_and_one_that_arrives_is_low() -> None:
    assert _large(sends=3, answered=True).findings()["udp-too-large"].severity is Severity.MEDIUM
    assert _large(answered=True).findings()["udp-too-large"].severity is Severity.LOW
    assert_healthy(_large(answered=True))


@pytest.mark.parametrize("size", [0, 800])
def test_up_to_1300_bytes_are_fine(size: int) -> None:
    assert "udp-too-large" not in _large(size, answered=True).findings()


def test_tcp_carries_what_it_likes() -> None:
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call()
    invite = call.invite(0.0, _padding(5000))
    call.respond(invite, 486, 1.0)
    call.ack(invite, 1.1)

    assert "udp-too-large" not in ladder.end(40.0).findings()


def test_the_loopback_interface_has_no_narrow_path() -> None:
    ladder = Ladder()
    call = ladder.call(Endpoint("127.0.0.1", 5061), Endpoint("127.0.0.1", 5060))
    message = call.request("MESSAGE", 0.0, body=b"x" * 2000, inside=False)
    call.respond(message, 200, 0.1)

    assert "udp-too-large" not in ladder.end(40.0).findings()


def test_a_direction_that_is_not_captured_proves_no_loss() -> None:
    ladder = Ladder()
    ladder.call().invite(0.0, _padding(1100))

    assert_healthy(ladder.end(40.0))


# -- TCP ------------------------------------------------------------------------------------------------------------

CLIENT = Endpoint(ALICE.host, 48_000)


def _event(kind: TcpEventKind, time: float, *, client: Endpoint = CLIENT, server: Endpoint = BOB) -> TcpEvent:
    from_client = kind is TcpEventKind.SYN
    ends = (client, server) if from_client else (server, client)
    return TcpEvent(kind, START + time, *ends, frame=int(time * 10) + 1)


SYN, SYN_ACK, RST = TcpEventKind.SYN, TcpEventKind.SYN_ACK, TcpEventKind.RST


def _connecting(*events: tuple[TcpEventKind, float], server: Endpoint = BOB) -> Ladder:
    ladder = Ladder()
    return ladder.know(tcp_events=tuple(_event(kind, time, server=server) for kind, time in events)).end(60.0)


def test_a_refused_connection_names_both_ends_and_frames() -> None:
    finding = _connecting((SYN, 0.0), (RST, 0.1)).findings()["tcp-connect-refused"]

    assert finding.severity is Severity.CRITICAL
    assert str(BOB) in finding.title
    assert ALICE.host in finding.detail
    assert [proof.frame for proof in finding.evidence] == [1, 2]


def test_waiting_for_a_server_to_come_up_is_no_failure() -> None:
    events = ((SYN, 0.0), (RST, 0.1), (SYN, 1.0), (RST, 1.1), (SYN, 2.0), (SYN_ACK, 2.1))

    assert_healthy(_connecting(*events))


def test_a_connection_that_is_reset_after_it_was_up_was_not_refused() -> None:
    assert "tcp-connect-refused" not in _connecting((SYN, 0.0), (SYN_ACK, 0.1), (RST, 9.0)).findings()


def test_a_client_that_goes_on_over_udp_is_served_all_the_same() -> None:
    ladder = _connecting((SYN, 0.0), (RST, 0.1))
    ladder.call().answered(1.0)

    assert ladder.findings()["tcp-connect-refused"].severity is Severity.MEDIUM


def test_other_services_than_sip_are_none_of_our_business() -> None:
    web = Endpoint(BOB.host, 8080)

    assert "tcp-connect-refused" not in _connecting((SYN, 0.0), (RST, 0.1), server=web).findings()
    assert "tcp-connect-timeout" not in _connecting((SYN, 0.0), (SYN, 1.0), (SYN, 3.0), server=web).findings()


def test_a_connection_attempt_that_nobody_answers() -> None:
    finding = _connecting((SYN, 0.0), (SYN, 1.0), (SYN, 3.0), (SYN, 7.0)).findings()["tcp-connect-timeout"]

    assert finding.severity is Severity.CRITICAL
    assert "4 SYNs" in finding.detail
    assert "7.0 s" in finding.detail
    assert [proof.frame for proof in finding.evidence] == [1, 71]


@pytest.mark.parametrize(
    "events",
    [
        ((SYN, 0.0), (SYN, 1.0)),
        ((SYN, 0.0), (SYN, 0.1), (SYN, 0.2)),
        ((SYN, 0.0), (SYN, 1.0), (SYN, 3.0), (SYN_ACK, 3.1)),
        ((SYN, 0.0), (SYN, 1.0), (SYN, 3.0), (RST, 3.1)),
    ],
)
def test_too_few_attempts_or_any_answer_are_no_timeout(events: tuple[tuple[TcpEventKind, float], ...]) -> None:
    assert "tcp-connect-timeout" not in _connecting(*events).findings()
