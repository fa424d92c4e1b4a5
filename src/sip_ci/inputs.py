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


CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap", ".pcap.gz", ".pcapng.gz", ".cap.gz")
"""Names that promise a capture."""


def is_called_capture(path: Path) -> bool:
    """Whether the file's name promises a capture: such a file is never passed over as some other text."""
    return path.name.lower().endswith(CAPTURE_SUFFIXES)
