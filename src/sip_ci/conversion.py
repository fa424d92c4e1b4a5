"""The job of `sip-ci convert`: collect → read → write, and say on standard error what was left out or made up."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from sip_ci.collect.collecting import collect
from sip_ci.collect.unfolding import Unfolder
from sip_ci.convert.forms import Converter, Form
from sip_ci.errors import InputError, NoInputError, UsageError
from sip_ci.inputs import TraceFile
from sip_ci.progress import Progress
from sip_ci.trace.message import SipMessage
from sip_ci.trace.notice_summary import summarise_notices
from sip_ci.trace.printable import printable
from sip_ci.trace.reading import read_trace
from sip_ci.trace.redact import Redactor
from sip_ci.trace.trace import Trace
from sip_ci.trace.transcript import group_by_call
from sip_ci.whole_file import whole_file

logger = logging.getLogger(__name__)

STANDARD_STREAM = "-"
_CALLS_TOLD = 5
_DIAGRAM_SUFFIXES = (".mmd", ".mermaid")
_EXIT_INCOMPLETE = 2


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for."""

    paths: tuple[str, ...]
    form: Form
    output: str = STANDARD_STREAM
    calls: tuple[str, ...] = ()
    redact: bool = False


def convert(request: Request, base: Path, environment: Mapping[str, str]) -> int:
    """Write the inputs in the form asked for, and return the exit code.

    Raises:
        UsageError: The request contradicts itself, or the output cannot be written.
        InputError: No input can be read.
        NoInputError: Nothing was found to write.
    """
    return _Job(request, base, environment).run()


class _Job:
    """One run."""

    def __init__(self, request: Request, base: Path, environment: Mapping[str, str]) -> None:
        self._request = request
        self._base = base
        self._environment = environment
        self._failed = 0
        self._written = 0
        self._places: set[Path] = set()
        """The files in the folder that were written."""
        self._others: dict[str, None] = {}
        """Call-IDs that were met while others were wanted."""
        to_stdout = request.output == STANDARD_STREAM
        self._target = None if to_stdout else base / request.output
        self._is_folder = not to_stdout and (request.output.endswith("/") or (base / request.output).is_dir())
        is_diagram = self._target is not None and self._target.suffix.lower() in _DIAGRAM_SUFFIXES
        self._converter = Converter(
            request.form,
            calls=request.calls,
            redactor=Redactor() if request.redact else None,
            bare=request.form is Form.MERMAID and is_diagram and not self._is_folder,
        )

    def run(self) -> int:
        with Unfolder() as unfolder:
            return self._convert(self._collect(unfolder))

    def _convert(self, files: Sequence[TraceFile]) -> int:
        form = self._request.form
        if form.is_binary and self._target is None and sys.stdout.isatty():
            raise UsageError("a capture is not for a terminal; name a file with --output, or redirect the output")
        if len(files) > 1 and not self._is_folder and not form.holds_several:
            raise UsageError(f"{len(files)} inputs do not fit one capture; name a folder: --output FOLDER/")
        progress = Progress(len(files), self._environment)
        try:
            if self._is_folder:
                for file in files:
                    self._to_folder(file)
                    progress.finished(file.name)
            else:
                with self._opened(self._target) as stream:
                    self._to_one(files, stream, progress)
        finally:
            progress.close()
        if not self._written:
            raise self._nothing()
        return _EXIT_INCOMPLETE if self._failed else 0

    # -- inputs -----------------------------------------------------------------------------------------------------

    def _collect(self, unfolder: Unfolder) -> list[TraceFile]:
        asked = [path for path in self._request.paths if path != STANDARD_STREAM]
        if not self._request.paths:
            raise UsageError("nothing to convert was named; give files, folders or globs, or - for standard input")
        files: list[TraceFile] = []
        if len(asked) < len(self._request.paths):
            files.append(TraceFile("standard input", Path(STANDARD_STREAM)))
        if asked:
            found = unfolder.unfold(collect(asked, base=self._base, workspace=self._base))
            for notice in found.notices:
                logger.warning("%s", notice)
            for missing in found.missing:
                self._failed += 1
                logger.error("%s %s", missing.name, missing.reason)
            files += self._without_outputs(found.files)
        return files

    def _without_outputs(self, files: Sequence[TraceFile]) -> list[TraceFile]:
        """An input is never written over; what a search met of an earlier run's output is no input."""
        target = self._target.resolve() if self._target is not None else None
        if any(file.named and file.path == target for file in files):
            raise UsageError(f"{printable(self._request.output)} is an input; write to another file")
        if self._is_folder and target is not None and target != self._base.resolve():
            return [file for file in files if file.named or not file.path.is_relative_to(target)]
        return [file for file in files if file.path != target]

    def _read(self, file: TraceFile) -> tuple[Trace, Sequence[SipMessage]] | None:
        """The trace and its chosen messages; None, and a line on standard error, where there is nothing to write."""
        try:
            trace = read_trace(sys.stdin.buffer if file.path == Path(STANDARD_STREAM) else file.path, file.name)
        except OSError as error:
            self._failed += 1
            logger.error("%s cannot be read: %s", file.name, error.strerror or error)
            return None
        if not trace.messages and trace.format in ("unknown", "empty"):
            why = "; ".join(summarise_notices(trace.notices)) or "it holds nothing that is known here"
            if file.named:
                self._failed += 1
                logger.error("%s: %s", file.name, why)
            else:
                logger.info("%s is passed over: %s", file.name, why)
            return None
        for line in summarise_notices(trace.notices):
            logger.info("%s: %s", file.name, line)
        messages = self._converter.chosen(trace)
        if not messages and not self._converter.tells_more(trace):
            if not self._request.calls:
                logger.warning("%s holds no SIP message", file.name)
            self._others.update(dict.fromkeys(list(group_by_call(trace.messages))[: _CALLS_TOLD + 1]))
            return None
        return trace, messages

    def _nothing(self) -> Exception:
        if self._request.calls and self._others:
            known = [printable(call) for call in self._others if call]
            told = ", ".join(known[:_CALLS_TOLD]) + (" and others" if len(known) > _CALLS_TOLD else "")
            return NoInputError(f"no message has that Call-ID; the calls are {told}")
        if self._failed:
            return InputError("no input could be read; nothing was written")
        return NoInputError("no SIP message was found; nothing was written")

    # -- outputs ----------------------------------------------------------------------------------------------------

    def _to_one(self, files: Sequence[TraceFile], stream: BinaryIO, progress: Progress) -> None:
        for file in files:
            read = self._read(file)
            if read is not None:
                if not self._written:
                    stream.write(self._converter.begin())
                self._write(*read, stream, alone=len(files) == 1)
            progress.finished(file.name)
        if not self._written:
            # The file that may be there stays as it is.
            raise self._nothing()
        stream.write(self._converter.end())

    def _to_folder(self, file: TraceFile) -> None:
        read = self._read(file)
        if read is None:
            return
        assert self._target is not None
        target = self._place_for(file, self._target)
        if target.resolve() == file.path:
            raise UsageError(f"{printable(file.name)} would be written over; write to another folder")
        self._make_folder(target.parent)
        with self._opened(target) as stream:
            converter = self._converter
            stream.write(converter.begin())
            self._write(*read, stream, alone=True)
            stream.write(converter.end())

    def _place_for(self, file: TraceFile, folder: Path) -> Path:
        """A file of its own in the folder, wherever the name of an archive's member means to lead."""
        name = "stdin" if file.path == Path(STANDARD_STREAM) else file.name.replace("\0", "").replace("\\", "_")
        parts = [part for part in PurePosixPath(name).parts if part not in ("/", "//", "..")]
        target = folder.joinpath(*parts[:-1], (parts[-1] if parts else "trace") + self._request.form.suffix)
        while target in self._places:
            target = target.with_name(f"_{target.name}")
        self._places.add(target)
        return target

    def _write(self, trace: Trace, messages: Sequence[SipMessage], stream: BinaryIO, *, alone: bool) -> None:
        for piece in self._converter.pieces(trace, messages, alone=alone):
            stream.write(piece)
        self._written += 1
        for remark in self._converter.remarks:
            logger.info("%s: %s", trace.name, remark)

    @contextmanager
    def _opened(self, target: Path | None) -> Iterator[BinaryIO]:
        if target is None:
            sys.stdout.flush()
            try:
                yield sys.stdout.buffer
                sys.stdout.buffer.flush()
            except BrokenPipeError:
                # A reader that has seen enough and closed the pipe is no error; what is left must not fail at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                self._written += 1
            return
        try:
            self._make_folder(target.parent)
            with whole_file(target) as stream:
                yield stream
        except OSError as error:
            raise UsageError(f"cannot write {target}: {error.strerror or error}") from error

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot make the folder {folder}: {error.strerror or error}") from error
