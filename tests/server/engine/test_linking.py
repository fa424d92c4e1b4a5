"""Effects are linked to causes call by call; roots lead, and are as severe as what they led to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci_server.engine.aggregation import aggregate
from sip_ci_server.engine.checks.registry import Found, all_checks, at
from sip_ci_server.engine.instances import Instance, fingerprint_of
from sip_ci_server.engine.model import Model


class _Anything(dict[str, str]):
    """Values for the title of any check."""

    def __missing__(self, key: str) -> str:
        return "X"


Values = _Anything()


def _instance(check: str, *calls: str, severity: Severity | None = None, key: tuple[str, ...] = ()) -> Instance:
    return Instance(all_checks()[check], Found((), "It happened.", Values, key, calls, severity))


def _findings(*instances: Instance, model: Model | None = None) -> dict[str, WireFinding]:
    return {finding.check: finding for finding in aggregate(list(instances), model or Ladder().model())}


def test_an_effect_in_the_same_call_is_no_root() -> None:
    cause, effect = _instance("record-route-not-honored", "a"), _instance("ack-missing-2xx", "a")
    found = _findings(effect, cause)

    assert found["ack-missing-2xx"].causes == (fingerprint_of(cause),)
    assert not found["ack-missing-2xx"].root
    assert found["record-route-not-honored"].root


def test_an_effect_that_also_stands_alone_in_another_call_is_a_root() -> None:
    found = _findings(
        _instance("ack-missing-2xx", "a"), _instance("ack-missing-2xx", "b"), _instance("record-route-not-honored", "a")
    )

    assert found["ack-missing-2xx"].root
    assert found["ack-missing-2xx"].causes


def test_a_root_is_as_severe_as_the_worst_that_it_led_to() -> None:
    found = _findings(
        _instance("nat-sdp-private", "a", severity=Severity.LOW),
        _instance("media-one-way", "a"),
        _instance("bye-abnormal-cause", "a"),
    )

    assert found["nat-sdp-private"].severity is found["media-one-way"].severity is Severity.CRITICAL
    assert not found["bye-abnormal-cause"].root


def test_a_root_is_not_lowered_to_its_effect() -> None:
    found = _findings(_instance("nat-sdp-private", "a"), _instance("media-one-way", "a", severity=Severity.LOW))

    assert found["nat-sdp-private"].severity is Severity.HIGH


def test_what_only_a_notice_about_the_capture_explains_stays_a_root() -> None:
    found = _findings(_instance("cap-packets-dropped"), _instance("rtp-loss", "a"))

    assert found["rtp-loss"].causes == (found["cap-packets-dropped"].fingerprint,)
    assert found["rtp-loss"].root
    assert found["cap-packets-dropped"].severity is all_checks()["cap-packets-dropped"].severity


@pytest.mark.parametrize("hosts", [("198.51.100.20",), ("198.51.100.99",)])
def test_a_cause_without_a_call_is_one_for_messages_to_its_hosts(hosts: tuple[str, ...]) -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 503, 0.1)
    model = ladder.model()
    refused = Instance(all_checks()["tcp-connect-refused"], Found((), "It was.", Values, hosts=hosts))
    failed = Instance(
        all_checks()["final-503"], Found((at(model.messages[0], "it"),), "It did.", Values, calls=(call.call_id,))
    )
    found = _findings(refused, failed, model=model)

    assert found["final-503"].root is (hosts != (BOB.host,))


def test_a_failed_registration_explains_later_calls_to_its_user_and_not_earlier_ones() -> None:
    def found(register_at: float, success_at: float | None = None) -> WireFinding:
        ladder = Ladder()
        client = ladder.call(BOB, PROXY, caller="bob", callee="bob")
        register = client.request("REGISTER", register_at, inside=False)
        client.respond(register, 500, register_at + 0.1)
        if success_at is not None:
            again = client.request("REGISTER", success_at, inside=False)
            client.respond(again, 200, success_at + 0.1, f"Contact: <sip:{BOB}>;expires=3600")
        call = ladder.call(ALICE, PROXY)
        invite = call.invite(10.0)
        call.respond(invite, 404, 10.1)
        call.ack(invite, 10.2)
        return ladder.end(60.0).findings()["final-404"]

    assert not found(1.0).root
    assert found(20.0).root
    assert found(1.0, success_at=5.0).root


def _relayed(status: int, inner_status: int) -> dict[str, WireFinding]:
    ladder = Ladder()
    outer, inner = ladder.call(ALICE, PROXY), ladder.call(PROXY, BOB)
    first = outer.invite(0.0)
    second = inner.invite(0.05, offer=sdp(PROXY, 30_000))
    inner.respond(second, inner_status, 0.2)
    inner.ack(second, 0.21)
    outer.respond(first, status, 0.25)
    outer.ack(first, 0.26)
    return ladder.end(60.0).findings()


def test_the_failure_of_the_leg_further_on_is_the_root() -> None:
    found = _relayed(500, 404)

    assert found["final-404"].root
    assert not found["final-500"].root
    assert found["final-500"].causes == (found["final-404"].fingerprint,)


@pytest.mark.parametrize("status", [404, 503])
def test_the_same_failure_on_both_legs_is_told_where_it_came_from(status: int) -> None:
    found = _relayed(status, status)[f"final-{status}"]

    assert found.occurrences == 1
    assert found.calls == ("call-2@203.0.113.5",)


def test_a_refused_codec_on_the_inner_leg_is_the_root() -> None:
    found = _relayed(500, 488)

    assert found["sdp-488"].root
    assert not found["final-500"].root


def _lonely(ladder: Ladder) -> None:
    call = ladder.call()
    invite = call.invite(0.0)
    call.respond(invite, 404, 0.1)
    call.ack(invite, 0.2)


@pytest.mark.parametrize("make", [_lonely])
def test_findings_that_nothing_links_are_roots(make: Callable[[Ladder], None]) -> None:
    ladder = Ladder()
    make(ladder)

    assert all(finding.root for finding in ladder.end(60.0).report().findings)


def test_what_is_only_context_explains_no_fault() -> None:
    found = _findings(_instance("nat-sdp-private", "a", severity=Severity.INFO), _instance("media-one-way", "a"))

    assert found["media-one-way"].root
    assert found["nat-sdp-private"].severity is Severity.INFO


def test_key_figures_are_the_effect_of_the_failures_that_they_count() -> None:
    ladder = Ladder()
    for number in range(20):
        call = ladder.call()
        invite = call.invite(float(number))
        call.respond(invite, 503, number + 0.1)
        call.ack(invite, number + 0.2)
    found = ladder.end(60.0).findings()

    assert "final-503" in found
    assert not [check for check, finding in found.items() if check.startswith("kpi-") and finding.root]


def test_key_figures_that_only_busy_callees_explain_stand_alone() -> None:
    ladder = Ladder()
    for number in range(20):
        call = ladder.call()
        invite = call.invite(float(number))
        call.respond(invite, 486, number + 0.1)
        call.ack(invite, number + 0.2)

    assert all(finding.root for finding in ladder.end(60.0).report().findings)


def test_the_share_of_calls_is_told() -> None:
    ladder = Ladder()
    for number in range(4):
        call = ladder.call()
        invite = call.invite(float(number))
        call.respond(invite, 404 if number < 2 else 486, number + 0.1)
        call.ack(invite, number + 0.2)
    found = ladder.end(60.0).findings()["final-404"]

    assert (found.calls_affected, found.share) == (2, 0.5)


def test_no_circle_of_effects_swallows_a_fault() -> None:
    one, other = _instance("final-500", "a"), _instance("final-404", "a")
    model = Ladder().model()
    found = aggregate([one, replace(one, check=other.check)], model)

    assert [finding.root for finding in found] == [True, True]
