from __future__ import annotations

import struct

import pytest
from tests.support.packets import ethernet, pcap, sip_request, sip_response, tcp_packet

from sip_ci.trace.capture.websocket import WebSocketDecoder, looks_like_frame
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport
from sip_ci.trace.reading import read_trace

CLIENT, SERVER = ("192.0.2.1", 40_000), ("198.51.100.2", 8080)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def ws(payload: bytes, *, mask: bytes = b"", opcode: int = 1, final: bool = True) -> bytes:
    size = len(payload)
    flag = 0x80 if mask else 0
    if size < 126:
        length = bytes([flag | size])
    elif size < 65536:
        length = bytes([flag | 126]) + struct.pack(">H", size)
    else:
        length = bytes([flag | 127]) + struct.pack(">Q", size)
    if mask:
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return bytes([(0x80 if final else 0) | opcode]) + length + mask + payload


def frames(client: bytes, server: bytes, size: int) -> list[bytes]:
    return [
        ethernet(tcp_packet(source, destination, 1 + place, stream[place : place + size]))
        for source, destination, stream in ((CLIENT, SERVER, client), (SERVER, CLIENT, server))
        for place in range(0, len(stream), size)
    ]


@pytest.mark.parametrize(("size", "handshake"), [(11, True), (400, True), (5000, True), (400, False), (5000, False)])
def test_sip_in_both_directions(size: int, handshake: bool) -> None:
    request, answer = sip_request(body=b"x" * 200), sip_response()
    client = ws(request, mask=b"\x12\x34\x56\x78") + ws(b"", opcode=9, mask=b"abcd") + ws(b"\r\n\r\n", mask=b"1234")
    server = ws(answer) + ws(answer[:100], final=False) + ws(answer[100:], opcode=0)
    if handshake:
        client, server = UPGRADE + client, SWITCHED + server
    trace = read_trace(pcap(frames(client, server, size)), "x")
    assert [message.raw for message in trace.messages] == [request, answer, answer]
    assert {message.observation.transport for message in trace.messages} == {Transport.WS}


def test_frames_of_all_length_forms() -> None:
    for size in (10, 125, 126, 65535, 65536):
        decoder = WebSocketDecoder(1 << 20, NoticeLog())
        data = bytearray(ws(b"x" * size, mask=b"\x01\x02\x03\x04"))
        used, messages = decoder.decode(data)
        assert (used, messages) == (len(data), [(len(data), b"x" * size)])


def test_a_frame_that_claims_too_much_ends_the_stream() -> None:
    decoder = WebSocketDecoder(1000, NoticeLog())
    decoder.decode(bytearray(b"\x81\x7f" + b"\x7f" * 8 + bytes(20)))
    assert decoder.broken


@pytest.mark.parametrize("data", [b"", b"\x81", bytes(40), b"\x81\x05hello" + bytes(20), sip_request()])
def test_what_does_not_look_like_a_frame(data: bytes) -> None:
    assert not looks_like_frame(data)
