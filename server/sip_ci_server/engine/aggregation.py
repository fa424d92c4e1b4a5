"""Instances of faults become findings: the same fault in many calls is one finding with a count and a few examples."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.wording import times
from sip_ci_server.engine.causes import cause_tables
from sip_ci_server.engine.evidence import evidence_of
from sip_ci_server.engine.instances import Instance, fingerprint_of
from sip_ci_server.engine.knowledge.texts import text_of
from sip_ci_server.engine.linking import Links, link
from sip_ci_server.engine.model import Model
from sip_ci_server.engine.platforms import platforms_in, recommendation_for
from sip_ci_server.engine.repetition import Repetitions

EXAMPLE_CALLS = 5
MAXIMUM_EVIDENCE = 12


def aggregate(instances: list[Instance], model: Model) -> list[WireFinding]:
    """Join instances of one fault, drop those that another check names better, and link effects to causes."""
    kept = _without_twins(instances)
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in kept:
        groups[fingerprint_of(instance)].append(instance)
    links = link(groups, model)
    present = platforms_in(model.messages)
    return [_finding(fingerprint, members, links, present, model) for fingerprint, members in groups.items()]


def _without_twins(instances: list[Instance]) -> list[Instance]:
    """Drop an instance where a more specific check found the same fault, and thinks it about as bad."""
    worst: dict[tuple[str, str], int] = {}
    for instance in instances:
        for call in instance.found.calls or ("",):
            place = (instance.check.id, call)
            worst[place] = min(worst.get(place, instance.severity.rank), instance.severity.rank)

    same_fault = cause_tables().expanded({instance.check.id for instance in instances}).same_fault

    def has_twin(instance: Instance) -> bool:
        limit = instance.severity.rank + 1
        names = same_fault.get(instance.check.id, ())
        return any(worst.get((name, call), 99) <= limit for name in names for call in instance.found.calls or ("",))

    return [instance for instance in instances if not has_twin(instance)]


def _finding(
    fingerprint: str, members: list[Instance], links: Links, present: tuple[str, ...], model: Model
) -> WireFinding:
    # The worst instance speaks for all; among equals the first.
    leader = min(members, key=lambda member: member.severity.rank)
    check, found = leader.check, leader.found
    calls = list(dict.fromkeys(call for member in members for call in member.found.calls))
    text = text_of(check.id)
    severity = links.raised.get(fingerprint, leader.severity)
    extent = _extent(members, calls, model)
    is_mild = check.severity.at_least(Severity.MEDIUM) and not severity.at_least(Severity.MEDIUM)
    impact = (is_mild and text.mild) or text.impact
    detail = f"{found.detail.strip()} {impact.strip()}{extent.words}"
    if severity is not leader.severity:
        detail += f" Rated {severity} and not {leader.severity}, for what it led to."
    examples = [leader, *(member for member in members if member is not leader)][:3]
    evidence = [evidence_of(proof) for member in examples for proof in member.found.evidence][:MAXIMUM_EVIDENCE]
    return WireFinding(
        severity=severity,
        category=check.category,
        title=check.title.format_map(found.values),
        detail=detail,
        recommendation=recommendation_for(text, present),
        check=check.id,
        confidence=found.confidence or check.confidence,
        rfc=check.rfc,
        occurrences=extent.occurrences,
        fingerprint=fingerprint,
        calls=tuple([*found.calls, *(call for call in calls if call not in found.calls)][:EXAMPLE_CALLS]),
        calls_affected=extent.calls,
        share=extent.share,
        evidence=tuple(evidence),
        causes=links.causes.get(fingerprint, ()),
        root=fingerprint not in links.effects,
    )


@dataclass(frozen=True, slots=True)
class _Extent:
    """How far a fault reaches."""

    occurrences: int
    calls: int
    """Calls (Call-IDs) that it was seen in."""
    share: float | None
    """Their share of the calls of the trace, from 0 to 1; None where they are no calls."""
    words: str


def _extent(members: list[Instance], calls: list[str], model: Model) -> _Extent:
    judged_together = members[0].check.subject is Model
    weigh = len if judged_together else _standing(members[0], model).weight_of
    affected = weigh(calls)
    occurrences = sum(_occurrences(member, model) for member in members)
    dialled = weigh([call for call in calls if call in model.dialogs.calls])
    total = model.calls_total
    share = dialled / total if dialled and dialled == affected and dialled <= total else None
    words = ""
    if affected > 1 and share is not None:
        words = f" Seen in {affected:,} of {total:,} calls ({percent(share)})."
    elif affected > 1 or occurrences > 1:
        words = f" Seen {times(max(affected, occurrences))}."
    return _Extent(occurrences, affected, share, words)


def percent(share: float) -> str:
    """A share from 0 to 1 for people: whole percents, and more of them where it is small."""
    hundredths = share * 100
    if 0 < hundredths < 1:
        return "under 1 %"
    return "over 99 %" if 99 < hundredths < 100 else f"{hundredths:.0f} %"


def _occurrences(instance: Instance, model: Model) -> int:
    """How often a fault occurred: an instance in one call counts for every call that this one stands for."""
    if instance.check.subject is Model:
        # It was judged by all calls together, and names some of them.
        return 1
    return max(_standing(instance, model).weight(call) for call in instance.found.calls or ("",))


def _standing(instance: Instance, model: Model) -> Repetitions:
    """Which calls stand for others in what a check was run on."""
    return model.twins if model.twins.calls and instance.check.judges_once else model.repetitions
