"""Which files a search through a folder or an archive takes: by their name, or because they begin as a trace does."""

from __future__ import annotations

import re

from sip_ci.trace.magics import CAPTURE_MAGICS

TRACE_EXTENSIONS = frozenset(
    {
        ".pcap", ".pcapng", ".cap", ".snoop", ".log", ".txt", ".sip", ".msg", ".trace",
        ".gz", ".zst", ".xz", ".bz2", ".zip", ".tar", ".tgz", ".tzst", ".txz", ".tbz2",
    }
)  # fmt: skip
"""The extensions of traces and of what may hold them."""
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".tox"})
HEAD_BYTES = 262_144
"""How much of a file is looked at to tell whether it is a trace, in bytes: PBX logs begin with what is no SIP."""

_EXTENSION = re.compile(r"\.[^./]*$")
# `full.1` of logrotate; `call.pcap1` of tcpdump's -C; `call.log2`.
_NUMBERED = re.compile(r"\.[0-9]+|(?P<extension>\.[a-z]+)[0-9]+", re.IGNORECASE)


def has_trace_extension(name: str) -> bool:
    """Whether a file is taken for its extension alone, that of a numbered trace (`call.pcap1`) included."""
    extension = _extension(name)
    if extension.lower() in TRACE_EXTENSIONS:
        return True
    numbered = _NUMBERED.fullmatch(extension)
    return numbered is not None and (numbered["extension"] or "").lower() in TRACE_EXTENSIONS


def may_be_trace(name: str) -> bool:
    """Whether it is worth a look into a file without such an extension: `full` and `messages` are logs of PBXs."""
    extension = _extension(name)
    return not extension or extension == name or _NUMBERED.fullmatch(extension) is not None


def begins_as_trace(name: str, head: bytes) -> bool:
    """Whether a file is a trace by its first bytes: those of a capture, or a text with SIP in a file named like a log.

    Args:
        name: The file's name, without folders.
        head: Its first bytes, some thousands if it has them.
    """
    if head.startswith(CAPTURE_MAGICS):
        return True
    return may_be_trace(name) and b"SIP/2.0" in head and b"\0" not in head


def _extension(name: str) -> str:
    found = _EXTENSION.search(name)
    return found[0] if found else ""
