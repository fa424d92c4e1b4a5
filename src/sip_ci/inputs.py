"""A trace file as the rooms of the client hand it on: where it is, and what it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TraceFile:
    """One input."""

    name: str
    """The stable name: the path in the workspace, with forward slashes. It becomes the JUnit suite and part of the
    fingerprint, so it never holds an absolute path. A member of an archive has `ARCHIVE!/MEMBER`."""
    path: Path
    """Where it is on this machine, absolute."""
    named: bool = True
    """Whether the user named it, by itself or by a pattern; False where a search through a folder came upon it."""
    in_workspace: bool = True
    """Whether `name` is a path in the workspace."""
    archive: str = ""
    """For a member of an archive in the workspace: the archive's path in it, with forward slashes."""


# Recorders that begin a new file now and then number them: `call.pcap1`.
_CAPTURE_NAME = re.compile(r"\.(?:pcap|pcapng|cap|snoop)[0-9]*(?:\.(?:gz|zst|xz|bz2))?$", re.IGNORECASE)


def is_called_capture(name: str) -> bool:
    """Whether a file's name promises a capture: such a file is never passed over as some other text."""
    return _CAPTURE_NAME.search(name) is not None
