"""The metrics of RFC 6076 §4."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, SECOND_PROXY, START, Ladder

from sip_ci_server.engine.kpis import Kpis, compute_kpis, post_dial_delay

CREDENTIALS = 'Authorization: Digest username="alice", realm="example.com", nonce="1", uri="sip:a", response="0f"'


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
        credentials = [CREDENTIALS] if status == 200 else []
        call.respond(call.request("REGISTER", time, *credentials, inside=False), status, time + 0.25)
    ladder.call().answered(10.0)
    kpis = _kpis(ladder)

    assert (kpis.registrations, kpis.failed_registrations) == (3, 1)
    # The challenge is part of the delay (RFC 6076 §4.1).
    assert kpis.registration_delay.values == pytest.approx([1250.0], abs=0.01)
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
    model = ladder.model()
    (leg,) = model.legs

    assert post_dial_delay(leg, model) is None


def test_the_call_that_a_redirection_leads_to_counts() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    call.respond(call.invite(0.0), 302, 0.5)
    call.respond(call.invite(0.6, way=(ALICE, CAROL)), 480, 1.0)
    kpis = _kpis(ladder)

    assert (kpis.attempts, kpis.established, kpis.effective) == (1, 0, 1)
    # From the first INVITE, as in the figure of RFC 6076 §4.3.2.
    assert kpis.failed_request_delay.values == pytest.approx([1000.0], abs=0.01)


def test_the_wait_for_a_challenge_is_part_of_the_request_delay() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0), 407, 2.0)
    invite = call.invite(2.1)
    call.respond(invite, 180, 2.5)
    call.respond(invite, 200, 4.0)
    kpis = _kpis(ladder)

    assert (kpis.attempts, kpis.established) == (1, 1)
    assert kpis.request_delay.values == pytest.approx([2500.0], abs=0.01)


def test_a_refused_bye_has_no_disconnect_delay_and_the_session_its_duration() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.established()
    call.respond(call.bye(31.0), 481, 31.5)
    kpis = _kpis(ladder)

    assert kpis.disconnect_delay.values == []
    answered = ladder.model().legs[0].answered_at
    assert answered is not None
    assert kpis.session_duration.values == pytest.approx([(START + 31.0 - answered) * 1000], abs=0.01)


@pytest.mark.parametrize(("end", "failed"), [(33.0, 1), (20.0, 0)])
def test_a_registration_that_times_out_has_failed(end: float, failed: int) -> None:
    ladder = Ladder()
    call = ladder.call()
    ping = call.request("OPTIONS", 0.0, inside=False)
    call.respond(ping, 200, 0.1)
    register = ladder.call().request("REGISTER", 0.5, inside=False)
    ladder.again(register, 1.0, 2.0, 4.0)
    kpis = _kpis(ladder.end(end))

    assert (kpis.registrations, kpis.failed_registrations) == (failed, failed)


def test_a_client_that_comes_back_after_minutes_did_not_wait_for_them() -> None:
    ladder = Ladder()
    call = ladder.call()
    for time, status in ((0.0, 401), (300.0, 200)):
        call.respond(call.request("REGISTER", time, CREDENTIALS, inside=False), status, time + 0.25)

    assert _kpis(ladder).registration_delay.values == pytest.approx([250.0], abs=0.01)
