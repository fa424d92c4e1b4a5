"""Reads tar archives from front to back: ustar, GNU and pax, as POSIX.1-2008 (`pax`) and GNU tar's manual have them.

The standard library's module reads the extended headers of a member into memory whole, whatever length they claim; the
archives of strangers need a bound there. What is needed is little: names, sizes and the contents of regular files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sip_ci.collect.archive import MAXIMUM_MEMBERS, ArchiveError, Member, MemberCutError, MemberError

BLOCK = 512
_LONGEST_EXTENSION = 1 << 20
"""Bytes of an extended header; a name has a few hundred."""
_STEP = 1 << 16

MAGIC = b"ustar"
MAGIC_OFFSET = 257

_REGULAR = frozenset(b"\x000\x377")
"""`0`, its form of before POSIX, and `7`, which is to be taken for it."""
_LONG_NAME, _LONG_LINK = ord("L"), ord("K")
_PAX, _PAX_GLOBAL, _PAX_SOLARIS = ord("x"), ord("g"), ord("X")
_SPARSE = ord("S")
_EXTENSIONS = frozenset((_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL, _PAX_SOLARIS))
"""Headers whose content says something of the member behind them."""
_WITHOUT_CONTENT = frozenset(b"123456")
"""Links, devices, folders and pipes: whatever size they claim, nothing follows them."""


def is_tar(head: bytes) -> bool:
    """Whether these first 512 bytes are a tar header: by the magic, or, as before POSIX, by the checksum alone."""
    if len(head) < BLOCK:
        return False
    return head[MAGIC_OFFSET : MAGIC_OFFSET + len(MAGIC)] == MAGIC or (head[0] != 0 and _checksum_holds(head))


@dataclass(slots=True)
class _Content:
    """The bytes of the current member."""

    source: Callable[[int], bytes]
    left: int
    """Bytes of the content that were not read yet."""
    padding: int
    """Zero bytes that fill up the last block."""

    def read(self, size: int) -> bytes:
        data = self.source(min(size, self.left)) if self.left else b""
        if not data and self.left and size:
            raise MemberCutError("is cut off, as the archive ends inside it")
        self.left -= len(data)
        return data

    def skip(self) -> None:
        """Leave the member behind.

        Raises:
            ArchiveError: The archive ends in it.
        """
        self.left += self.padding
        self.padding = 0
        while self.left:
            data = self.source(min(self.left, _STEP))
            if not data:
                self.left = 0
                raise ArchiveError("ends in its middle; what comes before that was read")
            self.left -= len(data)


@dataclass(slots=True)
class _Extended:
    """What extended headers say of the next member."""

    name: bytes | None = None
    size: int | None = None
    sparse: bool = False


def tar_members(source: Callable[[int], bytes]) -> Iterator[Member]:
    """Yield the regular files. Folders, links, devices and pipes are passed over: nothing of them can be analysed.

    Args:
        source: Returns the next bytes of the archive, at most as many as asked for; empty at its end.

    Raises:
        ArchiveError: Nothing more can be read.
    """
    extended = _Extended()
    count = 0
    while True:
        header = _exactly(source, BLOCK)
        if not header or header == bytes(BLOCK):
            return
        if len(header) < BLOCK:
            raise ArchiveError("ends in its middle; what comes before that was read")
        if not _checksum_holds(header):
            raise ArchiveError("is damaged; what comes before that was read")
        count += 1
        if count > MAXIMUM_MEMBERS:
            raise ArchiveError(f"has more than {MAXIMUM_MEMBERS} members; the rest was not read")
        kind = header[156]
        size = _number(header[124:136])
        if kind in _EXTENSIONS:
            _extend(extended, kind, _extension(source, size))
            continue
        if extended.size is not None:
            size = extended.size
        if size < 0:
            raise ArchiveError("is damaged: a member claims a size below zero; what comes before that was read")
        if kind in _WITHOUT_CONTENT:
            size = 0
        content = _Content(source, size, -size % BLOCK)
        name = _text(extended.name if extended.name is not None else _header_name(header))
        sparse = extended.sparse or kind == _SPARSE
        extended = _Extended()
        if sparse:
            yield Member(name, _refuse_sparse)
        elif kind in _REGULAR and not name.endswith("/"):
            yield Member(name, content.read, float(_number(header[136:148])))
        content.skip()


def _refuse_sparse(_size: int) -> bytes:
    raise MemberError("is stored as a sparse file, which is not read here; pack it without --sparse")


def _exactly(source: Callable[[int], bytes], size: int) -> bytes:
    """The next `size` bytes; fewer at the end."""
    data = source(size)
    while data and len(data) < size and (more := source(size - len(data))):
        data += more
    return data


def _extension(source: Callable[[int], bytes], size: int) -> bytes:
    if not 0 <= size <= _LONGEST_EXTENSION:
        raise ArchiveError(f"is damaged: an extended header claims {size} bytes; what comes before that was read")
    data = _exactly(source, size + -size % BLOCK)
    if len(data) < size:
        raise ArchiveError("ends in its middle; what comes before that was read")
    return data[:size]


def _extend(extended: _Extended, kind: int, data: bytes) -> None:
    if kind == _LONG_NAME:
        extended.name = data.split(b"\0", 1)[0]
    elif kind in (_PAX, _PAX_SOLARIS):
        records = _pax_records(data)
        extended.name = records.get(b"GNU.sparse.name", records.get(b"path", extended.name))
        extended.sparse = extended.sparse or any(key.startswith(b"GNU.sparse.") for key in records)
        size = records.get(b"size", b"")
        # 2^63 has 19 digits; more would only cost time to convert.
        if size.isdigit() and len(size) <= 19:
            extended.size = int(size)


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """Records `LENGTH KEY=VALUE\\n` (POSIX.1-2008, pax Extended Header); reading ends at a malformed one."""
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        blank = data.find(b" ", position, position + 9)
        digits = data[position : max(blank, position)]
        end = position + int(digits) if digits.isdigit() else 0
        if end <= blank + 1 or end > len(data):
            break
        key, separator, value = data[blank + 1 : end - 1].partition(b"=")
        if not separator:
            break
        records[key] = value
        position = end
    return records


def _header_name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    # GNU tar's own format has other things where POSIX has the prefix, and two blanks behind the magic.
    if header[257:263] == b"ustar\0" and (prefix := header[345:500].split(b"\0", 1)[0]):
        return prefix + b"/" + name
    return name


def _number(field: bytes) -> int:
    """Octal digits or, with the first bit set, a number in base 256 (GNU tar, "Extensions"); -1 for anything else."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big", signed=False) & ((1 << (8 * len(field) - 1)) - 1)
        return value if field[0] == 0x80 and value < 1 << 63 else -1
    digits = field.split(b"\0", 1)[0].strip()
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return -1


def _checksum_holds(header: bytes) -> bool:
    expected = _number(header[148:156])
    if expected <= 0:
        return False
    plain = sum(header) - sum(header[148:156]) + 8 * 0x20
    # Some old programs added up signed bytes.
    signed = plain - 256 * sum(value >= 0x80 for value in header[:148] + header[156:])
    return expected in (plain, signed)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
