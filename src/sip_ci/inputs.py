"""A trace file as the rooms of the client hand it on: where it is, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TraceFile:
    """One input."""

    name: str
    """The stable name: the path in the workspace, with forward slashes. It becomes the JUnit suite and part of the
    fingerprint, so it never holds an absolute path."""
    path: Path
    """Where it is on this machine, absolute."""
    named: bool = True
    """Whether the user named it, by itself or by a pattern; False where a search through a folder came upon it."""
    in_workspace: bool = True
    """Whether `name` is a path in the workspace."""
