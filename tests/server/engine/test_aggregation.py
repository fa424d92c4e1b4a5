"""Instances become findings: one for each fault, with a count, examples and causes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.calls import Ladder

from sip_ci.findings import Confidence, Severity
from sip_ci.service.wire import WireFinding
from sip_ci_server.engine.aggregation import EXAMPLE_CALLS, MAXIMUM_EVIDENCE, aggregate
from sip_ci_server.engine.checks.registry import Found, all_checks, at
from sip_ci_server.engine.instances import Instance, fingerprint_of


def _instance(check: str, *calls: str, key: tuple[str, ...] = (), severity: Severity | None = None) -> Instance:
    values = dict.fromkeys(
        ("method", "status", "cause", "realm", "sends", "seconds", "target", "meaning", "size", "timer"), "X"
    )
    return Instance(all_checks()[check], Found((), "It happened.", values, key, calls, severity))


def _findings(*instances: Instance) -> dict[str, WireFinding]:
    return {finding.check: finding for finding in aggregate(list(instances), Ladder().model())}


def test_one_fault_in_many_calls_is_one_finding_with_examples() -> None:
    calls = [f"call-{number}" for number in range(9)]
    finding = _findings(*(_instance("final-404", call) for call in calls))["final-404"]

    assert finding.occurrences == 9
    assert finding.calls == tuple(calls[:EXAMPLE_CALLS])


def test_the_worst_instance_speaks_for_all() -> None:
    low, high = _instance("final-404", "a", severity=Severity.INFO), _instance("final-404", "b")
    finding = _findings(low, high)["final-404"]

    assert finding.severity is Severity.HIGH
    assert finding.calls == ("b", "a")


def test_an_instance_may_lower_the_severity_and_never_raise_it() -> None:
    assert _instance("final-404", severity=Severity.LOW).severity is Severity.LOW
    assert _instance("final-404", severity=Severity.CRITICAL).severity is Severity.HIGH


def test_a_fingerprint_is_of_the_fault_and_not_of_the_call() -> None:
    assert fingerprint_of(_instance("final-404", "a")) == fingerprint_of(_instance("final-404", "b"))
    assert fingerprint_of(_instance("final-404")) != fingerprint_of(_instance("final-404", key=("INVITE",)))
    assert fingerprint_of(_instance("final-404")) != fingerprint_of(_instance("final-403"))


def test_the_fingerprint_of_a_real_finding_does_not_change_between_runs() -> None:
    def run(start: float) -> Sequence[str]:
        ladder = Ladder()
        call = ladder.call(caller_tag=f"tag-{start}")
        call.call_id = f"{start}@elsewhere"
        invite = call.invite(start)
        call.respond(invite, 404, start + 0.1)
        call.ack(invite, start + 0.2)
        return [finding.fingerprint for finding in ladder.end(200.0).report().findings]

    assert run(0.0) == run(77.0)


def test_the_more_specific_check_speaks_alone_in_the_same_call() -> None:
    found = _findings(_instance("reg-failed", "a"), _instance("auth-failed-credentials", "a"))
    assert set(found) == {"auth-failed-credentials"}

    found = _findings(_instance("reg-failed", "a"), _instance("auth-failed-credentials", "b"))
    assert set(found) == {"reg-failed", "auth-failed-credentials"}


def test_a_much_milder_twin_hides_nothing() -> None:
    found = _findings(_instance("reg-failed", "a"), _instance("auth-loop", "a", severity=Severity.LOW))

    assert set(found) == {"reg-failed", "auth-loop"}


def test_an_effect_names_its_causes_in_the_same_call() -> None:
    cause, other = _instance("record-route-not-honored", "a"), _instance("ack-missing-2xx", "b")
    found = _findings(_instance("bye-rejected", "a"), cause, other)

    assert found["bye-rejected"].causes == (fingerprint_of(cause),)
    assert found["record-route-not-honored"].causes == ()


def test_evidence_is_bounded() -> None:
    ladder = Ladder()
    invite = ladder.call().invite(0.0)
    ladder.again(invite, 1.0)
    model = ladder.model()
    proofs = tuple(at(model.messages[0], "why") for _ in range(50))
    (finding,) = aggregate(
        [Instance(all_checks()["final-404"], Found(proofs, "d", {"method": "m", "status": "s"}))], model
    )

    assert len(finding.evidence) == MAXIMUM_EVIDENCE


def test_confidence_comes_from_the_instance_or_the_check() -> None:
    assert _findings(_instance("final-404"))["final-404"].confidence is Confidence.CERTAIN
    assert _findings(_instance("drop-at-fixed-interval"))["drop-at-fixed-interval"].confidence is Confidence.LIKELY
