"""Kamailio as the proxy and registrar of a test call."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.network import Host

PASSWORD = "secret"
_CONFIGURATION = Path(__file__).parent / "proxy.cfg"
_SIP_PORT = ":13C4 "  # 5060, as /proc/net/udp writes it
_START_SECONDS = 15
_STOP_SECONDS = 5


def reason_without_kamailio() -> str:
    """Why Kamailio cannot be used here, in one sentence; empty where it can."""
    return "" if shutil.which("kamailio") else "not installed: kamailio"


def messages_of_proxy(folder: Path) -> Path:
    """What Kamailio's module sipdump wrote of the messages that went in and out."""
    (written,) = folder.glob("kamailio-sipdump-*.data")
    return written


def _in_uri(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@contextmanager
def proxy_running(host: Host, folder: Path, callee: str, *switches: str) -> Iterator[None]:
    """Runs Kamailio on `host` while the block runs; calls go to the address `callee`. RuntimeError if it fails."""
    folder.mkdir(exist_ok=True)
    command = ["kamailio", "-f", str(_CONFIGURATION), "-DD", "-E", "-m", "32", "-M", "4", "-u", "root", "-g", "root"]
    command += ["-w", str(folder), "-Y", str(folder), "-P", str(folder / "kamailio.pid")]
    command += ["-l", f"udp:{_in_uri(host.address)}:5060", "-A", f'CALLEE_URI="sip:{_in_uri(callee)}:5060"']
    command += ["-A", f'DUMP_FOLDER="{folder}"']
    for switch in switches:
        command += ["-A", switch]
    log = folder / "kamailio.log"
    with log.open("wb") as output:
        process = subprocess.Popen(host.command(*command), stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _START_SECONDS
        table = Path(f"/proc/{process.pid}/net/{'udp6' if ':' in host.address else 'udp'}")
        while _SIP_PORT not in table.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kamailio does not start: {log.read_text(errors='replace')}")
            time.sleep(0.05)
        # The port is bound before the workers read from it.
        time.sleep(0.5)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
