"""The Markdown report: a job summary that a developer reads first, with every call at fault drawn.

GitHub refuses a summary over 1 MiB as a whole, so it ends before that and says what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from sip_ci.catalogue import PROJECT_URI, describe
from sip_ci.findings import Conclusion, Confidence, Finding, JudgedFinding, Severity, Status
from sip_ci.report.interface import Fault, ReportData, ReportOptions, bears_out, faults, is_shown
from sip_ci.report.ladder import draw, excerpt
from sip_ci.report.markdown_text import cell, code, escape, fenced, html, inline, mermaid_label, prose
from sip_ci.report.plain import (
    capitalised,
    effect_line,
    extent,
    inputs_phrase,
    issue_answers,
    not_checked_count,
    not_checked_groups,
    one_line,
    path,
    position,
    seen_at,
    shown_at,
    verdict_phrase,
)
from sip_ci.report.quality_table import ROWS, call_header, call_rows, stream_header, stream_rows
from sip_ci.results import CallLadder, IssueAnswer, LadderStep
from sip_ci.wording import plural

BUDGET_BYTES = 900 * 1000
"""The longest report, in bytes of UTF-8."""
_RESERVE_BYTES = 20_000
_TABLE_ROWS = 100
_LADDER_STEPS = 40
_EVIDENCE_ITEMS = 8
_GROUPED_CHECKS = 30
_MEASURED_INPUTS = 12
_ANSWERS = 20
_EFFECTS = 20

ICONS = {
    Severity.CRITICAL: "🟥",
    Severity.HIGH: "🟧",
    Severity.MEDIUM: "🟨",
    Severity.LOW: "🟦",
    Severity.INFO: "⬜",
}
_OUTCOMES = {
    Conclusion.SUCCESS: "✅",
    Conclusion.FAILURE: "❌",
    Conclusion.ERROR: "⚠️",
    Conclusion.NO_INPUT: "⚠️",
}


def render(data: ReportData, options: ReportOptions) -> str:
    """Return the report as GitHub-flavoured Markdown, within the budget."""
    head = "\n\n".join(_head(data)) + "\n\n"
    tail = "\n\n".join(_tail(data)) + "\n"
    room = BUDGET_BYTES - _RESERVE_BYTES - _size(head) - _size(tail)
    shown = faults(item for item in data.findings if is_shown(item))
    body = ""
    for number, item in enumerate(shown):
        section = _details(data, item, is_open=number == 0) + "\n\n"
        room -= _size(section)
        if room < 0:
            left = plural(len(shown) - number, "finding")
            where = f"; see {code(options.full_report)}" if options.full_report else ""
            body += f"**Truncated: {left} not shown here{where}.**\n\n"
            break
        body += section
    return _fit(head + body + tail)


def _size(text: str) -> int:
    return len(text.encode("utf-8", errors="replace"))


def _fit(text: str) -> str:
    """Cut whole lines off where even the tables are too long, which takes thousands of inputs."""
    content = text.encode("utf-8", errors="replace")
    if len(content) <= BUDGET_BYTES:
        return content.decode("utf-8")
    kept = content[: BUDGET_BYTES - 100].decode("utf-8", errors="ignore").rpartition("\n")[0]
    return f"{kept}\n\n**Truncated.**\n"


def _head(data: ReportData) -> Iterator[str]:
    yield f"## {_OUTCOMES[data.verdict.conclusion]} sip-ci: {escape(verdict_phrase(data.verdict))}"
    messages, calls = sum(item.messages for item in data.inputs), sum(item.calls for item in data.inputs)
    yield f"{plural(len(data.inputs), 'input')}, {plural(messages, 'message')}, {plural(calls, 'call')}."
    answers = issue_answers(data.inputs)
    if answers:
        yield _issue(answers)
    for item in data.inputs:
        if item.error:
            yield f"> **{code(path(item.name))} could not be analysed:** {inline(one_line(item.error, 500))}"
    if data.findings:
        yield _severity_table(data)
        yield _findings_table(data)


def _issue(answers: list[tuple[IssueAnswer, list[str]]]) -> str:
    lines = [f"**You asked:** {inline(one_line(answers[0][0].hint, 200))}", ""]
    for answer, inputs in answers[:_ANSWERS]:
        where = inputs_phrase(inputs, lambda name: code(path(name)))
        reason = f": {inline(one_line(answer.reason, 500))}" if answer.reason else ""
        lines.append(f"- **{escape(capitalised(one_line(answer.verdict, 60)))}** in {where}{reason}")
    if len(answers) > _ANSWERS:
        lines.append(f"- … and {plural(len(answers) - _ANSWERS, 'more answer')}")
    return "\n".join(lines)


def _severity_table(data: ReportData) -> str:
    counts = Counter((item.finding.severity, item.status) for item in data.findings if item.finding.root)
    effects = Counter(item.status for item in data.findings if not item.finding.root)
    shown = {item.status for item in data.findings}
    statuses = [status for status in Status if status is Status.NEW or status in shown]
    rows = [
        "| Severity | " + " | ".join(status.value if len(statuses) > 1 else "findings" for status in statuses) + " |",
        "|---" + "|--:" * len(statuses) + "|",
    ]
    for severity in Severity:
        if any(counts[severity, status] for status in statuses):
            numbers = " | ".join(str(counts[severity, status]) for status in statuses)
            rows.append(f"| {ICONS[severity]} {severity} | {numbers} |")
    if effects:
        rows.append(f"| ↳ effects of these | {' | '.join(str(effects[status]) for status in statuses)} |")
    return "\n".join(rows)


def _findings_table(data: ReportData) -> str:
    ordered = faults(item for item in data.findings if is_shown(item))
    items = [(item, item is not fault.lead) for fault in ordered for item in (fault.lead, *fault.effects)]
    if not items:
        return ""
    rows = ["| Severity | Finding | Where | Check |", "|---|---|---|---|"]
    for item, is_effect in items[:_TABLE_ROWS]:
        finding = item.finding
        info = describe(data.checks, finding)
        times = f" ({extent(finding)})" if extent(finding) else ""
        lead = "↳ " if is_effect else ""
        columns = (
            f"{ICONS[finding.severity]} {finding.severity}",
            lead + inline(one_line(finding.title, 200)) + times,
            code(seen_at(finding)),
            f"[{code(info.id)}]({info.address})" if info.id in data.checks else code(info.id),
        )
        rows.append("| " + " | ".join(cell(column) for column in columns) + " |")
    if len(items) > _TABLE_ROWS:
        rows.append(f"| | … and {len(items) - _TABLE_ROWS} more, milder ones | | |")
    return "\n".join(rows)


def _details(data: ReportData, fault: Fault, *, is_open: bool) -> str:
    item, finding = fault.lead, fault.lead.finding
    summary = f"{ICONS[finding.severity]} <b>{finding.severity}</b>: {html(one_line(finding.title, 200))}"
    parts = [f"<details{' open' if is_open else ''}>\n<summary>{summary}</summary>", _facts(item)]
    if finding.detail:
        parts.append(prose(finding.detail))
    if finding.evidence:
        parts.append(_evidence(finding))
    ladder = data.ladder_of(finding)
    if ladder is not None:
        parts += _ladder(finding, ladder)
    if finding.recommendation:
        parts += ["**What to change**", prose(finding.recommendation)]
    if fault.effects:
        lines = [f"- {inline(effect_line(effect))}" for effect in fault.effects[:_EFFECTS]]
        left = len(fault.effects) - _EFFECTS
        parts.append("\n".join(["**Led to**", "", *lines, *([f"- … and {left} more"] if left > 0 else [])]))
    parts.append("</details>")
    return "\n\n".join(parts)


def _facts(item: JudgedFinding) -> str:
    finding = item.finding
    facts = [f"Seen in {code(seen_at(finding))}"]
    if extent(finding):
        facts.append(extent(finding))
    if finding.rfc:
        facts.append(escape(finding.rfc))
    if finding.confidence is not Confidence.CERTAIN:
        facts.append(f"{finding.confidence.value}, not certain")
    if item.status is not Status.NEW:
        facts.append(item.status.value)
    if shown_at(item):
        facts.append(f"shown at {code(shown_at(item))}")
    return " · ".join(facts)


def _evidence(finding: Finding) -> str:
    lines = []
    for evidence in finding.evidence[:_EVIDENCE_ITEMS]:
        where = position(evidence)
        text = code(one_line(evidence.text, 300))
        lead = ": ".join(part for part in (f"**{where}**" if where else "", text) if part)
        why = inline(capitalised(one_line(evidence.why, 300)))
        lines.append("- " + (f"{lead}<br>{why}" if lead and why else lead or why))
    left = len(finding.evidence) - _EVIDENCE_ITEMS
    if left > 0:
        lines.append(f"- … and {left} more")
    return "**Evidence**\n\n" + "\n".join(lines)


def _ladder(finding: Finding, whole: CallLadder) -> list[str]:
    is_marked = partial(bears_out, finding)
    ladder = excerpt(whole, is_marked, _LADDER_STEPS)
    drawn = [line.text for line in draw(ladder, is_marked)]
    return [
        f"**Call** {code(one_line(ladder.call, 120))}",
        fenced(_mermaid(ladder, is_marked), "mermaid"),
        "<details><summary>The same as text</summary>",
        fenced(drawn, "text"),
        "</details>",
    ]


def _mermaid(ladder: CallLadder, is_marked: partial[bool]) -> list[str]:
    lines = ["sequenceDiagram"]
    lines += [f"    participant P{index} as {mermaid_label(name)}" for index, name in enumerate(ladder.participants)]
    for step in ladder.steps:
        lines.append(f"    P{step.source}->>P{step.destination}: {_step_label(step, marked=is_marked(step))}")
    if ladder.omitted and ladder.participants:
        last = len(ladder.participants) - 1
        lines.append(f"    Note over P0,P{last}: {plural(ladder.omitted, 'more message')} not shown")
    return lines


def _step_label(step: LadderStep, *, marked: bool) -> str:
    repeats = f" ×{step.repeats}" if step.repeats > 1 else ""
    time = f" ({step.time:+.3f} s)" if step.time is not None else ""
    return ("⚠ " if marked else "") + mermaid_label(step.label) + repeats + time


def _quality(data: ReportData) -> str:
    measured = [item for item in data.inputs if item.quality.calls or item.quality.streams]
    parts = []
    for item in measured[:_MEASURED_INPUTS]:
        quality = item.quality
        calls = _of_total(max(quality.calls_total, len(quality.calls)), "call")
        streams = _of_total(max(quality.streams_total, len(quality.streams)), "stream")
        parts.append(f"{code(path(item.name))}: {calls}, {streams}")
        parts += [_table(call_header(), call_rows(quality.calls))] if quality.calls else []
        parts += [_table(stream_header(), stream_rows(quality.streams))] if quality.streams else []
    if len(measured) > _MEASURED_INPUTS:
        parts.append(f"… and {plural(len(measured) - _MEASURED_INPUTS, 'more input')}")
    if not parts:
        return ""
    return "<details>\n<summary>Calls and streams</summary>\n\n" + "\n\n".join(parts) + "\n\n</details>"


def _of_total(total: int, noun: str) -> str:
    return plural(total, noun) + (f" ({ROWS} shown)" if total > ROWS else "")


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [" | ".join(capitalised(name) for name in header), "---|---" + "|--:" * (len(header) - 2)]
    lines += [" | ".join(cell(column) for column in (code(first), *map(escape, others))) for first, *others in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _tail(data: ReportData) -> Iterator[str]:
    quality = _quality(data)
    if quality:
        yield quality
    groups = not_checked_groups(data.inputs)
    if groups:
        lines = []
        for reason, checks, inputs in groups:
            named = ", ".join(code(check) for check in checks[:_GROUPED_CHECKS])
            more = f" and {len(checks) - _GROUPED_CHECKS} more" if len(checks) > _GROUPED_CHECKS else ""
            where = code(path(inputs[0])) if len(inputs) == 1 else plural(len(inputs), "input")
            lines.append(f"- {inline(capitalised(one_line(reason, 500)))} ({where}): {named}{more}")
        total = not_checked_count(data.inputs)
        yield (
            f"<details>\n<summary>Not checked: {plural(total, 'check')} that these traces cannot answer</summary>\n\n"
            + "\n".join(lines)
            + "\n\n</details>"
        )
    notices = [(item.name, notice) for item in data.inputs for notice in item.notices]
    if notices:
        lines = [f"- {code(path(name))}: {inline(one_line(notice, 300))}" for name, notice in notices[:_GROUPED_CHECKS]]
        if len(notices) > _GROUPED_CHECKS:
            lines.append(f"- … and {len(notices) - _GROUPED_CHECKS} more")
        yield "<details>\n<summary>Notices</summary>\n\n" + "\n".join(lines) + "\n\n</details>"
    yield f"<sub>[sip-ci]({PROJECT_URI}) {escape(data.tool_version)}</sub>"
