"""What baresip prints of a call that it makes now, beside a capture of the same call."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.live.phones import call_between_phones, reason_without_baresip
from tests.support.requirements import require_for_live_calls

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

pytestmark = pytest.mark.live


def test_the_trace_of_both_phones_shows_the_call_of_the_capture(tmp_path: Path) -> None:
    require_for_live_calls(reason_without_baresip())
    capture = tmp_path / "call.pcap"
    call_between_phones(capture, 2.0, "-s")
    expected = read_trace(capture, "call.pcap").messages
    assert [message.method or message.status for message in expected] == ["INVITE", 180, 200, "ACK", "BYE", 200]
    for side in ("caller", "callee"):
        trace = read_trace(tmp_path / side / "output.log", side)
        assert trace.format == "baresip"
        assert [message.raw for message in trace.messages] == [message.raw for message in expected]
        for message, original in zip(trace.messages, expected, strict=True):
            assert message.observation.source == original.observation.source
            assert message.observation.destination == original.observation.destination
            assert message.observation.transport == original.observation.transport
        findings = analyze(trace, AnalysisContext()).findings
        assert not [finding for finding in findings if finding.severity.at_least(Severity.MEDIUM)]
