from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sip_ci.collect.archive import ArchiveError, MemberCutError, MemberError
from sip_ci.collect.tar import is_tar, tar_members

CONTENTS = {"a.pcap": b"x" * 700, "folder/b.log": b"y" * 512, "c": b"", "deep/" * 40 + "d.log": b"z" * 1500}


def archive(format_number: int, contents: dict[str, bytes] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_number) as tar:
        for name, content in (CONTENTS if contents is None else contents).items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            info.mtime = 1_700_000_000
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(data: bytes, piece: int = 1000) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for member in tar_members(io.BytesIO(data).read):
        content = b""
        while more := member.read(piece):
            content += more
        found[member.name] = content
    return found


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("piece", [1, 512, 100_000])
def test_what_python_packed(form: int, piece: int) -> None:
    data = archive(form)
    assert is_tar(data[:512])
    assert read(data, piece) == CONTENTS


@pytest.mark.parametrize("form", ["v7", "ustar", "gnu", "pax", "oldgnu"])
def test_what_tar_packed(form: str, tmp_path: Path) -> None:
    if shutil.which("tar") is None:
        pytest.skip("tar is not installed")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.log").write_bytes(b"a" * 1000)
    (tmp_path / "in" / "ä b.log").write_bytes(b"b" * 10)
    (tmp_path / "in" / "link.log").symlink_to("a.log")
    if form != "v7":
        os.mkfifo(tmp_path / "in" / "pipe.log")
    packed = subprocess.run(
        ["tar", f"--format={form}", "-cf", "-", "in"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    assert is_tar(packed[:512])
    assert read(packed) == {"in/a.log": b"a" * 1000, "in/ä b.log": b"b" * 10}


def test_members_that_are_not_read_are_passed_over() -> None:
    assert list(read(archive(tarfile.GNU_FORMAT, {"a": b"1" * 5000, "b": b"2"}))) == ["a", "b"]
    assert [member.name for member in tar_members(io.BytesIO(archive(tarfile.PAX_FORMAT)).read)] == list(CONTENTS)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_no_members(kind: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("call.pcap")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
        after = tarfile.TarInfo("after.log")
        after.size = 1
        tar.addfile(after, io.BytesIO(b"x"))
    assert read(buffer.getvalue()) == {"after.log": b"x"}


@pytest.mark.parametrize("name", ["/etc/passwd", "../../up.log", "./a.log", "a\nb\x1b.log"])
def test_names_are_handed_on_as_they_are(name: str) -> None:
    assert list(read(archive(tarfile.PAX_FORMAT, {name: b"x"}))) == [name]


def test_a_name_that_is_no_utf_8() -> None:
    data = archive(tarfile.GNU_FORMAT, {"caf\udce9.log": b"x"})
    assert list(read(data)) == ["caf\udce9.log"]


def test_an_archive_that_was_cut_off_keeps_what_came_before() -> None:
    data = archive(tarfile.USTAR_FORMAT, {"a": b"1" * 2000, "b": b"2" * 2000})
    members = tar_members(io.BytesIO(data[: 512 + 2048 + 512 + 700]).read)
    first = next(members)
    assert first.read(5000) == b"1" * 2000
    second = next(members)
    assert second.read(700) == b"2" * 700
    with pytest.raises(MemberCutError):
        second.read(1)
    with pytest.raises(ArchiveError):
        next(members)


def _raises(change: Callable[[bytearray], None], data: bytes) -> None:
    changed = bytearray(data)
    change(changed)
    with pytest.raises((ArchiveError, MemberError)):
        read(bytes(changed))


def _with_size(field: bytes) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[124:136] = field
        data[148:156] = b" " * 8
        data[148:156] = b"%06o\0 " % sum(data[:512])

    return change


@pytest.mark.parametrize(
    "field", [b"77777777777\0", b"\xff" * 12, b"\x80" + b"\xff" * 11, b"not a number", b"-0000000010\0"]
)
def test_sizes_that_lie(field: bytes) -> None:
    _raises(_with_size(field), archive(tarfile.USTAR_FORMAT, {"a": b"1" * 2000}))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_extended_headers_that_claim_gigabytes(form: int) -> None:
    data = archive(form, {"long/" * 100 + "é.log": b"x"})
    _raises(_with_size(b"%011o\0" % (4 << 30)), data + bytes(4 << 20))


def test_a_damaged_header_ends_the_archive() -> None:
    _raises(lambda data: data.__setitem__(512 + 1024 + 3, 0xFF), archive(tarfile.USTAR_FORMAT))


@pytest.mark.parametrize(
    "records", [b"x", b"0 a=b\n", b"999999999999 path=x\n", b"6 a\n", b"-5 path=x\n", b" path=x\n"]
)
def test_malformed_pax_records_end_in_a_member_with_its_plain_name(records: bytes) -> None:
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, len(records)
    data = header.tobuf(tarfile.USTAR_FORMAT) + records.ljust(512, b"\0") + archive(tarfile.USTAR_FORMAT, {"a": b"1"})
    assert read(data) == {"a": b"1"}


@pytest.mark.parametrize("content", [b"", bytes(512), b"x" * 512, b"\xd4\xc3\xb2\xa1" + bytes(600), b"a: b\r\n" * 200])
def test_what_is_no_tar(content: bytes) -> None:
    assert not is_tar(content[:512])
