"""The diagnosis: a Trace and a context become a report. Pure: no input, no output, no clock of its own."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from sip_ci import __version__
from sip_ci.findings import Severity
from sip_ci.service.wire import (
    AnalysisContext,
    AnalysisResponse,
    Meta,
    NotChecked,
    SeverityCounts,
    TraceMeta,
    WireFinding,
)
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.notice_summary import summarise_notices
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.aggregation import aggregate
from sip_ci_server.engine.checks.registry import Check, Found, NotCheckable, Outcome, all_checks, run_check
from sip_ci_server.engine.instances import Instance
from sip_ci_server.engine.issues import judge_issue, relevance
from sip_ci_server.engine.ladders import ladders_for
from sip_ci_server.engine.measurements import measure
from sip_ci_server.engine.model import Model, build_model
from sip_ci_server.engine.session_report import told_ambiguous, told_sessions

logger = logging.getLogger(__name__)

MAXIMUM_INSTANCES = 100_000
"""Instances of one check that are kept apart; a trace with more is cut, and the report says so."""

CHECK_FAILED = "the check itself failed"
"""How the reason begins where a check is broken."""


def analyze(trace: Trace, context: AnalysisContext | None = None) -> AnalysisResponse:
    """Diagnose a trace."""
    context = context or AnalysisContext()
    model = build_model(trace)
    instances, not_checked = _run(all_checks().values(), model)
    findings = aggregate(instances, model)
    findings = _ordered(findings, context)
    counts = {severity.value: sum(1 for finding in findings if finding.severity is severity) for severity in Severity}
    return AnalysisResponse(
        findings=tuple(findings),
        severity_counts=SeverityCounts(**counts),
        recommendations=tuple(dict.fromkeys(finding.recommendation for finding in findings)),
        quality=measure(model),
        not_checked=tuple(not_checked),
        ladders=ladders_for(findings, model, context.endpoints),
        sessions=told_sessions(model),
        ambiguous=told_ambiguous(model),
        meta=Meta(
            engine_version=__version__,
            issue=judge_issue(context.issue, findings, not_checked, model),
            trace=_trace_meta(model),
        ),
    )


def _run(checks: Iterable[Check], model: Model) -> tuple[list[Instance], list[NotChecked]]:
    instances: list[Instance] = []
    not_checked: list[NotChecked] = []
    for check in checks:
        found = 0
        reasons: dict[str, None] = {}
        for outcome in _outcomes(check, model):
            if isinstance(outcome, Found):
                found += 1
                if found <= MAXIMUM_INSTANCES:
                    instances.append(Instance(check, outcome))
            elif isinstance(outcome, NotCheckable):
                reasons.setdefault(outcome.reason)
        if found > MAXIMUM_INSTANCES:
            logger.warning("%s: only the first %d of %d instances are kept", check.id, MAXIMUM_INSTANCES, found)
        if reasons and not found:
            not_checked.append(NotChecked(check=check.id, reason="; ".join(list(reasons)[:3])))
    return instances, not_checked


def _outcomes(check: Check, model: Model) -> Iterator[Outcome]:
    """What a check says; one that breaks has not checked, and costs nothing but itself."""
    try:
        yield from run_check(check, model)
    except Exception as error:
        logger.exception("%s failed on %s", check.id, model.trace.name)
        yield NotCheckable(f"{CHECK_FAILED} ({type(error).__name__}); please report it")


def _ordered(findings: list[WireFinding], context: AnalysisContext) -> list[WireFinding]:
    """By severity, then by relevance to the hint, then by time."""

    def key(finding: WireFinding) -> tuple[int, int, float, str, str]:
        first = min((proof.time for proof in finding.evidence if proof.time is not None), default=0.0)
        return (
            finding.severity.rank,
            relevance(finding.check, context.issue),
            first,
            finding.check,
            finding.fingerprint,
        )

    return sorted(findings, key=key)


def _trace_meta(model: Model) -> TraceMeta:
    trace = model.trace
    return TraceMeta(
        messages=model.messages_total,
        calls=model.calls_total,
        format=trace.format,
        packets=trace.facts.packets,
        media_packets=sum(trace.media.packets_of(kind) for kind in MediaKind if kind is not MediaKind.OTHER),
        notices=tuple(summarise_notices(trace.notices)),
    )
