"""What container tools and CI services put before each line of a program's output: its name, a time, or both.

`docker compose logs` writes `asterisk-1  | `, with `-t` a time behind it; `docker logs -t` and the logs of CI jobs
begin each line with a time; `kubectl logs --prefix` writes `[pod/asterisk-0/asterisk] `.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from sip_ci.trace.logs.anchors import line_start, lines_with, next_line
from sip_ci.trace.logs.framing import find_start
from sip_ci.trace.logs.interface import LogText
from sip_ci.trace.logs.stamps import Stamp, find_stamp

_TIME = (
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    rb"(?:Z|[+-][0-9]{2}:?[0-9]{2})(?: |(?=\r?\Z))"
)
# A tool that trims lines leaves of a blank line only the label, without the blank at its end.
_LABEL = re.compile(
    rb"(?:" + _TIME + rb")?"
    rb"(?:(?P<writer>[A-Za-z0-9][A-Za-z0-9_.-]{0,127} {0,64}\||\[pod/[^\]\r\n]{1,300}\])(?: |(?=\r?\Z)))?"
    rb"(?:" + _TIME + rb")?"
)
_VERSION = b"SIP/2.0"
_LONGEST_LABEL = 600
_LONGEST_LINE = 8192
_PROBED = 50
_LABELLED_SHARE = 0.8
"""How many of the lines that are not blank must bear a label, so that a text counts as labelled."""


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A text without its labels, and what they said."""

    text: bytes
    trimmed: bool
    """Whether blanks at the ends of lines were lost together with those of the labels."""
    line_starts: Sequence[int]
    """Offset of each line in `text`."""
    line_numbers: Sequence[int]
    """The 1-based line of the original that each line was."""
    _original: LogText
    _original_starts: Sequence[int]

    def stamp_at(self, offset: int) -> Stamp | None:
        """The time in the label of the line that holds an offset of `text`; None where labels give none."""
        line = bisect_right(self.line_starts, offset) - 1
        if line < 0:
            return None
        start = self._original_starts[line]
        label = _LABEL.match(self._original[start : start + _LONGEST_LABEL])
        return find_stamp(label[0]) if label is not None else None


def without_labels(text: LogText) -> Unlabelled | None:
    """Take the labels off all lines of a text; None where it has none.

    Of several programs only the one that writes SIP messages is kept; where more than one does, their lines are
    interleaved, and the text is left as it is.
    """
    if not _looks_labelled(text):
        return None
    writer = _only_writer_of_sip(text)
    if writer is None:
        return None
    lines: list[bytes] = []
    starts, numbers, original_starts = array("q"), array("q"), array("q")
    offset = position = labelled = written = 0
    trimmed = False
    for number, line in enumerate(text[:].split(b"\n"), 1):
        label = _label(line)
        written += bool(line.strip())
        if label is not None:
            labelled += 1
            if _writer(label) == writer:
                rest = line[label.end() :]
                trimmed = trimmed or not label[0].endswith(b" ")
                lines.append(rest)
                starts.append(offset)
                numbers.append(number)
                original_starts.append(position)
                offset += len(rest) + 1
        position += len(line) + 1
    if labelled < _LABELLED_SHARE * written:
        return None
    return Unlabelled(b"\n".join(lines) + b"\n", trimmed, starts, numbers, text, original_starts)


def _looks_labelled(text: LogText) -> bool:
    """Whether most of the first lines about SIP, and the lines below them, bear a label."""
    probed = list(islice(lines_with(text, _VERSION), _PROBED))
    labelled = sum(1 for start, _ in probed if _is_labelled(text, start) and _is_labelled(text, next_line(text, start)))
    return labelled * 2 > len(probed)


def _is_labelled(text: LogText, start: int) -> bool:
    return start >= len(text) or _label(text[start : min(next_line(text, start), start + _LONGEST_LABEL)]) is not None


def _only_writer_of_sip(text: LogText) -> bytes | None:
    """The program whose lines begin SIP messages, empty where the labels name none; None where there are several."""
    writers: set[bytes] = set()
    for match in re.finditer(re.escape(_VERSION), text):
        start = line_start(text, match.start())
        if start is None:
            continue
        line = text[start : min(next_line(text, start), start + _LONGEST_LINE)]
        label = _label(line)
        if label is not None and find_start(line[label.end() :]) is not None:
            writers.add(_writer(label))
            if len(writers) > 1:
                return None
    return next(iter(writers), None)


def _label(line: bytes) -> re.Match[bytes] | None:
    label = _LABEL.match(line.removesuffix(b"\n"))
    return label if label is not None and label[0] else None


def _writer(label: re.Match[bytes]) -> bytes:
    return label["writer"] or b""
