"""TLS by OpenSSL with its key log, decrypted through tshark: the same messages come out that went in."""

from __future__ import annotations

import os
import shutil
import stat
import struct
from pathlib import Path

import pytest
from tests.support.packets import block, enhanced_packet, interface, pcap, section, sip_request, sip_response
from tests.support.tls import (
    CLIENT,
    SERVER,
    Identity,
    Talk,
    client_context,
    make_identity,
    needs_openssl,
    server_context,
    talk,
)

from sip_ci.trace.capture.tls_keys import MAXIMUM_KEY_LOG, KeyLog
from sip_ci.trace.limits import Limits
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind, Trace

pytestmark = [
    needs_openssl,
    pytest.mark.tshark,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark"),
]

REQUEST, RESPONSE = sip_request("INVITE", "1@x", body=b"v=0\r\n" * 5000), sip_response(method="INVITE", call_id="1@x")
LINES = [
    (True, REQUEST), (False, RESPONSE[:70]), (False, RESPONSE[70:]), (True, b"\r\n\r\n"), (False, b"\r\n"),
    (True, sip_request(call_id="2@x") + sip_request(call_id="3@x")),
]  # fmt: skip
EXPECTED = [REQUEST, RESPONSE, sip_request(call_id="2@x"), sip_request(call_id="3@x")]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"))


def spoken(identity: Identity, keys: Path, version: str = "1.3", lines: list[tuple[bool, bytes]] | None = None) -> Talk:
    client = client_context(key_log=keys)
    client.set_alpn_protocols(["sip", "http/1.1"])
    server = server_context(identity, version)
    server.set_alpn_protocols(["http/1.1"])
    return talk(client, server, LINES if lines is None else lines)


def decrypt(packets: list[bytes], keys: Path, limits: Limits | None = None) -> Trace:
    return read_trace(pcap(packets), "x", limits, keys.read_bytes())


def raws(trace: Trace) -> list[bytes]:
    return [message.raw for message in trace.messages]


@pytest.mark.parametrize("size", [50, 1400, 60_000])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_what_went_in_comes_out(identity: Identity, tmp_path: Path, version: str, size: int) -> None:
    keys = tmp_path / "keys.txt"
    trace = decrypt(spoken(identity, keys, version).packets(size), keys)
    assert raws(trace) == EXPECTED
    assert trace.notices == ()
    first = trace.messages[0].observation
    assert (first.transport, first.source, first.destination) == (Transport.TLS, Endpoint(*CLIENT), Endpoint(*SERVER))
    frames = [message.observation.position.frame or 0 for message in trace.messages]
    assert frames == sorted(frames)
    assert first.time == pytest.approx(1_700_000_000 + (frames[0] - 1) * 0.02)
    assert trace.facts.tls_connections == ()
    assert [item.read for item in trace.facts.tls] == [True]


def test_several_connections_and_other_packets(identity: Identity, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    packets: list[bytes] = []
    for port in range(5):
        lines = [(True, sip_request(call_id=f"{port}@x"))]
        packets += spoken(identity, keys, lines=lines).packets(
            client=("2001:db8::1", 30_000 + port), server=("2001:db8::2", 7000)
        )
    trace = decrypt(packets, keys)
    assert [message.call_id for message in trace.messages] == [f"{port}@x" for port in range(5)]
    sources = [message.observation.source for message in trace.messages]
    assert sources == [Endpoint("2001:db8::1", 30_000 + port) for port in range(5)]


def test_a_websocket_inside(identity: Identity, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    upgrade = b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    frame = b"\x81\x7e" + struct.pack(">H", len(RESPONSE)) + RESPONSE
    trace = decrypt(spoken(identity, keys, lines=[(True, upgrade), (False, switched + frame)]).packets(), keys)
    assert raws(trace) == [RESPONSE]
    assert trace.messages[0].observation.transport is Transport.WSS
    (handshake,) = trace.facts.web_sockets
    assert (handshake.offered, handshake.chosen, handshake.status, handshake.secure) == (("sip",), "sip", 101, True)


def test_secrets_in_the_capture(identity: Identity, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    packets = spoken(identity, keys).packets()
    text = keys.read_bytes()
    for order in "<>":
        secrets = block(10, struct.pack(order + "II", 0x544C534B, len(text)) + text, order)
        data = [section(order), secrets, interface(order=order)]
        data += [enhanced_packet(packet, number, order=order) for number, packet in enumerate(packets)]
        assert raws(read_trace(b"".join(data), "x")) == EXPECTED


def test_a_hole_ends_the_stream(identity: Identity, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    lines = [(True, sip_request(call_id=f"{number}@x")) for number in range(10)]
    packets = spoken(identity, keys, lines=lines).packets()
    del packets[-5]
    trace = decrypt(packets, keys)
    assert 1 < len(trace.messages) < 10
    assert NoticeKind.DECRYPTION in {notice.kind for notice in trace.notices}


def test_keys_of_other_connections(identity: Identity, tmp_path: Path) -> None:
    packets = spoken(identity, tmp_path / "keys.txt").packets()
    spoken(identity, tmp_path / "others.txt")
    for keys in (tmp_path / "others.txt", Path(os.devnull)):
        trace = decrypt(packets, keys)
        assert trace.messages == ()
        assert len(trace.facts.tls_connections) == 1
    assert NoticeKind.DECRYPTION in {notice.kind for notice in decrypt(packets, tmp_path / "others.txt").notices}


def test_wrong_secrets_decrypt_nothing(identity: Identity, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    packets = spoken(identity, keys).packets()
    wrong = "\n".join(line[:-4] + "0000" for line in keys.read_text().splitlines() if not line.startswith("#"))
    keys.write_text(wrong)
    trace = decrypt(packets, keys)
    assert trace.messages == ()
    assert NoticeKind.DECRYPTION in {notice.kind for notice in trace.notices}


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program in the place of tshark."""
    program = folder / "tshark"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    "script",
    ["exit 3", "echo nonsense", "printf '1\\tzz\\n'", "printf '999999\\t00\\n'", "yes 1", "sleep 60", "kill -9 $$"],
)
def test_a_tshark_that_fails(
    identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:  # fmt: skip
    keys = tmp_path / "keys.txt"
    packets = spoken(identity, keys).packets()
    stand_in(tmp_path, script, monkeypatch)
    trace = decrypt(packets, keys, Limits(tls_seconds=0.5))
    assert trace.messages == ()
    assert NoticeKind.DECRYPTION in {notice.kind for notice in trace.notices}


def test_no_tshark(identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys.txt"
    packets = spoken(identity, keys).packets()
    monkeypatch.setenv("PATH", str(tmp_path))
    (notice,) = decrypt(packets, keys).notices
    assert notice.kind is NoticeKind.DECRYPTION
    assert "tshark" in notice.text


def test_what_is_kept_is_bounded(identity: Identity, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    packets = spoken(identity, keys).packets()
    kinds = {notice.kind for notice in decrypt(packets, keys, Limits(tls_bytes=4000)).notices}
    assert NoticeKind.LIMIT in kinds


def test_of_a_key_log_only_secrets_are_taken() -> None:
    random = bytes(range(32))
    good = b"CLIENT_RANDOM %s %s" % (random.hex().encode(), b"ab" * 48)
    keys = KeyLog(
        b"# comment\r\n-o x:y\n" + good + b"\r\nCLIENT_RANDOM zz ab\n" + b"RSA 0011 2233\n$(id) " + good + b"\n"
    )
    assert keys.given
    assert keys.knows(random)
    assert keys.text({random, bytes(32)}) == good + b"\n"
    assert not KeyLog(b"nothing")
    assert not KeyLog(b" " * (MAXIMUM_KEY_LOG + 10) + good)
