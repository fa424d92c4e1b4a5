"""Captures: as files, and as right files around wrong packets, datagrams and streams."""

from __future__ import annotations

import io
import zlib

from tests.support.certificates import encoded
from tests.support.invariants import in_step
from tests.support.packets import (
    ACK,
    FIN,
    PSH,
    SYN,
    enhanced_packet,
    ethernet,
    hep_2,
    hep_3,
    interface,
    ipv4,
    pcap,
    rtcp_sender_report,
    rtp,
    sctp,
    sctp_data,
    section,
    sip_request,
    sip_response,
    stun_binding_request,
    tcp_packet,
    udp_packet,
)
from tests.trace.capture import test_dtls, test_turn
from tests.trace.capture.test_mutations import SEEDS as DAMAGEABLE
from tests.trace.capture.test_websocket import SWITCHED, UPGRADE, ws

from fuzz import seeds, tokens
from fuzz.interface import Target
from fuzz.pieces import join, split
from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.capture.tls_handshake import read_certificates, read_client_hello, read_server_hello
from sip_ci.trace.capture.tls_keys import KeyLog
from sip_ci.trace.capture.tls_records import TlsRecordReader
from sip_ci.trace.capture.websocket import WebSocketDecoder
from sip_ci.trace.capture.x509 import read_certificate
from sip_ci.trace.defects import defects_of
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.media_streams import media_streams
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.notice_summary import summarise_notices
from sip_ci.trace.reading import read_trace

LIMITS = Limits(decompression_grace=1 << 20)
"""Bombs are met with in small inputs, too."""
_LINKS = sorted({link for link, _ in DAMAGEABLE} | {0, 12, 101, 108, 228, 229, 276})
_ENDS = [
    ("192.0.2.1", 5060),
    ("198.51.100.2", 5060),
    ("192.0.2.1", 4000),
    ("198.51.100.2", 4002),
    ("203.0.113.5", 3478),
    ("203.0.113.9", 9060),
    ("2001:db8::1", 5060),
    ("2001:db8::2", 5061),
]
_PORTS = (5060, 5061, 443, 9060)


def unfolded(data: bytes) -> int:
    """How many bytes an input has once its compression is undone, within the limits."""
    stream = InputStream(io.BytesIO(data), LIMITS, NoticeLog())
    size = 0
    while piece := stream.read(1 << 20):
        size += len(piece)
    return max(size, len(data))


def read(data: bytes) -> None:
    """Read a capture or anything else, and look at what comes of it."""
    trace = read_trace(data, "x", LIMITS)
    in_step(trace)
    summarise_notices(trace.notices)
    media_streams(trace.media)
    for message in trace.messages[:4]:
        defects_of(message)


def file(data: bytes) -> int:
    """A whole file."""
    read(data)
    return unfolded(data)


def frames(data: bytes) -> int:
    """Packets of every link layer in a pcapng file that is right."""
    content = section() + b"".join(interface(link) for link in _LINKS)
    packets = list(split(data))
    for number, (kind, packet) in enumerate(packets):
        content += enhanced_packet(packet, 10**15 + 20_000 * number, interface_id=kind % len(_LINKS))
    read(content)
    return len(content)


def datagrams(data: bytes) -> int:
    """UDP payloads between a few addresses."""
    packets = [
        ethernet(udp_packet(*_ends(kind), payload, ip_id=number)) for number, (kind, payload) in enumerate(split(data))
    ]
    content = pcap(packets)
    read(content)
    return len(content)


def _ends(kind: int) -> tuple[tuple[str, int], tuple[str, int]]:
    """Two ends of the same version of IP: bit 0 is the direction, the others say which."""
    pair = [(0, 1), (2, 3), (0, 4), (0, 5), (6, 7), (3, 0), (4, 1), (2, 1)][kind >> 1 & 7]
    first, second = _ENDS[pair[0]], _ENDS[pair[1]]
    return (second, first) if kind & 1 else (first, second)


def segments(data: bytes) -> int:
    """TCP segments of a few connections: in order, lost, repeated, overlapping.

    Bits of a piece's kind: 0 direction, 1 and 2 the port, 3 a gap before it, 4 a step back, 5 SYN, 6 FIN.
    """
    packets: list[bytes] = []
    places: dict[tuple[int, int], int] = {}
    for kind, payload in split(data):
        side = (kind & 1, kind >> 1 & 3)
        client, server = ("192.0.2.1", 40_000), ("198.51.100.2", _PORTS[side[1]])
        place = places.get(side, 1000) + (7 if kind & 8 else 0) - (5 if kind & 16 else 0)
        ends = (server, client) if kind & 1 else (client, server)
        flags = ACK | PSH | (SYN if kind & 32 else 0) | (FIN if kind & 64 else 0)
        packets.append(ethernet(tcp_packet(*ends, place, payload, flags)))
        places[side] = place + len(payload) + bool(kind & 32)
    content = pcap(packets)
    read(content)
    return len(content)


def chunks(data: bytes) -> int:
    """SCTP: DATA chunks with any flags and numbers, and chunks of any kind."""
    packets: list[bytes] = []
    for number, (kind, payload) in enumerate(split(data)):
        chunk = payload
        if kind & 64 == 0:
            chunk = sctp_data(
                number + (kind >> 3 & 7), payload, begin=bool(kind & 1), end=bool(kind & 2), unordered=bool(kind & 4)
            )
        packets.append(ethernet(ipv4("192.0.2.1", "198.51.100.2", 132, sctp(5060, 5060, chunk, tag=kind >> 7))))
    content = pcap(packets)
    read(content)
    return len(content)


def handshakes(data: bytes) -> int:
    """TLS records, and the handshake messages and certificates in them by themselves."""
    kind, body, mark = data[:1], data[1:], Mark(0, 1, None)
    match kind:
        case b"\0":
            reader = TlsRecordReader()
            for place in range(0, len(body), 61):
                reader.feed(body[place : place + 61], mark)
        case b"\1":
            read_client_hello(body, mark)
        case b"\2":
            read_client_hello(body, mark, datagram=True)
        case b"\3":
            read_server_hello(body, mark)
        case b"\4":
            read_certificates(body)
        case b"\5":
            KeyLog(body, [body]).text({body[:32]})
        case _:
            read_certificate(body)
    return len(data)


def web_sockets(data: bytes) -> int:
    """Frames of a WebSocket, in pieces of any size."""
    decoder = WebSocketDecoder(65536, NoticeLog())
    buffer = bytearray()
    size = data[0] + 1 if data else 1
    longest = 0
    for place in range(1, len(data), size):
        buffer += data[place : place + size]
        used, found = decoder.decode(buffer)
        assert used <= len(buffer)
        longest = max(longest, sum(len(message) for _, message in found))
        del buffer[:used]
    return len(data) + longest


def _frame_seeds() -> list[bytes]:
    return [join([(_LINKS.index(link), frame)] * 2) for link, frame in DAMAGEABLE]


def _datagram_seeds() -> list[bytes]:
    sip, offer = (
        sip_request(),
        sip_request(
            "INVITE", body=b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\nm=image 4002 udptl t38\r\n"
        ),
    )
    media = [(2 + number % 2, rtp(number)) for number in range(6)]
    hello = test_dtls.handshake(1, test_dtls.CLIENT_HELLO, 0) + test_dtls.handshake(2, test_dtls.SERVER_HELLO, 0)
    return [
        join([(0, offer), (1, sip_response()), *media, (2, rtcp_sender_report()), (2, stun_binding_request())]),
        join([(4, test_turn.bind(0x4001, test_turn.PEER)), (4, test_turn.channel_data(0x4001, rtp(1)))]),
        join([(4, test_turn.stun(0x0016, test_turn.peer(test_turn.PEER), test_turn.attribute(0x0013, rtp(1))))]),
        join([(6, hep_3(_ENDS[0], _ENDS[1], sip)), (6, hep_2(_ENDS[0], _ENDS[1], sip)), (8, sip)]),
        join(
            [
                (6, hep_3(_ENDS[6], _ENDS[7], sip, compressed=True)),
                (6, hep_3(_ENDS[0], _ENDS[1], rtcp_sender_report(), kind=5)),
            ]
        ),
        join(
            [(2, record) for record in hello]
            + [(3, record) for record in test_dtls.handshake(11, test_dtls.CERTIFICATES, 1, 300)]
        ),
    ]


def _segment_seeds() -> list[bytes]:
    request, response = sip_request(body=b"x" * 40), sip_response()
    masked = ws(request, mask=b"\1\2\3\4")
    packer = zlib.compressobj(wbits=-15)
    deflated = (packer.compress(request) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    return [
        join([(32, b""), (33, b""), (0, request[:100]), (0, request[100:] + b"\r\n\r\n"), (1, response), (64, b"")]),
        join([(0, request[:50]), (8, request[60:] + request), (16, request), (1, response + response)]),
        join(
            [
                (4, UPGRADE),
                (5, SWITCHED),
                (4, masked),
                (5, ws(response[:60], final=False)),
                (5, ws(response[60:], opcode=0)),
            ]
        ),
        join(
            [
                (4, UPGRADE),
                (5, SWITCHED),
                (4, ws(deflated, mask=b"abcd", compressed=True)),
                (5, ws(deflated, compressed=True)),
            ]
        ),
        join(
            [
                (2, _record(22, 1, _hello())),
                (3, _record(22, 2, b"\3\3" + bytes(32) + b"\0\xc0\x2b\0")),
                (3, b"\x15\3\3\0\2\2\x28"),
            ]
        ),
        join([(6, hep_3(_ENDS[0], _ENDS[1], request)), (6, hep_3(_ENDS[0], _ENDS[1], response)[:50])]),
    ]


def _hello() -> bytes:
    names = b"\0\0\0\x0e\0\x0c\0\0\x09localhost" + b"\0\x2b\0\3\2\3\4" + b"\0\x10\0\6\0\4\3sip"
    return b"\3\3" + bytes(32) + b"\0\0\4\xc0\x2b\x13\1\1\0" + len(names).to_bytes(2, "big") + names


def _record(kind: int, message: int, body: bytes) -> bytes:
    whole = bytes([message]) + len(body).to_bytes(3, "big") + body
    return bytes([kind]) + b"\3\3" + len(whole).to_bytes(2, "big") + whole


def _handshake_seeds() -> list[bytes]:
    certificate = encoded(hosts=["a.example", "*.b.example"], uris=["sip:a"], addresses=["192.0.2.1", "2001:db8::1"])
    chain = (len(certificate) + 3).to_bytes(3, "big") + len(certificate).to_bytes(3, "big") + certificate
    server = b"\3\3" + bytes(32) + b"\0\xc0\x2b\0" + b"\0\7\0\x2b\0\2\3\4\0"
    log = b"CLIENT_RANDOM " + b"0f" * 32 + b" " + b"ab" * 48 + b"\n"
    records = _record(22, 2, server) + _record(22, 11, chain) + b"\x15\3\3\0\2\1\0\x14\3\3\0\1\1\x17\3\3\0\4abcd"
    return [
        b"\0" + _record(22, 1, _hello()),
        b"\0" + records,
        b"\1" + _hello(),
        b"\2" + test_dtls.CLIENT_HELLO,
        b"\3" + server,
        b"\4" + chain,
        b"\5" + log,
        b"\6" + certificate,
    ]


def _web_socket_seeds() -> list[bytes]:
    packer = zlib.compressobj(wbits=-15)
    messages = [(packer.compress(sip_request()) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4] for _ in range(3)]
    return [
        b"\x40" + b"".join(ws(message, mask=b"abcd", compressed=True) for message in messages),
        b"\x10" + ws(b"", opcode=9) + ws(sip_request()[:90], final=False) + ws(sip_request()[90:], opcode=0),
    ]


def _chunk_seeds() -> list[bytes]:
    sip = sip_request()
    return [
        join([(3, sip)]),
        join([(1, sip[:40]), (0, sip[40:90]), (2, sip[90:])]),
        join([(7, sip), (67, b"\x01\0\0\x14" + bytes(16))]),
    ]


TARGETS = (
    Target("capture", file, lambda: [*seeds.captures(), *seeds.compressed()], tokens.CAPTURES),
    Target("frames", frames, _frame_seeds, tokens.CAPTURES),
    Target("datagrams", datagrams, _datagram_seeds, tokens.CAPTURES + tokens.SIP),
    Target("segments", segments, _segment_seeds, tokens.CAPTURES + tokens.SIP),
    Target("sctp", chunks, _chunk_seeds, tokens.SIP, 3000),
    Target("tls", handshakes, _handshake_seeds, tokens.CAPTURES, 3000),
    Target("websocket", web_sockets, _web_socket_seeds, (), 3000),
)
