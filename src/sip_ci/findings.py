"""The words that every room of the client shares: severities, findings, their evidence and their places."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is, worst first; the vocabulary of the API, the gate and every report."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """The place in the order of badness: 0 is critical, 4 is info."""
        return _SEVERITY_RANK[self]

    def at_least(self, threshold: Severity) -> bool:
        """Whether this severity is as bad as `threshold` or worse."""
        return self.rank <= threshold.rank


_SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity)}


class Category(StrEnum):
    """What part of a call a finding concerns."""

    SIGNALING = "signaling"
    AUTHENTICATION = "authentication"
    NAT = "nat"
    CODEC = "codec"
    MEDIA = "media"
    TIMING = "timing"
    ENCRYPTION = "encryption"
    COMPLIANCE = "compliance"
    SECURITY = "security"
    CAPTURE = "capture"


class Confidence(StrEnum):
    """How sure a check is of its finding."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


class FindingSource(StrEnum):
    """Who claims the finding: the deterministic engine, or the optional assistant."""

    ENGINE = "engine"
    ASSISTANT = "assistant"


class Status(StrEnum):
    """What the judge says of a finding: new, in the baseline, suppressed by a rule, or expected by the test."""

    NEW = "new"
    KNOWN = "known"
    SUPPRESSED = "suppressed"
    EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One message, or one stream, that bears a finding out."""

    text: str
    """The line or the bytes that show the fault, as they stand in the trace."""
    why: str
    """What this text shows."""
    message: int | None = None
    """0-based index of the message in the input."""
    line: int | None = None
    """1-based line in the input, where the input is text."""
    frame: int | None = None
    """1-based packet number in the input, where the input is a capture."""
    time: float | None = None
    """By the clock of the trace, in seconds."""
    summary: str = ""
    """The message's start line and its two ends, or the stream, in one line."""
    offset: int | None = None
    """Where in the message's bytes the line begins, from 0."""
    length: int | None = None
    """Bytes of the line, without its line end."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the repository."""

    path: str
    """Relative to the workspace, with forward slashes."""
    start_line: int = 1
    """1-based."""
    end_line: int = 1
    """1-based, inclusive."""
    confidence: Confidence = Confidence.CERTAIN
    why: str = ""
    """How this place was found."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault, with what bears it out and what to change."""

    check: str
    severity: Severity
    category: Category
    title: str
    detail: str
    recommendation: str
    input: str
    """The stable name of the input: its path in the workspace."""
    fingerprint: str
    confidence: Confidence = Confidence.CERTAIN
    rfc: str = ""
    occurrences: int = 1
    calls: tuple[str, ...] = ()
    """Call-IDs of the first calls concerned."""
    evidence: tuple[Evidence, ...] = ()
    causes: tuple[str, ...] = ()
    """Fingerprints of the findings that caused this one."""
    source: FindingSource = FindingSource.ENGINE
    root: bool = True
    """False for the effect of other findings, which stand for it wherever it was seen."""
    calls_affected: int = 0
    """How many calls it was seen in; `calls` names the first."""
    share: float | None = None
    """Their share of the calls of the input, from 0 to 1; None where it is not known."""


@dataclass(frozen=True, slots=True)
class LocatedFinding:
    """A finding and its place in the repository."""

    finding: Finding
    location: Location | None


@dataclass(frozen=True, slots=True)
class JudgedFinding:
    """A located finding and what the judge says of it."""

    finding: Finding
    location: Location | None
    status: Status = Status.NEW
    reason: str = ""
    """Why it is suppressed or expected."""
    failing: bool = False
    """Whether this finding alone fails the build."""


class Conclusion(StrEnum):
    """The outcome of a run, as CI systems see it."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    NO_INPUT = "no-input"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the build passes, and why."""

    conclusion: Conclusion
    fail_on: Severity | None
    """None means that no finding fails the build."""
    counts: dict[Severity, int] = field(default_factory=dict)
    """Findings that count, by severity; every severity is present. Effects of others do not count."""
    failing: int = 0
    """How many findings stand at or above the threshold."""
    effects: int = 0
    """How many findings are effects of those that count."""
    not_analyzed: int = 0
    """How many inputs could not be analysed."""

    @property
    def total(self) -> int:
        """The number of findings that count."""
        return sum(self.counts.values())

    @property
    def highest(self) -> Severity | None:
        """The worst severity found."""
        return next((severity for severity in Severity if self.counts.get(severity)), None)
