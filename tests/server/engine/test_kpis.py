"""The metrics of RFC 6076 §4."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, Ladder

from sip_ci_server.engine.kpis import Kpis, compute_kpis, post_dial_delay


def _kpis(ladder: Ladder) -> Kpis:
    return compute_kpis(ladder.model())


@pytest.mark.parametrize("path", [(ALICE, BOB), (ALICE, PROXY, BOB), (ALICE, PROXY, SECOND_PROXY, BOB)])
def test_a_call_counts_once_on_however_many_hops(path: tuple[object, ...]) -> None:
    ladder = Ladder()
    ladder.call(*path).answered()  # type: ignore[arg-type]
    kpis = _kpis(ladder)

    assert (kpis.attempts, kpis.established, kpis.retransmissions) == (1, 1, 0)
    assert kpis.session_establishment_ratio == 100.0
    assert kpis.request_delay.percentile(50) == pytest.approx(100.0 + 2 * (len(path) - 2), abs=0.01)


def test_outcomes_count_as_rfc_6076_says() -> None:
    ladder = Ladder()
    ladder.call().answered()
    for number, status in enumerate((486, 603, 404, 503, 408)):
        call = ladder.call()
        invite = call.invite(20.0 * (number + 1))
        call.respond(invite, status, 20.0 * (number + 1) + 0.5)
    kpis = _kpis(ladder)

    assert (kpis.attempts, kpis.established, kpis.effective, kpis.ineffective) == (6, 1, 2, 2)
    assert kpis.session_establishment_effectiveness_ratio == pytest.approx(50.0)
    assert kpis.ineffective_session_attempts == pytest.approx(33.333)
    assert kpis.failed_request_delay.values == pytest.approx([500.0] * 5, abs=0.01)


def test_challenges_redirections_and_what_is_cut_off_are_no_attempts() -> None:
    ladder = Ladder()
    for number, status in enumerate((401, 302, 0)):
        call = ladder.call()
        invite = call.invite(float(number))
        if status:
            call.respond(invite, status, number + 0.1)

    assert _kpis(ladder).attempts == 0
    assert _kpis(ladder).session_establishment_ratio is None


def test_a_failover_is_an_established_call() -> None:
    ladder = Ladder()
    call = ladder.call(PROXY, BOB)
    call.respond(call.invite(0.0), 503, 0.1)
    call.respond(call.invite(0.2, way=(PROXY, CAROL)), 200, 1.0)
    kpis = _kpis(ladder)

    assert (kpis.attempts, kpis.established, kpis.ineffective) == (1, 1, 0)


def test_registrations_and_byes_have_delays() -> None:
    ladder = Ladder()
    call = ladder.call()
    for time, status in ((0.0, 401), (1.0, 200), (2.0, 423), (3.0, 403)):
        call.respond(call.request("REGISTER", time, inside=False), status, time + 0.25)
    ladder.call().answered(10.0)
    kpis = _kpis(ladder)

    assert (kpis.registrations, kpis.failed_registrations) == (3, 1)
    assert kpis.registration_delay.values == pytest.approx([250.0], abs=0.01)
    assert kpis.disconnect_delay.values == pytest.approx([20.0], abs=0.01)


def test_sends_and_retransmissions_are_counted_without_copies() -> None:
    ladder = Ladder()
    call = ladder.call()
    ping = call.request("OPTIONS", 0.0, inside=False)
    ladder.again(ping, 0.001, 0.5, 0.501)
    call.respond(ping, 200, 0.6)
    kpis = _kpis(ladder)

    assert (kpis.requests, kpis.retransmissions, kpis.retransmission_rate) == (2, 1, 50.0)


def test_a_call_without_times_has_no_delay() -> None:
    ladder = Ladder()
    ladder.call().answered()
    for packet in ladder.packets:
        packet.time = None
    (leg,) = ladder.model().legs

    assert post_dial_delay(leg) is None
