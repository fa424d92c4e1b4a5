"""What holds for every finding: it is borne out by lines of messages, by streams or by packets, and says so."""

from __future__ import annotations

from sip_ci.service.wire import AnalysisResponse, WireEvidence
from sip_ci.trace.message import SipMessage
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.analysis import CHECK_FAILED

MASK = "[REDACTED]"


def assert_grounded(trace: Trace, report: AnalysisResponse) -> None:
    """Every finding has evidence that is in the trace, a title with its values, and causes that are findings."""
    messages = {message.index: message for message in trace.messages}
    assert not [item for item in report.not_checked if item.reason.startswith(CHECK_FAILED)]
    known = {finding.fingerprint for finding in report.findings}
    for finding in report.findings:
        assert finding.evidence, f"{finding.check} has no evidence"
        assert finding.title.strip(), finding.check
        assert "{" not in finding.title, finding.title
        assert finding.detail.strip(), finding.check
        assert finding.recommendation.strip(), finding.check
        assert set(finding.causes) <= known - {finding.fingerprint}, finding.check
        assert finding.root or finding.causes, f"{finding.check} is the effect of nothing"
        for proof in finding.evidence:
            _assert_shown(finding.check, proof, messages)


def _assert_shown(check: str, proof: WireEvidence, messages: dict[int, SipMessage]) -> None:
    assert proof.why.strip(), f"{check}: evidence without a reason"
    if proof.message is None:
        assert proof.text.strip() or proof.frame is not None, f"{check}: evidence that names nothing"
        return
    message = messages.get(proof.message)
    assert message is not None, f"{check}: message {proof.message} is not in the trace"
    assert proof.offset is not None, check
    assert proof.length is not None, check
    line = message.raw[proof.offset : proof.offset + proof.length].decode("utf-8", "replace")
    assert b"\n" not in message.raw[proof.offset : proof.offset + proof.length].strip(b"\r\n"), check
    if MASK not in proof.text and line.isascii():
        assert line.startswith(proof.text[:200]) or message.raw.count(b"\n") < 2, (check, proof.text, line)
