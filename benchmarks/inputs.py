"""Makes the benchmark captures: calls of SIP, and RTP streams, as pcap files written with numpy."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_GLOBAL_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
_START = 1_700_000_000
_HEADERS_BEFORE_PAYLOAD = 16 + 14 + 20 + 8
"""Record, Ethernet, IPv4 and UDP headers, in bytes."""
_SOURCE = slice(16 + 14 + 12, 16 + 14 + 16)
_CALLER = bytes((198, 51, 100, 10))
_ROWS_AT_ONCE = 100_000


def _packet(seconds: float, source: tuple[str, int], destination: tuple[str, int], payload: bytes, ip_id: int) -> bytes:
    """One pcap record of an Ethernet frame with IPv4 and UDP; checksums are zero, which means absent."""
    addresses = b"".join(bytes(map(int, host.split("."))) for host in (source[0], destination[0]))
    udp = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), ip_id & 0xFFFF, 0, 64, 17, 0) + addresses
    frame = b"\x00" * 12 + b"\x08\x00" + ip + udp
    micro = round(seconds * 1e6)
    return struct.pack("<IIII", micro // 1_000_000, micro % 1_000_000, len(frame), len(frame)) + frame


def _call(number: int, start: float, media_port: int, seconds: float = 20.6) -> list[tuple[float, bytes]]:
    """The seven messages of one healthy call: INVITE, 100, 180, 200, ACK, and `seconds` later BYE, 200."""
    caller, callee = ("198.51.100.10", 5060), ("203.0.113.20", 5060)
    call_id = f"{number}-bench@198.51.100.10"

    def message(start_line: str, cseq: str, branch: str, to_tag: str, body: str = "") -> bytes:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        contact = callee[0] if start_line.startswith("SIP") else caller[0]
        return (
            f"{start_line}\r\nVia: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bK-{number}-{branch};rport\r\n"
            f"From: <sip:alice@example.com>;tag=a{number}\r\nTo: <sip:bob@example.com>{to_tag}\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {cseq}\r\nContact: <sip:user@{contact}:5060>\r\n"
            f"Max-Forwards: 70\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def sdp(host: str, port: int) -> str:
        return (
            f"v=0\r\no=- {number} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
        )

    tag = f";tag=b{number}"
    offer, answer = sdp("198.51.100.10", media_port), sdp("203.0.113.20", media_port)
    steps = [
        (0.0, True, message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", "i", "", offer)),
        (0.001, False, message("SIP/2.0 100 Trying", "1 INVITE", "i", "")),
        (0.050, False, message("SIP/2.0 180 Ringing", "1 INVITE", "i", tag)),
        (0.500, False, message("SIP/2.0 200 OK", "1 INVITE", "i", tag, answer)),
        (0.510, True, message("ACK sip:user@203.0.113.20:5060 SIP/2.0", "1 ACK", "a", tag)),
        (seconds, True, message("BYE sip:user@203.0.113.20:5060 SIP/2.0", "2 BYE", "b", tag)),
        (seconds + 0.01, False, message("SIP/2.0 200 OK", "2 BYE", "b", tag)),
    ]
    return [
        (start + delay, _packet(start + delay, *((caller, callee) if forward else (callee, caller)), payload, number))
        for delay, forward, payload in steps
    ]


def write_calls(path: Path, calls: int, rate: float) -> None:
    """Write `calls` healthy calls that begin at `rate` a second."""
    records: list[tuple[float, bytes]] = []
    for number in range(calls):
        records += _call(number, _START + number / rate, 10_000 + 2 * (number % 20_000))
    records.sort(key=lambda record: record[0])
    path.write_bytes(_GLOBAL_HEADER + b"".join(data for _, data in records))


def write_media(path: Path, calls: int, packets: int) -> None:
    """Write `calls` calls at once, and `packets` RTP packets of 20 ms PCMU spread over their 2 * `calls` streams.

    Packet k of every stream stands before packet k + 1 of any. They are made and written some at a time.
    """
    streams = 2 * calls
    per_stream = packets // streams
    signalling = []
    for number in range(calls):
        start = _START + number / calls * 0.02
        signalling += _call(number, start, 10_000 + 2 * number, max(20.6, 0.7 + per_stream * 0.02))
    signalling.sort(key=lambda record: record[0])
    with path.open("wb") as file:
        file.write(_GLOBAL_HEADER)
        file.writelines(data for time, data in signalling if time < _START + 0.6)
        at_once = max(1, _ROWS_AT_ONCE // streams)
        for first in range(0, per_stream, at_once):
            file.write(_media(first, min(first + at_once, per_stream), calls))
        file.writelines(data for time, data in signalling if time >= _START + 0.6)


def _media(first: int, end: int, calls: int) -> memoryview:
    """The records of packets `first` to `end` of all streams."""
    streams = 2 * calls
    total = (end - first) * streams
    template = np.frombuffer(
        _packet(0.0, ("198.51.100.10", 1), ("203.0.113.20", 1), b"\x80\x00" + b"\x00" * 10 + b"\xd5" * 160, 0), np.uint8
    )
    step, stream = np.divmod(np.arange(first * streams, first * streams + total, dtype=np.int64), streams)
    call, reverse = np.divmod(stream, 2)
    micro = (_START * 10**6 + 600_000) + step * 20_000 + stream * 20_000 // streams
    rows = np.tile(template, (total, 1))

    def put(offset: int, values: np.ndarray, kind: str) -> None:
        rows[:, offset : offset + np.dtype(kind).itemsize] = values.astype(kind).view(np.uint8).reshape(total, -1)

    put(0, micro // 10**6, "<u4")
    put(4, micro % 10**6, "<u4")
    ethernet = 16
    ip, udp = ethernet + 14, ethernet + 34
    put(ip + 4, step * 7 + stream, ">u2")
    left, right = rows[:, ip + 12 : ip + 16].copy(), rows[:, ip + 16 : ip + 20].copy()
    backward = reverse.astype(bool)
    rows[backward, ip + 12 : ip + 16] = right[backward]
    rows[backward, ip + 16 : ip + 20] = left[backward]
    put(udp, 10_000 + 2 * call, ">u2")
    put(udp + 2, 10_000 + 2 * call, ">u2")
    rtp = udp + 8
    put(rtp + 2, (step + stream * 11) & 0xFFFF, ">u2")
    put(rtp + 4, (step * 160 + stream * 977) & 0xFFFFFFFF, ">u4")
    put(rtp + 8, stream + 0x10000000, ">u4")
    return rows.reshape(-1).data


def write_log(path: Path, size: int) -> None:
    """An Asterisk log of about `size` bytes: healthy calls, and 50 other lines for each SIP message."""
    other = (
        "[2026-08-07 08:45:42.123] DEBUG[4711][C-{number:08x}] pbx.c: Executing [s@default:{line}] "
        'Set("PJSIP/alice-{number:08x}", "X={line}") in new stack\n'
    )
    with path.open("wb") as file:
        number = 0
        while file.tell() < size:
            noise = "".join(other.format(number=number, line=line) for line in range(50)).encode()
            for delay, packet in _call(number, 0.0, 10_000):
                message = packet[_HEADERS_BEFORE_PAYLOAD:]
                way = "Received" if packet[_SOURCE] == _CALLER else "Transmitting"
                kind, preposition = ("response" if message.startswith(b"SIP/") else "request"), "from"
                if way == "Transmitting":
                    preposition = "to"
                seconds = 42 + number // 1000 % 10 + delay % 1
                file.write(
                    f"[2026-08-07 08:{number // 10_000 % 60:02}:{seconds:06.3f}] VERBOSE[4711] res_pjsip_logger.c: "
                    f"<--- {way} SIP {kind} ({len(message)} bytes) {preposition} UDP:198.51.100.10:5060 --->\n".encode()
                )
                file.write(message + b"\n" + noise)
            number += 1
