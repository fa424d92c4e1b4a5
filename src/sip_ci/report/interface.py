"""What a report is made from and what makes one: the seam between the pipeline and the formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sip_ci.catalogue import CheckInfo
from sip_ci.findings import Finding, JudgedFinding, Status, Verdict
from sip_ci.results import CallLadder, InputResult, LadderStep


class JunitFamily(StrEnum):
    """Which dialect of JUnit XML to write."""

    RICH = "rich"
    """With file, line and properties on test cases, which most readers show."""
    XUNIT2 = "xunit2"
    """What Jenkins's schema admits, and no more."""


class AnnotationStyle(StrEnum):
    """Who reads the annotations."""

    GITHUB = "github"
    """Workflow commands of GitHub Actions."""
    PLAIN = "plain"
    """One line for each finding, as compilers write them."""


@dataclass(frozen=True, slots=True)
class VersionControl:
    """The revision whose tests were analysed, where the CI system says so."""

    repository_uri: str
    """An absolute https address."""
    revision: str = ""
    branch: str = ""


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How reports are written; what they say does not depend on it."""

    colour: bool = False
    """Whether the text report may use terminal colours."""
    width: int = 100
    """Columns of the text report."""
    category: str = ""
    """Tells the SARIF files of several jobs apart."""
    anchor: str = ""
    """The file, relative to the workspace, that stands for findings without a better place."""
    include_suppressed: bool = False
    """Whether suppressed findings go into the SARIF file."""
    junit_family: JunitFamily = JunitFamily.RICH
    annotation_style: AnnotationStyle = AnnotationStyle.GITHUB
    version_control: VersionControl | None = None
    full_report: str = ""
    """Where everything can be read, for reports that had to be cut short; a file name or the name of an artifact."""


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything that a report may say."""

    tool_version: str
    inputs: tuple[InputResult, ...]
    findings: tuple[JudgedFinding, ...]
    """In the order in which the service gave them, input by input."""
    verdict: Verdict
    checks: Mapping[str, CheckInfo] = field(default_factory=dict)
    """The catalogue, by id: every check that was asked for."""

    def input_of(self, finding: Finding) -> InputResult | None:
        """Return the input that a finding is about."""
        return next((item for item in self.inputs if item.name == finding.input), None)

    def ladder_of(self, finding: Finding) -> CallLadder | None:
        """Return the ladder of the first of the finding's calls that has one."""
        source = self.input_of(finding)
        if source is None:
            return None
        ladders = {ladder.call: ladder for ladder in source.ladders}
        return next((ladders[call] for call in finding.calls if call in ladders), None)


Renderer = Callable[[ReportData, ReportOptions], str]
"""Makes the whole text of one report; it is written as UTF-8."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding that leads, and the findings that it caused."""

    lead: JudgedFinding
    effects: tuple[JudgedFinding, ...] = ()
    """Worst first."""


def faults(findings: Iterable[JudgedFinding]) -> list[Fault]:
    """Put each effect below the worst of its roots; the worst fault comes first.

    Within one severity the order of the service stays, which knows what is relevant. An effect none of whose roots is
    among the findings leads itself.
    """
    ordered = sorted(findings, key=lambda item: item.finding.severity.rank)
    by_identity = {item.finding.fingerprint: item for item in ordered}
    places = {id(item): place for place, item in enumerate(ordered)}
    effects: dict[int, list[JudgedFinding]] = {}
    leads: list[JudgedFinding] = []
    for item in ordered:
        roots = [] if item.finding.root else _roots_of(item, by_identity)
        if roots:
            lead = min(roots, key=lambda root: places[id(root)])
            effects.setdefault(id(lead), []).append(item)
        else:
            leads.append(item)
    return [Fault(lead, tuple(effects.get(id(lead), ()))) for lead in leads]


def _roots_of(effect: JudgedFinding, by_identity: Mapping[str, JudgedFinding]) -> list[JudgedFinding]:
    seen: set[str] = set()
    waiting = list(effect.finding.causes)
    roots = []
    while waiting:
        identity = waiting.pop()
        cause = by_identity.get(identity)
        if identity in seen or cause is None:
            continue
        seen.add(identity)
        if cause.finding.root:
            roots.append(cause)
        else:
            waiting += cause.finding.causes
    return roots


def worst_first(findings: Iterable[JudgedFinding]) -> list[JudgedFinding]:
    """Order findings by severity, each followed by its effects."""
    return [item for fault in faults(findings) for item in (fault.lead, *fault.effects)]


def is_shown(item: JudgedFinding) -> bool:
    """Whether a finding still asks for attention: neither suppressed nor expected."""
    return item.status in (Status.NEW, Status.KNOWN)


def bears_out(finding: Finding, step: LadderStep) -> bool:
    """Whether a step of a ladder is among the evidence of a finding."""
    return any(
        (step.message is not None and step.message == evidence.message)
        or (step.message is None and step.line is not None and step.line == evidence.line)
        or (step.message is None and step.frame is not None and step.frame == evidence.frame)
        for evidence in finding.evidence
    )
