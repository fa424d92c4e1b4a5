"""The block-structured capture file (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sip_ci.trace.capture.pcapng_packets import Interface, PacketRows
from sip_ci.trace.capture.records import CHUNK, PADDING, RecordBatch
from sip_ci.trace.capture.walk import block_offsets
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
"""Blocks that are no packets (decryption secrets, name resolution) may be large, but not without bound; all secrets
together have the same one.
"""


class PcapngReader:
    """Reads one file; `dropped` is complete when `batches` has ended."""

    def __init__(self, stream: InputStream, limits: Limits, notices: NoticeLog) -> None:
        self._stream = stream
        self._limits = limits
        self._notices = notices
        self.secrets: list[bytes] = []
        """The TLS key logs of the decryption secrets blocks."""
        self._secret_bytes = 0
        self._interfaces: list[Interface] = []
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
            data = b"".join((rest, piece, bytes(PADDING)))
            size = len(data) - PADDING
            rows = PacketRows(self._last_ns)
            position, damage = self._scan(data, size, rows)
            self._last_ns = rows.last_ns
            if rows.count:
                yield rows.batch(data, self._frame)
                self._frame += rows.count
            if damage:
                self._notices.add(
                    NoticeKind.MALFORMED_BLOCK, f"{damage}; everything before it was read", frame=self._frame
                )
                return
            rest = data[position:size]
            if not piece:
                if rest:
                    self._notices.add(
                        NoticeKind.TRUNCATED_FILE,
                        "The capture ends inside a block; everything before it was read",
                        frame=self._frame,
                    )
                return

    def _scan(self, data: bytes, size: int, rows: PacketRows) -> tuple[int, str]:
        """Walk over the complete blocks; the offset behind the last one, and what is wrong there, if anything."""
        position = 0
        while position + 12 <= size:
            longest = 2 * self._limits.packet_bytes
            packets, position = block_offsets(
                data, position, size, order=self._order, kind=_ENHANCED_PACKET, shortest=32, longest=longest
            )
            if len(packets):
                self._malformed(*rows.add_enhanced(data, packets, self._order, self._interfaces))
            if position + 12 > size:
                break
            if data[position : position + 4] == MAGIC:
                order = _BYTE_ORDERS.get(data[position + 8 : position + 12])
                if order is None:
                    return position, "A section header has no byte-order mark"
                self._start_section(order)
            kind, length = struct.unpack_from(self._order + "II", data, position)
            if length < 12 or length % 4 or (kind == _SECTION and length < 28):
                return position, f"A block claims the length {length}"
            if length > (longest if kind == _ENHANCED_PACKET else _OTHER_BLOCK_BYTES):
                return position, f"A block claims the length {length}, more than is allowed"
            end = position + length
            if end > size:
                break
            if kind == _ENHANCED_PACKET:
                self._malformed(1, rows.count)
            elif kind != _SECTION:
                self._other_block(kind, data[position + 8 : end - 4], position + 8, rows)
            position = end
        return position, ""

    def _start_section(self, order: str) -> None:
        self._dropped = self.dropped
        self._interfaces = []
        self._order = order

    def _malformed(self, count: int, packets: int) -> None:
        """Note packet blocks that make no sense; `packets` of this piece of the file come before the first."""
        self._notices.add(
            NoticeKind.MALFORMED_BLOCK,
            "A packet block names an unknown interface or more bytes than it has",
            frame=self._frame + packets,
            count=count,
        )

    def _other_block(self, kind: int, body: bytes, start: int, rows: PacketRows) -> None:
        """Interface descriptions, statistics, and the two rare kinds of packet block; others are skipped."""
        order = self._order
        if kind == _INTERFACE:
            self._interface(body)
        elif kind == _SECRETS and len(body) >= 8:
            form, size = struct.unpack_from(order + "II", body)
            self._secret_bytes += len(body)
            if form == _SECRETS_TLS and self._secret_bytes <= _OTHER_BLOCK_BYTES:
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
                self._malformed(1, rows.count)
                return
            known = self._interfaces[0]
            captured = min(wire, len(body) - 4, known.snap_length or wire)
            rows.add(start + 4, captured, wire, None, known.link)
        elif kind == _PACKET and len(body) >= 20:
            interface, _drops, high, low, captured, wire = struct.unpack_from(order + "HHIIII", body)
            if interface >= len(self._interfaces) or captured > len(body) - 20:
                self._malformed(1, rows.count)
                return
            known = self._interfaces[interface]
            rows.add(start + 20, captured, wire, known.nanoseconds((high << 32) | low), known.link)

    def _interface(self, body: bytes) -> None:
        if len(body) < 8:
            self._notices.add(NoticeKind.MALFORMED_BLOCK, "An interface description is too short", frame=self._frame)
            return
        self._seen_interfaces += 1
        if self._seen_interfaces > self._limits.interfaces:
            self._notices.add(NoticeKind.LIMIT, f"There are more than {self._limits.interfaces} interfaces")
            return
        link, _reserved, snap_length = struct.unpack_from(self._order + "HHI", body)
        interface = Interface(link, snap_length)
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
