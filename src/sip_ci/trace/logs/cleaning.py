"""Taking away what terminals, log daemons and web pages put around a text, without losing its line numbers."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from sip_ci.trace.logs.interface import LogText
from sip_ci.trace.logs.labels import Unlabelled, without_labels
from sip_ci.trace.logs.stamps import Stamp

_ANSI = re.compile(rb"\x1b\[[0-9;?]{0,32}[A-Za-z]")
_ESCAPED_MESSAGE = re.compile(rb"SIP/2\.0(?: [1-6][0-9]{2} [^\r\n#\\]{0,128})?(?:(?:#015)?#012|(?:\\r)?\\n)[A-Za-z]")
"""A start line and a header on one line: the log daemon (rsyslog) or a JSON encoder escaped the line ends."""
_OCTAL_LINE_END = re.compile(rb"#015#012|#012")
_BACKSLASH_LINE_END = re.compile(rb"\\r\\n|\\n")
_HTML = re.compile(rb"&(?:lt|gt|quot|amp);")
_HTML_CHARACTERS = {b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&amp;": b"&"}
_COUNTED_AT_ONCE = 1 << 20


@dataclass(slots=True)
class CleanText:
    """A text ready to be searched, and the way back to the lines of the original."""

    text: LogText
    altered: bool
    """Whether bytes were taken away or replaced, so that no message in it can claim to be as it was on the wire."""
    line_starts: Sequence[int] | None = None
    """Where each line of the original begins, for texts whose escaped line ends were resolved."""
    unlabelled: Unlabelled | None = None
    """Where the lines come from, for texts whose lines bore a label each."""
    _offset: int = 0
    _line: int = 1

    def line_of(self, offset: int) -> int:
        """The 1-based line of the original that holds an offset. Cheap when asked in ascending order."""
        if self.unlabelled is not None:
            line = bisect_right(self.unlabelled.line_starts, offset) - 1
            return self.unlabelled.line_numbers[line]
        if self.line_starts is not None:
            return bisect_right(self.line_starts, offset)
        if offset < self._offset:
            self._offset, self._line = 0, 1
        while self._offset < offset:
            end = min(offset, self._offset + _COUNTED_AT_ONCE)
            self._line += self.text[self._offset : end].count(b"\n")
            self._offset = end
        return self._line

    def label_stamp(self, offset: int) -> Stamp | None:
        """The time that a log collector wrote before the line that holds an offset; None where there is none."""
        return self.unlabelled.stamp_at(offset) if self.unlabelled is not None else None


def clean(data: LogText) -> CleanText:
    """Decode UTF-16, drop a byte order mark, colours and labels, and resolve escaped line ends and HTML entities.

    A text that has none of these is not copied.
    """
    text: LogText = data
    altered = False
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        text = bytes(data[:]).decode("utf-16", "replace").encode("utf-8")
        altered = True
    elif data[:3] == codecs.BOM_UTF8:
        text = data[3:]
    if text.find(b"\x1b[") >= 0:
        text, altered = _ANSI.sub(b"", text), True
    if text.find(b"&lt;sip") >= 0:
        text, altered = _HTML.sub(lambda match: _HTML_CHARACTERS[match[0]], text), True
    if _ESCAPED_MESSAGE.search(text) is not None:
        return _resolve_line_ends(text)
    unlabelled = without_labels(text)
    if unlabelled is not None:
        return CleanText(unlabelled.text, altered or unlabelled.trimmed, unlabelled=unlabelled)
    return CleanText(text, altered)


def _resolve_line_ends(text: LogText) -> CleanText:
    """Resolve `#012` (rsyslog) and `\\n` (JSON and the like) on the lines that hold an escaped message."""
    lines: list[bytes] = []
    starts: list[int] = []
    offset = 0
    for line in text[:].split(b"\n"):
        if b"SIP/2.0" in line or b"#012" in line:
            line = _OCTAL_LINE_END.sub(_unescape, line) if b"#012" in line else _BACKSLASH_LINE_END.sub(_unescape, line)
        lines.append(line)
        starts.append(offset)
        offset += len(line) + 1
    return CleanText(b"\n".join(lines), altered=True, line_starts=starts)


def _unescape(match: re.Match[bytes]) -> bytes:
    return b"\r\n" if len(match[0]) > 4 or match[0] == b"\\r\\n" else b"\n"
