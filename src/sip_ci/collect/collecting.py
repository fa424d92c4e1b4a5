"""Paths, globs and folders become named inputs, sorted and without duplicates."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sip_ci.collect.naming import name_files
from sip_ci.collect.patterns import compile_pattern, is_pattern, split_pattern
from sip_ci.collect.trace_names import (
    HEAD_BYTES,
    SKIPPED_FOLDERS,
    TRACE_EXTENSIONS,
    begins_as_trace,
    has_trace_extension,
    may_be_trace,
)
from sip_ci.errors import InputError, NoInputError, UsageError
from sip_ci.inputs import TraceFile, is_called_capture
from sip_ci.trace.printable import printable

FOREIGN_ARCHIVES = (".7z", ".rar", ".tar.lz4", ".tar.z")
"""Files that may hold traces and are not unfolded."""
MAXIMUM_FILES = 100_000
"""Where a search through folders stops."""
_ARCHIVES_TOLD = 5

# GitHub's runner mounts the workspace elsewhere for a container action, but does not translate inputs
# (actions/runner#716), so `${{ github.workspace }}/traces` arrives as the host's path.
_HOST_WORKSPACE = re.compile(r"^/home/runner/work/[^/]+/[^/]+/(?P<rest>.+)$")


@dataclass(frozen=True, slots=True)
class MissingInput:
    """Something that the user named and that cannot be had."""

    name: str
    """As an input's name: the path in the workspace, with forward slashes, never an absolute path."""
    reason: str
    """What is wrong and what to do, as the rest of a sentence that begins with the path."""


@dataclass(frozen=True, slots=True)
class CollectedInputs:
    """What was found."""

    files: tuple[TraceFile, ...]
    notices: tuple[str, ...] = ()
    """What was passed over, one sentence each."""
    missing: tuple[MissingInput, ...] = ()
    """What was named besides `files` and cannot be had."""


@dataclass(frozen=True, slots=True)
class _Problem:
    """One pattern that gave nothing."""

    pattern: str
    path: Path
    reason: str
    absent: bool = True
    """Whether there is nothing; False where something is there that cannot be read."""

    @property
    def message(self) -> str:
        return f"{printable(self.pattern)} {self.reason}"


@dataclass(slots=True)
class _Search:
    """The state of one search."""

    workspace: Path
    excluded: frozenset[Path]
    found: dict[Path, bool] = field(default_factory=dict)
    """Path → whether the user named it."""
    notices: list[str] = field(default_factory=list)

    def is_own_report(self, path: Path) -> bool:
        """Whether a search came upon a report of an earlier run. A capture is never one."""
        return bool(self.excluded) and not is_called_capture(path.name) and path.resolve() in self.excluded

    def take(self, path: Path, *, named: bool) -> None:
        if len(self.found) >= MAXIMUM_FILES and path not in self.found:
            raise InputError(f"more than {MAXIMUM_FILES} inputs were found; name fewer paths")
        self.found[path] = self.found.get(path, False) or named


def collect(
    patterns: Iterable[str], *, base: Path, workspace: Path, excluded: Collection[Path] = ()
) -> CollectedInputs:
    """Find the inputs that the user asked for.

    Args:
        patterns: Files, globs and folders; relative ones start at `base`.
        base: An absolute path.
        workspace: The repository's root; links that lead out of it are not followed.
        excluded: The files that this run will write, resolved: a search does not take them.

    Raises:
        UsageError: `patterns` is empty, or a report would be written over an input.
        InputError: Nothing was found, and something that was named cannot be read; or too much was found.
        NoInputError: Nothing was found.
    """
    search = _Search(workspace, frozenset(excluded))
    asked = [pattern for pattern in patterns if pattern]
    if not asked:
        raise UsageError(
            "no trace was named: give files, globs or folders as arguments, in SIP_CI_PATHS, "
            "or under 'paths' in .sip-ci.yml"
        )
    problems = [problem for pattern in asked if (problem := _collect_one(search, pattern, base))]
    if not search.found:
        message = "\n".join(problem.message for problem in problems)
        raise NoInputError(message) if all(problem.absent for problem in problems) else InputError(message)
    files = name_files(search.found, workspace)
    if overwritten := next((file for file in files if file.path in search.excluded), None):
        raise UsageError(
            f"a report would be written over the input {printable(overwritten.name)}; give the report another path"
        )
    missing = {_missing_name(problem, workspace): problem.reason for problem in problems}
    return CollectedInputs(files, tuple(search.notices), tuple(MissingInput(*item) for item in missing.items()))


def _missing_name(problem: _Problem, workspace: Path) -> str:
    path = Path(os.path.normpath(problem.path))
    return path.relative_to(workspace).as_posix() if path.is_relative_to(workspace) else path.name


def _collect_one(search: _Search, pattern: str, base: Path) -> _Problem | None:
    path = base / pattern
    try:
        path = _translated(path, search)
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        reason = _collect_glob(search, str(path)) if is_pattern(pattern) else _missing(path, search.workspace)
        return _Problem(pattern, path, reason) if reason else None
    except (OSError, ValueError) as error:
        return _Problem(pattern, path, f"cannot be read: {_reason(error)}", absent=False)
    if stat.S_ISDIR(mode):
        reason = _collect_folder(search, path)
        return _Problem(pattern, path, reason) if reason else None
    if stat.S_ISREG(mode):
        search.take(Path(os.path.normpath(path)), named=True)
        return None
    return _Problem(pattern, path, "is not a regular file; save the trace to a file first", absent=False)


def _translated(path: Path, search: _Search) -> Path:
    if path.exists() or not (match := _HOST_WORKSPACE.match(str(path))):
        return path
    translated = search.workspace / match["rest"]
    exists = translated.exists() or (
        is_pattern(match["rest"]) and (search.workspace / split_pattern(match["rest"])[0]).exists()
    )
    if not exists:
        return path
    search.notices.append(
        f"{printable(str(path))} is a path of the runner's host; {printable(match['rest'])} in the workspace is used"
    )
    return translated


def _missing(path: Path, workspace: Path) -> str:
    if _HOST_WORKSPACE.match(str(path)):
        return "does not exist here: it is a path of the runner's host; use a path relative to the workspace"
    if path.is_symlink():
        return "is a symbolic link to a file that does not exist"
    advice = "check the path, and that the step that records the trace ran before this one"
    folder = Path(os.path.normpath(path)).parent
    if folder == workspace:
        shown = "the workspace"
    elif folder.is_relative_to(workspace):
        shown = f"{printable(folder.relative_to(workspace).as_posix())} in the workspace"
    else:
        shown = printable(str(folder))
    if not folder.is_dir():
        return f"does not exist, nor does its folder, {shown}; {advice}"
    return f"does not exist (looked in {shown}); {advice}"


def _collect_folder(search: _Search, folder: Path) -> str:
    """Take the traces below a folder, and return why there is none, if there is none."""
    taken = False
    archives: list[Path] = []
    for path in _walk(search, folder):
        if path.name.lower().endswith(FOREIGN_ARCHIVES):
            archives.append(path)
        elif _is_trace(path) and not search.is_own_report(path):
            search.take(path, named=False)
            taken = True
    notices = [
        f"{printable(path.name)} is an archive of a kind that is not read (ZIP and tar are); unpack it first"
        for path in archives[:_ARCHIVES_TOLD]
    ]
    if len(archives) > _ARCHIVES_TOLD:
        notices.append(f"{len(archives) - _ARCHIVES_TOLD} more archives are not read")
    if taken:
        search.notices += notices
        return ""
    kinds = " ".join(sorted(TRACE_EXTENSIONS))
    return "; ".join([f"is a folder that holds no traces (looked for {kinds}, in subfolders too)", *notices])


def _is_trace(path: Path) -> bool:
    if has_trace_extension(path.name):
        return True
    if not may_be_trace(path.name):
        return False
    try:
        with path.open("rb") as file:
            return begins_as_trace(path.name, file.read(HEAD_BYTES))
    except OSError:
        # What cannot be opened and is not called a trace is nothing that the user waits for.
        return False


def _collect_glob(search: _Search, absolute: str) -> str:
    """Take what a pattern matches, and return why that is nothing, if it is nothing."""
    folder, rest = split_pattern(absolute)
    expression = compile_pattern(rest)
    root = Path(folder)
    matched = False
    for path in _walk(search, root, hidden=rest.startswith(".") or "/." in rest):
        if expression.fullmatch(path.relative_to(root).as_posix()) and not search.is_own_report(path):
            matched = True
            search.take(path, named=True)
    if matched:
        return ""
    return "matches no file; check the pattern, and that the step that records the traces ran before this one"


def _walk(search: _Search, folder: Path, *, hidden: bool = True) -> Iterator[Path]:
    """Yield the regular files below a folder; links to folders are never followed, links to files only inside."""

    def unreadable(error: OSError) -> None:
        search.notices.append(f"the folder {printable(str(error.filename))} was skipped: {_reason(error)}")

    start = Path(os.path.normpath(folder))
    outside = closed = 0
    for parent, folders, names in os.walk(start, onerror=unreadable):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and (hidden or name[0] != "."))
        for name in sorted(names):
            path = Path(parent, name)
            # First of all: a link that leads nowhere, or round in circles, cannot be resolved.
            try:
                if not stat.S_ISREG(path.stat().st_mode):
                    continue
            except PermissionError:
                closed += 1
                continue
            except (OSError, ValueError):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(search.workspace):
                outside += 1
            else:
                yield path
    if closed:
        search.notices.append(f"{closed} file(s) below {printable(start.name)} were skipped: Permission denied")
    if outside:
        search.notices.append(f"{outside} symbolic link(s) that lead out of the workspace were not followed")


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
