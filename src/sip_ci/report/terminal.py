"""Terminal styles, and the widths of what is printed with them."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

from sip_ci.findings import Severity


class Style(StrEnum):
    """A style by its ANSI parameters (ECMA-48, SGR); the basic colours follow the reader's own theme."""

    PLAIN = ""
    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    CRITICAL = "1;37;41"
    HIGH = "1;31"
    MEDIUM = "1;33"
    LOW = "1;36"
    INFO = "1;2"
    FAILED = "1;31"
    PASSED = "1;32"


SEVERITY_STYLES = {severity: Style[severity.name] for severity in Severity}


class Painter:
    """Colours text, or leaves it alone."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def paint(self, text: str, style: Style) -> str:
        """Return the text in the style; each line stands alone, so that a log viewer may fold between them."""
        if not self._colour or not style or not text:
            return text
        return f"\x1b[{style}m{text}\x1b[0m"


def cells(text: str) -> int:
    """Return how many columns a terminal needs for printable text: two for East Asian wide characters."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
