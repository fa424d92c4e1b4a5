"""Calls to clients behind NAT, registrations that live shorter each time, and subscriptions that count backwards."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, Sent

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

NAT = Endpoint("198.51.100.77", 1035)
REGISTRAR = Endpoint("203.0.113.9", 5060)


def _registered(contact: str = "192.168.6.103:5060") -> Ladder:
    ladder = Ladder()
    call = ladder.call(NAT, REGISTRAR, caller="bob", callee="bob", uri=f"sip:{REGISTRAR.host}")
    register = call.request("REGISTER", 0.0, f"Contact: <sip:bob@{contact}>", "Expires: 3600", inside=False)
    call.respond(register, 200, 0.05, f"Contact: <sip:bob@{contact}>;expires=3600")
    return ladder


def _called(ladder: Ladder, place: Endpoint, *, answered: bool = False) -> Ladder:
    call = ladder.call(REGISTRAR, place, uri=f"sip:bob@{place}", caller="carol")
    invite = call.invite(20.0)
    if answered:
        call.respond(invite, 486, 20.5)
        call.ack(invite, 20.6)
    else:
        ladder.again(invite, 20.5, 21.5, 23.5, 27.5, 35.5)
    return ladder.end(80.0)


@pytest.mark.parametrize("place", [Endpoint(NAT.host, 5060), Endpoint("192.168.6.103", 5060)])
def test_a_call_that_goes_past_the_source_of_the_registration(place: Endpoint) -> None:
    ladder = _registered()
    ladder.know(host_pairs=frozenset({(place.host, REGISTRAR.host)}))
    findings = _called(ladder, place).findings()

    assert findings["nat-source-ignored"].severity.at_least(Severity.HIGH)
    assert findings["nat-source-ignored"].root
    assert not findings["txn-no-response"].root


def test_a_call_to_the_source_that_is_lost() -> None:
    assert "nat-source-ignored" not in _called(_registered(), NAT).findings()


def test_a_call_past_the_source_that_is_answered() -> None:
    assert "nat-source-ignored" not in _called(_registered(), Endpoint(NAT.host, 5060), answered=True).findings()


def test_a_client_without_nat() -> None:
    ladder = _registered(f"{NAT.host}:5060")

    assert "nat-source-ignored" not in _called(ladder, Endpoint(NAT.host, 5060)).findings()


def _shrinking(grants: list[int], last: int) -> dict[str, object]:
    ladder = Ladder()
    call = ladder.call(ALICE, REGISTRAR, callee="alice", uri=f"sip:{REGISTRAR.host}")
    asked = 64
    for turn, granted in enumerate(grants):
        contact = f"Contact: <sip:alice@{ALICE}>"
        register = call.request("REGISTER", turn * 30.0, f"{contact};expires={asked}", inside=False)
        call.respond(register, 200, turn * 30.0 + 0.05, f"{contact};expires={granted}")
        asked = granted
    time = len(grants) * 30.0
    register = call.request("REGISTER", time, f"Contact: <sip:alice@{ALICE}>;expires={asked}", inside=False)
    call.respond(register, last, time + 0.05, "Min-Expires: 60")
    return dict(ladder.end(time + 60.0).findings())


def test_registrations_that_shrink_until_one_is_refused() -> None:
    findings = _shrinking([63, 62, 61, 60, 59], 423)

    assert findings["reg-expiry-spiral"].severity.at_least(Severity.MEDIUM)  # type: ignore[attr-defined]
    assert not findings["reg-failed"].root  # type: ignore[attr-defined]


def test_a_lifetime_that_was_shortened_once() -> None:
    assert "reg-expiry-spiral" not in _shrinking([60, 60, 60, 60], 200)


def _notified(*numbers: int, status: int = 200) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    subscribe = call.request("SUBSCRIBE", 0.0, "Event: dialog", "Expires: 3600", inside=False)
    call.respond(subscribe, 200, 0.02, "Expires: 3600")
    for turn, number in enumerate(numbers):
        time = 1.0 + turn * 20
        state = "Subscription-State: active;expires=3000"
        notify: Sent = call.request("NOTIFY", time, "Event: dialog", state, by_callee=True, number=number)
        call.respond(notify, 200 if turn < len(numbers) - 1 else status, time + 0.05)
    return ladder.end(120.0)


@pytest.mark.parametrize(("status", "severity"), [(500, Severity.HIGH), (200, Severity.LOW)])
def test_a_subscription_that_counts_backwards(status: int, severity: Severity) -> None:
    finding = _notified(500, 501, 31, status=status).findings()["sub-cseq-decreasing"]

    assert finding.severity is severity
    assert str(BOB) in finding.detail


def test_a_subscription_that_counts_upwards_with_gaps() -> None:
    assert "sub-cseq-decreasing" not in _notified(500, 510, 511).findings()
