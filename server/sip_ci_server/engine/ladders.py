"""The example calls of findings as ladders, for summaries and reports."""

from __future__ import annotations

from collections.abc import Sequence

from sip_ci.service.wire import Ladder, LadderStep, WireFinding
from sip_ci.trace.ladder import build_ladder
from sip_ci.trace.message import SipMessage
from sip_ci_server.engine.model import Model

MAXIMUM_LADDERS = 20
CALLS_IN_LADDER = 6
"""Calls of one session that are drawn in one ladder."""


def ladders_for(findings: Sequence[WireFinding], model: Model, labels: Sequence[str]) -> tuple[Ladder, ...]:
    """One ladder for the first example call of each finding, worst findings first; it shows the whole session."""
    wanted = dict.fromkeys(finding.calls[0] for finding in findings if finding.calls)
    chosen = list(wanted)[:MAXIMUM_LADDERS]
    if not chosen:
        return ()
    drawn = {call: _session_of(call, model) for call in chosen}
    shown_in: dict[str, list[str]] = {}
    for call, calls in drawn.items():
        for member in calls:
            shown_in.setdefault(member, []).append(call)
    members: dict[str, list[SipMessage]] = {call: [] for call in chosen}
    for message in model.messages:
        for call in shown_in.get(message.call_id, ()):
            members[call].append(message)
    notable = {proof.message for finding in findings for proof in finding.evidence if proof.message is not None}
    names = _labels(model, labels)
    return tuple(_ladder(call, members[call], notable, names, drawn[call]) for call in chosen)


def _session_of(call: str, model: Model) -> list[str]:
    """The calls that are drawn together with one: those of its session, itself always among them."""
    session = model.joined.of(call)
    calls = session.calls if session is not None else [call]
    return list(dict.fromkeys([call, *calls]))[:CALLS_IN_LADDER]


def _labels(model: Model, labels: Sequence[str]) -> dict[str, str]:
    """The user's labels for hosts, in the order in which hosts first appear."""
    hosts: dict[str, None] = {}
    if not labels:
        return {}
    for message in model.messages:
        for endpoint in (message.observation.source, message.observation.destination):
            if endpoint is not None:
                hosts.setdefault(model.nodes.of(endpoint))
        if len(hosts) >= len(labels):
            break
    return dict(zip(hosts, labels, strict=False))


def _ladder(
    call: str, messages: list[SipMessage], notable: set[int], names: dict[str, str], calls: Sequence[str]
) -> Ladder:
    built = build_ladder(messages)
    participants = tuple(
        f"{names[key]} ({participant})" if (key := _known(participant, names)) else participant
        for participant in built.participants
    )
    steps = tuple(
        LadderStep(
            time=step.time,
            source=step.source,
            destination=step.destination,
            label=step.label,
            message=step.message,
            line=step.line,
            frame=step.frame,
            repeats=step.repeats,
            notable=step.message in notable,
        )
        for step in built.steps
    )
    others = tuple(other for other in calls if other != call)
    return Ladder(call=call, participants=participants, steps=steps, omitted=built.omitted, other_calls=others)


def _known(participant: str, names: dict[str, str]) -> str:
    """The label's key for a participant: its endpoint, or its host."""
    if participant in names:
        return participant
    host = participant.rpartition(":")[0].strip("[]")
    return host if host in names else ""
