"""The JSON report: everything that was found, for programs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from sip_ci.findings import JudgedFinding, Severity
from sip_ci.report.interface import ReportData, ReportOptions, worst_first
from sip_ci.report.json_models import (
    Ambiguous,
    Answer,
    CallTimes,
    EvidenceItem,
    Input,
    InputQuality,
    Outcome,
    Place,
    Report,
    ReportedFinding,
    Session,
    Stream,
    Tool,
    Unchecked,
)
from sip_ci.results import InputResult


def render(data: ReportData, options: ReportOptions) -> str:  # noqa: ARG001 - every format has the same signature
    """Return the report as JSON in UTF-8, the same bytes for the same run."""
    document = _without_strays(report_of(data).model_dump(mode="json"))
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def report_of(data: ReportData) -> Report:
    """Return the report as a model."""
    return Report(
        tool=Tool(version=data.tool_version),
        inputs=tuple(
            Input(
                name=item.name,
                format=item.format,
                messages=item.messages,
                calls=item.calls,
                error=item.error or None,
                issue=Answer.model_validate(item.issue) if item.issue is not None else None,
            )
            for item in data.inputs
        ),
        findings=tuple(_finding(item) for item in worst_first(data.findings)),
        not_checked=tuple(
            Unchecked(input=item.name, check=entry.check, reason=entry.reason)
            for item in data.inputs
            for entry in item.not_checked
        ),
        quality=tuple(_quality(item) for item in data.inputs if not item.error),
        verdict=Outcome(
            conclusion=data.verdict.conclusion,
            fail_on=data.verdict.fail_on or "never",
            counts={severity: data.verdict.counts.get(severity, 0) for severity in Severity},
            failing=data.verdict.failing,
            effects=data.verdict.effects,
        ),
        sessions=tuple(
            Session.model_validate({"input": item.name, **asdict(session)})
            for item in data.inputs
            for session in item.sessions
        ),
        ambiguous=tuple(
            Ambiguous(input=item.name, call=call.call, candidates=call.candidates)
            for item in data.inputs
            for call in item.ambiguous
        ),
    )


def _finding(item: JudgedFinding) -> ReportedFinding:
    finding = item.finding
    return ReportedFinding(
        check=finding.check,
        severity=finding.severity,
        category=finding.category,
        title=finding.title,
        detail=finding.detail,
        recommendation=finding.recommendation,
        input=finding.input,
        occurrences=finding.occurrences,
        calls=finding.calls,
        evidence=tuple(EvidenceItem.model_validate(evidence) for evidence in finding.evidence),
        location=Place.model_validate(item.location) if item.location is not None else None,
        fingerprint=finding.fingerprint,
        status=item.status,
        reason=item.reason,
        confidence=finding.confidence,
        rfc=finding.rfc,
        causes=finding.causes,
        source=finding.source,
        root=finding.root,
        calls_affected=finding.calls_affected,
        share=finding.share,
    )


def _quality(item: InputResult) -> InputQuality:
    quality = item.quality
    return InputQuality(
        input=item.name,
        media=quality.media,
        calls=tuple(CallTimes(**asdict(call)) for call in quality.calls),
        calls_total=quality.calls_total,
        streams=tuple(Stream(**asdict(stream)) for stream in quality.streams),
        streams_total=quality.streams_total,
        kpis=quality.kpis,
    )


def _without_strays(value: Any) -> Any:
    """Write out what JSON in UTF-8 cannot carry: lone surrogates as escapes, and numbers that are not finite."""
    if isinstance(value, str):
        return value.encode("utf-8", errors="backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_without_strays(key): _without_strays(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_strays(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
