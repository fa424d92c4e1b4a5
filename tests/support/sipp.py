"""Running SIPp as one side of a test call."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.network import Host
from tests.support.scenario import Scenario

SCENARIOS = Path(__file__).parent.parent / "e2e" / "live" / "scenarios"
_LISTEN_SECONDS = 30
_POLL_SECONDS = 0.02


def reason_without_sipp() -> str:
    """Why SIPp cannot be used here, in one sentence; empty where it can."""
    return "" if shutil.which("sipp") else "not installed: sipp"


def audio(*formats: str, ptime: int | None = 20) -> str:
    """What follows `m=audio PORT RTP/AVP` in an SDP body: `formats` are rtpmap values such as "0 PCMU/8000"."""
    lines = [" ".join(line.split()[0] for line in formats)]
    lines += [f"a=rtpmap:{line}" for line in formats]
    if ptime is not None:
        lines.append(f"a=ptime:{ptime}")
    return "\r\n".join(lines)


PCMU = audio("0 PCMU/8000")


@dataclass(frozen=True, slots=True)
class Sipp:
    """One SIPp process: where it runs, what it plays, and what the scenario's keywords stand for."""

    scenario: str | Scenario
    """A file of `scenarios/` without its ending, or one made for the test; or, with `builtin`, one of SIPp's own."""
    host: Host | None
    """None is this machine itself."""
    address: str
    folder: Path
    """Where SIPp runs and writes its log."""
    port: int = 5060
    remote: str | None = None
    """host:port to call; None waits for calls."""
    builtin: bool = False
    log: str = ""
    """Name of the `-trace_msg` log; empty writes none."""
    calls: int = 1
    rate: int = 10
    talk: float = 1.0
    """Length of the scenario's pauses, in seconds."""
    timeout: float = 30.0
    """When SIPp gives up, in seconds."""
    transport: str = "u1"
    keys: dict[str, str] = field(default_factory=dict)
    """Values of the scenario's keywords that differ from the usual ones."""
    arguments: tuple[str, ...] = ()
    """More command-line arguments."""

    def command(self) -> list[str]:
        """The command line, without the namespace."""
        bracketed = f"[{self.address}]" if ":" in self.address else self.address
        command = [
            "sipp",
            *(["-sn", str(self.scenario)] if self.builtin else ["-sf", str(self._scenario_file)]),
        ]
        command += [] if self.remote is None else [self.remote]
        command += ["-i", self.address, "-p", str(self.port), "-t", self.transport]
        command += ["-m", str(self.calls), "-r", str(self.rate), "-d", str(int(self.talk * 1000))]
        command += ["-nostdin", "-timeout", f"{self.timeout:g}s", "-skip_rlimit"]
        if self.remote is not None:
            # A caller that gives up just stops, so that a capture shows the fault and not SIPp's clearing up after it.
            command += ["-default_behaviors", "all,-bye"]
        if self.log:
            command += ["-trace_msg", "-message_file", self.log, "-trace_err", "-error_file", "errors.log"]
        if not self.builtin:
            keys = {
                "via": f"{bracketed}:{self.port}",
                "via_parameters": "",
                "contact": f"{bracketed}:{self.port}",
                "domain": self.remote or f"{bracketed}:{self.port}",
                "caller": "alice",
                "callee": "bob",
                "max_forwards": "70",
                "offer_address": self.address,
                "answer_address": self.address,
                "offer": PCMU,
                "answer": PCMU,
            } | self.keys
            for key, value in keys.items():
                command += ["-key", key, value]
        return [*command, *self.arguments]

    @property
    def _scenario_file(self) -> Path:
        if isinstance(self.scenario, Scenario):
            return self.folder / f"{self.scenario.name}.xml"
        return SCENARIOS / f"{self.scenario}.xml"

    def start(self) -> subprocess.Popen[str]:
        """Starts SIPp; a called side is awaited until it listens."""
        if isinstance(self.scenario, Scenario):
            self._scenario_file.write_text(self.scenario.xml)
        command = self.command()
        process = subprocess.Popen(
            self.host.command(*command) if self.host else command,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "TERM": "dumb"},
        )
        if self.remote is None:
            self._await_listening(process)
        return process

    def _await_listening(self, process: subprocess.Popen[str]) -> None:
        """Waits until the port is bound, as the kernel's tables of this process's own namespace say."""
        deadline = time.monotonic() + _LISTEN_SECONDS
        wanted = f":{self.port:04X} "
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"SIPp ended at once: {process.stderr.read() if process.stderr else ''}")
            for table in ("udp", "udp6", "tcp", "tcp6"):
                try:
                    if wanted in Path(f"/proc/{process.pid}/net/{table}").read_text():
                        return
                except OSError:
                    continue
            time.sleep(_POLL_SECONDS)
        process.kill()
        raise RuntimeError(f"SIPp does not listen on port {self.port}")


def finish(process: subprocess.Popen[str], seconds: float) -> int:
    """Waits for SIPp, ends it after `seconds`, and returns its exit code (0: every call as the scenario wants it)."""
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    return process.returncode
