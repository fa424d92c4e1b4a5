"""The classic capture file: a header, and a record for each packet (draft-ietf-opsawg-pcap)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sip_ci.trace.capture.records import CHUNK, PADDING, RecordBatch, gather
from sip_ci.trace.capture.walk import record_offsets
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.trace import NoticeKind

FILE_HEADER = 24
"""The length of the file header in bytes; a shorter file is no capture."""


@dataclass(frozen=True, slots=True)
class _Flavour:
    order: str
    nanoseconds: bool | None
    """None where files with either unit exist."""
    record_header: int = 16
    more_file_header: int = 0


_FLAVOURS = {
    b"\xd4\xc3\xb2\xa1": _Flavour("<", nanoseconds=False),
    b"\xa1\xb2\xc3\xd4": _Flavour(">", nanoseconds=False),
    b"\x4d\x3c\xb2\xa1": _Flavour("<", nanoseconds=True),
    b"\xa1\xb2\x3c\x4d": _Flavour(">", nanoseconds=True),
    # Kuznetzov's patched libpcap: eight more bytes in each record header.
    b"\x34\xcd\xb2\xa1": _Flavour("<", nanoseconds=False, record_header=24),
    b"\xa1\xb2\xcd\x34": _Flavour(">", nanoseconds=False, record_header=24),
    # Ixia's lcap, of its hardware and of its software: the bytes of all records stand behind the file header. Sources
    # disagree on the unit of the hardware.
    b"\xac\x01\x00\x1c": _Flavour("<", nanoseconds=None, more_file_header=4),
    b"\x1c\x00\x01\xac": _Flavour(">", nanoseconds=None, more_file_header=4),
    b"\xab\x01\x00\x1c": _Flavour("<", nanoseconds=False, more_file_header=4),
    b"\x1c\x00\x01\xab": _Flavour(">", nanoseconds=False, more_file_header=4),
}

MAGICS = frozenset(_FLAVOURS)


def read_pcap(stream: InputStream, limits: Limits, notices: NoticeLog) -> Iterator[RecordBatch]:
    """Yield the packets; a record that is cut off, lies about its length or is blank ends the reading with a notice."""
    header = _read(stream, FILE_HEADER)
    flavour = _FLAVOURS[header[:4]]
    if len(header) < FILE_HEADER or len(_read(stream, flavour.more_file_header)) < flavour.more_file_header:
        notices.add(NoticeKind.TRUNCATED_FILE, "The capture ends inside its file header")
        return
    # The upper bits hold the length of a frame check sequence and reserved fields.
    link = struct.unpack(flavour.order + "I", header[20:24])[0] & 0xFFFF
    layout = np.dtype([(name, flavour.order + "u4") for name in ("seconds", "fraction", "captured", "wire")])
    unit = 1 if flavour.nanoseconds else 1000
    unit_known = flavour.nanoseconds is not None
    head = flavour.record_header
    # One empty record of 1970 may be anything; with a second one behind it, this is space that was never written to.
    nothing = bytes(2 * head)
    frame = 1
    rest = b""
    while True:
        piece = stream.read(CHUNK)
        buffer = b"".join((rest, piece, bytes(PADDING)))
        size = len(buffer) - PADDING
        where, position = record_offsets(buffer, 0, size, order=flavour.order, length_at=8, header=head)
        headers = gather(buffer, where, layout)
        lengths = headers["captured"].astype(np.int64)
        lying = 0
        if position + 16 <= size:
            lying = _captured(buffer, position, flavour.order)
        zeros = False
        damaged = np.flatnonzero((lengths > limits.packet_bytes) | (lengths == 0))
        for row in damaged.tolist():
            begins = int(where[row])
            if lengths[row]:
                lying = int(lengths[row])
            elif buffer[begins : min(begins + 2 * head, size)] == nothing[: size - begins]:
                # At the end of what was read so far, the next piece has to tell.
                zeros = begins + 2 * head <= size or not piece
                lying = 0
            else:
                continue
            where, headers, lengths, position = where[:row], headers[:row], lengths[:row], begins
            break
        if len(where):
            if not unit_known:
                # There are no more microseconds in a second.
                unit = 1 if (headers["fraction"] >= 1_000_000).any() else 1000
                unit_known = True
            yield RecordBatch(
                buffer=buffer,
                frame=frame + np.arange(len(where), dtype=np.int64),
                offset=where + head,
                captured=lengths,
                wire=np.maximum(headers["wire"].astype(np.int64), lengths),
                time_ns=headers["seconds"].astype(np.int64) * 1_000_000_000
                + headers["fraction"].astype(np.int64) * unit,
                link=np.full(len(where), link, np.int32),
            )
            frame += len(where)
        rest = buffer[position:size]
        if lying > limits.packet_bytes:
            notices.add(
                NoticeKind.MALFORMED_BLOCK,
                f"A packet record claims {lying} bytes, more than the {limits.packet_bytes} that a packet may have; "
                "everything before it was read",
                frame=frame,
            )
            return
        if zeros:
            notices.add(
                NoticeKind.MALFORMED_BLOCK,
                "The capture goes on with nothing but zeros where packet records should be; everything before them "
                "was read",
                frame=frame,
            )
            return
        if not piece:
            if rest:
                notices.add(
                    NoticeKind.TRUNCATED_FILE,
                    "The capture ends inside a packet record; everything before it was read",
                    frame=frame,
                )
            return


def _captured(buffer: bytes, position: int, order: str) -> int:
    """The bytes that the record at a position claims to have."""
    return int(struct.unpack_from(order + "I", buffer, position + 8)[0])


def _read(stream: InputStream, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := stream.read(size - len(data))):
        data += piece
    return data
