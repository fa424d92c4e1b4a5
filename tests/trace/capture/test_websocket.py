from __future__ import annotations

import struct
import zlib

import pytest
from tests.support.packets import ethernet, pcap, sip_request, sip_response, tcp_packet

from sip_ci.trace.capture.websocket import WebSocketDecoder, looks_like_frame
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import NoticeKind

CLIENT, SERVER = ("192.0.2.1", 40_000), ("198.51.100.2", 8080)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def ws(payload: bytes, *, mask: bytes = b"", opcode: int = 1, final: bool = True, compressed: bool = False) -> bytes:
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
    return bytes([(0x80 if final else 0) | (0x40 if compressed else 0) | opcode]) + length + mask + payload


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


class Deflater:
    """A sender of permessage-deflate (RFC 7692 §7.2.1), with or without memory of what it sent before."""

    def __init__(self, *, takeover: bool = True, bits: int = 15) -> None:
        self._takeover = takeover
        self._bits = bits
        self._stream = zlib.compressobj(wbits=-bits)

    def __call__(self, message: bytes) -> bytes:
        if not self._takeover:
            self._stream = zlib.compressobj(wbits=-self._bits)
        folded = self._stream.compress(message) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        assert folded.endswith(b"\0\0\xff\xff")
        return folded[:-4]


MESSAGES = [sip_request(call_id=f"{number}@x", body=b"x" * number * 30) for number in range(6)]


def raws(client: bytes, *, size: int = 500) -> list[bytes]:
    return [message.raw for message in read_trace(pcap(frames(client, b"", size)), "x").messages]


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize("bits", [9, 15])
@pytest.mark.parametrize("size", [13, 5000])
def test_compressed_messages(takeover: bool, bits: int, size: int) -> None:
    fold = Deflater(takeover=takeover, bits=bits)
    stream = b"".join(ws(fold(message), mask=b"abcd", compressed=True) for message in MESSAGES)
    assert raws(UPGRADE + stream, size=size) == MESSAGES


def test_compressed_messages_in_fragments_among_plain_ones_and_control_frames() -> None:
    fold = Deflater()
    first, second = fold(MESSAGES[1]), fold(MESSAGES[2])
    stream = ws(first[:50], final=False, compressed=True) + ws(b"ping", opcode=9) + ws(first[50:], opcode=0)
    stream += ws(MESSAGES[0]) + ws(second, compressed=True)
    assert raws(UPGRADE + stream) == [MESSAGES[1], MESSAGES[0], MESSAGES[2]]


def test_a_message_that_ends_its_block() -> None:
    """RFC 7692 §7.2.3.4: a block may be the last one, and the window goes on."""
    ended = zlib.compressobj(wbits=-15)
    first = ended.compress(MESSAGES[0]) + ended.flush(zlib.Z_FINISH) + b"\0"
    follow = zlib.compressobj(wbits=-15, zdict=MESSAGES[0])
    second = follow.compress(MESSAGES[1]) + follow.flush(zlib.Z_SYNC_FLUSH)
    assert raws(UPGRADE + ws(first, compressed=True) + ws(second[:-4], compressed=True)) == MESSAGES[:2]


def test_compression_without_the_handshake() -> None:
    fold = Deflater(takeover=False)
    assert raws(b"".join(ws(fold(message), compressed=True) for message in MESSAGES), size=5000) == MESSAGES


def test_what_refers_to_what_is_missing_is_told() -> None:
    fold = Deflater()
    fold(MESSAGES[0])
    data = UPGRADE + ws(fold(MESSAGES[0]), compressed=True)
    trace = read_trace(pcap(frames(data, b"", 5000)), "x")
    assert trace.messages == ()
    assert [notice.kind for notice in trace.notices] == [NoticeKind.SKIPPED_BYTES]


def test_a_message_that_unfolds_without_end_is_given_up() -> None:
    bomb = Deflater()(bytes(50_000_000))
    trace = read_trace(pcap(frames(UPGRADE + ws(bomb, compressed=True) + ws(MESSAGES[0]), b"", 60_000)), "x")
    assert [message.raw for message in trace.messages] == [MESSAGES[0]]
    assert [notice.kind for notice in trace.notices] == [NoticeKind.SKIPPED_BYTES]


def test_a_lost_segment_costs_the_frames_around_it() -> None:
    lines = [ws(message, mask=b"abcd") for message in MESSAGES]
    packets = frames(UPGRADE, b"", 5000)
    place = 1 + len(UPGRADE)
    for number, line in enumerate(lines):
        if number != 2:
            packets.append(ethernet(tcp_packet(CLIENT, SERVER, place, line)))
        place += len(line)
    trace = read_trace(pcap(packets), "x")
    assert [message.raw for message in trace.messages] == [MESSAGES[0], MESSAGES[1], *MESSAGES[3:]]
    assert NoticeKind.TCP_GAP in {notice.kind for notice in trace.notices}


def test_the_opening_handshake() -> None:
    deflate = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    trace = read_trace(pcap(frames(UPGRADE, SWITCHED[:-2] + deflate, 5000)), "x")
    (found,) = trace.facts.web_sockets
    assert (found.client, found.server) == (Endpoint(*CLIENT), Endpoint(*SERVER))
    assert (found.path, found.offered, found.status, found.chosen) == ("/ws", ("sip",), 101, "")
    assert found.extensions == "permessage-deflate"
    assert (found.frame, found.answer_frame) == (1, 2)


def test_a_refused_handshake() -> None:
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    trace = read_trace(pcap(frames(UPGRADE, refused, 40)), "x")
    assert [item.status for item in trace.facts.web_sockets] == [403]


def test_requests_for_other_things_are_no_handshakes() -> None:
    get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert read_trace(pcap(frames(get, b"HTTP/1.1 200 OK\r\n\r\n", 5000)), "x").facts.web_sockets == ()
