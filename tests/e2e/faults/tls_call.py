"""Calls over TLS: SIPp on both sides, OpenSSL between them, certificates made for the call."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.e2e.live.calls import CALLEE, CALLEE_SSRC, CALLER, CALLER_SSRC
from tests.support.capture import recorded
from tests.support.network import Host, Network
from tests.support.playback import Piece, write_playback
from tests.support.scenario import Scenario
from tests.support.sipp import Sipp, finish
from tests.support.tls_tunnel import End, tunneling

SERVER_NAME = "sip.example.com"
TLS_PORT = 5061
_LOCAL_PORT = 5070
_LOOPBACK = "127.0.0.1"
_COMMAND_SECONDS = 30
_LINGER_SECONDS = 0.5
_AUTHORITY = """\
[ca]
default_ca = authority
[authority]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = names
copy_extensions = copy
[names]
commonName = supplied
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the server's certificate is."""

    name: str = SERVER_NAME
    days: tuple[int, int] = (-30, 330)
    """From when until when it is valid, in days from now."""
    self_signed: bool = False


_VALID = Certificate()
_USUAL = End()


@dataclass(frozen=True, slots=True)
class TlsCall:
    """What one call over TLS is made of."""

    scenarios: tuple[Scenario, Scenario]
    plays: tuple[Piece, ...] = ()
    talk: float = 3.0
    timeout: float = 15.0
    """When the caller's SIPp gives up, in seconds."""
    certificate: Certificate = _VALID
    client: End = _USUAL
    server: End = _USUAL
    verifies: bool = False
    """Whether the client trusts the authority of this test and nobody else."""
    wants_client_certificate: bool = False
    keys_kept: bool = False
    """Whether the secrets of the connections are put into the capture."""
    client_speaks: str = "tls"
    """`tcp`: the caller sends plain SIP to the TLS port."""
    server_speaks: str = "tls"
    """`tcp`: the callee's port takes plain SIP."""

    @property
    def suffix(self) -> str:
        """The ending of the capture's name."""
        return ".pcapng" if self.keys_kept else ".pcap"

    @property
    def seen_from_one_place(self) -> bool:
        """SIPp's log shows what goes to the tunnel, at other addresses."""
        return False

    @property
    def seconds(self) -> float:
        """How long the call may take."""
        return self.talk + 1

    @property
    def programs(self) -> str:
        """Which programs made the call, in a few words."""
        return "SIPp → OpenSSL → SIPp"

    def missing(self) -> str:
        """What else than SIPp it needs and is not here, in one sentence; empty where nothing is missing."""
        missing = [name for name in ("openssl", "editcap") if shutil.which(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else ""

    def record(self, folder: Path) -> tuple[Path, Path | None]:
        """Makes the call; returns the capture. RuntimeError where a tool fails."""
        capture, key_log = folder / "call.pcap", folder / "keys.log"
        trusted = _make_identity(folder, self.certificate)
        client, server = self.client, replace(self.server, certificate=str(folder / "own.pem"))
        server = replace(server, key=str(folder / "own.key"))
        if self.verifies:
            client = replace(client, trusted=str(trusted))
        if self.wants_client_certificate:
            server = replace(server, trusted=str(trusted))
        if self.keys_kept:
            client = replace(client, key_log=str(key_log))
        with Network() as network, ExitStack() as running:
            caller, callee = network.host("caller", CALLER), network.host("callee", CALLEE)
            if self.server_speaks == "tls":
                leads = (_LOOPBACK, 5060)
                running.enter_context(tunneling(callee, "server", (CALLEE, TLS_PORT), leads, server))
            if self.client_speaks == "tls":
                port = TLS_PORT if self.server_speaks == "tls" else 5060
                running.enter_context(tunneling(caller, "client", (_LOOPBACK, _LOCAL_PORT), (CALLEE, port), client))
            with recorded(capture, caller):
                self._call(folder, caller, callee)
                time.sleep(_LINGER_SECONDS)
        if not self.keys_kept:
            return capture, None
        readable = folder / "readable.pcapng"
        _run("editcap", "--inject-secrets", f"tls,{key_log}", str(capture), str(readable), folder=folder)
        return readable, None

    def _call(self, folder: Path, caller: Host, callee: Host) -> None:
        calling, called = (_over_tls(scenario) for scenario in self.scenarios)
        remote = f"{_LOOPBACK}:{_LOCAL_PORT}" if self.client_speaks == "tls" else f"{CALLEE}:{TLS_PORT}"
        processes = []
        for scenario, host, address, ssrc, called_at in (
            (called, callee, CALLEE, CALLEE_SSRC, None),
            (calling, caller, CALLER, CALLER_SSRC, remote),
        ):
            own = folder / scenario.name
            own.mkdir()
            write_playback(own / "stretch-1.pcap", ssrc, self.plays)
            listens = _LOOPBACK if called_at is None and self.server_speaks == "tls" else address
            keys = {"contact": f"{address}:{TLS_PORT}", "via": f"{address}:{TLS_PORT}", "domain": SERVER_NAME}
            keys |= {"offer_address": address, "answer_address": address}
            processes.append(
                Sipp(
                    scenario,
                    host,
                    listens if called_at is None else _LOOPBACK if self.client_speaks == "tls" else address,
                    own,
                    remote=called_at,
                    talk=self.talk,
                    timeout=self.timeout,
                    transport="t1",
                    keys=keys,
                    arguments=("-mi", address),
                ).start()
            )
        finish(processes[1], self.timeout + 1)
        finish(processes[0], 1)


def _over_tls(scenario: Scenario) -> Scenario:
    """The same messages as a program says them that speaks TLS itself."""
    steps = (step.replace(";transport=[transport]", "").replace("[transport]", "TLS") for step in scenario.steps)
    return Scenario(scenario.name, *steps)


def _run(*command: str, folder: Path) -> None:
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False)
    if outcome.returncode:
        raise RuntimeError(f"{command[0]}: {outcome.stderr}")


def _make_identity(folder: Path, certificate: Certificate) -> Path:
    """Makes `own.pem` and `own.key`, and an authority that signed them; returns the authority's certificate."""
    (folder / "authority.cnf").write_text(_AUTHORITY)
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("01\n")
    for name, subject in (("authority", "Example Authority"), ("own", certificate.name)):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
        names = ("-addext", f"subjectAltName=DNS:{subject}") if name == "own" else ()
        kind = ("-x509", "-days", "365", "-out", f"{name}.pem") if name == "authority" else ("-out", f"{name}.csr")
        _run("openssl", "req", *key, *kind, "-subj", f"/CN={subject}", *names, folder=folder)
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(days=day):%Y%m%d%H%M%SZ}" for day in certificate.days)
    if certificate.self_signed:
        signer = ("-selfsign", "-keyfile", "own.key")
    else:
        signer = ("-cert", "authority.pem", "-keyfile", "authority.key")
    dates = ("-startdate", start, "-enddate", end)
    files = ("-config", "authority.cnf", "-in", "own.csr", "-out", "own.pem")
    _run("openssl", "ca", "-batch", "-notext", *signer, *files, *dates, folder=folder)
    return folder / "authority.pem"
