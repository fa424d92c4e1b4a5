"""The report on the terminal: the worst finding first, what to change beside it, the verdict last where the eye is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from sip_ci.catalogue import UNNAMED_CHECK
from sip_ci.findings import Conclusion, Confidence, Finding, JudgedFinding, Severity, Status
from sip_ci.report.interface import Fault, ReportData, ReportOptions, bears_out, faults, is_shown
from sip_ci.report.ladder import draw, excerpt
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
    wrap,
)
from sip_ci.report.quality_table import quality_lines
from sip_ci.report.terminal import SEVERITY_STYLES, Painter, Style, cells
from sip_ci.results import CallLadder
from sip_ci.wording import plural

_INDENT = "  "
_NARROWEST = 60
_BROADEST = 110
_MAXIMUM_FINDINGS = 500
_CHECKS_IN_FULL = 6
"""Checks whose first finding is drawn and has advice for each platform; those of milder checks are told in short."""
_EVIDENCE_ITEMS = 5
_LADDER_STEPS = 12
_GROUPED_CHECKS = 12
_NOTICES = 10
_ANSWERS = 20
_REASONS = 12
_LACKING = "the trace holds no "
_LACKED = 12
_EFFECTS = 8


def render(data: ReportData, options: ReportOptions) -> str:
    """Return the report as text, coloured where that is asked for."""
    return "\n".join(line.rstrip() for line in _Report(data, options).lines()) + "\n"


def _by_severity_and_check(items: Iterable[Fault]) -> list[list[Fault]]:
    """Put the faults of one check and one severity together; the groups stay in the order of their first ones."""
    groups: dict[tuple[Severity, str], list[Fault]] = {}
    for item in items:
        groups.setdefault((item.lead.finding.severity, item.lead.finding.check), []).append(item)
    return list(groups.values())


class _Report:
    """One rendering: the data, and how wide and how colourful it is to be."""

    def __init__(self, data: ReportData, options: ReportOptions) -> None:
        self._data = data
        self._width = max(_NARROWEST, min(options.width, _BROADEST))
        self._paint = Painter(colour=options.colour).paint
        self._drawn: set[tuple[str, str, tuple[int | None, ...]]] = set()

    def lines(self) -> Iterator[str]:
        """Yield the report line by line."""
        yield self._headline()
        yield from self._issue()
        yield from self._unreadable()
        shown = [item for item in self._data.findings if is_shown(item)]
        told: set[str] = set()
        ordered = faults(shown)
        for group in _by_severity_and_check(ordered[:_MAXIMUM_FINDINGS]):
            yield ""
            yield from self._group([fault.lead for fault in group], told)
            yield from self._effects([item for fault in group for item in fault.effects])
        if len(ordered) > _MAXIMUM_FINDINGS:
            yield ""
            yield f"… and {plural(len(ordered) - _MAXIMUM_FINDINGS, 'milder finding')}: see the JSON report."
        quality = list(quality_lines(self._data.inputs, self._width))
        if quality:
            yield from self._section("Calls and streams")
            yield from quality
        yield from self._not_checked()
        yield from self._notices()
        yield ""
        yield self._verdict(len(self._data.findings) - len(shown))

    def _headline(self) -> str:
        inputs = self._data.inputs
        counts = (
            plural(len(inputs), "input"),
            plural(sum(item.messages for item in inputs), "message"),
            plural(sum(item.calls for item in inputs), "call"),
        )
        return f"{self._paint('sip-ci', Style.BOLD)} {one_line(self._data.tool_version)}: {', '.join(counts)}"

    def _unreadable(self) -> Iterator[str]:
        for item in self._data.inputs:
            if item.error:
                yield ""
                yield f"{self._paint('NOT ANALYSED', Style.FAILED)}  {self._paint(path(item.name), Style.BOLD)}"
                yield from wrap(item.error, self._width, _INDENT)

    def _issue(self) -> Iterator[str]:
        answers = issue_answers(self._data.inputs)
        if answers:
            yield from self._section(f"You asked: {one_line(answers[0][0].hint, 200)}")
        for answer, inputs in answers[:_ANSWERS]:
            reason = f": {one_line(answer.reason, 500)}" if answer.reason else ""
            verdict = capitalised(one_line(answer.verdict, 60))
            yield from wrap(f"- {verdict} in {inputs_phrase(inputs)}{reason}", self._width, _INDENT)
        if len(answers) > _ANSWERS:
            yield f"{_INDENT}… and {plural(len(answers) - _ANSWERS, 'more answer')}, see the JSON report"

    def _section(self, title: str) -> Iterator[str]:
        yield ""
        yield self._paint(title, Style.BOLD)

    def _group(self, items: list[JudgedFinding], told: set[str]) -> Iterator[str]:
        """Yield the findings of one check and one severity; `told` are the checks that were explained before."""
        first, *further = items
        yield from self._header(first)
        check = first.finding.check
        if check in told:
            further = items
        else:
            told.add(check)
            in_full = len(told) <= _CHECKS_IN_FULL
            yield from self._finding(first) if in_full else self._in_short(first)
            if further and in_full:
                yield ""
        for item in further:
            yield from self._further(item, first.finding.title)

    def _effects(self, items: list[JudgedFinding]) -> Iterator[str]:
        """Yield what faults led to, a line for each; the JSON report has all of it."""
        if items:
            yield ""
            yield f"{_INDENT}{self._paint('Led to', Style.BOLD)}"
        for item in items[:_EFFECTS]:
            yield from wrap(f"- {effect_line(item)}", self._width, _INDENT * 2)
        if len(items) > _EFFECTS:
            yield f"{_INDENT * 2}… and {plural(len(items) - _EFFECTS, 'more effect')}, see the JSON report"

    def _further(self, item: JudgedFinding, title: str) -> Iterator[str]:
        own = item.finding.title
        told = "" if own == title else f": {one_line(own, 300)}"
        yield from wrap(f"- {self._facts(item, is_first=False)}{told}", self._width, _INDENT)

    def _header(self, item: JudgedFinding) -> Iterator[str]:
        finding = item.finding
        check = finding.check or UNNAMED_CHECK
        label = finding.severity.upper()
        title = one_line(finding.title, 300)
        painted = self._paint(label, SEVERITY_STYLES[finding.severity])
        room = self._width - len(label) - cells(title) - len(check) - 4
        head = f"{painted}  {self._paint(title, Style.BOLD)}"
        if room >= 0:
            yield f"{head}  {' ' * room}{self._paint(check, Style.DIM)}"
        else:
            yield head
            yield f"{_INDENT}{self._paint(check, Style.DIM)}"

    def _finding(self, item: JudgedFinding) -> Iterator[str]:
        """Yield all that is known of a finding: what happened, what shows it, the call, what to change where."""
        finding = item.finding
        for line in wrap(self._facts(item), self._width, _INDENT):
            yield self._paint(line, Style.DIM)
        if finding.detail:
            yield ""
            yield from wrap(finding.detail, self._width, _INDENT)
        if finding.evidence:
            yield ""
            yield from self._evidence(finding, _EVIDENCE_ITEMS)
        ladder = self._data.ladder_of(finding)
        if ladder is not None:
            yield from self._ladder(finding, ladder)
        if finding.recommendation:
            yield ""
            yield f"{_INDENT}{self._paint('What to change', Style.BOLD)}"
            yield from wrap(finding.recommendation, self._width, _INDENT * 2)

    def _in_short(self, item: JudgedFinding) -> Iterator[str]:
        """Yield a finding without its picture and without the advice for each platform."""
        finding = item.finding
        for line in wrap(self._facts(item), self._width, _INDENT):
            yield self._paint(line, Style.DIM)
        yield from wrap(finding.detail, self._width, _INDENT) if finding.detail else ()
        yield from self._evidence(finding, 1)
        advice = finding.recommendation.strip()
        first, _, by_platform = advice.partition("\n")
        if by_platform and finding.check in self._data.checks:
            advice = f"{first} On your platform: sip-ci checks {finding.check}"
        if advice:
            yield from wrap(f"What to change: {advice}", self._width, _INDENT)

    def _facts(self, item: JudgedFinding, *, is_first: bool = True) -> str:
        finding = item.finding
        facts = [seen_at(finding), extent(finding), one_line(finding.rfc) if is_first else ""]
        if finding.confidence is not Confidence.CERTAIN:
            facts.append(f"{finding.confidence}, not certain")
        if item.status is not Status.NEW:
            facts.append(item.status.value)
        if is_first and shown_at(item):
            facts.append(f"shown at {shown_at(item)}")
        return " · ".join(fact for fact in facts if fact)

    def _evidence(self, finding: Finding, maximum: int) -> Iterator[str]:
        shown = finding.evidence[:maximum]
        margin = max((len(position(evidence)) for evidence in shown), default=0)
        room = self._width - margin - 6
        for evidence in shown:
            lead = f"{_INDENT}{self._paint(position(evidence).rjust(margin), Style.DIM)} {self._paint('│', Style.DIM)} "
            if evidence.text:
                yield lead + self._paint(one_line(evidence.text, max(room, 20)), Style.RED)
                lead = f"{_INDENT}{' ' * margin} {self._paint('│', Style.DIM)} "
            for line in wrap(capitalised(one_line(evidence.why, 1000)), room) if evidence.why else ():
                yield lead + line
                lead = f"{_INDENT}{' ' * margin} {self._paint('│', Style.DIM)} "
        if maximum > 1 and len(finding.evidence) > len(shown):
            yield f"{_INDENT}{' ' * margin}   … and {len(finding.evidence) - len(shown)} more"

    def _ladder(self, finding: Finding, whole: CallLadder) -> Iterator[str]:
        is_marked = partial(bears_out, finding)
        ladder = excerpt(whole, is_marked, _LADDER_STEPS)
        same = (finding.input, ladder.call, tuple(step.message for step in ladder.steps if is_marked(step)))
        if same in self._drawn:
            return
        self._drawn.add(same)
        yield ""
        yield f"{_INDENT}{self._paint(f'Call {one_line(ladder.call, self._width - 10)}', Style.DIM)}"
        for line in draw(ladder, is_marked, self._width - 2):
            yield _INDENT + self._paint(line.text, Style.RED if line.marked else Style.PLAIN)

    def _not_checked(self) -> Iterator[str]:
        groups = not_checked_groups(self._data.inputs)
        if not groups:
            return
        yield from self._section(f"Not checked ({not_checked_count(self._data.inputs)})")
        # What the trace could not show comes before what is simply not in it, which needs no list of checks.
        lacking = [group for group in groups if group[0].startswith((_LACKING, "no "))]
        groups = [group for group in groups if not group[0].startswith((_LACKING, "no "))]
        # What most inputs lack comes first.
        groups.sort(key=lambda group: -len(group[2]))
        for reason, checks, inputs in groups[:_REASONS]:
            where = ""
            if len(self._data.inputs) > 1:
                where = f" ({path(inputs[0]) if len(inputs) == 1 else plural(len(inputs), 'input')})"
            named = ", ".join(one_line(check) for check in checks[:_GROUPED_CHECKS])
            more = f" and {len(checks) - _GROUPED_CHECKS} more" if len(checks) > _GROUPED_CHECKS else ""
            yield from wrap(f"- {capitalised(one_line(reason, 500))}{where}: {named}{more}", self._width, _INDENT)
        if len(groups) > _REASONS:
            yield f"{_INDENT}… and for {plural(len(groups) - _REASONS, 'other reason')}, see the JSON report"
        if lacking:
            yield from wrap(f"- {self._lacking(lacking)}", self._width, _INDENT)

    def _lacking(self, groups: list[tuple[str, list[str], list[str]]]) -> str:
        """What is not in the traces, and how many checks look at it."""
        groups.sort(key=lambda group: (not group[0].startswith(_LACKING), -len(group[1])))
        shown = [group for group in groups[:_LACKED] if group[0].startswith(_LACKING)]
        named = [f"no {reason.removeprefix(_LACKING)} ({len(checks)})" for reason, checks, _ in shown]
        if len(groups) > len(shown):
            named.append(f"and no trace of {plural(len(groups) - len(shown), 'other thing')}")
        what = "Nothing to look at" if len(self._data.inputs) == 1 else "Nothing to look at in some traces"
        return f"{what}: {one_line(', '.join(named), 1000)}. The JSON report names the checks"

    def _notices(self) -> Iterator[str]:
        notices = [f"{path(item.name)}: {notice}" for item in self._data.inputs for notice in item.notices]
        if notices:
            yield from self._section("Notices")
        for notice in notices[:_NOTICES]:
            yield from wrap(f"- {one_line(notice, 500)}", self._width, _INDENT)
        if len(notices) > _NOTICES:
            yield f"{_INDENT}… and {len(notices) - _NOTICES} more"

    def _verdict(self, hidden: int) -> str:
        verdict = self._data.verdict
        style = Style.PASSED if verdict.conclusion is Conclusion.SUCCESS else Style.FAILED
        word, _, rest = verdict_phrase(verdict).partition(":")
        aside = f"; {hidden} suppressed or expected" if hidden else ""
        return f"{self._paint(word.upper(), style)}:{rest}{aside}."
