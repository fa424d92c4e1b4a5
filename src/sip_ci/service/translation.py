"""The API's answers become the client's words: findings with stable identities, and one result for each input."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sip_ci.findings import Evidence, Finding
from sip_ci.inputs import TraceFile
from sip_ci.results import (
    AmbiguousCall,
    CallLadder,
    CallMeasurement,
    CallSession,
    InputResult,
    IssueAnswer,
    LadderStep,
    NotChecked,
    QualityReport,
    SessionJoin,
    SessionLeg,
    StreamMeasurement,
)
from sip_ci.service.chunks import Chunk, Place
from sip_ci.service.wire import (
    AnalysisResponse,
    IssueVerdict,
    Ladder,
    Quality,
    WireEvidence,
    WireFinding,
)
from sip_ci.service.wire import CallSession as WireSession
from sip_ci.service.wire import LadderStep as WireStep

_VARIABLE_PARTS = re.compile(r"[0-9A-Fa-f]*[0-9][0-9A-Fa-f.:]*")
_MAXIMUM_CALLS = 20
_ISSUE_ORDER = {"confirmed": 0, "not observable": 1, "refuted": 2}


@dataclass(frozen=True, slots=True)
class InputAnalysis:
    """What the service says of one input."""

    result: InputResult
    findings: tuple[Finding, ...] = ()
    skipped: bool = False
    """Whether the input is no trace and nobody asked for it by name."""


@dataclass(frozen=True, slots=True)
class Part:
    """One answer and, where the input was rewritten for submission, the chunk that it is about."""

    response: AnalysisResponse
    chunk: Chunk | None = None


def translate(file: TraceFile, parts: Sequence[Part], *, is_text: bool, notices: Iterable[str] = ()) -> InputAnalysis:
    """Put the answers about one input together.

    The same fault in several parts is one finding with the occurrences of all; counts add up. Figures over the whole
    input, such as RFC 6076's, cannot be had from parts, so several parts give none.
    """
    findings: dict[str, Finding] = {}
    for part in parts:
        for wire in part.response.findings:
            finding = _finding(wire, file.name, part.chunk)
            known = findings.get(finding.fingerprint)
            findings[finding.fingerprint] = _merged(known, finding) if known else finding
    metas = [part.response.meta.trace for part in parts]
    not_checked = {
        (item.check, item.reason): NotChecked(item.check, item.reason)
        for part in parts
        for item in part.response.not_checked
    }
    all_notices = [*notices, *(text for meta in metas for text in meta.notices)]
    result = InputResult(
        name=file.name,
        format=metas[0].format if metas else "",
        messages=sum(meta.messages for meta in metas),
        calls=sum(meta.calls for meta in metas),
        packets=sum(meta.packets for meta in metas),
        media_packets=sum(meta.media_packets for meta in metas),
        text_path=file.name if is_text and file.in_workspace else "",
        archive=file.archive,
        notices=tuple(dict.fromkeys(all_notices)),
        not_checked=tuple(not_checked.values()),
        quality=_quality([part.response.quality for part in parts]),
        ladders=tuple(_ladder(ladder, part.chunk) for part in parts for ladder in part.response.ladders),
        sessions=tuple(_session(session) for part in parts for session in part.response.sessions),
        ambiguous=tuple(
            AmbiguousCall(item.call, tuple(candidate.call for candidate in item.candidates))
            for part in parts
            for item in part.response.ambiguous
        ),
        issue=_issue([part.response.meta.issue for part in parts if part.response.meta.issue]),
    )
    return InputAnalysis(result, tuple(findings.values()))


def fingerprint(wire: WireFinding, input_name: str) -> str:
    """A finding's identity over runs: 32 hex digits.

    The server's identity of the fault, which knows nothing of files, together with the input's name. A server that
    gives none is helped out with what it says, numbers and addresses taken out.
    """
    identity = wire.fingerprint or "\0".join((wire.check, wire.category.value, _VARIABLE_PARTS.sub("#", wire.title)))
    return _hashed(identity, input_name)


def _hashed(identity: str, input_name: str) -> str:
    text = f"sipCi/v1\0{input_name}\0{identity}"
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _finding(wire: WireFinding, input_name: str, chunk: Chunk | None) -> Finding:
    return Finding(
        check=wire.check,
        severity=wire.severity,
        category=wire.category,
        title=wire.title,
        detail=wire.detail,
        recommendation=wire.recommendation,
        input=input_name,
        fingerprint=fingerprint(wire, input_name),
        confidence=wire.confidence,
        rfc=wire.rfc,
        occurrences=max(wire.occurrences, 1),
        calls=wire.calls,
        evidence=tuple(_evidence(item, chunk) for item in wire.evidence),
        causes=tuple(_hashed(cause, input_name) for cause in wire.causes),
        source=wire.source,
        root=wire.root,
        calls_affected=wire.calls_affected,
        share=wire.share,
    )


def _evidence(wire: WireEvidence, chunk: Chunk | None) -> Evidence:
    place = Place(wire.message, wire.line, wire.frame)
    if chunk is not None:
        place = _original(chunk, wire.message, wire.line)
    return Evidence(
        text=wire.text,
        why=wire.why,
        message=place.message,
        line=place.line,
        frame=place.frame,
        time=wire.time,
        summary=wire.summary,
        # A message that was rewritten for submission has its lines elsewhere.
        offset=wire.offset if chunk is None else None,
        length=wire.length if chunk is None else None,
    )


def _original(chunk: Chunk, message: int | None, line: int | None) -> Place:
    if line is not None:
        place = chunk.place_of_line(line)
        if place != Place():
            return place
    return chunk.place_of_message(message) if message is not None else Place()


def _merged(first: Finding, second: Finding) -> Finding:
    return replace(
        first,
        severity=min(first.severity, second.severity, key=lambda severity: severity.rank),
        occurrences=first.occurrences + second.occurrences,
        calls=tuple(dict.fromkeys(first.calls + second.calls))[:_MAXIMUM_CALLS],
        causes=tuple(dict.fromkeys(first.causes + second.causes)),
        root=first.root or second.root,
        calls_affected=first.calls_affected + second.calls_affected,
        share=None,
    )


def _quality(qualities: Sequence[Quality]) -> QualityReport:
    if not qualities:
        return QualityReport()
    return QualityReport(
        media=qualities[0].media,
        calls=tuple(CallMeasurement(**dict(call)) for quality in qualities for call in quality.calls),
        calls_total=sum(quality.calls_total for quality in qualities),
        streams=tuple(StreamMeasurement(**dict(stream)) for quality in qualities for stream in quality.streams),
        streams_total=sum(quality.streams_total for quality in qualities),
        kpis=dict(qualities[0].kpis) if len(qualities) == 1 else {},
    )


def _issue(verdicts: Sequence[IssueVerdict]) -> IssueAnswer | None:
    """One answer for all parts: what one part confirms is confirmed; none refutes what another could not observe."""
    if not verdicts:
        return None
    first = min(verdicts, key=lambda verdict: _ISSUE_ORDER.get(verdict.verdict, len(_ISSUE_ORDER)))
    return IssueAnswer(first.hint, first.verdict, first.reason)


def _ladder(ladder: Ladder, chunk: Chunk | None) -> CallLadder:
    count = len(ladder.participants)
    steps = [step for step in ladder.steps if 0 <= step.source < count and 0 <= step.destination < count]
    drawn = tuple(_step(step, chunk) for step in steps)
    return CallLadder(ladder.call, ladder.participants, drawn, ladder.omitted, ladder.other_calls)


def _session(wire: WireSession) -> CallSession:
    return CallSession(
        wire.calls,
        tuple(SessionLeg(**dict(leg)) for leg in wire.legs),
        tuple(SessionJoin(**dict(join)) for join in wire.joins),
    )


def _step(step: WireStep, chunk: Chunk | None) -> LadderStep:
    place = Place(step.message, step.line, step.frame)
    if chunk is not None:
        place = _original(chunk, step.message, step.line)
    values = dict(step) | {"message": place.message, "line": place.line, "frame": place.frame}
    return LadderStep(**values)
