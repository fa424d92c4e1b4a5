"""Text from a trace made safe to show: what could steer a terminal or reorder a line becomes visible.

A trace is written by strangers. An escape sequence in a display name must not repaint a build log, a
bidirectional override must not turn a host name around ("Trojan Source", CVE-2021-42574), and a line end must
not start a line that a CI service reads as its own command.
"""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0 (ESC and line ends included), DEL, C1 (the one-byte CSI included)
    "\u061c\u200e\u200f"  # directional marks
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\u200b\u2060\ufeff"  # invisible: zero width space, word joiner, byte order mark
    "\u2028\u2029"  # line and paragraph separator
    "\ud800-\udfff"  # lone surrogates, which no output encoding takes
    "]"
)


def printable(text: str) -> str:
    r"""Show every character that is not plain text as an escape such as `\x1b` or `\u202e`.

    Tabs and line ends are escaped too, so the result is always one line. Other text, in any script, is untouched;
    the function is idempotent and linear in the length of the text.
    """
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
