"""Captures of strangers whose label states a fault: it is found, and is a root."""

from __future__ import annotations

import pytest
from tests.support.corpus import CORPUS, needs_corpus

from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze

pytestmark = [pytest.mark.corpus, needs_corpus]

LABELS = (
    ("captures/sipnab__sip-488-codec-reject.pcapng", "sdp-488"),
    ("captures/sipnab__sip-auth-failure.pcapng", "auth-failed-credentials"),
    ("captures/sngrep__aaa.pcap", "auth-failed-credentials"),
    ("captures/sngrep__aaa.pcap", "final-408"),
    ("captures/heplify__sip_sctp.pcap", "final-403"),
    ("captures/heplify__FAX-Call-t38-CA-TDM-SIP-FB-1.pcap", "t38-reinvite-rejected"),
    ("captures/zeek__invalid-content-length.pcap", "msg-content-length-mismatch"),
    ("captures/suricata__sip-body-large-sip-body-large.pcap", "sec-oversize"),
)
"""File and the check that names what column `truth` of the index says of it."""


@pytest.mark.parametrize(
    ("name", "check"), LABELS, ids=[f"{name.partition('__')[2]}-{check}" for name, check in LABELS]
)
def test_the_stated_fault_is_a_root(name: str, check: str) -> None:
    findings = analyze(read_trace(CORPUS / name, name), AnalysisContext()).findings
    assert check in {finding.check for finding in findings}
    assert any(finding.root for finding in findings if finding.check == check)


def test_the_stated_loss_is_measured() -> None:
    """29 of 3000 packets were removed, which is below the share that is a finding."""
    name = "captures/asterisk-testsuite__opus_fec-16_bit_48khz_60_fec_dropped.pcapng"
    report = analyze(read_trace(CORPUS / name, name), AnalysisContext())
    assert [(stream.lost, stream.expected) for stream in report.quality.streams] == [(29, 3000)]
