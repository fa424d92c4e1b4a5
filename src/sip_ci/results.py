"""What an analysis says besides its findings: inputs, ladders, measurements, and what could not be checked.

These are the words in which the pipeline hands the answers of the service on to the judge and the reports, which know
nothing of the API's own models.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A check that this input could not answer, and why."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One arrow of a call's ladder."""

    source: int
    """Index into the ladder's participants."""
    destination: int
    """Index into the ladder's participants."""
    label: str
    """The method or the status line."""
    time: float | None = None
    """Seconds since the call's first message."""
    message: int | None = None
    """0-based index of the message in the input."""
    line: int | None = None
    """1-based line in the input, where the input is text."""
    frame: int | None = None
    """1-based packet number in the input, where the input is a capture."""
    repeats: int = 1
    """How often the message was sent, retransmissions included."""
    notable: bool = False
    """Whether a finding names this message."""


@dataclass(frozen=True, slots=True)
class CallLadder:
    """One call as a picture: who said what to whom, in order."""

    call: str
    """The Call-ID."""
    participants: tuple[str, ...]
    steps: tuple[LadderStep, ...]
    omitted: int = 0
    """Steps that were left out because the ladder would be too long."""
    other_calls: tuple[str, ...] = ()
    """Call-IDs of the same session that are drawn too."""


@dataclass(frozen=True, slots=True)
class SessionLeg:
    """One leg of a session: an INVITE on one hop."""

    call: str
    source: str
    destination: str
    status: int | None = None
    """The final response of the INVITE; None where none was seen."""


@dataclass(frozen=True, slots=True)
class SessionJoin:
    """Why two calls are one session."""

    outer: str
    inner: str
    relation: str
    """`relayed`, `replaces` or `referred`."""
    score: float
    """From 0 to 1."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallSession:
    """Calls that belong together although their Call-IDs differ."""

    calls: tuple[str, ...]
    legs: tuple[SessionLeg, ...] = ()
    joins: tuple[SessionJoin, ...] = ()


@dataclass(frozen=True, slots=True)
class AmbiguousCall:
    """A call that continues one of several others; which one the trace does not tell."""

    call: str
    candidates: tuple[str, ...]
    """Call-IDs, the one that fits best first."""


@dataclass(frozen=True, slots=True)
class CallMeasurement:
    """The times of one call, in milliseconds."""

    call: str
    outcome: str
    post_dial_delay_ms: float | None = None
    setup_ms: float | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, slots=True)
class StreamMeasurement:
    """One RTP stream in one direction; times in milliseconds."""

    source: str
    destination: str
    ssrc: str
    codec: str
    packets: int
    expected: int
    lost: int
    loss_percent: float
    call: str | None = None
    burst_ratio: float | None = None
    longest_burst: int = 0
    """Packets lost in a row, at worst."""
    jitter_ms: float | None = None
    max_jitter_ms: float | None = None
    duration_ms: float = 0.0
    mos: float | None = None
    grounded: bool = False
    """Whether the MOS rests on published ITU-T values for this codec."""
    model: str = ""
    """The quality model that gave the MOS."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What was measured in one input."""

    media: str = ""
    """`captured`, or why media could not be judged."""
    calls: tuple[CallMeasurement, ...] = ()
    """The calls worth showing; there may be more, see `calls_total`."""
    calls_total: int = 0
    streams: tuple[StreamMeasurement, ...] = ()
    streams_total: int = 0
    kpis: dict[str, float | None] = field(default_factory=dict)
    """Performance figures over the whole input, by name (RFC 6076)."""


@dataclass(frozen=True, slots=True)
class IssueAnswer:
    """What the analysis of an input says to the symptom that the user named (`--issue`)."""

    hint: str
    """The symptom in the user's words."""
    verdict: str
    """`confirmed`, `refuted` or `not observable`."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InputResult:
    """One input and what the analysis said of it, findings aside."""

    name: str
    """The stable name: its path in the workspace."""
    format: str = ""
    messages: int = 0
    calls: int = 0
    packets: int = 0
    """Packets of a capture; 0 for a text."""
    media_packets: int = 0
    """Those of RTP, RTCP, STUN, DTLS and UDPTL among them."""
    error: str = ""
    """Why the input could not be analysed; empty where it could."""
    text_path: str = ""
    """Its path relative to the workspace, where it is a text file in it: lines of the evidence can then be linked."""
    archive: str = ""
    """The path, relative to the workspace, of the archive in it that the input is a member of."""
    notices: tuple[str, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    quality: QualityReport = field(default_factory=QualityReport)
    ladders: tuple[CallLadder, ...] = ()
    sessions: tuple[CallSession, ...] = ()
    """Those of more than one Call-ID."""
    ambiguous: tuple[AmbiguousCall, ...] = ()
    issue: IssueAnswer | None = None
    """The answer to `--issue`; None where nothing was asked."""
