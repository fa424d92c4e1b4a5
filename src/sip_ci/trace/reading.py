"""Any input → `Trace`: looks at the first bytes and asks the reader that knows them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Clock
from sip_ci.trace.trace import Notice, NoticeKind, Trace, TraceOrigin

_FOREIGN = {
    b"GMBU": "Microsoft Network Monitor 2.x",
    b"RTSS": "Microsoft Network Monitor 1.x",
    b"TRSNIFF d": "Network General Sniffer",
    b"XCP\0": "NetXray",
    b"\x0a\x0d\x0d\x0a": "pcapng without a byte-order mark",
    b"\x04\x22\x4d\x18": "LZ4 compression",
    b"\x1f\x9d": "compression by the old Unix `compress`",
}
"""What can be named but not read, so that the notice can say what to do."""

_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
}
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_OFFSET = 257
"""POSIX.1-1988 "Archive/Interchange File Format": the magic in a member's header."""


def read_trace(source: Path | bytes | BinaryIO, name: str, limits: Limits | None = None, key_log: bytes = b"") -> Trace:
    """Read a capture or a log, compressed or not.

    Content never raises: what cannot be read is a notice, and an input of no known kind is a `Trace` whose format is
    `unknown` (or `empty`) and which has no messages. `key_log` holds secrets of TLS connections, one to a line, as
    programs write them to the file that `SSLKEYLOGFILE` names.

    Raises:
        OSError: the file cannot be opened or read.
    """
    limits = limits if limits is not None else Limits()
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return _read(stream, name, limits, key_log)
    return _read(io.BytesIO(source) if isinstance(source, bytes) else source, name, limits, key_log)


def _read(stream: BinaryIO, name: str, limits: Limits, key_log: bytes) -> Trace:
    # Imported when needed: a client that only prints its help does not load numpy.
    from sip_ci.trace.capture import reader

    notices = NoticeLog()
    data = InputStream(stream, limits, notices)
    head = data.peek(16)
    if not head:
        notices.add(NoticeKind.UNREADABLE_MEMBER, "The input is empty")
        return _nothing(name, "empty", notices)
    if reader.is_capture(head):
        if not reader.has_file_header(data.peek(reader.LONGEST_FILE_HEADER)):
            notices.add(
                NoticeKind.UNREADABLE_MEMBER,
                "The capture ends inside its file header and holds no packets: it was not written or copied to its end",
            )
            return _nothing(name, "unknown", notices)
        return reader.read_capture(data, name, limits, notices, key_log)
    foreign = next((label for magic, label in _FOREIGN.items() if head.startswith(magic)), None)
    if foreign is not None:
        notices.add(
            NoticeKind.UNREADABLE_MEMBER,
            f"This is {foreign}, which is not read here: convert or unpack it first (captures: editcap -F pcapng)",
        )
        return _nothing(name, "unknown", notices)
    if (archive := _archive(data)) is not None:
        notices.add(
            NoticeKind.UNREADABLE_MEMBER,
            f"This is {archive} and not a trace: the traces in it are read one by one (`sip-ci analyze` unfolds ZIP "
            "and tar by itself)",
        )
        return _nothing(name, "unknown", notices)

    from sip_ci.trace.logs.registry import read_log

    trace = read_log(data.read_all(limits.text_bytes), name)
    return _with_notices(trace, notices.notices())


def _archive(data: InputStream) -> str | None:
    head = data.peek(_TAR_MAGIC_OFFSET + len(_TAR_MAGIC))
    if head[_TAR_MAGIC_OFFSET:] == _TAR_MAGIC:
        return "a tar archive"
    return next((label for magic, label in _ARCHIVES.items() if head.startswith(magic)), None)


def _nothing(name: str, format_name: str, notices: NoticeLog) -> Trace:
    return Trace(name, format_name, TraceOrigin.TEXT, Clock.ORDINAL, (), notices=notices.notices())


def _with_notices(trace: Trace, notices: tuple[Notice, ...]) -> Trace:
    if not notices:
        return trace
    return Trace(
        trace.name, trace.format, trace.origin, trace.clock, trace.messages, trace.media, trace.facts,
        notices + trace.notices,
    )  # fmt: skip
