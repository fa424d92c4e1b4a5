"""What a report gives as the reason why a check was not made is true of the trace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.analysis import analyze

TRACES = Path(__file__).parents[2] / "examples" / "traces"
FILES = sorted(path for path in TRACES.iterdir() if path.suffix in (".log", ".pcap"))
_METHOD = re.compile(r"the trace holds no ([A-Z]+)(?: and no ([A-Z]+)| or ([A-Z]+))?$")
_CODE = re.compile(r"no request was answered ([0-9]{3})$|the trace holds no ([0-9]{3})(?: or ([0-9]{3}))?$")
_NOT_METHODS = {"RTP", "SRTP", "RTCP", "DTLS", "SDP", "TLS", "UDPTL"}


def _methods(trace: Trace) -> set[str]:
    return {message.method for message in trace.messages if message.is_request}


def _codes(trace: Trace) -> set[str]:
    return {str(message.status) for message in trace.messages if not message.is_request}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_a_trace_is_said_to_lack_is_not_in_it(path: Path) -> None:
    trace = read_trace(path, path.name)
    methods, codes = _methods(trace), _codes(trace)

    for entry in analyze(trace, AnalysisContext()).not_checked:
        if found := _METHOD.match(entry.reason):
            assert not ({*found.groups()} - _NOT_METHODS - {None}) & methods, entry
        if found := _CODE.match(entry.reason):
            assert not {*found.groups()} & codes, entry
        if entry.reason.startswith("the trace holds no RTP"):
            assert not trace.media.rtp_packets, entry
