"""What collectors put before each line of a program's output: its name, a time, or both.

`docker compose logs` writes `asterisk-1  | `, with `-t` a time behind it; `docker logs -t` and the logs of CI jobs
begin each line with a time; `kubectl logs --prefix` writes `[pod/asterisk-0/asterisk] `; container runtimes write
`2026-08-07T08:45:42.123456789Z stdout F `; log daemons `Aug  7 08:45:42 host asterisk[77]: `.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

from sip_ci.trace.logs.anchors import line_start, lines_with, next_line
from sip_ci.trace.logs.framing import find_start
from sip_ci.trace.logs.interface import LogText
from sip_ci.trace.logs.stamps import Stamp, find_stamp

_TIME = (
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    rb"(?:Z|[+-][0-9]{2}:?[0-9]{2})(?: |(?=\r?\Z))"
)
# A tool that trims lines leaves of a blank line only the label, without the blank at its end.
_COLLECTOR = re.compile(
    rb"(?:" + _TIME + rb")?"
    rb"(?:(?P<writer>[A-Za-z0-9][A-Za-z0-9_.-]{0,127} {0,64}\||\[pod/[^\]\r\n]{1,300}\])(?: |(?=\r?\Z)))?"
    rb"(?:" + _TIME + rb")?(?:(?<=[0-9:Z] )std(?:out|err) (?P<part>[FP])(?: |(?=\r?\Z)))?"
)
_SYSLOG = re.compile(
    rb"(?:<[0-9]{1,3}>(?:1 )?)?(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}[0-9]{1,2} "
    rb"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})? |" + _TIME + rb")"
    rb"(?P<writer>[A-Za-z0-9_.-]{1,255} [A-Za-z][A-Za-z0-9_./-]{0,63})"
    rb"(?:\[[0-9]{1,10}\]:|:| [0-9]{1,10} (?:-|[A-Za-z0-9_.]{1,32}) -)(?: |(?=\r?\Z))(?P<part>(?!))?"
)
_VERSION = b"SIP/2.0"
_LONGEST_LABEL = 600
_LONGEST_LINE = 8192
_PROBED = 50
_LABELLED_SHARE = 0.8
"""How many of the lines that are not blank must bear a label, so that a text counts as labelled."""
MAXIMUM_WRITERS = 64
"""How many programs of one log are told apart."""

StampReader: TypeAlias = Callable[[bytes], Stamp | None]
"""Finds the time that a collector wrote, in a line as the collector wrote it."""


@dataclass(slots=True)
class Unwrapped:
    """The output of one program without what a collector put around its lines, and the way back to the original."""

    writer: str
    """The program's name as the collector gives it, empty where it names none."""
    lines: list[bytes] = field(default_factory=list)
    line_starts: array[int] = field(default_factory=lambda: array("q"))
    """Offset of each line in the joined text."""
    line_numbers: array[int] = field(default_factory=lambda: array("q"))
    """The 1-based line of the original that each line was."""
    original_starts: array[int] = field(default_factory=lambda: array("q"))
    trimmed: bool = False
    """Whether blanks at the ends of lines were lost together with those of the labels."""
    continued: bool = False
    """Whether the last line goes on with the next one: a collector cut it."""
    _offset: int = 0

    def add(self, line: bytes, number: int, position: int, *, continues: bool = False) -> None:
        """Add a line of the original, or one part of a line that a collector cut."""
        if self.continued and self.lines:
            self.lines[-1] += line
            self._offset += len(line)
        else:
            self.lines.append(line)
            self.line_starts.append(self._offset)
            self.line_numbers.append(number)
            self.original_starts.append(position)
            self._offset += len(line) + 1
        self.continued = continues

    def text(self) -> bytes:
        """The program's output."""
        return b"\n".join(self.lines) + b"\n"


def read_label_stamp(line: bytes) -> Stamp | None:
    """The time in the label of a line; None where it gives none."""
    head = line[:_LONGEST_LABEL]
    for form in (_COLLECTOR, _SYSLOG):
        label = form.match(head)
        if label is not None and label[0]:
            return find_stamp(label[0])
    return None


def without_labels(text: LogText) -> Sequence[Unwrapped] | None:
    """Take the labels off all lines of a text, and its lines apart by program; None where it has no labels.

    Only programs that write SIP messages are kept, in the order of their first message.
    """
    form = next((form for form in (_SYSLOG, _COLLECTOR) if _looks_labelled(text, form)), None)
    if form is None:
        return None
    writers = _writers_of_sip(text, form)
    if not writers:
        return None
    outputs = {writer: Unwrapped(_name(writer)) for writer in writers}
    position = labelled = written = 0
    for number, line in enumerate(text[:].split(b"\n"), 1):
        label = _label(line, form)
        written += bool(line.strip())
        if label is not None:
            labelled += 1
            output = outputs.get(label["writer"] or b"")
            if output is not None:
                output.trimmed = output.trimmed or not label[0].endswith(b" ")
                output.add(line[label.end() :], number, position, continues=label["part"] == b"P")
        position += len(line) + 1
    return list(outputs.values()) if labelled >= _LABELLED_SHARE * written else None


def _looks_labelled(text: LogText, form: re.Pattern[bytes]) -> bool:
    """Whether most of the first lines about SIP, and the lines below them, bear a label."""
    probed = list(islice(lines_with(text, _VERSION), _PROBED))
    labelled = sum(
        1 for start, _ in probed if _is_labelled(text, start, form) and _is_labelled(text, next_line(text, start), form)
    )
    return labelled * 2 > len(probed)


def _is_labelled(text: LogText, start: int, form: re.Pattern[bytes]) -> bool:
    if start >= len(text):
        return True
    return _label(text[start : min(next_line(text, start), start + _LONGEST_LABEL)], form) is not None


def _writers_of_sip(text: LogText, form: re.Pattern[bytes]) -> Sequence[bytes]:
    """The programs whose lines begin SIP messages; one without a name where the labels name none."""
    writers: dict[bytes, None] = {}
    for line in _lines_with_version(text):
        label = _label(line, form)
        if label is None or (label["writer"] or b"") in writers:
            continue
        if find_start(line[label.end() :]) is not None or b"SIP/2.0\\" in line or b"SIP/2.0#" in line:
            writers[label["writer"] or b""] = None
            if len(writers) >= MAXIMUM_WRITERS:
                break
    return list(writers)


def _lines_with_version(text: LogText) -> Iterator[bytes]:
    for match in re.finditer(re.escape(_VERSION) + rb"(?!/)", text):
        start = line_start(text, match.start())
        if start is not None:
            yield text[start : min(next_line(text, start), start + _LONGEST_LINE)]


def _label(line: bytes, form: re.Pattern[bytes]) -> re.Match[bytes] | None:
    label = form.match(line.removesuffix(b"\n"))
    return label if label is not None and label[0] else None


def _name(writer: bytes) -> str:
    return writer.decode("latin-1").rstrip("| ").strip("[]")
