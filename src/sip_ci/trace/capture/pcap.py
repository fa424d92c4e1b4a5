"""The classic capture file: a header, and a record for each packet (draft-ietf-opsawg-pcap)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sip_ci.trace.capture.records import CHUNK, PADDING, RecordBatch, gather
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.trace import NoticeKind

FILE_HEADER = 24
"""The length of the file header in bytes; a shorter file is no capture."""


@dataclass(frozen=True, slots=True)
class _Flavour:
    order: str
    nanoseconds: bool
    record_header: int = 16


_FLAVOURS = {
    b"\xd4\xc3\xb2\xa1": _Flavour("<", nanoseconds=False),
    b"\xa1\xb2\xc3\xd4": _Flavour(">", nanoseconds=False),
    b"\x4d\x3c\xb2\xa1": _Flavour("<", nanoseconds=True),
    b"\xa1\xb2\x3c\x4d": _Flavour(">", nanoseconds=True),
    # Kuznetzov's patched libpcap: eight more bytes in each record header.
    b"\x34\xcd\xb2\xa1": _Flavour("<", nanoseconds=False, record_header=24),
    b"\xa1\xb2\xcd\x34": _Flavour(">", nanoseconds=False, record_header=24),
}

MAGICS = frozenset(_FLAVOURS)


def read_pcap(stream: InputStream, limits: Limits, notices: NoticeLog) -> Iterator[RecordBatch]:
    """Yield the packets; a record that is cut off, lies about its length or is blank ends the reading with a notice."""
    header = b""
    while len(header) < FILE_HEADER and (piece := stream.read(FILE_HEADER - len(header))):
        header += piece
    if len(header) < FILE_HEADER:
        notices.add(NoticeKind.TRUNCATED_FILE, "The capture ends inside its file header")
        return
    flavour = _FLAVOURS[header[:4]]
    # The upper bits hold the length of a frame check sequence and reserved fields.
    link = struct.unpack(flavour.order + "I", header[20:24])[0] & 0xFFFF
    layout = np.dtype([(name, flavour.order + "u4") for name in ("seconds", "fraction", "captured", "wire")])
    length_of = struct.Struct(flavour.order + "I").unpack_from
    unit = 1 if flavour.nanoseconds else 1000
    head = flavour.record_header
    # One empty record of 1970 may be anything; with a second one behind it, this is space that was never written to.
    nothing = bytes(2 * head)
    frame = 1
    rest = b""
    while True:
        piece = stream.read(CHUNK)
        data = rest + piece
        size = len(data)
        offsets: list[int] = []
        position = 0
        lying = 0
        zeros = False
        while position + head <= size:
            captured = length_of(data, position + 8)[0]
            following = position + head + captured
            if following > size or captured > limits.packet_bytes:
                if captured > limits.packet_bytes:
                    lying = captured
                break
            if not captured and data[position : position + 2 * head] == nothing[: size - position]:
                # At the end of what was read so far, the next piece has to tell.
                zeros = position + 2 * head <= size or not piece
                break
            offsets.append(position)
            position = following
        if offsets:
            buffer = data + bytes(PADDING)
            where = np.array(offsets, np.int64)
            headers = gather(buffer, where, layout)
            lengths = headers["captured"].astype(np.int64)
            yield RecordBatch(
                buffer=buffer,
                first_frame=frame,
                offset=where + head,
                captured=lengths,
                wire=np.maximum(headers["wire"].astype(np.int64), lengths),
                time_ns=headers["seconds"].astype(np.int64) * 1_000_000_000
                + headers["fraction"].astype(np.int64) * unit,
                link=np.full(len(where), link, np.int32),
            )
            frame += len(offsets)
        rest = data[position:]
        if lying:
            notices.add(
                NoticeKind.MALFORMED_PACKET,
                f"A packet record claims {lying} bytes, more than the {limits.packet_bytes} that a packet may have; "
                "everything before it was read",
                frame=frame,
            )
            return
        if zeros:
            notices.add(
                NoticeKind.MALFORMED_PACKET,
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
