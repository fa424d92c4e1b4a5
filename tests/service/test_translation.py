from __future__ import annotations

from pathlib import Path

from sip_ci.findings import Category, Severity
from sip_ci.inputs import TraceFile
from sip_ci.results import IssueAnswer
from sip_ci.service.chunks import Block, Chunk
from sip_ci.service.translation import Part, fingerprint, translate
from sip_ci.service.wire import (
    AnalysisResponse,
    IssueVerdict,
    Ladder,
    LadderStep,
    Meta,
    NotChecked,
    Quality,
    TraceMeta,
    WireEvidence,
    WireFinding,
)

FILE = TraceFile("traces/a.log", Path("/w/traces/a.log"))


def wire(**changes: object) -> WireFinding:
    values = {
        "severity": Severity.HIGH,
        "category": Category.MEDIA,
        "title": "Private address 10.0.0.1 in SDP",
        "check": "nat-sdp-private",
        "fingerprint": "f1",
    }
    return WireFinding.model_validate(values | changes)


def test_a_finding_keeps_what_the_server_says() -> None:
    evidence = WireEvidence(message=3, line=9, text="c=IN IP4 10.0.0.1", why="private")
    response = AnalysisResponse(
        findings=(wire(evidence=(evidence,), calls=("c1",)),),
        not_checked=(NotChecked(check="media-one-way", reason="no RTP"),),
        meta=Meta(trace=TraceMeta(messages=12, calls=2, format="sngrep", notices=("cut",))),
    )
    analysis = translate(FILE, [Part(response)], is_text=True)
    (finding,) = analysis.findings
    assert (finding.check, finding.input, finding.evidence[0].line) == ("nat-sdp-private", FILE.name, 9)
    assert (analysis.result.messages, analysis.result.calls, analysis.result.format) == (12, 2, "sngrep")
    assert analysis.result.text_path == FILE.name
    assert analysis.result.notices == ("cut",)
    assert [item.check for item in analysis.result.not_checked] == ["media-one-way"]


def test_a_file_outside_the_workspace_has_no_path_in_it() -> None:
    outside = TraceFile("a.log", Path("/elsewhere/a.log"), in_workspace=False)
    assert translate(outside, [Part(AnalysisResponse())], is_text=True).result.text_path == ""


def test_the_identity_depends_on_input_and_fault_only() -> None:
    assert fingerprint(wire(), "a") == fingerprint(wire(title="other", severity=Severity.LOW), "a")
    assert fingerprint(wire(), "a") != fingerprint(wire(), "b")
    assert fingerprint(wire(), "a") != fingerprint(wire(fingerprint="f2"), "a")


def test_a_server_without_fingerprints_gets_stable_ones() -> None:
    first = wire(fingerprint="", title="Private IP 192.168.1.100 in SDP of call 4711")
    second = wire(fingerprint="", title="Private IP 10.0.0.7 in SDP of call 12")
    assert fingerprint(first, "a") == fingerprint(second, "a")
    assert fingerprint(first, "a") != fingerprint(wire(fingerprint="", title="Codec mismatch"), "a")


def test_causes_point_to_findings_of_the_same_input() -> None:
    response = AnalysisResponse(findings=(wire(), wire(fingerprint="f2", causes=("f1",))))
    cause, effect = translate(FILE, [Part(response)], is_text=True).findings
    assert effect.causes == (cause.fingerprint,)


def test_parts_are_put_together() -> None:
    blocks = (Block("a", "head\nINVITE\n\n", message=5, line=40),)
    first = AnalysisResponse(
        findings=(wire(occurrences=2, calls=("c1",), severity=Severity.MEDIUM),),
        quality=Quality(kpis={"asr": 1.0}),
        meta=Meta(trace=TraceMeta(messages=3, calls=1)),
    )
    second = AnalysisResponse(
        findings=(wire(occurrences=3, calls=("c2",)), wire(fingerprint="f2", evidence=(WireEvidence(line=2),))),
        ladders=(
            Ladder(
                call="c2", participants=("A", "B"), steps=(LadderStep(source=0, destination=1, label="INVITE", line=2),)
            ),
        ),
        meta=Meta(trace=TraceMeta(messages=4, calls=1)),
    )
    analysis = translate(FILE, [Part(first, Chunk(blocks)), Part(second, Chunk(blocks))], is_text=True)
    merged, other = analysis.findings
    assert (merged.occurrences, merged.calls, merged.severity) == (5, ("c1", "c2"), Severity.HIGH)
    assert (other.evidence[0].line, other.evidence[0].message) == (41, 5)
    assert analysis.result.ladders[0].steps[0].line == 41
    assert (analysis.result.messages, analysis.result.calls) == (7, 2)
    assert analysis.result.quality.kpis == {}


def test_ladder_steps_that_lead_nowhere_are_left_out() -> None:
    step = LadderStep(source=0, destination=9, label="INVITE")
    response = AnalysisResponse(ladders=(Ladder(call="c", participants=("A",), steps=(step,)),))
    assert translate(FILE, [Part(response)], is_text=False).result.ladders[0].steps == ()


def test_the_answer_to_the_symptom_is_carried_over() -> None:
    def part(verdict: str) -> Part:
        issue = IssueVerdict(hint="one-way-audio", verdict=verdict, reason=f"it is {verdict}")
        return Part(AnalysisResponse(meta=Meta(issue=issue)))

    def answer(*verdicts: str) -> IssueAnswer | None:
        return translate(FILE, [part(verdict) for verdict in verdicts], is_text=True).result.issue

    assert answer("refuted") == IssueAnswer("one-way-audio", "refuted", "it is refuted")
    assert answer("refuted", "confirmed", "not observable") == IssueAnswer(
        "one-way-audio", "confirmed", "it is confirmed"
    )
    assert answer("refuted", "not observable") == IssueAnswer("one-way-audio", "not observable", "it is not observable")
    assert translate(FILE, [Part(AnalysisResponse())], is_text=True).result.issue is None
