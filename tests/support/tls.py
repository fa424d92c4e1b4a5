"""TLS conversations by OpenSSL, held in memory and written as captures: real handshakes without sockets."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.packets import ACK, FIN, PSH, RST, SYN, Address, ethernet, tcp_packet

CLIENT: Address = ("192.0.2.1", 40_000)
SERVER: Address = ("198.51.100.2", 5061)

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="not installed: openssl")

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Identity:
    """A self-signed certificate and its key."""

    certificate: Path
    key: Path


def make_identity(folder: Path, name: str = "sip.example.com", names: str = "") -> Identity:
    """Make one that is valid for a day from now; `names` are its subjectAltName where they are others than `name`."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "1", "-keyout", str(key), "-out", str(certificate), "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={names or f'DNS:{name},URI:sip:{name}'}",
        ],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return Identity(certificate, key)


def server_context(identity: Identity, version: str = "1.3") -> ssl.SSLContext:
    """A server that speaks one version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


def client_context(*, key_log: Path | None = None, verify: bool = False) -> ssl.SSLContext:
    """A client that speaks every version, and trusts everybody unless it is to verify."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if key_log is not None:
        context.keylog_filename = str(key_log)
    return context


@dataclass
class Talk:
    """What was said, in order: whether by the client, and the bytes."""

    said: list[tuple[bool, bytes]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def stream(self, *, by_client: bool) -> bytes:
        """All bytes of one side."""
        return b"".join(data for client, data in self.said if client is by_client)

    def packets(
        self, size: int = 1400, *, client: Address = CLIENT, server: Address = SERVER, start: int = 1000,
        end: str = "FIN", opened: bool = True,
    ) -> list[bytes]:  # fmt: skip
        """The segments of the connection, of at most `size` bytes each; `end` is `FIN`, `RST` or empty."""
        found: list[bytes] = []
        next_byte = {True: start, False: 2 * start}
        if opened:
            found.append(ethernet(tcp_packet(client, server, next_byte[True], flags=SYN)))
            found.append(ethernet(tcp_packet(server, client, next_byte[False], flags=SYN | ACK)))
            next_byte = {side: number + 1 for side, number in next_byte.items()}
        for by_client, data in self.said:
            ends = (client, server) if by_client else (server, client)
            for place in range(0, len(data), size):
                piece = data[place : place + size]
                found.append(ethernet(tcp_packet(*ends, next_byte[by_client], piece, ACK | PSH)))
                next_byte[by_client] += len(piece)
        if end:
            flag = FIN if end == "FIN" else RST
            found.append(ethernet(tcp_packet(server, client, next_byte[False], flags=flag | ACK)))
        return found


def talk(
    client: ssl.SSLContext, server: ssl.SSLContext, lines: Iterable[tuple[bool, bytes]] = (), *,
    name: str = "sip.example.com",
) -> Talk:  # fmt: skip
    """Let two contexts shake hands and say `lines`; a handshake that fails ends the talk with its alert."""
    result = Talk()
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    out_client, out_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = {
        True: client.wrap_bio(to_client, out_client, server_hostname=name),
        False: server.wrap_bio(to_server, out_server, server_side=True),
    }
    done = {True: False, False: False}

    def carry() -> None:
        for by_client, source, target in ((True, out_client, to_server), (False, out_server, to_client)):
            if data := source.read():
                result.said.append((by_client, data))
                target.write(data)

    for _ in range(10):
        for side, end in ends.items():
            if done[side]:
                continue
            try:
                end.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                result.errors.append(str(error))
                carry()
                return result
            carry()
        if all(done.values()):
            break
    for by_client, line in lines:
        ends[by_client].write(line)
        carry()
        try:
            ends[not by_client].read(1 << 20)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            result.errors.append(str(error))
            carry()
            return result
    return result


def server_says(talked: Talk, lines: Sequence[bytes]) -> Talk:
    """The same talk with plain text in the place of everything that the server says."""
    return Talk([(True, data) for by_client, data in talked.said[:1] if by_client] + [(False, line) for line in lines])
