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
from sip_ci.errors import InputError, NoInputError, UsageError
from sip_ci.inputs import TraceFile
from sip_ci.trace.printable import printable

TRACE_EXTENSIONS = frozenset({".pcap", ".pcapng", ".cap", ".gz", ".log", ".txt", ".sip", ".msg", ".trace"})
"""What a search through a folder takes; a file that the user names is always taken."""
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox"})
MAXIMUM_FILES = 100_000
"""Where a search through folders stops."""

# GitHub's runner mounts the workspace elsewhere for a container action, but does not translate inputs
# (actions/runner#716), so `${{ github.workspace }}/traces` arrives as the host's path.
_HOST_WORKSPACE = re.compile(r"^/home/runner/work/[^/]+/[^/]+/(?P<rest>.+)$")


@dataclass(frozen=True, slots=True)
class CollectedInputs:
    """What was found."""

    files: tuple[TraceFile, ...]
    notices: tuple[str, ...] = ()
    """What was passed over, one sentence each."""


@dataclass(slots=True)
class _Search:
    """The state of one search."""

    workspace: Path
    excluded: frozenset[Path]
    found: dict[Path, bool] = field(default_factory=dict)
    """Path → whether the user named it."""
    notices: list[str] = field(default_factory=list)

    def take(self, path: Path, *, named: bool) -> None:
        if not named and path in self.excluded:
            return
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
        excluded: Files that a search must not take, such as the reports of this very run.

    Raises:
        UsageError: `patterns` is empty.
        InputError: A path without wildcards does not exist or cannot be read.
        NoInputError: A glob or a folder holds nothing to analyse.
    """
    search = _Search(workspace, frozenset(excluded))
    asked = [pattern for pattern in patterns if pattern]
    if not asked:
        raise UsageError(
            "no trace was named: give files, globs or folders as arguments, in SIP_CI_PATHS, "
            "or under 'paths' in .sip-ci.yml"
        )
    for pattern in asked:
        _collect_one(search, pattern, base)
    files = name_files(search.found, workspace)
    return CollectedInputs(files, tuple(search.notices))


def _collect_one(search: _Search, pattern: str, base: Path) -> None:
    path = _translated(base / pattern, search)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if is_pattern(pattern):
            _collect_glob(search, str(path), pattern)
            return
        raise InputError(_missing(pattern, path, search.workspace)) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{printable(pattern)}: cannot be read: {_reason(error)}") from None
    if stat.S_ISDIR(mode):
        _collect_folder(search, path, pattern)
    elif stat.S_ISREG(mode):
        search.take(Path(os.path.normpath(path)), named=True)
    else:
        raise InputError(f"{printable(pattern)}: is not a regular file; save the trace to a file first")


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


def _missing(pattern: str, path: Path, workspace: Path) -> str:
    shown = printable(pattern)
    if _HOST_WORKSPACE.match(str(path)):
        return f"{shown}: does not exist here: it is a path of the runner's host; use a path relative to the workspace"
    if path.is_symlink():
        return f"{shown}: is a symbolic link to a file that does not exist"
    near = (
        "the workspace" if path.is_relative_to(workspace) and path.parent == workspace else printable(str(path.parent))
    )
    where = (
        f"is not in {near}"
        if path.parent.is_dir()
        else f"does not exist, nor does its folder {printable(str(path.parent))}"
    )
    return f"{shown}: {where}; check the path, and that the step that records the trace ran before this one"


def _collect_folder(search: _Search, folder: Path, pattern: str) -> None:
    before = len(search.found)
    for path in _walk(search, folder):
        if path.suffix.lower() in TRACE_EXTENSIONS:
            search.take(path, named=False)
    taken = any(path.is_relative_to(folder) for path in search.found) if len(search.found) == before else True
    if not taken:
        kinds = " ".join(sorted(TRACE_EXTENSIONS))
        raise NoInputError(f"the folder {printable(pattern)} holds no traces (looked for {kinds}, in subfolders too)")


def _collect_glob(search: _Search, absolute: str, pattern: str) -> None:
    folder, rest = split_pattern(absolute)
    expression = compile_pattern(rest)
    root = Path(folder)
    matched = False
    for path in _walk(search, root, hidden=rest.startswith(".") or "/." in rest):
        if expression.fullmatch(path.relative_to(root).as_posix()):
            if path in search.excluded:
                continue
            matched = True
            search.take(path, named=True)
    if not matched:
        raise NoInputError(
            f"nothing matches {printable(pattern)}; check the pattern, and that the step that records the traces "
            "ran before this one"
        )


def _walk(search: _Search, folder: Path, *, hidden: bool = True) -> Iterator[Path]:
    """Yield the regular files below a folder; links to folders are never followed, links to files only inside."""

    def unreadable(error: OSError) -> None:
        search.notices.append(f"the folder {printable(str(error.filename))} was skipped: {_reason(error)}")

    start = Path(os.path.normpath(folder))
    outside = 0
    for parent, folders, names in os.walk(start, onerror=unreadable):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS and (hidden or name[0] != "."))
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_symlink() and not path.resolve().is_relative_to(search.workspace):
                outside += 1
            elif path.is_file():
                yield path
    if outside:
        search.notices.append(f"{outside} symbolic link(s) that lead out of the workspace were not followed")


def _reason(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
