"""SIPp's own scenarios over the loopback interface, as most pipelines use them."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest
from tests.support.capture import recorded
from tests.support.command import analyzed
from tests.support.sipp import Sipp, finish

from sip_ci.findings import Severity
from sip_ci.report.json_models import Report

LOOPBACK = "127.0.0.1"

pytestmark = pytest.mark.live


def free_ports(count: int) -> list[int]:
    """UDP ports that nobody uses now."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def builtin(scenario: str, port: int, folder: Path, remote: int | None = None, **settings: object) -> Sipp:
    folder.mkdir()
    return Sipp(
        scenario,
        None,
        LOOPBACK,
        folder,
        port=port,
        remote=None if remote is None else f"{LOOPBACK}:{remote}",
        builtin=True,
        log="messages.log",
        **settings,  # type: ignore[arg-type]
    )


def checks_in(report: Report, name: str) -> set[str]:
    return {finding.check for finding in report.findings if finding.input == name}


def test_healthy_calls(tmp_path: Path) -> None:
    caller_port, callee_port = free_ports(2)
    capture = tmp_path / "call.pcap"
    with recorded(capture, None, "lo", f"udp port {caller_port} or udp port {callee_port}"):
        callee = builtin("uas", callee_port, tmp_path / "uas", calls=5).start()
        caller = builtin("uac", caller_port, tmp_path / "uac", callee_port, calls=5, talk=1.0).start()
        assert finish(caller, 20) == 0
        assert finish(callee, 5) == 0
    log = tmp_path / "uac" / "messages.log"
    report = analyzed(capture, log, folder=tmp_path)

    assert [each.calls for each in report.inputs] == [5, 5]
    assert [each.messages for each in report.inputs] == [30, 30]
    assert [finding.check for finding in report.findings if finding.severity.at_least(Severity.MEDIUM)] == []


def test_nobody_listens(tmp_path: Path) -> None:
    caller_port, callee_port = free_ports(2)
    capture = tmp_path / "call.pcap"
    with recorded(capture, None, "lo", f"udp port {caller_port} or udp port {callee_port} or icmp"):
        caller = builtin("uac", caller_port, tmp_path / "uac", callee_port, timeout=3.0).start()
        assert finish(caller, 5) != 0
    report = analyzed(capture, folder=tmp_path)

    assert "txn-icmp-unreachable" in checks_in(report, "call.pcap")


def test_callee_hangs(tmp_path: Path) -> None:
    caller_port, callee_port = free_ports(2)
    capture = tmp_path / "call.pcap"
    with recorded(capture, None, "lo", f"udp port {caller_port} or udp port {callee_port}"):
        callee = builtin("uas", callee_port, tmp_path / "uas").start()
        callee.send_signal(signal.SIGSTOP)
        try:
            caller = builtin("uac", caller_port, tmp_path / "uac", callee_port, timeout=8.0).start()
            assert finish(caller, 9) != 0
            time.sleep(0.5)
        finally:
            callee.kill()
            callee.communicate()
    log = tmp_path / "uac" / "messages.log"
    report = analyzed(capture, log, folder=tmp_path)

    assert "txn-no-response" in checks_in(report, "call.pcap")
    assert "txn-no-response" in checks_in(report, "uac/messages.log")
