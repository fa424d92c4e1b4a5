"""The SARIF 2.1.0 report, in the form that GitHub code scanning and GitLab take.

Deterministic: no times, no absolute paths, nothing that differs between two runs over the same calls.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict

import sarif_om as om

from sip_ci.catalogue import PROJECT_URI, UNNAMED_CHECK, CheckInfo, describe
from sip_ci.findings import Evidence, Finding, JudgedFinding, Location, Status
from sip_ci.report.interface import Fault, ReportData, ReportOptions, faults, is_shown
from sip_ci.report.plain import (
    capitalised,
    effect_line,
    in_trace,
    not_checked_groups,
    one_line,
    position,
    shortened,
)
from sip_ci.report.sarif_json import serialise
from sip_ci.report.sarif_rules import LEVELS, rule
from sip_ci.report.sarif_text import message_text, uri_of
from sip_ci.wording import plural

MAXIMUM_RESULTS = 10_000
"""Results in one file; GitHub refuses more than 25,000 and shows 5,000."""
MAXIMUM_EFFECTS = 50
"""Effects that one result names."""
MAXIMUM_STEPS = 100
"""Pieces of evidence in one code flow."""
_NAMED_CHECKS = 40
"""Checks that one notification names."""

SCHEMA_URI = "https://json.schemastore.org/sarif-2.1.0.json"
_BASE = "%SRCROOT%"
_FINGERPRINT_KEY = "sipCi/v1"


def render(data: ReportData, options: ReportOptions) -> str:
    """Return the report as SARIF."""
    ordered = faults(item for item in data.findings if options.include_suppressed or is_shown(item))
    wanted = [fault.lead for fault in ordered]
    shown = ordered[:MAXIMUM_RESULTS]
    rules = _rules(data, wanted)
    places = {check: index for index, check in enumerate(rules)}
    found: dict[str, list[JudgedFinding]] = defaultdict(list)
    for item in wanted:
        found[_rule_id(data, item.finding)].append(item)
    driver = om.ToolComponent(
        name="sip-ci",
        full_name="sip-ci, a diagnosis of the SIP calls in a pipeline",
        version=data.tool_version,
        semantic_version=data.tool_version,
        information_uri=PROJECT_URI,
        rules=[rule(info, found[info.id]) for info in rules.values()],
    )
    run = om.Run(
        tool=om.Tool(driver=driver),
        automation_details=om.RunAutomationDetails(id=_automation_id(options.category)),
        column_kind="unicodeCodePoints",
        original_uri_base_ids={
            _BASE: om.ArtifactLocation(description=om.Message(text="The root of the checked-out repository."))
        },
        invocations=[_invocation(data, places, len(wanted) - len(shown))],
        results=_results(data, options, shown, places),
        version_control_provenance=_provenance(options),
    )
    return serialise(om.SarifLog(version="2.1.0", schema_uri=SCHEMA_URI, runs=[run]))


def _rules(data: ReportData, findings: list[JudgedFinding]) -> dict[str, CheckInfo]:
    infos = dict(data.checks)
    for item in findings:
        info = describe(data.checks, item.finding)
        infos.setdefault(info.id, info)
    return {check: infos[check] for check in sorted(infos)}


def _rule_id(data: ReportData, finding: Finding) -> str:
    return describe(data.checks, finding).id


def _automation_id(category: str) -> str:
    name = category.strip("/")
    return f"sip-ci/{name}/" if name else "sip-ci/"


def _provenance(options: ReportOptions) -> list[om.VersionControlDetails] | None:
    known = options.version_control
    if known is None:
        return None
    return [
        om.VersionControlDetails(
            repository_uri=known.repository_uri,
            revision_id=known.revision or None,
            branch=known.branch or None,
            mapped_to=om.ArtifactLocation(uri_base_id=_BASE),
        )
    ]


def _results(data: ReportData, options: ReportOptions, shown: list[Fault], places: dict[str, int]) -> list[om.Result]:
    located = [_primary(data, fault.lead, options) for fault in shown]
    identities = [
        (_rule_id(data, fault.lead.finding), uri_of(location.path), location.start_line)
        for fault, location in zip(shown, located, strict=True)
    ]
    shared = Counter(identities)
    seen: Counter[tuple[str, str]] = Counter()
    results = []
    for fault, location, identity in zip(shown, located, identities, strict=True):
        item = fault.lead
        fingerprint = item.finding.fingerprint or _digest(identity[0], item.finding.input, item.finding.title)
        ordinal = seen[identity[0], fingerprint]
        seen[identity[0], fingerprint] += 1
        fingerprints = {_FINGERPRINT_KEY: fingerprint}
        if item.location is None or shared[identity] > 1:
            # GitHub derives this hash from the line itself: findings of one rule on one line would become one alert,
            # and a file that it does not have gives none.
            stable = _digest(identity[0], identity[1], fingerprint, str(ordinal))
            fingerprints["primaryLocationLineHash"] = f"{stable[:16]}:1"
        result = _result(data, item, location, identity[0], places[identity[0]], fingerprints)
        _add_effects(data, options, result, fault)
        results.append(result)
    if any(result.suppressions for result in results):
        # §3.27.23: either all results of a run say whether they are suppressed, or none does.
        for result in results:
            result.suppressions = result.suppressions or []
    return results


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", errors="backslashreplace")).hexdigest()


def _primary(data: ReportData, item: JudgedFinding, options: ReportOptions) -> Location:
    """Return where the alert goes; GitHub refuses a file in which one result has no location."""
    if item.location is not None:
        return item.location
    # A member of an archive is no file of the repository, but the archive may be.
    source = data.input_of(item.finding)
    seen_in = source.archive if source is not None and source.archive else item.finding.input
    return Location(options.anchor or seen_in, why="no better place is known")


def _result(
    data: ReportData, item: JudgedFinding, location: Location, check: str, index: int, fingerprints: dict[str, str]
) -> om.Result:
    finding = item.finding
    source = data.input_of(finding)
    text_path = source.text_path if source is not None else ""
    steps = [evidence for evidence in finding.evidence[:MAXIMUM_STEPS] if evidence.line is not None]
    linked = steps if text_path else []
    return om.Result(
        rule_id=check,
        rule_index=index,
        level=LEVELS[finding.severity],
        message=om.Message(text=_message(item, linked[0] if linked and text_path != location.path else None)),
        locations=[_location(location, logical=finding.input)],
        code_flows=[_code_flow(linked, text_path)] if linked else None,
        related_locations=(
            [_numbered(_evidence_location(linked[0], text_path), 1)] if linked and text_path != location.path else None
        ),
        occurrence_count=finding.occurrences,
        partial_fingerprints=fingerprints,
        suppressions=[_suppression(item)] if not is_shown(item) else None,
        properties={
            "severity": finding.severity.value,
            "category": finding.category.value,
            "confidence": finding.confidence.value,
            "input": one_line(finding.input),
        },
    )


def _add_effects(data: ReportData, options: ReportOptions, result: om.Result, fault: Fault) -> None:
    """Name what the fault led to as related locations: one fault is one alert."""
    if not fault.effects:
        return
    related = result.related_locations or []
    for effect in fault.effects[:MAXIMUM_EFFECTS]:
        location = _location(_primary(data, effect, options), logical=effect.finding.input)
        location.message = om.Message(text=message_text(f"Led to {effect_line(effect)}"))
        related.append(_numbered(location, len(related) + 1))
    result.related_locations = related
    effects = [effect.finding for effect in fault.effects]
    result.properties["effects"] = [
        {"check": finding.check, "severity": finding.severity.value, "fingerprint": finding.fingerprint}
        for finding in effects[:MAXIMUM_EFFECTS]
    ]


def _numbered(location: om.Location, number: int) -> om.Location:
    """Give a location the number by which a message links to it."""
    location.id = number
    return location


def _message(item: JudgedFinding, linked: Evidence | None) -> str:
    finding = item.finding
    evidence = finding.evidence[0] if finding.evidence else None
    shown = ""
    if evidence is not None and evidence.text:
        where = position(evidence)
        shown = f"Seen in {where}: {one_line(evidence.text, 160)}" if where else f"Seen: {one_line(evidence.text, 160)}"
    times = f"Seen {plural(finding.occurrences, 'time')}" if finding.occurrences > 1 else ""
    title = shortened(finding.title, 200)
    # An alert at the anchor says nothing of the trace, and a capture has no lines to stand at.
    is_at_trace = item.location is not None and item.location.path == finding.input
    lead = "" if is_at_trace or not title else in_trace(finding)
    text = message_text(lead + title, shortened(finding.detail, 400), shown, times, finding.recommendation)
    text = text or message_text(f"A finding of {finding.check or UNNAMED_CHECK}")
    return f"{text} See the [evidence](1)." if linked is not None else text


def _location(location: Location, logical: str = "") -> om.Location:
    return om.Location(
        physical_location=om.PhysicalLocation(
            artifact_location=om.ArtifactLocation(uri=uri_of(location.path), uri_base_id=_BASE),
            # Without an end column a region reaches to the end of its last line (§3.30.2), which is what is meant.
            region=om.Region(
                start_line=max(location.start_line, 1),
                start_column=1,
                end_line=max(location.end_line, location.start_line, 1),
            ),
        ),
        logical_locations=[om.LogicalLocation(fully_qualified_name=one_line(logical), kind="trace")]
        if logical
        else None,
    )


def _evidence_location(evidence: Evidence, path: str) -> om.Location:
    line = evidence.line or 1
    location = _location(Location(path, line, line))
    location.message = om.Message(
        text=message_text(evidence.summary, evidence.text, capitalised(evidence.why)) or "Evidence."
    )
    return location


def _code_flow(steps: list[Evidence], path: str) -> om.CodeFlow:
    return om.CodeFlow(
        thread_flows=[
            om.ThreadFlow(locations=[om.ThreadFlowLocation(location=_evidence_location(step, path)) for step in steps])
        ]
    )


def _suppression(item: JudgedFinding) -> om.Suppression:
    justification = item.reason or ("expected by the test" if item.status is Status.EXPECTED else "suppressed")
    return om.Suppression(kind="external", state="accepted", justification=one_line(justification, 1000))


def _invocation(data: ReportData, places: dict[str, int], withheld: int) -> om.Invocation:
    execution = [
        om.Notification(
            level="error", message=om.Message(text=message_text(f"{item.name} could not be analysed: {item.error}"))
        )
        for item in data.inputs
        if item.error
    ]
    if withheld:
        text = f"{plural(withheld, 'result')} left out, the mildest ones: this file holds {MAXIMUM_RESULTS:,} at most"
        execution.append(om.Notification(level="warning", message=om.Message(text=message_text(text))))
    configuration = []
    for reason, checks, inputs in not_checked_groups(data.inputs):
        named = ", ".join(checks[:_NAMED_CHECKS]) + (
            f" and {len(checks) - _NAMED_CHECKS} more" if len(checks) > _NAMED_CHECKS else ""
        )
        where = inputs[0] if len(inputs) == 1 else plural(len(inputs), "input")
        rule_index = places.get(checks[0])
        configuration.append(
            om.Notification(
                level="note",
                message=om.Message(text=message_text(f"Not checked in {where} ({reason}): {named}")),
                associated_rule=(
                    om.ReportingDescriptorReference(id=checks[0], index=rule_index)
                    if len(checks) == 1 and rule_index is not None
                    else None
                ),
            )
        )
    return om.Invocation(
        execution_successful=not any(item.error for item in data.inputs),
        tool_execution_notifications=execution or None,
        tool_configuration_notifications=configuration or None,
    )
