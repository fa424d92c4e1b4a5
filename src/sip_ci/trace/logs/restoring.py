"""Making messages whole again whose lines did not survive a log: labels, lost blank lines, wrapped long lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE, declared_length, find_start, frame, label_shape, strip_prefix
from sip_ci.trace.logs.interface import LogText

_NARROWEST = 60
"""Terminals are wider than this, in characters, so shorter lines were not wrapped."""
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9.!%*_+`'~-]{0,63}[ \t]*:")
_PLAIN_HEADER = re.compile(rb"[A-Z][A-Za-z0-9-]{0,63}: ")
_NEW_LINE = re.compile(rb"[A-Z][A-Za-z-]{1,40}: |[vosctmab]=|SIP/2\.0 [1-6]|[A-Z]{3,12} sips?:")
_BODY = re.compile(rb"SIP/2\.0 [1-6][0-9]{2}|<\?xml |--[^ ]")
_WHOLE_LINE = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,63}[ \t]*:|[a-z]=|SIP/2\.0 [1-6][0-9]{2}|[A-Z]{3,12} [^ ]+ SIP/2\.0")
_SDP_LINE = re.compile(rb"[a-z]=")


@dataclass(frozen=True, slots=True)
class Restored:
    """One message put together from lines."""

    text: bytes
    end: int
    """Offset behind the last line that belongs to it, in the text that the lines are from."""


def restore(text: LogText, payload: int, limit: int, end: re.Pattern[bytes] | None = None) -> Restored | None:
    """The message whose start line stands near an offset; None where there is none.

    Blank lines come back where copying doubled or lost them, and long lines where a terminal wrapped them. Lines that
    `end` matches, and what cannot be a header among the headers, end the message; `limit` is where it has ended at
    the latest.
    """
    chunk = text[payload : min(limit, payload + MAXIMUM_MESSAGE)]
    found = find_start(chunk)
    if found is None:
        return None
    offset, prefix = found
    written = chunk[offset:].split(b"\n")
    lines, numbers = _without_prefix(written, prefix)
    message, used = restored(lines, end=end)
    used = numbers[used - 1] + 1
    return Restored(message, min(payload + offset + sum(len(line) + 1 for line in written[:used]), len(text)))


def restored(lines: Sequence[bytes], *, end: re.Pattern[bytes] | None = None) -> tuple[bytes, int]:
    """A message from its lines, the start line first: its bytes with LF, and how many of the lines it is made of."""
    lines = [b"" if not line.strip() else line.rstrip(b"\r") for line in _until(lines, end)]
    step = 2 if _is_double_spaced(lines) else 1
    lines = lines[::step]
    width = _width(lines)
    message: list[bytes] = lines[:1]
    # For each line of the message, behind which of the original lines it ends.
    ends: list[int] = [1]
    body = len(lines)
    for index in range(1, len(lines)):
        line, before = lines[index], lines[index - 1]
        if not line or _begins_body(line, message):
            body = index + (not line)
            break
        if _was_wrapped(line, before, width):
            message[-1] += line
            ends[-1] = index + 1
        elif _HEADER.match(line) is not None or line[:1] in (b" ", b"\t"):
            message.append(line)
            ends.append(index + 1)
        else:
            break
    message.append(b"")
    ends.append(max(ends[-1], body if body < len(lines) else 0))
    for index in range(body, len(lines)):
        line, before = lines[index], lines[index - 1]
        if line and index > body and width and len(before) == width and _SDP_LINE.match(line) is None:
            message[-1] += line
            ends[-1] = index + 1
        else:
            message.append(line)
            ends.append(index + 1)
    raw = frame(b"\n".join(message) + b"\n", None, tight=False, altered=True).raw
    return raw, step * ends[min(raw.count(b"\n"), len(ends)) - 1]


def joined(part: bytes, rest: bytes) -> bytes:
    """Two parts of a message that a log cut in two; a line end comes back where it was cut between two lines."""
    last = part[part.rfind(b"\n") + 1 :]
    if _WHOLE_LINE.match(last) is not None and _NEW_LINE.match(rest) is not None:
        return part + b"\n" + rest
    return part + rest


def _without_prefix(lines: Sequence[bytes], prefix: bytes) -> tuple[list[bytes], Sequence[int]]:
    """Take a label or indentation off the lines: those that bear it, and the number of each."""
    label = prefix.rstrip(b" \t")
    if not label:
        return (strip_prefix(b"\n".join(lines), prefix).split(b"\n") if prefix else list(lines)), range(len(lines))
    shape = label_shape(label)
    bearers = [number for number, line in enumerate(lines) if shape.match(line) is not None]
    stripped = strip_prefix(b"\n".join(lines[number] for number in bearers), prefix)
    return stripped.removesuffix(b"\n").split(b"\n"), bearers


def _begins_body(line: bytes, headers: Sequence[bytes]) -> bool:
    """Whether a line that follows headers is of the body, although no blank line is between."""
    if line.startswith(b"v=0"):
        return True
    return _BODY.match(line) is not None and bool(declared_length(b"\n".join(headers)))


def _until(lines: Sequence[bytes], end: re.Pattern[bytes] | None) -> Sequence[bytes]:
    if end is not None:
        for index, line in enumerate(lines):
            if index and end.match(line) is not None:
                return lines[:index]
    return lines


def _is_double_spaced(lines: Sequence[bytes]) -> bool:
    """Whether a blank line follows each line, as in copies of web pages."""
    return len(lines) > 6 and not any(lines[1:6:2]) and all(_HEADER.match(line) is not None for line in lines[2:7:2])


def _width(lines: Sequence[bytes]) -> int:
    """The width at which a terminal wrapped lines; 0 where none was: then some line would not be a header."""
    headers: list[bytes] = []
    for line in lines[1:]:
        if not line or line.startswith(b"v=0"):
            break
        headers.append(line)
    width = max((len(line) for line in lines[: len(headers) + 1]), default=0)
    if width < _NARROWEST:
        return 0
    for before, line in zip(lines, headers, strict=False):
        if len(before) == width and _HEADER.match(line) is None and line[:1] not in (b" ", b"\t"):
            return width
    return 0


def _was_wrapped(line: bytes, before: bytes, width: int) -> bool:
    return bool(width) and len(before) == width and _PLAIN_HEADER.match(line) is None
