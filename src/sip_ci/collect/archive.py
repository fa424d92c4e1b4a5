"""What every kind of archive has in common: members that are read one after the other, and what can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAXIMUM_MEMBERS = 100_000
"""Members of one archive; one with more is not read further."""


class ArchiveError(Exception):
    """Raised where nothing more of an archive can be read; the text is the rest of a sentence that begins with it."""


class MemberError(Exception):
    """Raised where a member cannot be read; the text is the rest of a sentence that begins with its name."""


class MemberCutError(MemberError):
    """Raised where the archive ends inside a member; what was read of it before is right."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive."""

    name: str
    """As the archive has it: a label, and never a path on this machine. May hold lone surrogates and anything else."""
    read: Callable[[int], bytes]
    """Returns the next bytes, at most as many as asked for; empty at the end. Raises `MemberError`. Only the member
    that was yielded last can be read."""
    modified: float | None = None
    """Seconds since the UNIX epoch, where the archive says so."""
