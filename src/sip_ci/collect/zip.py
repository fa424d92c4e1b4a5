"""Reads ZIP archives by their directory (PKWARE's APPNOTE.TXT)."""

from __future__ import annotations

import calendar
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from sip_ci.collect.archive import MAXIMUM_MEMBERS, ArchiveError, Member, MemberError

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
"""The first bytes of an archive, and of one without members."""

_ENCRYPTED = 1
_END = b"PK\x05\x06"
_END_SIZE = 22
_END_64 = b"PK\x06\x06"
_LOCATOR_64 = b"PK\x06\x07"
_LOCATOR_64_SIZE = 20
_LONGEST_COMMENT = 0xFFFF
_LONGEST_DIRECTORY = 64 << 20
"""Bytes of the directory, which is held in memory."""
_REGULAR_FILE = 0o100000
_LEAST_READ = 4096


def zip_members(path: Path) -> Iterator[Member]:
    """Yield the files. Folders and links are passed over; a member that is encrypted or damaged says so when read.

    Raises:
        ArchiveError: The archive has no directory that can be read.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        if _directory_size(file) > _LONGEST_DIRECTORY:
            raise ArchiveError("has a directory of more members than are read here")
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, struct.error, ValueError, OverflowError, NotImplementedError):
            # ValueError is also a name that is no UTF-8 although the archive says so.
            raise ArchiveError("is damaged, or was not copied to its end: its directory cannot be read") from None
        with archive:
            yield from _files(archive)


def _files(archive: zipfile.ZipFile) -> Iterator[Member]:
    for count, info in enumerate(archive.infolist()):
        if count == MAXIMUM_MEMBERS:
            raise ArchiveError(f"has more than {MAXIMUM_MEMBERS} members; the rest was not read")
        kind = (info.external_attr >> 16) & 0o170000
        if info.filename.endswith("/") or kind not in (0, _REGULAR_FILE):
            continue
        opened: list[zipfile.ZipExtFile] = []
        yield Member(info.filename, _reader(archive, info, opened), _modified(info))
        for content in opened:
            content.close()


def _reader(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, opened: list[zipfile.ZipExtFile]
) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        if info.flag_bits & _ENCRYPTED:
            raise MemberError("is encrypted; pack it without a password")
        try:
            if not opened:
                content = archive.open(info)
                assert isinstance(content, zipfile.ZipExtFile)
                opened.append(content)
            # Other methods than deflate put out whatever the bytes read at once hold, 10,000 times as much or more.
            deflated = info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            return opened[0].read1(size if deflated else min(size, _LEAST_READ))
        except NotImplementedError:
            raise MemberError("is compressed in a way that is not read here; pack it with the usual one") from None
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, ValueError, EOFError, OSError):
            raise MemberError("is damaged in the archive") from None

    return read


def _modified(info: zipfile.ZipInfo) -> float | None:
    try:
        # Local time of an unknown zone; taken as UTC, it is the same on every machine.
        return float(calendar.timegm((*info.date_time, 0, 0, 0)))
    except (ValueError, OverflowError):
        return None


def _directory_size(file: BinaryIO) -> int:
    """Bytes that the directory claims to have; 0 where there is none."""
    size = file.seek(0, 2)
    start = max(0, size - _END_SIZE - _LONGEST_COMMENT - _LOCATOR_64_SIZE)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_SIZE:
        return 0
    claimed: int = struct.unpack_from("<I", tail, end + 12)[0]
    locator = end - _LOCATOR_64_SIZE
    if locator >= 0 and tail[locator : locator + 4] == _LOCATOR_64:
        offset = struct.unpack_from("<Q", tail, locator + 8)[0]
        if offset < size:
            file.seek(offset)
            record = file.read(56)
            if len(record) == 56 and record.startswith(_END_64):
                claimed = max(claimed, struct.unpack_from("<Q", record, 40)[0])
    return min(claimed, size)
