"""Archives among the inputs become their members: each trace in them is an input of its own."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType

from sip_ci.collect.archive import ArchiveError, Member, MemberCutError, MemberError
from sip_ci.collect.collecting import CollectedInputs, MissingInput
from sip_ci.collect.members import MemberNames, is_taken
from sip_ci.collect.tar import BLOCK as TAR_BLOCK
from sip_ci.collect.tar import is_tar, tar_members
from sip_ci.collect.zip import MAGICS, zip_members
from sip_ci.errors import InputError, NoInputError
from sip_ci.inputs import TraceFile, is_called_capture
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.printable import printable

_DEPTH = 2
"""Archives may hold archives, and those may not."""
_HEAD = 1 << 16
"""Bytes of a member by which it is told whether it is a trace."""
_STEP = 1 << 20
_FAILURES_TOLD = 20
"""Members of one archive that are named because they cannot be read."""


class _Form(Enum):
    """How members are found in an archive."""

    ZIP = "ZIP"
    TAR = "tar"


class Unfolder:
    """Writes members into a private folder, which is removed at the end; their names are labels and name no file.

    Use it as a context manager: the inputs that it gave are files until it is left.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits if limits is not None else Limits()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._written = 0
        """Members, from which their files are named."""
        self._bytes = 0

    def __enter__(self) -> Unfolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()

    def unfold(self, inputs: CollectedInputs) -> CollectedInputs:
        """Replace the archives among the inputs by the traces in them.

        What cannot be read in an archive costs only itself, and is among what is missing.

        Raises:
            InputError: Nothing is left, and an archive cannot be read.
            NoInputError: Nothing is left, as no archive holds a trace.
        """
        files: list[TraceFile] = []
        archives: list[_Archive] = []
        for file in inputs.files:
            # What cannot be opened is the business of whoever analyses it.
            with contextlib.suppress(OSError):
                if (form := _form_of(file.path, self._limits)) is not None:
                    archives.append(_Archive(file, form, max(file.path.stat().st_size, 1)))
                    continue
            files.append(file)
        if not archives:
            return inputs
        names = MemberNames(file.name for file in inputs.files)
        for archive in archives:
            self._unfold(archive, archive.file.path, archive.form, archive.file.name, names, 1)
            if not archive.files and not archive.failures and archive.file.named:
                archive.failures.append(MissingInput(archive.file.name, _nothing_in(archive)))
            files += archive.files
        missing = tuple(failure for archive in archives for failure in archive.told)
        notices = tuple(notice for archive in archives for notice in archive.notices)
        if not files:
            text = "\n".join(f"{printable(item.name)} {item.reason}" for item in (*inputs.missing, *missing))
            failed = any(archive.failures and archive.members_failed for archive in archives)
            raise InputError(text) if failed else NoInputError(text or "the archives that were found hold no trace")
        files.sort(key=lambda file: file.name)
        return CollectedInputs(tuple(files), (*inputs.notices, *notices), (*inputs.missing, *missing))

    def _unfold(self, archive: _Archive, path: Path, form: _Form, name: str, names: MemberNames, depth: int) -> None:
        notices = NoticeLog()
        try:
            for member in _members(path, form, self._limits, notices):
                archive.members += 1
                label = names.label(name, member.name)
                try:
                    self._take(archive, member, label, names, depth)
                except MemberError as error:
                    archive.fail(label, str(error), is_capture=is_called_capture(label))
        except ArchiveError as error:
            # Where compression ended early, that is why the archive did.
            reason = next((f"is cut short: {notice.text}" for notice in notices.notices()), str(error))
            archive.fail(name, reason, is_capture=False)
        except OSError as error:
            archive.fail(name, f"cannot be read: {error.strerror or type(error).__name__}", is_capture=False)

    def _take(self, archive: _Archive, member: Member, label: str, names: MemberNames, depth: int) -> None:
        cut = False
        head = b""
        try:
            while len(head) < _HEAD and (piece := member.read(_HEAD - len(head))):
                head += piece
        except MemberCutError:
            cut = True
        except MemberError:
            if is_taken(member.name, b""):
                raise
            return
        if not is_taken(member.name, head):
            return
        path = self._next_path()
        try:
            with path.open("xb") as file:
                file.write(self._counted(archive, head))
                # What an archive that was cut off has of its last member is read like a capture that was cut off.
                with contextlib.suppress(MemberCutError):
                    while not cut and (piece := member.read(_STEP)):
                        file.write(self._counted(archive, piece))
            if member.modified is not None:
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    os.utime(path, (member.modified, member.modified))
            form = _form_of(path, self._limits)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise MemberError(f"cannot be unfolded: {error.strerror or type(error).__name__}") from None
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        if form is None:
            archive.files.append(
                TraceFile(
                    label, path, named=False, in_workspace=False,
                    archive=archive.file.name if archive.file.in_workspace else "",
                )
            )  # fmt: skip
            return
        try:
            if depth == _DEPTH:
                raise MemberError("is an archive in an archive in an archive, which is not read; unpack one of them")
            self._unfold(archive, path, form, label, names, depth + 1)
        finally:
            path.unlink()

    def _next_path(self) -> Path:
        if self._folder is None:
            # mkdtemp makes it readable for this user alone.
            self._folder = tempfile.TemporaryDirectory(prefix="sip-ci-members-", ignore_cleanup_errors=True)
        self._written += 1
        return Path(self._folder.name).resolve() / f"{self._written:06}"

    def _counted(self, archive: _Archive, piece: bytes) -> bytes:
        limits = self._limits
        self._bytes += len(piece)
        archive.unfolded += len(piece)
        if self._bytes > limits.decompressed_bytes:
            raise ArchiveError(f"unfolds to more than {limits.decompressed_bytes} bytes; the rest was not read")
        if (
            archive.unfolded > limits.decompression_grace
            and archive.unfolded > archive.stored * limits.decompression_ratio
        ):
            raise ArchiveError(
                f"unfolds to more than {limits.decompression_ratio} times its size; the rest was not read"
            )
        return piece


@dataclass(slots=True)
class _Archive:
    """One archive among the inputs, and what was found in it and in the archives in it."""

    file: TraceFile
    form: _Form
    stored: int
    """Bytes that it has."""
    members: int = 0
    unfolded: int = 0
    files: list[TraceFile] = field(default_factory=list)
    failures: list[MissingInput] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    members_failed: int = 0

    def fail(self, name: str, reason: str, *, is_capture: bool) -> None:
        """Note what cannot be read; in an archive that a search came upon, only captures count as inputs."""
        if self.file.named or is_capture:
            self.members_failed += 1
            self.failures.append(MissingInput(name, reason))
        elif len(self.notices) < _FAILURES_TOLD:
            self.notices.append(f"{printable(name)} {reason}")

    @property
    def told(self) -> list[MissingInput]:
        """The failures, and how many more there are where they are too many."""
        if len(self.failures) <= _FAILURES_TOLD:
            return self.failures
        more = len(self.failures) - _FAILURES_TOLD
        return [*self.failures[:_FAILURES_TOLD], MissingInput(self.file.name, f"holds {more} more such members")]


def _members(path: Path, form: _Form, limits: Limits, notices: NoticeLog) -> Iterator[Member]:
    if form is _Form.ZIP:
        yield from zip_members(path)
        return
    with path.open("rb") as file:
        yield from tar_members(InputStream(file, limits, notices).read)


def _form_of(path: Path, limits: Limits) -> _Form | None:
    """What kind of archive a file is; None where it is none."""
    with path.open("rb") as file:
        if file.read(len(MAGICS[0])).startswith(MAGICS):
            return _Form.ZIP
        file.seek(0)
        return _Form.TAR if is_tar(InputStream(file, limits, NoticeLog()).peek(TAR_BLOCK)) else None


def _nothing_in(archive: _Archive) -> str:
    if not archive.members:
        return "is an archive without any file"
    return f"is an archive that holds no traces among its {archive.members} file(s)"
