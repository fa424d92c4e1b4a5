"""The bytes of an input, compression undone, with the limits held."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from sip_ci.trace.decompression import LONGEST_MAGIC, CompressedStream, compression_of
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.notices import NoticeKind

_STEP = 1 << 20


class InputStream:
    """Reads forward only; what is wrong with the stored bytes becomes a notice and an early end, never an exception.

    The stream's own `OSError` is the one exception that passes through.
    """

    def __init__(self, stream: BinaryIO, limits: Limits, notices: NoticeLog) -> None:
        self._stored = _StoredBytes(stream, limits, notices)
        self._notices = notices
        self._bytes = _Peekable(self._stored.read)
        self.layers = 0
        """How many times the input is compressed."""
        while compression := compression_of(self._bytes.peek(LONGEST_MAGIC)):
            if self.layers == limits.compression_layers:
                notices.add(
                    NoticeKind.LIMIT, f"The input is compressed more than {limits.compression_layers} times over"
                )
                self._bytes = _Peekable(_nothing)
                break
            self.layers += 1
            unfolding = CompressedStream(self._bytes.read, compression, self._damaged)
            self._bytes = _Peekable(_Bounded(unfolding.read, self._stored, limits, notices).read)

    @property
    def stored_bytes(self) -> int:
        """How many bytes of the stored input were read."""
        return self._stored.taken

    def peek(self, size: int) -> bytes:
        """The next bytes without consuming them; fewer than `size` only at the end."""
        return self._bytes.peek(size)

    def read(self, size: int) -> bytes:
        """At most `size` bytes, as many as there are at once; empty at the end."""
        return self._bytes.read(size)

    def read_all(self, limit: int) -> bytes:
        """Everything that is left, up to a limit in bytes, which is noted where it cuts."""
        # Unlike a list of pieces to join, this holds the text once.
        text = io.BytesIO()
        while text.tell() < limit:
            piece = self.read(min(_STEP, limit - text.tell()))
            if not piece:
                return text.getvalue()
            text.write(piece)
        if self.peek(1):
            self._notices.add(NoticeKind.LIMIT, f"The text is longer than {limit} bytes; the rest was not read")
        return text.getvalue()

    def _damaged(self, what: str) -> None:
        self._notices.add(NoticeKind.TRUNCATED_FILE, what)


class _Peekable:
    """Bytes that can be looked at before they are read."""

    def __init__(self, source: Callable[[int], bytes]) -> None:
        self._source = source
        self._head = b""

    def peek(self, size: int) -> bytes:
        while len(self._head) < size:
            more = self._source(size - len(self._head))
            if not more:
                break
            self._head += more
        return self._head[:size]

    def read(self, size: int) -> bytes:
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        return self._source(size)


class _StoredBytes:
    """The input as it is stored, up to the limit."""

    def __init__(self, stream: BinaryIO, limits: Limits, notices: NoticeLog) -> None:
        self._stream = stream
        self._limit = limits.input_bytes
        self._notices = notices
        self._ended = False
        self.taken = 0

    def read(self, size: int) -> bytes:
        allowed = min(size, self._limit - self.taken)
        if allowed > 0:
            data = self._stream.read(allowed) or b""
            self.taken += len(data)
            return data
        if size > 0 and not self._ended:
            self._ended = True
            if self._stream.read(1):
                self._notices.add(
                    NoticeKind.LIMIT, f"The input is longer than {self._limit} bytes; the rest was not read"
                )
        return b""


class _Bounded:
    """What comes out of a decompressor, up to the limits of size and of ratio."""

    def __init__(
        self, source: Callable[[int], bytes], stored: _StoredBytes, limits: Limits, notices: NoticeLog
    ) -> None:
        self._source = source
        self._stored = stored
        self._limits = limits
        self._notices = notices
        self._unfolded = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        data = b"" if self._ended else self._source(min(size, _STEP))
        self._unfolded += len(data)
        limits = self._limits
        if self._unfolded > limits.decompressed_bytes:
            self._end(f"The compressed input unfolds to more than {limits.decompressed_bytes} bytes")
        elif (
            self._unfolded > limits.decompression_grace
            # Of all layers together: a bomb in a bomb is no more welcome than one.
            and self._unfolded > max(self._stored.taken, 1) * limits.decompression_ratio
        ):
            self._end(f"The compressed input unfolds to more than {limits.decompression_ratio} times its size")
        return data

    def _end(self, text: str) -> None:
        if not self._ended:
            self._notices.add(NoticeKind.LIMIT, f"{text}; the rest was not read")
        self._ended = True


def _nothing(_size: int) -> bytes:
    return b""
