"""The JSON report, schema version 1.

Within version 1 fields are only added, never renamed, removed or given another meaning.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sip_ci.findings import Category, Conclusion, Confidence, FindingSource, Severity, Status

SCHEMA_VERSION = 1
SCHEMA_URI = "https://raw.githubusercontent.com/sip-ci/sip-ci/main/docs/schemas/report.schema.json"


class ReportModel(BaseModel):
    """The base of all parts of the report."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Tool(ReportModel):
    """What wrote the report."""

    name: Literal["sip-ci"] = "sip-ci"
    version: str


class Answer(ReportModel):
    """What the analysis of one trace says to the symptom that the user named."""

    hint: str = Field(description="The symptom, in the user's words.")
    verdict: str = Field(description="`confirmed`, `refuted` or `not observable`.")
    reason: str


class Input(ReportModel):
    """One trace."""

    name: str = Field(description="Its path in the workspace.")
    format: str = Field(description="The layout that was recognised, for instance `pcap` or `sngrep`.")
    messages: int = Field(ge=0, description="SIP messages that were read.")
    calls: int = Field(ge=0, description="Calls among them.")
    error: str | None = Field(default=None, description="Why it could not be analysed.")
    issue: Answer | None = Field(default=None, description="The answer to `--issue`; null where nothing was asked.")


class EvidenceItem(ReportModel):
    """One message or stream that bears a finding out."""

    text: str = Field(description="The line or the bytes that show the fault.")
    why: str = Field(description="What this text shows.")
    message: int | None = Field(description="0-based index of the message in the input.")
    line: int | None = Field(description="1-based line in the input, where the input is text.")
    frame: int | None = Field(description="1-based packet number in the input, where the input is a capture.")
    time: float | None = Field(description="By the clock of the trace, in seconds.")
    summary: str = Field(description="The message or the stream in one line.")
    offset: int | None = Field(description="Where in the message's bytes the line begins, from 0.")
    length: int | None = Field(description="Bytes of the line, without its line end.")


class Place(ReportModel):
    """Where in the repository the fault is to be looked at."""

    path: str = Field(description="Relative to the workspace, with forward slashes.")
    start_line: int = Field(ge=1)
    end_line: int = Field(ge=1, description="Inclusive.")
    confidence: Confidence
    why: str = Field(description="How this place was found.")


class ReportedFinding(ReportModel):
    """One fault."""

    check: str = Field(description="The id of the check, for instance `ack-missing-2xx`.")
    severity: Severity
    category: Category
    title: str
    detail: str
    recommendation: str = Field(description="What to change.")
    input: str = Field(description="The name of the input.")
    occurrences: int = Field(ge=1, description="How often the fault was seen in this input.")
    calls: tuple[str, ...] = Field(description="Call-IDs of the first calls concerned.")
    evidence: tuple[EvidenceItem, ...]
    location: Place | None
    fingerprint: str = Field(description="The same in every run that has the same fault.")
    status: Status
    reason: str = Field(description="Why it is suppressed or expected.")
    confidence: Confidence
    rfc: str = Field(description="The clause that the check rests on.")
    causes: tuple[str, ...] = Field(description="Fingerprints of the findings that caused this one.")
    source: FindingSource
    root: bool = Field(description="False for the effect of other findings (`causes`), which follows its root.")
    calls_affected: int = Field(ge=0, description="How many calls the fault was seen in.")
    share: float | None = Field(description="Their share of the calls of the input, from 0 to 1.")


class Unchecked(ReportModel):
    """A check that an input could not answer."""

    input: str
    check: str
    reason: str


class CallTimes(ReportModel):
    """One call."""

    call: str = Field(description="The Call-ID.")
    outcome: str
    post_dial_delay_ms: float | None
    setup_ms: float | None
    duration_ms: float | None


class Stream(ReportModel):
    """One RTP stream in one direction."""

    call: str | None
    source: str
    destination: str
    ssrc: str
    codec: str
    packets: int
    expected: int
    lost: int
    loss_percent: float
    burst_ratio: float | None
    longest_burst: int
    jitter_ms: float | None
    max_jitter_ms: float | None
    duration_ms: float
    mos: float | None
    grounded: bool = Field(description="Whether the MOS rests on published ITU-T values for this codec.")
    model: str


class Leg(ReportModel):
    """One leg of a session: an INVITE on one hop."""

    call: str = Field(description="The Call-ID.")
    source: str
    destination: str
    status: int | None = Field(description="The final response of the INVITE, where one was seen.")


class Join(ReportModel):
    """Why two calls are one session."""

    outer: str = Field(description="The Call-ID of the call that was there first.")
    inner: str = Field(description="The Call-ID of the call that continues it.")
    relation: str = Field(description="`relayed`, `replaces` or `referred`.")
    score: float = Field(description="From 0 to 1.")
    evidence: tuple[str, ...]


class Session(ReportModel):
    """Calls of one input that belong together although their Call-IDs differ."""

    input: str
    calls: tuple[str, ...]
    legs: tuple[Leg, ...]
    joins: tuple[Join, ...]


class Ambiguous(ReportModel):
    """A call that continues one of several others; which one the trace does not tell."""

    input: str
    call: str
    candidates: tuple[str, ...] = Field(description="Call-IDs, the one that fits best first.")


class InputQuality(ReportModel):
    """What was measured in one input."""

    input: str
    media: str = Field(description="`captured`, or why media could not be judged.")
    calls: tuple[CallTimes, ...]
    calls_total: int
    streams: tuple[Stream, ...]
    streams_total: int
    kpis: dict[str, float | None] = Field(description="Figures over the whole input (RFC 6076), by name.")


class Outcome(ReportModel):
    """Whether the build passes."""

    conclusion: Conclusion
    fail_on: Severity | Literal["never"]
    counts: dict[Severity, int] = Field(description="Findings by severity, effects of others not counted.")
    failing: int = Field(ge=0, description="Findings at or above the threshold.")
    effects: int = Field(ge=0, description="Findings that are effects of those that count.")


class Report(ReportModel):
    """The findings of one run, for programs."""

    schema_version: Literal[1] = 1
    tool: Tool
    inputs: tuple[Input, ...]
    findings: tuple[ReportedFinding, ...] = Field(description="Worst first; effects follow their root.")
    not_checked: tuple[Unchecked, ...]
    quality: tuple[InputQuality, ...]
    verdict: Outcome
    sessions: tuple[Session, ...] = Field(description="Sessions of more than one Call-ID.")
    ambiguous: tuple[Ambiguous, ...] = Field(description="Calls that may belong to several sessions.")


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the report, as it is published with the documentation."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_URI, **schema}
