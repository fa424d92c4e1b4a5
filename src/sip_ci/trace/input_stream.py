"""The bytes of an input, gzip undone, with the limits held."""

from __future__ import annotations

import zlib
from typing import BinaryIO

from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.trace import NoticeKind

GZIP_MAGIC = b"\x1f\x8b\x08"
_STEP = 1 << 20


class InputStream:
    """Reads forward only; what is wrong with the stored bytes becomes a notice and an early end, never an exception."""

    def __init__(self, stream: BinaryIO, limits: Limits, notices: NoticeLog) -> None:
        self._stream = stream
        self._limits = limits
        self._notices = notices
        self._stored = 0
        self._head = b""
        self._inflater: zlib._Decompress | None = None
        self._unfolded = 0
        self._ended = False
        first = self._read_stored(len(GZIP_MAGIC))
        self.compressed = first == GZIP_MAGIC
        """Whether the input is gzip."""
        if self.compressed:
            self._pending = first
            self._inflater = zlib.decompressobj(wbits=31)
        else:
            self._head = first

    def peek(self, size: int) -> bytes:
        """The next bytes without consuming them; fewer than `size` only at the end."""
        while len(self._head) < size:
            more = self._next(size - len(self._head))
            if not more:
                break
            self._head += more
        return self._head[:size]

    def read(self, size: int) -> bytes:
        """At most `size` bytes, as many as there are at once; empty at the end."""
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        return self._next(size)

    def read_all(self, limit: int) -> bytes:
        """Everything that is left, up to a limit in bytes, which is noted where it cuts."""
        pieces: list[bytes] = []
        total = 0
        while total < limit:
            piece = self.read(min(_STEP, limit - total))
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
            total += len(piece)
        if self.peek(1):
            self._notices.add(NoticeKind.LIMIT, f"The text is longer than {limit} bytes; the rest was not read")
        return b"".join(pieces)

    def _next(self, size: int) -> bytes:
        return self._read_stored(size) if self._inflater is None else self._inflate(size)

    def _read_stored(self, size: int) -> bytes:
        allowed = min(size, self._limits.input_bytes - self._stored)
        if allowed > 0:
            data = self._stream.read(allowed) or b""
            self._stored += len(data)
            return data
        if not self._ended and self._stream.read(1):
            self._notices.add(
                NoticeKind.LIMIT, f"The input is longer than {self._limits.input_bytes} bytes; the rest was not read"
            )
        self._ended = True
        return b""

    def _inflate(self, size: int) -> bytes:
        while not self._ended:
            assert self._inflater is not None
            if self._inflater.eof:
                # RFC 1952 §2.2: a gzip file is a series of members; what follows the last may be padding.
                self._pending = self._inflater.unused_data.lstrip(b"\0") or self._read_stored(_STEP).lstrip(b"\0")
                if not self._pending:
                    self._ended = True
                    break
                self._inflater = zlib.decompressobj(wbits=31)
            if not self._pending:
                self._pending = self._read_stored(1 << 16)
                if not self._pending:
                    self._notices.add(NoticeKind.TRUNCATED_FILE, "The compressed input ends in its middle")
                    break
            try:
                data = self._inflater.decompress(self._pending, min(size, _STEP))
            except zlib.error:
                self._notices.add(
                    NoticeKind.TRUNCATED_FILE, "The compressed input is damaged; what comes before that was read"
                )
                break
            self._pending = self._inflater.unconsumed_tail
            if data:
                self._check_limits(len(data))
                return data
        self._ended = True
        return b""

    def _check_limits(self, size: int) -> None:
        """Count what came out; end the input with a notice where it is more than is allowed."""
        limits = self._limits
        self._unfolded += size
        if self._unfolded > limits.decompressed_bytes:
            text = f"The compressed input unfolds to more than {limits.decompressed_bytes} bytes"
        elif (
            self._unfolded > limits.decompression_grace
            and self._unfolded > max(self._stored - len(self._pending), 1) * limits.decompression_ratio
        ):
            text = f"The compressed input unfolds to more than {limits.decompression_ratio} times its size"
        else:
            return
        self._notices.add(NoticeKind.LIMIT, f"{text}; the rest was not read")
        self._ended = True
