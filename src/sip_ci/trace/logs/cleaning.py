"""Taking away what terminals, log daemons and web pages put around a text, without losing its line numbers."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from sip_ci.trace.logs.interface import LogText
from sip_ci.trace.logs.json_lines import read_json_stamp, without_json
from sip_ci.trace.logs.labels import StampReader, Unwrapped, read_label_stamp, without_labels
from sip_ci.trace.logs.stamps import Stamp

_ANSI = re.compile(rb"\x1b\[[0-9;?]{0,32}[A-Za-z]")
_ESCAPED_MESSAGE = re.compile(
    rb"SIP/2\.0(?: [1-6][0-9]{2} [^\r\n#\\]{0,128})?(?:(?:#015)?#012|(?:\\\\?r)?\\\\?n)[A-Za-z]"
)
"""A start line and a header on one line: the log daemon (rsyslog) or a JSON encoder escaped the line ends."""
_OCTAL_MESSAGE = re.compile(rb"SIP/2\.0(?: [1-6][0-9]{2} [^\r\n#]{0,128})?(?:#015)?#012[A-Za-z]")
_OCTAL_LINE_END = re.compile(rb"#015#012|#012")
_BACKSLASH_LINE_END = re.compile(rb"\\\\?r\\\\?n|\\\\?n")
_DECODED_JSON = (b'"layers"', b'"sip.')
"""In the JSON of tshark, escaped line ends belong to JSON."""
_HTML = re.compile(rb"&(?:lt|gt|quot|amp|#39|#34);")
_HTML_CHARACTERS = {b"&lt;": b"<", b"&gt;": b">", b"&quot;": b'"', b"&amp;": b"&", b"&#39;": b"'", b"&#34;": b'"'}
_COUNTED_AT_ONCE = 1 << 20
_LONGEST_COLLECTED = 1 << 20
_UTF_16_PROBE = 512


@dataclass(slots=True)
class CleanText:
    """A text of one program ready to be searched, and the way back to the lines of the original."""

    text: LogText
    altered: bool
    """Whether bytes were taken away or replaced, so that no message in it can claim to be as it was on the wire."""
    writer: str = ""
    """The program, where a collector names it."""
    line_starts: Sequence[int] | None = None
    """Where each line of the text begins, for texts whose lines are no longer those of the original."""
    line_numbers: Sequence[int] | None = None
    """The 1-based line of the original that each of those lines was."""
    original: LogText | None = None
    original_starts: Sequence[int] | None = None
    read_stamp: StampReader | None = None
    """Finds the time in a line of the original, where a collector wrote one."""
    _offset: int = 0
    _line: int = 1

    def line_of(self, offset: int) -> int:
        """The 1-based line of the original that holds an offset. Cheap when asked in ascending order."""
        if self.line_starts is not None and self.line_numbers is not None:
            line = bisect_right(self.line_starts, offset) - 1
            return self.line_numbers[max(line, 0)] if self.line_numbers else 1
        if offset < self._offset:
            self._offset, self._line = 0, 1
        while self._offset < offset:
            end = min(offset, self._offset + _COUNTED_AT_ONCE)
            self._line += self.text[self._offset : end].count(b"\n")
            self._offset = end
        return self._line

    def label_stamp(self, offset: int) -> Stamp | None:
        """The time that a log collector wrote before the line that holds an offset; None where there is none."""
        if self.read_stamp is None or self.original is None or not self.line_starts or not self.original_starts:
            return None
        line = min(max(bisect_right(self.line_starts, offset), 1), len(self.original_starts)) - 1
        start = self.original_starts[line]
        newline = self.original.find(b"\n", start, start + _LONGEST_COLLECTED)
        return self.read_stamp(self.original[start : newline if newline >= 0 else start + _LONGEST_COLLECTED])


def clean(data: LogText) -> list[CleanText]:
    """Decode UTF-16, drop a byte order mark, colours, labels and JSON, resolve escaped line ends and HTML entities.

    One text for each program whose lines a collector mixed; one where it is a single program's log. A text that has
    none of these is not copied.
    """
    text: LogText = data
    altered = False
    encoding = _utf_16(data)
    if encoding is not None:
        text = bytes(data[:]).decode(encoding, "replace").encode("utf-8")
        altered = True
    elif data[:3] == codecs.BOM_UTF8:
        text = data[3:]
    # One byte is found faster than two, and clean text has neither.
    if text.find(b"\x1b") >= 0 and text.find(b"\x1b[") >= 0:
        text, altered = _ANSI.sub(b"", text), True
    if text.find(b"&lt;sip") >= 0:
        text, altered = _HTML.sub(lambda match: _HTML_CHARACTERS[match[0]], text), True
    if text.find(b"#012") >= 0 and _OCTAL_MESSAGE.search(text) is not None:
        # A log daemon put each message on one line, behind its own label, which says the time and the program.
        return [_resolved(CleanText(text, altered))]
    parts = without_labels(text)
    if parts is not None:
        outputs: list[CleanText] = []
        for part in parts:
            inner = _from_unwrapped(part, text, read_label_stamp, altered)
            outputs += _within_label(inner) or [inner]
        return outputs
    parts = without_json(text)
    if parts is not None:
        return [_resolved(_from_unwrapped(part, text, read_json_stamp, altered)) for part in parts]
    return [_resolved(CleanText(text, altered))]


def _utf_16(data: LogText) -> str | None:
    """The UTF-16 encoding of a text, also of one without a byte order mark; None where it is none."""
    head = data[:_UTF_16_PROBE]
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    half = len(head) // 2
    if half >= 8:
        if head[1::2].count(0) >= half * 0.9 and head[0::2].count(0) == 0:
            return "utf-16-le"
        if head[0::2].count(0) >= half * 0.9 and head[1::2].count(0) == 0:
            return "utf-16-be"
    return None


def _from_unwrapped(part: Unwrapped, original: LogText, read_stamp: StampReader, altered: bool) -> CleanText:
    return CleanText(
        part.text(),
        altered or part.trimmed,
        part.writer,
        part.line_starts,
        part.line_numbers,
        original,
        part.original_starts,
        read_stamp,
    )


def _within_label(outer: CleanText) -> list[CleanText] | None:
    """JSON records or escaped line ends behind a label; None where the lines are plain."""
    records = without_json(outer.text)
    if records is None:
        resolved = _resolved(outer)
        return None if resolved is outer else [resolved]
    inner: list[CleanText] = []
    for part in records:
        text = _from_unwrapped(part, outer.original or outer.text, outer.read_stamp or read_json_stamp, outer.altered)
        # The way back leads through the labelled text to the original.
        indices = [max(number - 1, 0) for number in part.line_numbers]
        numbers, starts = outer.line_numbers or (), outer.original_starts or ()
        text.line_numbers = [numbers[index] for index in indices]
        text.original_starts = [starts[index] for index in indices]
        text.writer = part.writer or outer.writer
        inner.append(text)
    return inner


def _resolved(clean_text: CleanText) -> CleanText:
    """Resolve `#012` (rsyslog) and `\\n` (JSON and the like) on the lines that hold an escaped message.

    The same object where there is nothing to resolve.
    """
    text = clean_text.text
    if _ESCAPED_MESSAGE.search(text) is None:
        return clean_text
    lines: list[bytes] = []
    starts: list[int] = []
    offset = 0
    changed = False
    for line in text[:].split(b"\n"):
        if (b"SIP/2.0" in line or b"#012" in line) and not any(mark in line for mark in _DECODED_JSON):
            line = _OCTAL_LINE_END.sub(_unescape, line) if b"#012" in line else _BACKSLASH_LINE_END.sub(_unescape, line)
            changed = True
        lines.append(line)
        starts.append(offset)
        offset += len(line) + 1
    if not changed:
        return clean_text
    numbers = clean_text.line_numbers if clean_text.line_numbers is not None else range(1, len(lines) + 1)
    if 0 < len(numbers) < len(lines):
        # What was unwrapped ends with a line end of its own, behind which no line begins.
        numbers = [*numbers, *([numbers[-1]] * (len(lines) - len(numbers)))]
    return CleanText(
        b"\n".join(lines),
        True,
        clean_text.writer,
        starts,
        numbers,
        clean_text.original,
        clean_text.original_starts,
        clean_text.read_stamp,
    )


def _unescape(match: re.Match[bytes]) -> bytes:
    return b"\r\n" if b"r" in match[0] or len(match[0]) > 4 else b"\n"
