"""The capture file of Solaris's snoop (RFC 1761): a header, and a record for each packet; all numbers big-endian."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from sip_ci.trace.capture.records import CHUNK, PADDING, RecordBatch, gather
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.trace import NoticeKind

MAGIC = b"snoop\0\0\0"
FILE_HEADER = 16
"""The length of the file header in bytes; a shorter file is no capture."""

_RECORD_HEADER = 24
_LAYOUT = np.dtype([(name, ">u4") for name in ("wire", "captured", "record", "drops", "seconds", "microseconds")])
_LINKS = {0: 1, 4: 1, 8: 101}
"""Datalink types (RFC 1761 §3: IEEE 802.3 and Ethernet; 8 is raw IP in Solaris) as link-layer types of pcap."""
_UNKNOWN_LINK = 0x7FFF0000
"""Added to a datalink type without a counterpart, which is then reported as unknown."""


class SnoopReader:
    """Reads one file; `dropped` is complete when `batches` has ended."""

    def __init__(self, stream: InputStream, limits: Limits, notices: NoticeLog) -> None:
        self._stream = stream
        self._limits = limits
        self._notices = notices
        self.dropped = 0
        """Packets that snoop says it lost."""

    def batches(self) -> Iterator[RecordBatch]:
        """Yield the packets; a record that is cut off or lies about its length ends the reading with a notice."""
        header = b""
        while len(header) < FILE_HEADER and (piece := self._stream.read(FILE_HEADER - len(header))):
            header += piece
        if len(header) < FILE_HEADER:
            self._notices.add(NoticeKind.TRUNCATED_FILE, "The capture ends inside its file header")
            return
        datalink = struct.unpack_from(">I", header, 12)[0] & 0xFFFF
        link = _LINKS.get(datalink, _UNKNOWN_LINK + datalink)
        frame = 1
        rest = b""
        while True:
            piece = self._stream.read(CHUNK)
            buffer = b"".join((rest, piece, bytes(PADDING)))
            size = len(buffer) - PADDING
            offsets, position, lying = self._offsets(buffer, size)
            where = np.array(offsets, np.int64)
            if len(where):
                headers = gather(buffer, where, _LAYOUT)
                captured = headers["captured"].astype(np.int64)
                # The count runs from the beginning of the capture.
                self.dropped = int(headers["drops"][-1])
                yield RecordBatch(
                    buffer=buffer,
                    frame=frame + np.arange(len(where), dtype=np.int64),
                    offset=where + _RECORD_HEADER,
                    captured=captured,
                    wire=np.maximum(headers["wire"].astype(np.int64), captured),
                    time_ns=headers["seconds"].astype(np.int64) * 1_000_000_000
                    + headers["microseconds"].astype(np.int64) * 1000,
                    link=np.full(len(where), link, np.int32),
                )
                frame += len(where)
            rest = buffer[position:size]
            if lying:
                self._notices.add(
                    NoticeKind.MALFORMED_BLOCK,
                    "A packet record lies about its length; everything before it was read",
                    frame=frame,
                )
                return
            if not piece:
                if rest:
                    self._notices.add(
                        NoticeKind.TRUNCATED_FILE,
                        "The capture ends inside a packet record; everything before it was read",
                        frame=frame,
                    )
                return

    def _offsets(self, buffer: bytes, size: int) -> tuple[list[int], int, bool]:
        """Where the whole records begin, where the last of them ends, and whether the next one lies."""
        offsets: list[int] = []
        position = 0
        lengths = struct.Struct(">II").unpack_from
        largest = self._limits.packet_bytes
        while position + _RECORD_HEADER <= size:
            captured, record = lengths(buffer, position + 4)
            # A record is padded to 4 bytes, and some writers leave room behind the packet.
            if captured > largest or not _RECORD_HEADER + captured <= record <= 2 * largest:
                return offsets, position, True
            if position + record > size:
                break
            offsets.append(position)
            position += record
        return offsets, position, False
