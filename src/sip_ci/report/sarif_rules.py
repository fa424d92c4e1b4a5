"""The rules of a SARIF file: every check of the catalogue, also those that found nothing."""

from __future__ import annotations

from collections.abc import Sequence

import sarif_om as om

from sip_ci.catalogue import CheckInfo
from sip_ci.findings import Confidence, JudgedFinding, Severity
from sip_ci.report.plain import sentence, shortened

LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
_PROBLEM_SEVERITIES = {"error": "error", "warning": "warning", "note": "recommendation"}
_PRECISIONS = {Confidence.CERTAIN: "very-high", Confidence.LIKELY: "high", Confidence.POSSIBLE: "medium"}
# In the bands by which GitHub names security alerts: above 9.0 critical, from 7.0 high, from 4.0 medium, below low.
_SECURITY_SEVERITIES = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "1.0",
}
_MAXIMUM_DESCRIPTION = 1000
_MAXIMUM_NAME = 255


def rule(info: CheckInfo, found: Sequence[JudgedFinding]) -> om.ReportingDescriptor:
    """Return a check as a reporting descriptor.

    `found` are the check's findings in this run. GitHub rates a security alert by its rule, not by its result, so the
    rule of a check whose findings were all lowered (an exposure inside a lab, say) carries the severity of the worst.
    """
    level = LEVELS[info.severity]
    properties: dict[str, object] = {
        "tags": ["sip", info.category.value]
        + (["security"] if info.is_security and info.category != "security" else []),
        "precision": _PRECISIONS[info.confidence],
    }
    if info.is_security:
        worst = min(
            (item.finding.severity for item in found), key=lambda severity: severity.rank, default=info.severity
        )
        properties["security-severity"] = _SECURITY_SEVERITIES[worst]
    else:
        properties["problem.severity"] = _PROBLEM_SEVERITIES[level]
    return om.ReportingDescriptor(
        id=info.id,
        name=info.name[:_MAXIMUM_NAME],
        short_description=om.MultiformatMessageString(text=sentence(shortened(info.title, _MAXIMUM_DESCRIPTION))),
        full_description=om.MultiformatMessageString(
            text=sentence(shortened(info.description or info.title, _MAXIMUM_DESCRIPTION))
        ),
        help=om.MultiformatMessageString(text=_help_text(info), markdown=_help_markdown(info)),
        help_uri=info.address,
        default_configuration=om.ReportingConfiguration(level=level),
        properties=properties,
    )


def _help_text(info: CheckInfo) -> str:
    parts = [info.description or info.title, info.recommendation, f"Rests on {info.rfc}" if info.rfc else ""]
    return sentence("\n\n".join(part.strip() for part in parts if part.strip()))


def _help_markdown(info: CheckInfo) -> str:
    # The catalogue is the project's own text and already Markdown; nothing in it comes from a trace.
    parts = [f"# {info.title.removesuffix('.')}", sentence(info.description or info.title)]
    if info.recommendation:
        parts += ["## What to change", info.recommendation.strip()]
    facts = [f"Check `{info.id}`", f"severity {info.severity}", f"category {info.category}"]
    parts.append(sentence(", ".join(facts + ([f"rests on {info.rfc}"] if info.rfc else []))))
    return "\n\n".join(parts)
