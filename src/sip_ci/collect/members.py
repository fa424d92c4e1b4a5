"""Which members of an archive are taken, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sip_ci.collect.trace_names import SKIPPED_FOLDERS, begins_as_trace, has_trace_extension

SEPARATOR = "!/"
"""Between an archive and its member, as in the URLs of Java archives: `artifacts.zip!/folder/call.pcap`."""

_LONGEST_LABEL = 1024
"""Characters of a member's name; its end tells more than its beginning."""
_SKIPPED_FOLDERS = SKIPPED_FOLDERS | {"__MACOSX"}


def is_taken(name: str, head: bytes) -> bool:
    """Whether a member may be a trace: by its name, as in folders, or because it begins as only a trace does.

    Args:
        name: The member's name.
        head: Its first bytes, some thousands if it has them.
    """
    parts = _parts(name)
    if not parts or not _SKIPPED_FOLDERS.isdisjoint(parts[:-1]) or parts[-1].startswith("._"):
        # The last is where macOS keeps what it knows of a file besides its content.
        return False
    return has_trace_extension(parts[-1]) or begins_as_trace(parts[-1], head)


class MemberNames:
    """Gives members names that are stable and unlike each other; they name inputs, and never files."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def label(self, archive: str, member: str) -> str:
        """The name of a member as an input: relative, without `.` and `..`, and told apart by a number if need be."""
        text = "/".join(_parts(member)) or "unnamed"
        if len(text) > _LONGEST_LABEL:
            text = "…" + text[1 - _LONGEST_LABEL :]
        name = wanted = f"{archive}{SEPARATOR}{text}"
        while name in self._taken:
            number = self._next[wanted] = self._next.get(wanted, 1) + 1
            name = f"{wanted} ({number})"
        self._taken.add(name)
        return name


def _parts(name: str) -> list[str]:
    if "/" not in name:
        # Some programs on Windows write their own separator.
        name = name.replace("\\", "/")
    return [part for part in name.split("/") if part not in ("", ".", "..") and not re.fullmatch("[A-Za-z]:", part)]
