"""Gives inputs their stable names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from sip_ci.inputs import TraceFile


def name_files(found: Mapping[Path, bool], workspace: Path) -> tuple[TraceFile, ...]:
    """Name files by their path in the workspace, sorted by name; one file under two paths is one input.

    A file outside the workspace is named by as many of its last path components as tell it apart from the others:
    its absolute path would differ from machine to machine and does not belong into a report.

    Args:
        found: Absolute paths, and whether the user named them.
        workspace: The repository's root, resolved.
    """
    unique: dict[Path, tuple[Path, bool]] = {}
    for path, named in sorted(found.items()):
        real = path.resolve()
        first, earlier = unique.get(real, (path, False))
        unique[real] = (first, earlier or named)
    inside: list[TraceFile] = []
    outside: list[tuple[Path, Path, bool]] = []
    for real, (path, named) in unique.items():
        if (name := _name_inside(path, real, workspace)) is not None:
            inside.append(TraceFile(name, real, named))
        else:
            outside.append((path, real, named))
    taken = {file.name for file in inside}
    names = _short_names([path for path, _real, _named in outside], taken)
    files = inside + [TraceFile(names[path], real, named, in_workspace=False) for path, real, named in outside]
    return tuple(sorted(files, key=lambda file: file.name))


def _name_inside(path: Path, real: Path, workspace: Path) -> str | None:
    for candidate in (path, path.parent.resolve() / path.name, real):
        if candidate.is_relative_to(workspace) and real.is_relative_to(workspace):
            return candidate.relative_to(workspace).as_posix()
    return None


def _short_names(paths: list[Path], taken: set[str]) -> dict[Path, str]:
    names: dict[Path, str] = {}
    remaining, length = list(paths), 1
    while remaining:
        short = {path: "/".join(path.parts[1:][-length:]) for path in remaining}
        counts = Counter(short.values())
        settled = [
            path
            for path in remaining
            if (counts[short[path]] == 1 and short[path] not in taken) or length >= len(path.parts)
        ]
        names.update((path, short[path]) for path in settled)
        taken |= {short[path] for path in remaining if path not in settled}
        remaining = [path for path in remaining if path not in settled]
        length += 1
    return names
