"""Which finding is the root, and which are its effects.

Links are made between instances, in one call or session, and only then between findings: a finding that is an effect
in one call and stands alone in another is a root. What fails a build is the roots, so none may be lost: a root is at
least as severe as what it led to, and what nothing but a notice about the capture explains stays a root.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sip_ci.findings import Severity
from sip_ci_server.engine.causes import CauseTables, cause_tables
from sip_ci_server.engine.instances import Instance
from sip_ci_server.engine.model import Model

MOST_CAUSES = 20
"""Causes that one finding names; beyond that the list tells nobody anything."""


@dataclass(frozen=True, slots=True)
class Links:
    """How the findings of a trace hang together, by fingerprint."""

    causes: Mapping[str, tuple[str, ...]]
    """By effect: the findings that caused it in at least one call."""
    effects: frozenset[str]
    """The findings that have a cause wherever they were seen."""
    raised: Mapping[str, Severity]
    """The roots that led to something more severe than they are themselves, with that severity."""


def link(groups: Mapping[str, Sequence[Instance]], model: Model) -> Links:
    """Link effects to causes. Time is linear in the number of instances."""
    tables = cause_tables().expanded({instance.check.id for members in groups.values() for instance in members})
    index = _Index(groups, model, tables)
    causes: dict[str, dict[str, None]] = defaultdict(dict)
    unexplained: set[str] = set()
    for fingerprint, members in groups.items():
        for instance in members:
            found, excused = index.causes_of(instance, fingerprint)
            for cause in found:
                causes[fingerprint][cause] = None
            if not excused:
                unexplained.add(fingerprint)
    named = {effect: tuple(found)[:MOST_CAUSES] for effect, found in causes.items()}
    effects = frozenset(groups) - unexplained
    reached = _reached_from(unexplained, named)
    # What nobody's root leads to would be lost in a circle, so it speaks for itself.
    effects &= reached
    severities = {
        fingerprint: min((member.severity for member in members), key=lambda severity: severity.rank)
        for fingerprint, members in groups.items()
    }
    return Links(named, effects, _raised(groups, named, effects, severities))


def _reached_from(roots: Iterable[str], causes: Mapping[str, tuple[str, ...]]) -> set[str]:
    led_to: dict[str, list[str]] = defaultdict(list)
    for effect, names in causes.items():
        for name in names:
            led_to[name].append(effect)
    reached = set(roots)
    waiting = list(reached)
    while waiting:
        for effect in led_to.get(waiting.pop(), ()):
            if effect not in reached:
                reached.add(effect)
                waiting.append(effect)
    return reached


def _raised(
    groups: Mapping[str, Sequence[Instance]],
    causes: Mapping[str, tuple[str, ...]],
    effects: frozenset[str],
    severities: Mapping[str, Severity],
) -> dict[str, Severity]:
    """Raise each root to the severity of the worst of its effects; those that cannot fail a build stay as they are.

    Where one root is as bad as the effect already, the others stay as well: they need not have led to it.
    """
    raised: dict[str, Severity] = {}
    for effect in sorted(effects, key=lambda fingerprint: severities[fingerprint].rank):
        seen, waiting, roots = {effect}, list(causes.get(effect, ())), []
        while waiting:
            cause = waiting.pop()
            if cause in seen:
                continue
            seen.add(cause)
            if cause in effects:
                waiting += causes.get(cause, ())
            elif groups[cause][0].gates:
                roots.append(cause)
        limit = severities[effect].rank
        if not any(raised.get(root, severities[root]).rank <= limit for root in roots):
            raised.update(dict.fromkeys(roots, severities[effect]))
    return raised


@dataclass(slots=True)
class _Seen:
    """Where the findings of one check were seen."""

    by_session: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """By session: the fingerprints, and whether an instance there can fail a build."""
    by_call: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    in_calls: dict[str, bool] = field(default_factory=dict)
    """All fingerprints that were seen in calls."""
    by_user: dict[str, list[tuple[float | None, str, bool]]] = field(default_factory=lambda: defaultdict(list))
    """By user part: when, the fingerprint, and whether it can fail a build."""
    by_host: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    """By host, for instances that belong to no call."""
    anywhere: dict[str, bool] = field(default_factory=dict)
    """Instances that belong to no call and no host."""


class _Index:
    """Finds the causes of an instance."""

    def __init__(self, groups: Mapping[str, Sequence[Instance]], model: Model, tables: CauseTables) -> None:
        self._joined = model.joined
        self._tables = tables
        self._registered = _registered(model)
        self._seen: dict[str, _Seen] = defaultdict(_Seen)
        wanted = {name for table in tables.all_effects() for names in table.values() for name in names}
        for fingerprint, members in groups.items():
            if members[0].check.id in wanted:
                for instance in members:
                    self._note(fingerprint, instance)

    def _note(self, fingerprint: str, instance: Instance) -> None:
        # What is only context, such as a callee who is busy, may be named and explains no fault.
        seen, gates = self._seen[instance.check.id], instance.gates and instance.severity is not Severity.INFO
        for call in instance.found.calls:
            seen.in_calls[fingerprint] = seen.in_calls.get(fingerprint, False) or gates
            for table, key in ((seen.by_session, self._joined.key(call)), (seen.by_call, call)):
                table[key][fingerprint] = table[key].get(fingerprint, False) or gates
        if not instance.found.calls:
            for host in instance.found.hosts:
                seen.by_host[host][fingerprint] = gates
            if not instance.found.hosts:
                seen.anywhere[fingerprint] = gates
        message = next(instance.messages(), None)
        if message is not None and message.to.uri.user:
            seen.by_user[message.to.uri.user].append((instance.time, fingerprint, gates))

    def causes_of(self, instance: Instance, fingerprint: str) -> tuple[list[str], bool]:
        """The findings that caused an instance, and whether one that can fail a build did in each of its calls."""
        check, found = instance.check.id, instance.found
        causes: dict[str, bool] = {}
        for name in self._tables.effects.get(check, ()):
            causes.update(self._beside_calls(name, instance))
        for name in self._tables.effects_for_user.get(check, ()):
            causes.update(self._for_user(name, instance))
        excused = any(causes.values())
        explained = [self._explained(call, check, causes) for call in found.calls]
        causes.pop(fingerprint, None)
        if not instance.gates:
            return list(causes), bool(causes)
        return list(causes), excused or (bool(explained) and all(explained))

    def _explained(self, call: str, check: str, causes: dict[str, bool]) -> bool:
        """Whether a cause in this call or session can fail a build; notes all causes there."""
        explained = False
        session = self._joined.key(call)
        for name in self._tables.effects.get(check, ()):
            for fingerprint, gates in self._seen[name].by_session.get(session, {}).items():
                causes[fingerprint] = causes.get(fingerprint, False)
                explained = explained or gates
        names = self._tables.effects_of_further_legs.get(check, ())
        for further in self._joined.further_on(call) if names else ():
            for name in names:
                for fingerprint, gates in self._seen[name].by_call.get(further, {}).items():
                    causes[fingerprint] = causes.get(fingerprint, False)
                    explained = explained or gates
        return explained

    def _beside_calls(self, name: str, instance: Instance) -> dict[str, bool]:
        """Causes that belong to no call: to the hosts that the instance's messages went between, or to the trace."""
        seen = self._seen[name]
        causes = dict(seen.anywhere)
        if not instance.found.calls and instance.check.subject is Model:
            # What was judged by the whole trace has its causes anywhere in it.
            causes.update(seen.in_calls)
        if seen.by_host:
            for message in instance.messages():
                for end in (message.observation.source, message.observation.destination):
                    if end is not None:
                        causes.update(seen.by_host.get(end.host, {}))
        return causes

    def _for_user(self, name: str, instance: Instance) -> dict[str, bool]:
        """Causes in other calls of the user who calls or is called, before this one."""
        message = next(instance.messages(), None)
        if message is None:
            return {}
        users = {message.to.uri.user, message.from_.uri.user, message.request_uri.user if message.is_request else ""}
        causes: dict[str, bool] = {}
        for user in sorted(users - {""}):
            since = self._last_registered(user, instance.time)
            causes.update(
                (fingerprint, gates)
                for time, fingerprint, gates in self._seen[name].by_user.get(user, ())[:MOST_CAUSES]
                if time is None or instance.time is None or since <= time <= instance.time
            )
        return causes

    def _last_registered(self, user: str, before: float | None) -> float:
        """When a user last registered with success before a time: what failed earlier has passed."""
        times = self._registered.get(user)
        if not times or before is None:
            return float("-inf")
        place = bisect_right(times, before)
        return times[place - 1] if place else float("-inf")


def _registered(model: Model) -> dict[str, list[float]]:
    """When each user registered with success, in order of time."""
    times: dict[str, list[float]] = defaultdict(list)
    for registration in model.registrations:
        user = registration.address_of_record.partition("@")[0]
        for transaction in registration.transactions:
            if transaction.success is not None and transaction.success.observation.time is not None:
                times[user].append(transaction.success.observation.time)
    return {user: sorted(found) for user, found in times.items()}
