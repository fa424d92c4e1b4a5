"""The analysis API's messages, version 1: what the client sends and the server answers.

Every field that the hosted service does not give has a default here, so that its answers validate too;
unknown fields are ignored.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from sip_ci.findings import Category, Confidence, FindingSource, Severity

MAXIMUM_TRACE_BYTES = 500 * 1024
"""The longest `trace` that the API takes, in bytes of UTF-8."""
MAXIMUM_KEY_LOG_BYTES = 2 * 1024 * 1024
"""The longest `tls_key_log` that the API takes, in bytes."""


class WireModel(BaseModel):
    """The base of all wire models: immutable, and tolerant of fields that a newer server adds."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class AnalysisContext(WireModel):
    """What the user knows besides the trace."""

    issue: str | None = Field(default=None, max_length=2000, description="The symptom under investigation.")
    endpoints: tuple[str, ...] = Field(
        default=(), max_length=64, description="Labels for hosts, in the order in which they first appear."
    )
    tls_key_log: str | None = Field(
        default=None,
        max_length=MAXIMUM_KEY_LOG_BYTES,
        repr=False,
        description="Secrets of TLS connections in the capture, as programs write them to the file of SSLKEYLOGFILE.",
    )


class AnalyzeRequest(WireModel):
    """The body of `POST /v1/analyze`: either `trace` or `pcap_url`."""

    trace: str | None = None
    pcap_url: str | None = None
    context: AnalysisContext = AnalysisContext()


class WireEvidence(WireModel):
    """One message or stream that bears a finding out."""

    message: int | None = None
    line: int | None = Field(default=None, description="1-based line in the submitted text.")
    frame: int | None = Field(default=None, description="1-based packet number in the capture.")
    time: float | None = None
    text: str = ""
    why: str = ""
    summary: str = ""
    offset: int | None = Field(default=None, description="Where in the message's bytes the line begins, from 0.")
    length: int | None = Field(default=None, description="Bytes of the line, without its line end.")


class WireFinding(WireModel):
    """One fault."""

    severity: Severity
    category: Category
    title: str
    detail: str = ""
    recommendation: str = ""
    check: str = ""
    confidence: Confidence = Confidence.CERTAIN
    rfc: str = ""
    occurrences: int = 1
    fingerprint: str = ""
    calls: tuple[str, ...] = ()
    calls_affected: int = Field(default=0, description="How many calls the fault was seen in; `calls` names the first.")
    share: float | None = Field(default=None, description="Their share of the calls of the trace, from 0 to 1.")
    evidence: tuple[WireEvidence, ...] = ()
    causes: tuple[str, ...] = Field(default=(), description="Fingerprints of the findings that caused this one.")
    root: bool = Field(
        default=True, description="False for the effect of other findings, which stand for it wherever it was seen."
    )
    source: FindingSource = FindingSource.ENGINE


class SeverityCounts(WireModel):
    """How many findings of each severity."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    info: int = 0


class LadderStep(WireModel):
    """One arrow of a call's ladder."""

    time: float | None = Field(default=None, description="Seconds since the call's first message.")
    source: int = Field(description="Index into the ladder's participants.")
    destination: int
    label: str
    message: int | None = None
    line: int | None = None
    frame: int | None = None
    repeats: int = Field(default=1, description="How often the message was sent, retransmissions included.")
    notable: bool = Field(default=False, description="Whether a finding names this message.")


class Ladder(WireModel):
    """One call as a picture: who said what to whom, in order."""

    call: str
    participants: tuple[str, ...]
    steps: tuple[LadderStep, ...]
    omitted: int = Field(default=0, description="Steps left out because the ladder would be too long.")
    other_calls: tuple[str, ...] = Field(default=(), description="Call-IDs of the same session that are drawn too.")


class SessionLeg(WireModel):
    """One leg of a session: an INVITE on one hop."""

    call: str = Field(description="The Call-ID.")
    source: str
    destination: str
    status: int | None = Field(default=None, description="The final response of the INVITE, where one was seen.")


class SessionJoin(WireModel):
    """Why two calls are one session."""

    outer: str = Field(description="The Call-ID of the call that was there first.")
    inner: str = Field(description="The Call-ID of the call that continues it.")
    relation: str = Field(description="`relayed`, `replaces` or `referred`.")
    score: float = Field(description="From 0 to 1.")
    evidence: tuple[str, ...] = ()


class CallSession(WireModel):
    """Calls that belong together although their Call-IDs differ."""

    calls: tuple[str, ...]
    legs: tuple[SessionLeg, ...] = ()
    joins: tuple[SessionJoin, ...] = ()


class SessionCandidate(WireModel):
    """A call that another may continue."""

    call: str
    score: float


class AmbiguousCall(WireModel):
    """A call that continues one of several others; which one the trace does not tell."""

    call: str
    candidates: tuple[SessionCandidate, ...]


class CallQuality(WireModel):
    """One call."""

    call: str
    outcome: str
    post_dial_delay_ms: float | None = None
    setup_ms: float | None = None
    duration_ms: float | None = None


class StreamQuality(WireModel):
    """One RTP stream in one direction."""

    call: str | None = None
    source: str
    destination: str
    ssrc: str
    codec: str
    packets: int
    expected: int
    lost: int
    loss_percent: float
    burst_ratio: float | None = None
    longest_burst: int = 0
    jitter_ms: float | None = None
    max_jitter_ms: float | None = None
    duration_ms: float = 0.0
    mos: float | None = None
    grounded: bool = Field(
        default=False,
        description="Whether MOS rests on published ITU-T values for this codec, and losses are in the model's range.",
    )
    model: str = Field(default="", description="The quality model that gave the MOS.")


class ReportedQuality(WireModel):
    """What an endpoint itself says of a stream that it received: its own claim, beside what was measured."""

    call: str | None = None
    reporter: str = Field(description="Who says so.")
    source: str = Field(description="`RTCP`, `RTCP XR` or `vq-rtcpxr`.")
    ssrc: str | None = None
    reports: int = Field(default=1, description="How many reports the figures are taken from.")
    loss_percent: float | None = Field(default=None, description="The highest that was reported.")
    discard_percent: float | None = None
    jitter_ms: float | None = None
    round_trip_ms: float | None = Field(
        default=None, description="From the point of capture by RTCP, else as the endpoint says."
    )
    mos_listening: float | None = None
    mos_conversational: float | None = None


class Quality(WireModel):
    """What was measured."""

    media: str = Field(default="", description="`captured`, or why media could not be judged.")
    calls: tuple[CallQuality, ...] = ()
    calls_total: int = 0
    streams: tuple[StreamQuality, ...] = ()
    streams_total: int = 0
    reported: tuple[ReportedQuality, ...] = Field(default=(), description="What endpoints say themselves.")
    kpis: dict[str, float | None] = Field(default_factory=dict)


class NotChecked(WireModel):
    """A check that this trace cannot answer."""

    check: str
    reason: str


class TraceMeta(WireModel):
    """What the server read."""

    messages: int = 0
    calls: int = 0
    format: str = ""
    packets: int = 0
    media_packets: int = Field(default=0, description="Packets of RTP, RTCP, STUN, DTLS and UDPTL among them.")
    notices: tuple[str, ...] = ()


class IssueVerdict(WireModel):
    """The answer to the hint."""

    hint: str
    verdict: str = Field(description="`confirmed`, `refuted` or `not observable`.")
    reason: str = ""
    symptom: str = Field(default="", description="The symptom that was recognised in the hint.")


class Meta(WireModel):
    """About the analysis."""

    analyzed_at: str = ""
    elapsed_ms: float = 0.0
    plan: str = ""
    calls_today: int | None = None
    calls_remaining: int | None = None
    calls_limit: int | None = None
    issue: IssueVerdict | None = None
    engine_version: str = ""
    trace: TraceMeta = TraceMeta()


class AnalysisResponse(WireModel):
    """The answer to `POST /v1/analyze`."""

    findings: tuple[WireFinding, ...] = ()
    severity_counts: SeverityCounts = SeverityCounts()
    recommendations: tuple[str, ...] = ()
    quality: Quality = Quality()
    not_checked: tuple[NotChecked, ...] = ()
    ladders: tuple[Ladder, ...] = ()
    sessions: tuple[CallSession, ...] = Field(
        default=(), description="Sessions of more than one Call-ID; the first of them, where there are many."
    )
    ambiguous: tuple[AmbiguousCall, ...] = ()
    meta: Meta = Meta()


class ErrorResponse(WireModel):
    """The body of every error."""

    error: str
    code: str = ""
    request_id: str = ""


class InfoLimits(WireModel):
    """The server's limits."""

    trace_bytes: int = MAXIMUM_TRACE_BYTES
    capture_bytes: int = 0


class InfoResponse(WireModel):
    """The answer to `GET /v1/info`."""

    service: str = "sip-ci-server"
    version: str = ""
    captures: bool = False
    limits: InfoLimits = InfoLimits()


class CaptureCreated(WireModel):
    """The answer to `POST /v1/captures`."""

    id: str
    pcap_url: str
    expires_at: str


class KeyEntry(WireModel):
    """One API key, without its secret."""

    id: str
    prefix: str
    name: str
    created_at: str
    last_used_at: str | None = None
    calls_today: int = 0
    calls_total: int = 0
    revoked_at: str | None = None


class KeysResponse(WireModel):
    """The answer to `GET /v1/keys`."""

    keys: tuple[KeyEntry, ...] = ()
