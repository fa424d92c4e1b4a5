from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from sip_ci.collect.collecting import CollectedInputs, collect
from sip_ci.collect.unfolding import Unfolder
from sip_ci.errors import InputError, NoInputError
from sip_ci.trace.limits import Limits

PCAP = b"\xd4\xc3\xb2\xa1" + bytes(20)
LOG = b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"
CONTENTS = {"in/call.pcap": PCAP, "in/a.log": LOG, "in/shot.png": b"\x89PNG", "in/junit.xml": b"<x/>"}
NAMES = ["in/a.log", "in/call.pcap"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    root = tmp_path.resolve() / "workspace"
    root.mkdir()
    return root


@pytest.fixture
def unfolder() -> Iterator[Unfolder]:
    with Unfolder() as unfolder:
        yield unfolder


def found(workspace: Path, *patterns: str) -> CollectedInputs:
    return collect(patterns, base=workspace, workspace=workspace)


def zipped(contents: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in contents:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def tarred(contents: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in contents:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


PACKED = {
    "stored.zip": zipped(CONTENTS.items(), zipfile.ZIP_STORED),
    "deflated.zip": zipped(CONTENTS.items()),
    "bzip2.zip": zipped(CONTENTS.items(), zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(CONTENTS.items(), zipfile.ZIP_LZMA),
    "plain.tar": tarred(CONTENTS.items()),
    "a.tar.gz": gzip.compress(tarred(CONTENTS.items())),
    "a.txz": lzma.compress(tarred(CONTENTS.items())),
    "a.tbz2": bz2.compress(tarred(CONTENTS.items())),
    "called.anything": gzip.compress(tarred(CONTENTS.items())),
}


@pytest.mark.parametrize("name", PACKED)
def test_members_that_are_traces_become_inputs(workspace: Path, unfolder: Unfolder, name: str) -> None:
    (workspace / name).write_bytes(PACKED[name])
    (workspace / "b.pcap").write_bytes(PCAP)
    result = unfolder.unfold(found(workspace, name, "b.pcap"))
    assert {file.name: file.path.read_bytes() for file in result.files} == {
        "b.pcap": PCAP,
        f"{name}!/in/call.pcap": PCAP,
        f"{name}!/in/a.log": LOG,
    }
    assert [file.name for file in result.files] == sorted(file.name for file in result.files)
    assert (result.missing, result.notices) == ((), ())
    member = next(file for file in result.files if "!" in file.name)
    assert (member.named, member.in_workspace, member.archive) == (False, False, name)


def test_a_search_through_a_folder_unfolds_too(workspace: Path, unfolder: Unfolder) -> None:
    for name in ("a.tar.gz", "stored.zip"):
        (workspace / name).write_bytes(PACKED[name])
    names = [file.name for file in unfolder.unfold(found(workspace, ".")).files]
    assert names == [f"{name}!/{member}" for name in ("a.tar.gz", "stored.zip") for member in NAMES]


def test_what_is_unfolded_is_private_and_removed(workspace: Path) -> None:
    (workspace / "a.zip").write_bytes(PACKED["stored.zip"])
    with Unfolder() as unfolder:
        (folder,) = {file.path.parent for file in unfolder.unfold(found(workspace, "a.zip")).files}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not folder.is_relative_to(workspace)
    assert not folder.exists()


def test_without_an_archive_nothing_is_written(workspace: Path, unfolder: Unfolder) -> None:
    (workspace / "b.pcap").write_bytes(PCAP)
    inputs = found(workspace, "b.pcap")
    assert unfolder.unfold(inputs) is inputs
    assert not list((workspace.parent / "temporary").iterdir())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_of_members_are_never_paths(workspace: Path, unfolder: Unfolder, pack: type) -> None:
    names = ["/etc/x.pcap", "../../up.pcap", "same.log", "same.log", "SAME.log", "a\nb\x1b[2J.log", "x" * 5000 + ".log"]
    (workspace / "a.bin").write_bytes(pack([(name, LOG + bytes([number])) for number, name in enumerate(names)]))
    files = unfolder.unfold(found(workspace, "a.bin")).files
    assert len({file.name for file in files}) == len(names)
    assert len({file.path.read_bytes() for file in files}) == len(names)
    assert len({file.path.parent for file in files}) == 1
    assert {file.path.name.isdigit() for file in files} == {True}
    assert not list(workspace.parent.rglob("*.pcap"))


def test_archives_in_archives_one_level(workspace: Path, unfolder: Unfolder) -> None:
    inner = gzip.compress(tarred([("call.pcap", PCAP), ("more.zip", zipped([("x.pcap", PCAP)]))]))
    (workspace / "a.zip").write_bytes(zipped([("in/inner.tgz", inner), ("in/b.log", LOG)]))
    result = unfolder.unfold(found(workspace, "a.zip"))
    assert [file.name for file in result.files] == ["a.zip!/in/b.log", "a.zip!/in/inner.tgz!/call.pcap"]
    assert [item.name for item in result.missing] == ["a.zip!/in/inner.tgz!/more.zip"]
    assert len(list(result.files[0].path.parent.iterdir())) == 2


def _encrypted(data: bytes) -> bytes:
    """The first member marked as encrypted, in its header and in the directory."""
    changed = bytearray(data)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        changed[data.index(magic) + offset] |= 1
    return bytes(changed)


def _damaged(data: bytes) -> bytes:
    start = data.index(b"bad.pcap") + 8
    return data[:start] + bytes(value ^ 0xFF for value in data[start : start + 20]) + data[start + 20 :]


def _lying(data: bytes) -> bytes:
    """The directory claims that the first member has fewer bytes than it has."""
    place = data.index(b"PK\x01\x02") + 24
    return data[:place] + struct.pack("<I", 3) + data[place + 4 :]


@pytest.mark.parametrize("spoil", [_encrypted, _damaged, _lying])
def test_a_member_that_cannot_be_read_costs_only_itself(workspace: Path, unfolder: Unfolder, spoil: type) -> None:
    data = zipped([("bad.pcap", PCAP + os.urandom(5000)), ("good.pcap", PCAP)])
    (workspace / "a.zip").write_bytes(spoil(data))
    result = unfolder.unfold(found(workspace, "a.zip"))
    assert [file.name for file in result.files] == ["a.zip!/good.pcap"]
    assert [item.name for item in result.missing] == ["a.zip!/bad.pcap"]
    assert len(list(result.files[0].path.parent.iterdir())) == 1


@pytest.mark.parametrize("pack", [tarred, lambda contents: gzip.compress(tarred(contents))])
def test_a_truncated_tar_keeps_what_came_before(workspace: Path, unfolder: Unfolder, pack: type) -> None:
    data = pack([("a.pcap", PCAP + os.urandom(100_000)), ("b.pcap", PCAP + os.urandom(100_000))])
    (workspace / "a.tar").write_bytes(data[:150_000])
    result = unfolder.unfold(found(workspace, "a.tar"))
    assert [file.name for file in result.files] == ["a.tar!/a.pcap", "a.tar!/b.pcap"]
    assert result.files[0].path.stat().st_size == 100_024
    assert 10_000 < result.files[1].path.stat().st_size < 60_000
    assert [item.name for item in result.missing] == ["a.tar"]


@pytest.mark.parametrize(
    "data",
    [zipped([("a.log", bytes(50 << 20))]), gzip.compress(tarred([("a.log", bytes(50 << 20))]))],
    ids=["zip", "tar.gz"],
)
def test_a_bomb_is_cut_and_said(workspace: Path, unfolder: Unfolder, data: bytes) -> None:
    (workspace / "bomb").write_bytes(data)
    (workspace / "b.pcap").write_bytes(PCAP)
    result = unfolder.unfold(found(workspace, "bomb", "b.pcap"))
    assert "bomb" in [item.name for item in result.missing]
    assert sum(path.stat().st_size for path in (workspace.parent / "temporary").rglob("*") if path.is_file()) < 20 << 20


def test_all_archives_together_are_capped(workspace: Path) -> None:
    for name in ("a.tar", "b.tar"):
        (workspace / name).write_bytes(tarred([("a.log", os.urandom(70_000))]))
    with Unfolder(Limits(decompressed_bytes=100_000)) as unfolder:
        result = unfolder.unfold(found(workspace, "a.tar", "b.tar"))
        assert [file.name for file in result.files] == ["a.tar!/a.log"]
        assert [item.name for item in result.missing] == ["b.tar"]


@pytest.mark.parametrize("data", [zipped([]), tarred([("x.png", b"p")]), zipped([("x.xml", b"<x/>")])])
def test_an_archive_without_traces(workspace: Path, unfolder: Unfolder, data: bytes) -> None:
    (workspace / "a.zip").write_bytes(data)
    with pytest.raises(NoInputError, match=r"^a\.zip "):
        unfolder.unfold(found(workspace, "a.zip"))
    (workspace / "b.pcap").write_bytes(PCAP)
    assert [item.name for item in unfolder.unfold(found(workspace, "*")).missing] == ["a.zip"]
    assert unfolder.unfold(found(workspace, ".")).missing == ()


@pytest.mark.parametrize("data", [b"PK\x03\x04" + bytes(100), PACKED["stored.zip"][:-30], b"PK\x05\x06"])
def test_a_zip_without_its_directory(workspace: Path, unfolder: Unfolder, data: bytes) -> None:
    (workspace / "a.zip").write_bytes(data)
    with pytest.raises(InputError, match=r"^a\.zip is damaged"):
        unfolder.unfold(found(workspace, "a.zip"))
    (workspace / "b.pcap").write_bytes(PCAP)
    (workspace / "sub").mkdir()
    (workspace / "a.zip").rename(workspace / "sub" / "a.zip")
    result = unfolder.unfold(found(workspace, "sub", "b.pcap"))
    # An archive that a search came upon may have nothing to do with traces.
    assert result.missing == ()
    assert len(result.notices) == 1


def test_links_in_a_zip_are_no_members(workspace: Path, unfolder: Unfolder) -> None:
    link = zipfile.ZipInfo("link.log")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(workspace / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.log", LOG)
    assert [file.name for file in unfolder.unfold(found(workspace, "a.zip")).files] == ["a.zip!/a.log"]


def test_names_that_are_no_utf_8(workspace: Path, unfolder: Unfolder) -> None:
    data = zipped([("caf_.log", LOG), ("caf-.log", LOG)]).replace(b"caf_", b"caf\xe9").replace(b"caf-", b"caf\xe8")
    (workspace / "a.zip").write_bytes(data)
    names = {file.name for file in unfolder.unfold(found(workspace, "a.zip")).files}
    assert len(names) == 2
    assert all(name.startswith("a.zip!/caf") for name in names)


def test_what_cannot_be_opened_is_left_to_the_analysis(workspace: Path, unfolder: Unfolder) -> None:
    (workspace / "a.pcap").write_bytes(PCAP)
    inputs = found(workspace, "a.pcap")
    (workspace / "a.pcap").unlink()
    assert unfolder.unfold(inputs) is inputs


def test_a_member_without_a_name_is_passed_over(workspace: Path, unfolder: Unfolder) -> None:
    (workspace / "a.zip").write_bytes(zipped([("", PCAP), ("a.log", LOG)]))
    assert [file.name for file in unfolder.unfold(found(workspace, "a.zip")).files] == ["a.zip!/a.log"]


@pytest.mark.parametrize("name", ["stored.zip", "lzma.zip", "a.tar.gz", "plain.tar"])
def test_damage_anywhere_is_an_error_of_the_input_at_worst(workspace: Path, name: str) -> None:
    data = PACKED[name]
    for place in range(0, len(data), max(1, len(data) // 150)):
        damaged = bytearray(data)
        damaged[place : place + 4] = b"\xff\0\xff\x7f"
        (workspace / name).write_bytes(damaged)
        with Unfolder() as unfolder, contextlib.suppress(InputError, NoInputError):
            unfolder.unfold(found(workspace, name))
