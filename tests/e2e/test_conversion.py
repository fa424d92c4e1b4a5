"""Every example trace, converted and read back: the same messages at the same times, and the same diagnosis."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.conversion import converted

from sip_ci.convert.forms import Form
from sip_ci.convert.json_models import TraceDocument
from sip_ci.findings import Category, Severity
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.message import SipMessage
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.analysis import analyze

TRACES = Path(__file__).parents[2] / "examples" / "traces"
FILES = sorted(path for path in TRACES.iterdir() if path.suffix in (".pcap", ".pcapng", ".log"))
_OF_WHAT_IS_LEFT_OUT = {
    # Nothing says any more how long the capture went on behind its last message.
    "register-no-credentials.pcap": {"auth-no-credentials"},
}
_OF_MEDIA = {"rtp-source-mismatch"}
"""Checks that look at media and stand in another category."""
_OF_NETWORK_ONLY = {
    # A transcript has no ICMP and no TCP; the fault is then told as what is left of it.
    "port-closed.pcap": {"txn-icmp-unreachable", "txn-no-response"},
    "tcp-refused.pcap": {"tcp-connect-refused"},
    # Nor has it the packets behind the NAT, by which an address is known for a private one's.
    "behind-nat.pcap": {"resp-via-received-missing"},
    "healthy-behind-nat.pcap": {"resp-via-received-missing"},
}

each_example = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def _wire(message: SipMessage) -> tuple[object, ...]:
    seen = message.observation
    return (seen.source, seen.destination, round((seen.time or -1.0) * 1e6), seen.transport, message.raw)


def _findings(trace: Trace) -> dict[str, Severity]:
    """The checks found, but for media and for what is said of the recording itself."""
    skipped = (Category.MEDIA, Category.CAPTURE)
    findings = analyze(trace, AnalysisContext()).findings
    return {
        finding.check: finding.severity
        for finding in findings
        if finding.category not in skipped and finding.check not in _OF_MEDIA
    }


@each_example
def test_a_capture_says_the_same(path: Path) -> None:
    trace = read_trace(path, path.name)
    again = read_trace(converted(trace, Form.PCAP)[0], "again")
    assert [_wire(message) for message in again.messages] == [_wire(message) for message in trace.messages]
    assert [message.observation.fragments for message in again.messages] == [
        message.observation.fragments for message in trace.messages
    ]
    excepted = _OF_WHAT_IS_LEFT_OUT.get(path.name, set())
    assert {k: v for k, v in _findings(trace).items() if k not in excepted} == _findings(again)


@each_example
def test_a_transcript_says_the_same(path: Path) -> None:
    trace = read_trace(path, path.name)
    again = read_trace(converted(trace, Form.SIP)[0], "again")
    assert [_wire(message) for message in again.messages] == [_wire(message) for message in trace.messages]
    excepted = _OF_WHAT_IS_LEFT_OUT.get(path.name, set()) | _OF_NETWORK_ONLY.get(path.name, set())
    before, after = _findings(trace), _findings(again)
    assert {k: v for k, v in before.items() if k not in excepted} == {
        k: v for k, v in after.items() if k not in excepted
    }


@each_example
def test_json_says_the_same(path: Path) -> None:
    trace = read_trace(path, path.name)
    (written,) = TraceDocument.model_validate_json(converted(trace, Form.JSON)[0]).traces
    assert len(written.messages) == len(trace.messages)
    for told, message in zip(written.messages, trace.messages, strict=True):
        assert (told.time, told.start_line, told.call_id) == (
            message.observation.time,
            message.start_line,
            message.call_id,
        )
        assert told.cseq.split() == [str(message.cseq.number), message.cseq.method]
        assert (told.body or "").encode() == message.body
        assert [header.name for header in told.headers] == [header.written for header in message.headers]
