"""Decrypts TLS connections whose secrets are known, with tshark, and finds the SIP messages in them.

tshark is not given the capture. It reads, from standard input, a capture that is made here: the streams as they were
put together, on addresses that mean nothing, and the secrets in front of them. So it need not know how the original is
packed or tunnelled, what it prints is told apart by packet number alone, and nothing of the input gets near its
command line. What it decrypts goes through the same framers as a plain stream.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO

from sip_ci.trace.capture.framing import StreamFramer
from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.capture.tls_connections import KeptSegment, Key, TlsConnections, TrackedConnection
from sip_ci.trace.capture.tls_keys import KeyLog
from sip_ci.trace.capture.web_sockets import WebSockets
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import NoticeKind

logger = logging.getLogger(__name__)

EmitMessage = Callable[[bytes, int, int, Mark, Transport, bool], None]

_PROGRAM = "tshark"
_ARGUMENTS = (
    "-n", "-Q", "-r", "-",
    # Each record is printed when it is complete, and as it is: not as a message of any protocol inside.
    "-o", "tls.desegment_ssl_records:TRUE", "-o", "tls.desegment_ssl_application_data:FALSE",
    "-o", "tcp.desegment_tcp_streams:TRUE", "-d", "tls.port==443,data",
    "--disable-protocol", "http", "--disable-protocol", "http2", "--disable-protocol", "websocket",
    "--disable-protocol", "sip", "--disable-protocol", "msrp",
    "-Y", "data", "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=,",
    "-e", "frame.number", "-e", "data.data",
)  # fmt: skip
_TRANSPORTS = {Transport.TCP: Transport.TLS, Transport.WS: Transport.WSS}

_LARGEST_SEGMENT = 32 * 1024
_LONGEST_LINE = 4 << 20
_SERVER = bytes((192, 0, 2, 1))


def read_tls(
    connections: TlsConnections, keys: KeyLog, emit: EmitMessage, web_sockets: WebSockets, limits: Limits,
    notices: NoticeLog,
) -> None:  # fmt: skip
    """Decrypt the connections that were kept and emit the SIP messages in them; what hinders that is a notice."""
    kept = list(connections.kept)
    if not kept:
        if keys.given:
            if not keys:
                notices.add(NoticeKind.DECRYPTION, "The TLS key log that was given holds no secrets")
            elif connections.any_hello:
                notices.add(
                    NoticeKind.DECRYPTION,
                    "The TLS key log that was given holds no secrets of the TLS connections in the capture",
                )
        return
    program = shutil.which(_PROGRAM)
    if program is None:
        notices.add(
            NoticeKind.DECRYPTION,
            "The secrets of TLS connections are known, but tshark, which decrypts them, is not installed",
            count=len(kept),
        )
        return
    try:
        _decrypt(program, kept, keys, emit, web_sockets, limits, notices)
    except OSError as error:
        logger.warning("tshark cannot be used: %s", error)
        notices.add(NoticeKind.DECRYPTION, "TLS connections were not decrypted, as tshark cannot be run here")
    for connection in kept:
        if not connection.read:
            notices.add(NoticeKind.DECRYPTION, "TLS connections whose secrets are known held no SIP that could be read")


def _decrypt(
    program: str, kept: list[TrackedConnection], keys: KeyLog, emit: EmitMessage, web_sockets: WebSockets,
    limits: Limits, notices: NoticeLog,
) -> None:  # fmt: skip
    with tempfile.TemporaryFile() as capture:
        sources = _write_capture(capture, kept, keys)
        capture.seek(0)
        inside = _Inside(emit, web_sockets, limits, notices)
        process = subprocess.Popen(
            [program, *_ARGUMENTS],
            stdin=capture,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # The user's preferences and plug-ins have no say in it.
            # A group of its own, so that it ends with everything that it may have started.
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", "LC_ALL": "C"},
        )
        timer = threading.Timer(limits.tls_seconds, _kill, (process,))
        timer.start()
        assert process.stdout is not None
        finished = False
        try:
            finished = _take(process.stdout, sources, inside)
        finally:
            timer.cancel()
            if not (finished and _ends(process)):
                _kill(process)
            process.wait()
            process.stdout.close()
        inside.finish()
        if process.returncode != 0 or not finished:
            notices.add(
                NoticeKind.DECRYPTION,
                f"tshark did not decrypt all TLS connections: it failed, or took more than {limits.tls_seconds:g} s",
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Whether it ends by itself now that all of its output was read."""
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        return False
    return True


def _take(output: IO[bytes], sources: list[tuple[TrackedConnection, KeptSegment]], inside: _Inside) -> bool:
    """Feed what tshark prints to the framers; whether all of it was understood."""
    # Two digits for each byte that went in, and some for each packet: what prints more is not to be trusted.
    left = 4 * sum(len(segment.data) for _, segment in sources) + 64 * len(sources)
    while line := output.readline(_LONGEST_LINE):
        left -= len(line)
        if left < 0:
            return False
        number, _, records = line.rstrip(b"\n").partition(b"\t")
        if not line.endswith(b"\n") or not number.isdigit() or not 0 < int(number) <= len(sources):
            return False
        connection, segment = sources[int(number) - 1]
        for record in records.split(b","):
            try:
                data = bytes.fromhex(record.decode("ascii").replace(":", ""))
            except ValueError:
                return False
            inside.feed(connection, segment, data)
    return True


class _Inside:
    """The decrypted streams."""

    def __init__(self, emit: EmitMessage, web_sockets: WebSockets, limits: Limits, notices: NoticeLog) -> None:
        self._emit = emit
        self._web_sockets = web_sockets
        self._limits = limits
        self._notices = notices
        self._framers: dict[tuple[int, Key], StreamFramer] = {}

    def feed(self, connection: TrackedConnection, segment: KeptSegment, data: bytes) -> None:
        """Take the next bytes of a direction."""
        place = (id(connection), segment.key)
        framer = self._framers.get(place)
        if framer is None:
            framer = self._framers[place] = self._framer(connection, segment.key)
        framer.feed(data, segment.mark)

    def finish(self) -> None:
        """All streams have ended."""
        for framer in self._framers.values():
            framer.finish()

    def _framer(self, connection: TrackedConnection, key: Key) -> StreamFramer:
        def emit(raw: bytes, mark: Mark, transport: Transport, cut: bool) -> None:
            connection.read = True
            self._emit(raw, key[0], key[1], mark, _TRANSPORTS[transport], cut)

        listener = _Listener(key, self._web_sockets)
        return StreamFramer(emit, self._limits, self._notices, patient=False, listener=listener)


class _Listener:
    __slots__ = ("_key", "_web_sockets")

    def __init__(self, key: Key, web_sockets: WebSockets) -> None:
        self._key = key
        self._web_sockets = web_sockets

    def tls(self, data: bytes, mark: Mark) -> bool:  # noqa: ARG002 - TLS inside TLS is not read
        return False

    def tls_gap(self) -> None:
        pass

    def http_head(self, head: bytes, mark: Mark) -> None:
        self._web_sockets.head(self._key, head, mark, secure=True)


def _write_capture(
    file: IO[bytes], kept: list[TrackedConnection], keys: KeyLog
) -> list[tuple[TrackedConnection, KeptSegment]]:
    """Write the streams as a pcapng file of raw IP, and say for each packet what it stands for."""
    randoms = {
        reader.side.client_hello.random
        for connection in kept
        for reader in connection.readers.values()
        if reader.side.client_hello is not None
    }
    secrets = keys.text(randoms)
    file.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
    # A decryption secrets block with a TLS key log, 0x544c534b (draft-ietf-opsawg-pcapng, section 4.7).
    file.write(_block(10, struct.pack("<II", 0x544C534B, len(secrets)) + secrets))
    file.write(_block(1, struct.pack("<HHI", 101, 0, 0)))
    sources: list[tuple[TrackedConnection, KeptSegment]] = []
    for number, connection in enumerate(kept, 1):
        client = bytes((10,)) + number.to_bytes(3, "big")
        for segment, packet in _packets(connection, client):
            sources.append((connection, segment))
            head = struct.pack("<IIIII", 0, 0, len(sources) & 0xFFFFFFFF, len(packet), len(packet))
            file.write(_block(6, head + packet))
    return sources


def _packets(connection: TrackedConnection, client: bytes) -> Iterator[tuple[KeptSegment, bytes]]:
    """The IP packets of one connection: from port 40000 of `client` to port 443 of the one server."""
    speaks = connection.client_key
    sent = {speaks: 1, speaks[::-1]: 1}
    for segment in connection.kept:
        by_client = segment.key == speaks
        ends = client + _SERVER if by_client else _SERVER + client
        ports = (40000, 443) if by_client else (443, 40000)
        for place in range(0, len(segment.data), _LARGEST_SEGMENT):
            data = segment.data[place : place + _LARGEST_SEGMENT]
            heard = sent[segment.key[::-1]]
            tcp = struct.pack(
                ">HHIIBBHHH", *ports, sent[segment.key] & 0xFFFFFFFF, heard & 0xFFFFFFFF, 0x50, 0x18, 0xFFFF, 0, 0
            )
            size = 40 + len(data)
            sent[segment.key] += len(data)
            yield segment, struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, 64, 6, 0) + ends + tcp + data


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)
