"""The block-structured capture file (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sip_ci.trace.capture.records import CHUNK, PADDING, RecordBatch
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.trace import NoticeKind

MAGIC = b"\x0a\x0d\x0d\x0a"
FILE_HEADER = 28
"""The least length of the first block, the section header, in bytes; a shorter file is no capture."""

_SECTION = 0x0A0D0D0A
_INTERFACE = 1
_PACKET = 2
_SIMPLE_PACKET = 3
_STATISTICS = 5
_ENHANCED_PACKET = 6
_SECRETS = 10
_SECRETS_TLS = 0x544C534B
"""Secrets in the form of a TLS key log (draft-ietf-opsawg-pcapng, Decryption Secrets Block)."""

_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}

_OPTION_TIME_RESOLUTION = 9
_OPTION_TIME_OFFSET = 14
_OPTION_DROPPED_BY_INTERFACE = 5
_OPTION_DROPPED_BY_SYSTEM = 7

_OTHER_BLOCK_BYTES = 16 << 20
"""Blocks that are no packets (decryption secrets, name resolution) may be large, but not without bound."""


@dataclass(slots=True)
class _Interface:
    link: int
    snap_length: int
    ticks_per_second: int = 1_000_000
    offset_seconds: int = 0
    dropped: int = 0

    def nanoseconds(self, ticks: int) -> int:
        return ticks * 1_000_000_000 // self.ticks_per_second + self.offset_seconds * 1_000_000_000


@dataclass(slots=True)
class _Rows:
    offset: list[int] = field(default_factory=list)
    captured: list[int] = field(default_factory=list)
    wire: list[int] = field(default_factory=list)
    time_ns: list[int] = field(default_factory=list)
    link: list[int] = field(default_factory=list)


class PcapngReader:
    """Reads one file; `dropped` is complete when `batches` has ended."""

    def __init__(self, stream: InputStream, limits: Limits, notices: NoticeLog) -> None:
        self._stream = stream
        self._limits = limits
        self._notices = notices
        self.secrets: list[bytes] = []
        """The TLS key logs of the decryption secrets blocks."""
        self._interfaces: list[_Interface] = []
        self._seen_interfaces = 0
        self._order = "<"
        self._last_ns = 0
        self._dropped = 0
        self._frame = 1

    @property
    def dropped(self) -> int:
        """Packets that the capturing program says it lost, on all interfaces of all sections."""
        return self._dropped + sum(interface.dropped for interface in self._interfaces)

    def batches(self) -> Iterator[RecordBatch]:
        """Yield the packets; a block that is cut off or lies about its length ends the reading with a notice."""
        rest = b""
        while True:
            piece = self._stream.read(CHUNK)
            data = rest + piece
            rows = _Rows()
            position, damage = self._scan(data, rows)
            if rows.offset:
                yield RecordBatch(
                    buffer=data + bytes(PADDING),
                    frame=self._frame + np.arange(len(rows.offset), dtype=np.int64),
                    offset=np.array(rows.offset, np.int64),
                    captured=np.array(rows.captured, np.int64),
                    wire=np.array(rows.wire, np.int64),
                    time_ns=np.array(rows.time_ns, np.int64),
                    link=np.array(rows.link, np.int32),
                )
                self._frame += len(rows.offset)
            if damage:
                self._notices.add(
                    NoticeKind.MALFORMED_BLOCK, f"{damage}; everything before it was read", frame=self._frame
                )
                return
            rest = data[position:]
            if not piece:
                if rest:
                    self._notices.add(
                        NoticeKind.TRUNCATED_FILE,
                        "The capture ends inside a block; everything before it was read",
                        frame=self._frame,
                    )
                return

    def _scan(self, data: bytes, rows: _Rows) -> tuple[int, str]:
        """Walk over the complete blocks; the offset behind the last one, and what is wrong there, if anything."""
        size = len(data)
        position = 0
        head = struct.Struct(self._order + "7I")
        while position + 12 <= size:
            if data[position : position + 4] == MAGIC:
                order = _BYTE_ORDERS.get(data[position + 8 : position + 12])
                if order is None:
                    return position, "A section header has no byte-order mark"
                self._start_section(order)
                head = struct.Struct(order + "7I")
            if position + 28 <= size:
                kind, length, interface, high, low, captured, wire = head.unpack_from(data, position)
            else:
                kind, length = struct.unpack_from(self._order + "II", data, position)
                interface = high = low = captured = wire = 0
            if length < 12 or length % 4 or (kind == _SECTION and length < 28):
                return position, f"A block claims the length {length}"
            if length > (self._limits.packet_bytes * 2 if kind == _ENHANCED_PACKET else _OTHER_BLOCK_BYTES):
                return position, f"A block claims the length {length}, more than is allowed"
            end = position + length
            if end > size:
                break
            if kind == _ENHANCED_PACKET:
                if length < 32 or captured > length - 32 or interface >= len(self._interfaces):
                    self._malformed(rows)
                else:
                    known = self._interfaces[interface]
                    time_ns = known.nanoseconds((high << 32) | low)
                    self._packet(rows, position + 28, captured, wire, time_ns, known.link)
            elif kind != _SECTION:
                self._other_block(kind, data[position + 8 : end - 4], position + 8, rows)
            position = end
        return position, ""

    def _start_section(self, order: str) -> None:
        self._dropped = self.dropped
        self._interfaces = []
        self._order = order

    def _packet(self, rows: _Rows, offset: int, captured: int, wire: int, time_ns: int, link: int) -> None:
        if not -(1 << 63) <= time_ns < 1 << 63:
            time_ns = self._last_ns
        self._last_ns = time_ns
        rows.offset.append(offset)
        rows.captured.append(captured)
        rows.wire.append(wire if wire > captured else captured)
        rows.time_ns.append(time_ns)
        rows.link.append(link)

    def _malformed(self, rows: _Rows) -> None:
        self._notices.add(
            NoticeKind.MALFORMED_BLOCK,
            "A packet block names an unknown interface or more bytes than it has",
            frame=self._frame + len(rows.offset),
        )

    def _other_block(self, kind: int, body: bytes, start: int, rows: _Rows) -> None:
        """Interface descriptions, statistics, and the two rare kinds of packet block; others are skipped."""
        order = self._order
        if kind == _INTERFACE:
            self._interface(body)
        elif kind == _SECRETS and len(body) >= 8:
            form, size = struct.unpack_from(order + "II", body)
            if form == _SECRETS_TLS:
                self.secrets.append(body[8 : 8 + size])
        elif kind == _STATISTICS and len(body) >= 12:
            number = struct.unpack_from(order + "I", body)[0]
            if number < len(self._interfaces):
                # The counters run from the start of the capture, so that the last block counts.
                options = _options(body[12:], order)
                values = [
                    struct.unpack(order + "Q", options[code])[0]
                    for code in (_OPTION_DROPPED_BY_INTERFACE, _OPTION_DROPPED_BY_SYSTEM)
                    if len(options.get(code, b"")) == 8
                ]
                # Some writers fill absent counters with all ones.
                self._interfaces[number].dropped = sum(value for value in values if value != (1 << 64) - 1)
        elif kind == _SIMPLE_PACKET and len(body) >= 4:
            wire = struct.unpack_from(order + "I", body)[0]
            if not self._interfaces:
                self._malformed(rows)
                return
            known = self._interfaces[0]
            captured = min(wire, len(body) - 4, known.snap_length or wire)
            self._packet(rows, start + 4, captured, wire, self._last_ns, known.link)
        elif kind == _PACKET and len(body) >= 20:
            interface, _drops, high, low, captured, wire = struct.unpack_from(order + "HHIIII", body)
            if interface >= len(self._interfaces) or captured > len(body) - 20:
                self._malformed(rows)
                return
            known = self._interfaces[interface]
            self._packet(rows, start + 20, captured, wire, known.nanoseconds((high << 32) | low), known.link)

    def _interface(self, body: bytes) -> None:
        if len(body) < 8:
            self._notices.add(NoticeKind.MALFORMED_BLOCK, "An interface description is too short", frame=self._frame)
            return
        self._seen_interfaces += 1
        if self._seen_interfaces > self._limits.interfaces:
            self._notices.add(NoticeKind.LIMIT, f"There are more than {self._limits.interfaces} interfaces")
            return
        link, _reserved, snap_length = struct.unpack_from(self._order + "HHI", body)
        interface = _Interface(link, snap_length)
        options = _options(body[8:], self._order)
        resolution = options.get(_OPTION_TIME_RESOLUTION, b"")
        if len(resolution) == 1:
            exponent = resolution[0] & 0x7F
            interface.ticks_per_second = 2**exponent if resolution[0] & 0x80 else 10**exponent
        offset = options.get(_OPTION_TIME_OFFSET, b"")
        if len(offset) == 8:
            interface.offset_seconds = struct.unpack(self._order + "q", offset)[0]
        self._interfaces.append(interface)


def _options(data: bytes, order: str) -> dict[int, bytes]:
    """Options by code; what is cut off is left out."""
    found: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(data):
        code, length = struct.unpack_from(order + "HH", data, position)
        position += 4
        if code == 0 or position + length > len(data):
            break
        found.setdefault(code, data[position : position + length])
        position += (length + 3) & ~3
    return found
