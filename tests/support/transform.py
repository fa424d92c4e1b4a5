"""What captures of the same call look like elsewhere: doubled, cut, one-sided, filtered, or written by Asterisk."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import dpkt

_LINK_HEADER = {1: 14, 113: 16, 276: 20}
"""Bytes before the network layer: Ethernet, Linux cooked v1 and v2."""
_SIP_PORT = 5060
_COPY_SECONDS = 0.00002
_ETHERNET = 1
_UDP, _TCP = 17, 6


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a capture, with what its headers say."""

    time: float
    data: bytes
    source: str = ""
    """The source host as bytes in hexadecimal; empty for what is not IP."""
    sip: bytes = b""
    """The SIP message, where the frame is one whole datagram that holds one."""
    on_sip_port: bool = False
    """Whether it goes to or comes from port 5060, later fragments included."""
    cut_off: int = 0
    """How many bytes of it were not captured."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture as frames."""

    link_type: int
    frames: tuple[Frame, ...]

    def to_pcap(self) -> bytes:
        """The capture as a pcap file with microseconds."""
        records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, self.link_type)]
        for frame in self.frames:
            seconds, microseconds = divmod(round(frame.time * 1_000_000), 1_000_000)
            captured = len(frame.data)
            records.append(struct.pack("<IIII", seconds, microseconds, captured, captured + frame.cut_off) + frame.data)
        return b"".join(records)

    @property
    def sip_frames(self) -> list[int]:
        """Positions of the frames that hold a SIP message."""
        return [position for position, frame in enumerate(self.frames) if frame.sip]

    @property
    def hosts(self) -> list[str]:
        """The hosts that send SIP, in the order in which they first do."""
        return list(dict.fromkeys(frame.source for frame in self.frames if frame.sip))


def load(path: Path) -> Capture:
    """Reads a pcap or pcapng file."""
    data = path.read_bytes()
    reader = (dpkt.pcapng.Reader if data[:4] == b"\x0a\x0d\x0d\x0a" else dpkt.pcap.Reader)(io.BytesIO(data))
    link_type = reader.datalink()
    return Capture(link_type, tuple(_frame(float(time), bytes(raw), link_type) for time, raw in reader))


def _frame(time: float, raw: bytes, link_type: int) -> Frame:
    packet = raw[_LINK_HEADER[link_type] :]
    if not packet or packet[0] >> 4 not in (4, 6):
        return Frame(time, raw)
    if packet[0] >> 4 == 4:
        header, protocol, source = (packet[0] & 15) * 4, packet[9], packet[12:16]
        fragment = struct.unpack_from(">H", packet, 6)[0]
        if fragment & 0x1FFF:  # examples fragment nothing but SIP
            return Frame(time, raw, source.hex(), b"", True)
    else:
        header, protocol, source = 40, packet[6], packet[8:24]
    if protocol not in (_UDP, _TCP):
        return Frame(time, raw, source.hex())
    transport = packet[header:]
    on_sip_port = _SIP_PORT in struct.unpack_from(">HH", transport)
    body = transport[8:] if protocol == _UDP else transport[(transport[12] >> 4) * 4 :]
    is_sip = on_sip_port and b"SIP/2.0" in body.split(b"\r\n", 1)[0]
    return Frame(time, raw, source.hex(), body if is_sip else b"", on_sip_port)


def tripled(capture: Capture) -> Capture:
    """Every frame is captured three times, as on a bridge with `-i any`."""
    frames = tuple(
        replace(frame, time=frame.time + copy * _COPY_SECONDS) for frame in capture.frames for copy in range(3)
    )
    return replace(capture, frames=frames)


def without_first_messages(count: int) -> Callable[[Capture], Capture]:
    """The capture begins after the first `count` SIP messages."""

    def cut(capture: Capture) -> Capture:
        positions = capture.sip_frames
        return replace(capture, frames=capture.frames[positions[min(count, len(positions)) - 1] + 1 :])

    return cut


def without_last_messages(count: int) -> Callable[[Capture], Capture]:
    """The capture ends before the last `count` SIP messages."""

    def cut(capture: Capture) -> Capture:
        positions = capture.sip_frames
        return replace(capture, frames=capture.frames[: positions[max(len(positions) - count, 0)]])

    return cut


def one_side(number: int) -> Callable[[Capture], Capture]:
    """Only what one host sends is there: the first (0) or the second (1) that sends SIP."""

    def keep(capture: Capture) -> Capture:
        host = capture.hosts[number]
        return replace(capture, frames=tuple(frame for frame in capture.frames if frame.source == host))

    return keep


def sip_only(capture: Capture) -> Capture:
    """Recorded with a filter for port 5060."""
    return replace(capture, frames=tuple(frame for frame in capture.frames if frame.on_sip_port))


def snapped(length: int) -> Callable[[Capture], Capture]:
    """Recorded with a snap length (`tcpdump -s`): no more than `length` bytes of each frame are there."""

    def cut(capture: Capture) -> Capture:
        frames = tuple(
            replace(frame, data=frame.data[:length], cut_off=max(len(frame.data) - length, 0))
            for frame in capture.frames
        )
        return replace(capture, frames=frames)

    return cut


def without_message(number: int) -> Callable[[Capture], Capture]:
    """The recorder missed one SIP message, counted from 0; no other frame is missing."""

    def missed(capture: Capture) -> Capture:
        position = capture.sip_frames[number]
        return replace(capture, frames=capture.frames[:position] + capture.frames[position + 1 :])

    return missed


def chained(first: Capture, second: Capture, pause: float = 1.0) -> Capture:
    """Two captures one after the other in one file, the second `pause` seconds after the first ends.

    Raises:
        ValueError: they are of different link-layer types.
    """
    if first.link_type != second.link_type:
        raise ValueError("captures of different link-layer types do not fit into one pcap file")
    shift = first.frames[-1].time + pause - second.frames[0].time
    later = tuple(replace(frame, time=frame.time + shift) for frame in second.frames)
    return replace(first, frames=first.frames + later)


def as_asterisk(number: int) -> Callable[[Capture], Capture]:
    """As an Asterisk on the first (0) or second (1) side writes it (`pjsip set logger pcap`, res_pjsip_logger.c).

    SIP only, always IP and UDP in Ethernet frames without addresses, itself as 0.0.0.0:0.
    """

    def written(capture: Capture) -> Capture:
        asterisk = capture.hosts[number]
        frames = [
            replace(frame, data=_asterisk_frame(frame, asterisk, capture.link_type))
            for frame in capture.frames
            if frame.sip
        ]
        return Capture(_ETHERNET, tuple(frames))

    return written


def _asterisk_frame(frame: Frame, asterisk: str, link_type: int) -> bytes:
    sent = frame.source == asterisk
    peer = _destination(frame, link_type) if sent else bytes.fromhex(frame.source)
    source, destination = (bytes(len(peer)), peer) if sent else (peer, bytes(len(peer)))
    ports = (0, _SIP_PORT) if sent else (_SIP_PORT, 0)
    udp = struct.pack(">HHHH", *ports, 8 + len(frame.sip), 0) + frame.sip
    if len(peer) == 4:
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 128, _UDP, 0) + source + destination
        return bytes(12) + b"\x08\x00" + ip + udp
    ip = struct.pack(">IHBB", 0x60000000, len(udp), _UDP, 128) + source + destination
    return bytes(12) + b"\x86\xdd" + ip + udp


def _destination(frame: Frame, link_type: int) -> bytes:
    packet = frame.data[_LINK_HEADER[link_type] :]
    return packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]


VARIANTS: dict[str, Callable[[Capture], Capture]] = {
    "tripled": tripled,
    "begins-after-1": without_first_messages(1),
    "begins-after-3": without_first_messages(3),
    "begins-after-4": without_first_messages(4),
    "ends-before-1": without_last_messages(1),
    "ends-before-2": without_last_messages(2),
    "ends-before-3": without_last_messages(3),
    "ends-before-4": without_last_messages(4),
    "first-side-only": one_side(0),
    "second-side-only": one_side(1),
    "sip-only": sip_only,
    "snap-length-100": snapped(100),
    "snap-length-200": snapped(200),
    "snap-length-400": snapped(400),
    "asterisk-calls": as_asterisk(0),
    "asterisk-is-called": as_asterisk(1),
}
"""Name of the variant → how to make it. All of them leave a healthy call healthy."""
