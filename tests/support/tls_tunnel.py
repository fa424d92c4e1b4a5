"""TLS for programs that have none: `python -m tests.support.tls_tunnel client|server HOST PORT TO_HOST TO_PORT …`.

As a `client` it takes TCP connections and goes on with TLS, as a `server` it takes TLS and goes on with TCP. OpenSSL
does the handshakes, checks certificates as it is told, and says goodbye with its own alerts.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired

from tests.support.network import Host

_ROOT = Path(__file__).parents[2]
_READY = "listening"
_STOP_SECONDS = 5
_CHUNK = 65536
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class End:
    """How one end of a TLS connection is set up; what is empty is left to OpenSSL."""

    lowest: str = ""
    """`1.2` or `1.3`."""
    highest: str = ""
    ciphers: str = ""
    """Of TLS 1.2, in OpenSSL's words."""
    certificate: str = ""
    """A file; with its key."""
    key: str = ""
    trusted: str = ""
    """A file of certificates that the other end's must come from; empty: any is taken."""
    name: str = "sip.example.com"
    """Whom a client asks for."""
    key_log: str = ""
    """A file that takes the secrets of the connections."""

    @property
    def options(self) -> list[str]:
        """How the tunnel's command line says the same."""
        return [f"--{each.name}={getattr(self, each.name)}" for each in fields(self)]

    def context(self, *, server: bool) -> ssl.SSLContext:
        """The same for Python's `ssl`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = bool(self.trusted) and not server
        context.verify_mode = ssl.CERT_REQUIRED if self.trusted else ssl.CERT_NONE
        if self.trusted:
            context.load_verify_locations(self.trusted)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        if self.lowest:
            context.minimum_version = _VERSIONS[self.lowest]
        if self.highest:
            context.maximum_version = _VERSIONS[self.highest]
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.key_log:
            context.keylog_filename = self.key_log
        return context


@contextmanager
def tunneling(
    host: Host | None, kind: str, listens: tuple[str, int], leads: tuple[str, int], end: End
) -> Iterator[None]:
    """Runs a tunnel on `host` while the block runs: `kind` is `client` or `server`. RuntimeError if it fails."""
    addresses = [str(part) for address in (listens, leads) for part in address]
    command = [sys.executable, "-m", "tests.support.tls_tunnel", kind, *addresses, *end.options]
    process = Popen(host.command(*command) if host else command, cwd=_ROOT, stdout=PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != _READY:
            raise RuntimeError("the TLS tunnel does not start")
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except TimeoutExpired:
            process.kill()
            process.communicate()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(_CHUNK):
            target.sendall(data)
    except OSError:
        pass
    finally:
        target.close()


def _join(kind: str, taken: socket.socket, leads: tuple[str, int], end: End, context: ssl.SSLContext) -> None:
    """Carries one connection on. A handshake in a blocking socket sends the alert that its failure asks for."""
    here, there = taken, None
    try:
        if kind == "server":
            here = context.wrap_socket(taken, server_side=True)
            there = socket.create_connection(leads)
        else:
            there = socket.create_connection(leads)
            there = context.wrap_socket(there, server_hostname=end.name)
    except OSError as error:
        print(error, file=sys.stderr)
        for each in (here, there):
            if each is not None:
                each.close()
        return
    threading.Thread(target=_copy, args=(here, there), daemon=True).start()
    threading.Thread(target=_copy, args=(there, here), daemon=True).start()


def _serve(kind: str, listens: tuple[str, int], leads: tuple[str, int], end: End) -> None:
    context = end.context(server=kind == "server")
    with socket.create_server(listens) as server:
        print(_READY, flush=True)
        while True:
            taken, _ = server.accept()
            threading.Thread(target=_join, args=(kind, taken, leads, end, context), daemon=True).start()


def main() -> None:
    """Tunnels until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("client", "server"))
    for name in ("host", "port", "to_host", "to_port"):
        parser.add_argument(name, type=int if name.endswith("port") else str)
    for each in fields(End):
        parser.add_argument(f"--{each.name}", default=each.default)
    given = parser.parse_args()
    end = End(**{each.name: getattr(given, each.name) for each in fields(End)})
    _serve(given.kind, (given.host, given.port), (given.to_host, given.to_port), end)


if __name__ == "__main__":
    main()
