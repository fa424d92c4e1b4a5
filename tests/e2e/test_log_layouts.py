"""The example calls, written down as other programs would have logged them, show the same faults, and no others."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from tests.support import device_logs
from tests.support.sip_logs import Logged

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.logs.registry import read_log
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.analysis import analyze

TRACES = Path(__file__).parents[2] / "examples" / "traces"
HEALTHY = (
    "healthy-announcement", "healthy-behind-nat", "healthy-busy", "healthy-call", "healthy-callee-hangs-up",
    "healthy-cancelled", "healthy-delayed-offer", "healthy-early-media", "healthy-hold", "healthy-lost-answer",
    "healthy-prack", "healthy-register", "healthy-ten-calls", "healthy-video-declined",
)  # fmt: skip
FAULTY = (
    "ack-missing", "answer-lacks-media", "bye-rejected", "final-403", "final-404", "final-503", "invite-wrong-password",
    "no-codec-488", "no-common-codec", "no-sdp-answer", "private-sdp", "register-wrong-password", "same-sdp-version",
)  # fmt: skip
UNTIMED = {"jssip in a browser", "sipML5 in a browser", "baresip 1.0"}
"""What shows no time; faults of these calls that do not need one are shown all the same."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A call as a program would have logged it, with the two ends as the call has them."""

    call: list[Logged]
    local: str
    remote: str
    transport: str


LAYOUTS: dict[str, Callable[[Rendered], bytes]] = {
    "PJSIP": lambda r: device_logs.pjsua(r.call, remote=r.remote, transport=r.transport),
    "baresip": lambda r: device_logs.baresip(
        r.call, colours=True, local=r.local, remote=r.remote, transport=r.transport
    ),
    "baresip 1.0": lambda r: device_logs.baresip(
        r.call, times=False, colours=True, local=r.local, remote=r.remote, transport=r.transport
    ),
    "Linphone": lambda r: device_logs.linphone(r.call, remote=r.remote, transport=r.transport),
    "Linphone on Android": lambda r: device_logs.linphone_android(r.call, remote=r.remote, transport=r.transport),
    "JsSIP": lambda r: device_logs.jssip(r.call),
    "jssip in a browser": lambda r: device_logs.jssip(r.call, "styled", crlf=False),
    "SIP.js": lambda r: device_logs.sipjs(r.call),
    "Cisco IOS": lambda r: device_logs.cisco(r.call, blank_lines=False, width=80),
    "Cisco IOS XE": lambda r: device_logs.cisco(r.call, "trace", local=r.local, remote=r.remote, transport=r.transport),
    "Cisco Unified CM": lambda r: device_logs.cucm(r.call, remote=r.remote, transport=r.transport),
    "Oracle": lambda r: device_logs.oracle(r.call, crlf=False, others=1, local=r.local, remote=r.remote),
    "AudioCodes": lambda r: device_logs.audiocodes(r.call, limit=700, remote=r.remote, transport=r.transport),
    "sipgo": lambda r: device_logs.sipgo(r.call, local=r.local, remote=r.remote, transport=r.transport),
    "eXosip": lambda r: device_logs.exosip(r.call, prefix="2026-08-07 {time} sip: ", remote=r.remote),
    "sipML5 in a browser": lambda r: device_logs.sipml(r.call),
    "Ribbon, DBG": lambda r: device_logs.ribbon_debug(r.call),
    "Ribbon, TRC": lambda r: device_logs.ribbon_trace(r.call, limit=300, local=r.local, remote=r.remote),
}
layouts = pytest.mark.parametrize("layout", LAYOUTS)


@cache
def rendered(name: str) -> Rendered:
    trace = read_trace(TRACES / f"{name}.log", name)
    start = min(message.observation.time or 0.0 for message in trace.messages)
    call = [
        Logged(bool(message.observation.sent), message.raw, (message.observation.time or 0.0) - start)
        for message in trace.messages
    ]
    first = trace.messages[0].observation
    ends = (first.source, first.destination) if first.sent else (first.destination, first.source)
    return Rendered(call, str(ends[0]), str(ends[1]), first.transport.value)


def alarms(trace: Trace) -> set[str]:
    found = analyze(trace, AnalysisContext()).findings
    return {finding.check for finding in found if finding.severity.at_least(Severity.MEDIUM)}


@cache
def expected(name: str) -> set[str]:
    with (TRACES / "truth.tsv").open(newline="") as table:
        rows = {row["file"]: row["expected"] for row in csv.DictReader(table, delimiter="\t")}
    return set(rows[f"{name}.log"].split(","))


@layouts
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_calls_stay_healthy(layout: str, name: str) -> None:
    example = rendered(name)
    trace = read_log(LAYOUTS[layout](example), name)
    assert len(trace.messages) == len(example.call)
    assert alarms(trace) == set()


@layouts
@pytest.mark.parametrize("name", FAULTY)
def test_faults_are_found_in_every_layout(layout: str, name: str) -> None:
    example = rendered(name)
    trace = read_log(LAYOUTS[layout](example), name)
    assert len(trace.messages) == len(example.call)
    found = alarms(trace)
    before = alarms(read_trace(TRACES / f"{name}.log", name))
    assert found <= before
    if layout not in UNTIMED:
        assert found == before
        assert found & expected(name) or not before
