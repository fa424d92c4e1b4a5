"""Compressed bytes → plain bytes: gzip, Zstandard, xz and bzip2, piece by piece and within bounds."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from enum import Enum
from typing import Protocol

LONGEST_MAGIC = 10
"""The first bytes by which each kind of compression is known."""

_PIECE = 1 << 12
"""Compressed bytes taken at once: few, as the rest is copied where a member ends, and as what was taken counts as
unfolded where the ratio is looked at."""

_XZ_MEMORY = 256 << 20
"""Bytes that unfolding xz may take; its strongest preset, -9, takes 65 MiB."""

_ZSTANDARD_SKIPPABLE = b"\x2a\x4d\x18"


class Compression(Enum):
    """A kind of compression that is undone here."""

    GZIP = "gzip"
    ZSTANDARD = "Zstandard"
    XZ = "xz"
    BZIP2 = "bzip2"


class DecompressionError(Exception):
    """Raised where compressed bytes are damaged, or ask for more memory than they are given."""


class Decompressor(Protocol):
    """One member of a compressed file, in the manner of `bz2.BZ2Decompressor`."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether nothing more comes out until more is put in."""

    @property
    def unused_data(self) -> bytes:
        """What was put in and lies behind the member's end."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take compressed bytes, and return at most `max_length` plain ones."""


def compression_of(head: bytes) -> Compression | None:
    """Tell the compression by the first `LONGEST_MAGIC` bytes."""
    if head[:3] == b"\x1f\x8b\x08":
        return Compression.GZIP
    # RFC 8878 §3.1: a file may begin with skippable frames, as those of pzstd do.
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == _ZSTANDARD_SKIPPABLE and 0x50 <= head[0] <= 0x5F):
        return Compression.ZSTANDARD
    if head[:6] == b"\xfd7zXZ\0":
        return Compression.XZ
    # The magic of the first block, or of the end where there is none: `BZh` alone may begin a text.
    if head[:3] == b"BZh" and head[4:10] in (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"):
        return Compression.BZIP2
    return None


def decompressor(compression: Compression) -> Decompressor:
    """Begin one member. The libraries are loaded when they are first needed."""
    match compression:
        case Compression.GZIP:
            return _Inflater()
        case Compression.ZSTANDARD:
            return _zstandard()
        case Compression.XZ:
            import lzma

            return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
        case Compression.BZIP2:
            import bz2

            return bz2.BZ2Decompressor()


def decompress(member: Decompressor, data: bytes, size: int) -> bytes:
    """Put bytes into a member and take at most `size` out.

    Raises:
        DecompressionError: The bytes are damaged.
    """
    try:
        return member.decompress(data, size)
    except (OSError, EOFError, ValueError, MemoryError, zlib.error) as error:
        raise DecompressionError(str(error)) from None
    except Exception as error:
        # LZMAError and ZstdError derive from Exception alone, and their modules are loaded by those who need them.
        if type(error).__name__ in ("LZMAError", "ZstdError"):
            raise DecompressionError(str(error)) from None
        raise


class CompressedStream:
    """Reads the members of a compressed file one after the other, as their tools do.

    `ended` is called once, with what was wrong, where the file does not end as it should.
    """

    def __init__(self, source: Callable[[int], bytes], compression: Compression, ended: Callable[[str], None]) -> None:
        self._source = source
        self._compression = compression
        self._ended = ended
        self._member = decompressor(compression)
        self._pending = b""
        self._finished = False

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only before an end; empty at the end."""
        pieces: list[bytes] = []
        missing = size
        while missing and (piece := self._next(missing)):
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _next(self, size: int) -> bytes:
        while not self._finished:
            if self._member.eof:
                self._next_member()
                continue
            if not self._pending and self._member.needs_input:
                self._pending = self._source(_PIECE)
                if not self._pending:
                    self._finish("The compressed input ends in its middle")
                    break
            pending, self._pending = self._pending, b""
            try:
                data = decompress(self._member, pending, size)
            except DecompressionError:
                self._finish("The compressed input is damaged; what comes before that was read")
                break
            if data:
                return data
        return b""

    def _next_member(self) -> None:
        # RFC 1952 §2.2: a gzip file is a series of members. The others' are too, and padding may follow the last.
        rest = self._member.unused_data.lstrip(b"\0")
        while not rest and (piece := self._source(_PIECE)):
            rest = piece.lstrip(b"\0")
        while rest and len(rest) < LONGEST_MAGIC and (piece := self._source(_PIECE)):
            rest += piece
        if not rest:
            self._finished = True
        elif compression_of(rest) is not self._compression:
            self._finish("Bytes behind the end of the compressed data were not read")
        else:
            self._member = decompressor(self._compression)
            self._pending = rest

    def _finish(self, what: str) -> None:
        self._finished = True
        self._ended(what)


class _Inflater:
    """A gzip member in the manner of the other decompressors."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)
        self._tail = b""

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def needs_input(self) -> bool:
        return not self._tail and not self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        unfolded = self._object.decompress(self._tail + data if self._tail else data, max(max_length, 0))
        self._tail = self._object.unconsumed_tail
        return unfolded


def _zstandard() -> Decompressor:
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor
    else:
        from backports.zstd import ZstdDecompressor
    # Windows of up to 128 MiB, zstd's own limit: what was made with a larger --long is refused.
    return ZstdDecompressor()
