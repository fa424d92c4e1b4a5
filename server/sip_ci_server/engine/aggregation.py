"""Instances of faults become findings: the same fault in many calls is one finding with a count and a few examples."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci_server.engine.causes import cause_tables
from sip_ci_server.engine.checks.registry import Check, Found
from sip_ci_server.engine.evidence import evidence_of
from sip_ci_server.engine.knowledge.texts import text_of
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.platforms import platforms_in, recommendation_for

EXAMPLE_CALLS = 5
MAXIMUM_EVIDENCE = 12


@dataclass(frozen=True, slots=True)
class Instance:
    """One answer of one check."""

    check: Check
    found: Found

    @property
    def severity(self) -> Severity:
        """The check's severity, or the lower one that the instance asks for."""
        wanted = self.found.severity
        return wanted if wanted is not None and wanted.rank > self.check.severity.rank else self.check.severity


def aggregate(instances: list[Instance], model: Model) -> list[WireFinding]:
    """Join instances of one fault, drop those that another check names better, and link effects to causes."""
    kept = _without_twins(instances)
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in kept:
        groups[fingerprint_of(instance)].append(instance)
    calls_of_check: dict[str, list[tuple[str, set[str]]]] = defaultdict(list)
    for fingerprint, members in groups.items():
        calls = {call for member in members for call in member.found.calls}
        calls_of_check[members[0].check.id].append((fingerprint, calls))
    present = platforms_in(model.messages)
    return [_finding(fingerprint, members, calls_of_check, present, model) for fingerprint, members in groups.items()]


def fingerprint_of(instance: Instance) -> str:
    """The identity of a fault: the check and its stable key, never a Call-ID, tag, address, port or time."""
    text = "\x1f".join((instance.check.id, *instance.found.key))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _without_twins(instances: list[Instance]) -> list[Instance]:
    """Drop an instance where a more specific check found the same fault, and thinks it about as bad."""
    worst: dict[tuple[str, str], int] = {}
    for instance in instances:
        for call in instance.found.calls or ("",):
            place = (instance.check.id, call)
            worst[place] = min(worst.get(place, instance.severity.rank), instance.severity.rank)

    same_fault = cause_tables().same_fault

    def has_twin(instance: Instance) -> bool:
        limit = instance.severity.rank + 1
        names = same_fault.get(instance.check.id, ())
        return any(worst.get((name, call), 99) <= limit for name in names for call in instance.found.calls or ("",))

    return [instance for instance in instances if not has_twin(instance)]


def _finding(
    fingerprint: str,
    members: list[Instance],
    calls_of_check: dict[str, list[tuple[str, set[str]]]],
    present: tuple[str, ...],
    model: Model,
) -> WireFinding:
    # The worst instance speaks for all; among equals the first.
    leader = min(members, key=lambda member: member.severity.rank)
    check, found = leader.check, leader.found
    calls = list(dict.fromkeys(call for member in members for call in member.found.calls))
    text = text_of(check.id)
    detail = f"{found.detail.strip()} {text.impact.strip()}"
    affected = len(calls) if check.subject is Model else model.repetitions.weight_of(calls)
    occurrences = sum(_occurrences(member, model) for member in members)
    if affected > 1 and model.calls_total:
        detail += f" Seen in {affected} of {max(model.calls_total, affected)} calls."
    elif occurrences > 1:
        detail += f" Seen {occurrences} times."
    causes = [
        cause
        for name in cause_tables().effects.get(check.id, ())
        for cause, cause_calls in calls_of_check.get(name, ())
        if not calls or not cause_calls or cause_calls & set(calls)
    ]
    examples = [leader, *(member for member in members if member is not leader)][:3]
    evidence = [evidence_of(proof) for member in examples for proof in member.found.evidence][:MAXIMUM_EVIDENCE]
    return WireFinding(
        severity=leader.severity,
        category=check.category,
        title=_title(check, found),
        detail=detail,
        recommendation=recommendation_for(text, present),
        check=check.id,
        confidence=found.confidence or check.confidence,
        rfc=check.rfc,
        occurrences=occurrences,
        fingerprint=fingerprint,
        calls=tuple([*found.calls, *(call for call in calls if call not in found.calls)][:EXAMPLE_CALLS]),
        evidence=tuple(evidence),
        causes=tuple(dict.fromkeys(causes)),
    )


def _occurrences(instance: Instance, model: Model) -> int:
    """How often a fault occurred: an instance in one call counts for every call that this one stands for."""
    if instance.check.subject is Model:
        # It was judged by all calls together, and names some of them.
        return 1
    return max(model.repetitions.weight(call) for call in instance.found.calls or ("",))


def _title(check: Check, found: Found) -> str:
    return check.title.format_map(found.values)
