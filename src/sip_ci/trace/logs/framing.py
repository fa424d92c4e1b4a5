"""Cutting one message out of a log: where its headers and its body end, and what was lost on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sip_ci.trace.observation import Fidelity
from sip_ci.trace.start_line import looks_like_start_line

MAXIMUM_MESSAGE = 1 << 20
"""The longest message that is read from a log, in bytes."""

_END_OF_HEADERS = re.compile(rb"\n\r?\n")
_DESCRIPTION_LINES = re.compile(rb"(?:[a-z]=[^\r\n]*\r?\n){1,1000}")
_CONTENT_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*([0-9]{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CONTENT_TYPE = re.compile(rb"^(?:content-type|c)[ \t]*:[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)
_HEADER = re.compile(rb"[ \t]*[A-Za-z][A-Za-z0-9.!%*_+`'~-]{0,63}[ \t]*:")
_RULER = re.compile(rb"(?:[ \t]*|[^\r\n]{1,128}?[ \t]{1,8}(?=-))(?:-{20,}[ \t]*)?\r?\n")
_VERSION = rb"SIP/[0-9]{1,3}\.[0-9]{1,3}"
_LINE_END = rb"[ \t]{0,8}\r?(?:\n|\Z)"
_PREFIXED_START = re.compile(
    rb"(?P<prefix>(?:[^\r\n]{0,255}?[ \t|:>\])=])??)(?:"
    rb"[A-Z][A-Z0-9.!%*_+`'~-]{1,31} {1,4}(?:[a-zA-Z][a-zA-Z0-9+.-]{0,15}:[^\r\n]{1,8000}|\*) " + _VERSION + rb"|"
    rb"SIP/2\.0 {1,4}[1-9][0-9]{2}(?: [^\r\n]{0,1000})?)" + _LINE_END
)
_INDENTATION = re.compile(rb"[ \t]{0,64}")


@dataclass(frozen=True, slots=True)
class Framed:
    """One message as a log gave it."""

    raw: bytes
    fidelity: Fidelity
    missing: int
    """How many bytes fewer than declared there are; 0 for a whole message."""


def find_start(chunk: bytes) -> tuple[int, bytes] | None:
    """The start line near the top of a chunk: (offset of its line, prefix of the line); None where there is none.

    Up to four blank lines or rulers may come before it.
    """
    offset = 0
    for _ in range(5):
        match = _PREFIXED_START.match(chunk, offset)
        if match is not None:
            return offset, match["prefix"]
        # Methods and URIs of other forms are recognised at the beginning of a line only.
        indentation = _INDENTATION.match(chunk, offset)
        if indentation is not None and looks_like_start_line(chunk, indentation.end()):
            return offset, indentation[0]
        blank = _RULER.match(chunk, offset)
        if blank is None:
            return None
        offset = blank.end()
    return None


def with_carriage_returns(chunk: bytes, substitute: bytes) -> bytes:
    """Put the CR back where a program wrote something else for it. The number of lines stays."""
    return chunk.replace(substitute + b"\n", b"\r\n") if substitute else chunk


def strip_prefix(chunk: bytes, prefix: bytes) -> bytes:
    """Take the prefix of the start line off all lines.

    Log collectors put a label or a time before each line (`asterisk-1  | `); digits may differ from line to line.
    Lines that do not bear a label come from elsewhere and are left out. Indentation alone is taken off where it is.
    """
    label = prefix.rstrip(b" \t")
    if not label:
        return re.sub(rb"(?m)^[ \t]{0,%d}" % len(prefix), b"", chunk)
    shape = label_shape(label)
    padding = len(prefix) - len(label)
    lines: list[bytes] = []
    for line in chunk.split(b"\n"):
        match = shape.match(line)
        if match is not None:
            rest = line[match.end() :]
            lines.append(rest[padding:] if not rest[:padding].strip(b" \t") else rest)
    return b"\n".join(lines) + b"\n"


def label_shape(label: bytes) -> re.Pattern[bytes]:
    """What the same label looks like on other lines: any digits where it has digits, such as in a time."""
    return re.compile(b"[0-9]+".join(re.escape(piece) for piece in re.split(rb"[0-9]+", label)))


def header_follows(chunk: bytes, line: int, prefix: bytes) -> bool:
    """Whether the line behind the one at an offset is a header, with the same label or none; true at the end."""
    end = chunk.find(b"\n", line) + 1
    if not end or end == len(chunk):
        return True
    following = chunk[end : end + 1024]
    label = label_shape(prefix.rstrip(b" \t")).match(following)
    return _HEADER.match(following, label.end() if label is not None else 0) is not None


def declared_length(headers: bytes) -> int | None:
    """The value of the first Content-Length header; None where there is none or it is no number."""
    match = _CONTENT_LENGTH.search(headers)
    return int(match[1]) if match else None


def carries_messages(headers: bytes) -> bool:
    """Whether the body may itself hold start lines: `message/sipfrag`, `message/sip` (RFC 3420), or multipart."""
    match = _CONTENT_TYPE.search(headers)
    return match is not None and match[1].lower().startswith((b"message/", b"multipart/"))


def headers_end(chunk: bytes, start: int = 0) -> int | None:
    """The offset behind the blank line that ends the headers."""
    match = _END_OF_HEADERS.search(chunk, start)
    return match.end() if match else None


def end_of_counted(chunk: bytes, start: int, count: int) -> tuple[int, int]:
    r"""Where `count` bytes of the wire end in a text whose CRLF became LF: (offset, how many are missing).

    Each LF counts as the two bytes that it was, unless a CR still stands before it.
    """
    offset, left, size = start, count, len(chunk)
    while left > 0 and offset < size:
        newline = chunk.find(b"\n", offset)
        line_end = size if newline < 0 else newline
        if left <= line_end - offset:
            return offset + left, 0
        left -= line_end - offset
        if newline < 0:
            return size, left
        left -= 1 if newline > 0 and chunk[newline - 1] == 13 else 2
        offset = newline + 1
    return min(offset, size), max(left, 0)


def frame(chunk: bytes, size: int | None, *, tight: bool, altered: bool) -> Framed:
    """Cut the message that begins a chunk.

    `size` is its length in bytes where the log says it; `tight` means that only blank lines can follow a message in
    the chunk; `altered` that the text was changed before it came here, so that nothing is exact.
    """
    body_start = headers_end(chunk)
    if body_start is None:
        return _headers_only(chunk, size)
    headers = chunk[:body_start]
    kept = not altered and headers.count(b"\n") == headers.count(b"\r\n")
    length = declared_length(headers)
    if kept:
        return _exact(chunk, body_start, size, length, tight)
    end, missing = _end_without_carriage_returns(chunk, body_start, size, length, tight)
    return Framed(chunk[:end], Fidelity.TRUNCATED if missing else Fidelity.LINE_ENDINGS_LOST, missing)


def _headers_only(chunk: bytes, size: int | None) -> Framed:
    """A message without the blank line behind its headers."""
    raw = chunk.rstrip(b" \t\r\n\v\0") + b"\n"
    expected = declared_length(raw) or 0
    missing = max(expected, (size or 0) - len(raw) - raw.count(b"\n") - 2, 0)
    return Framed(raw, Fidelity.TRUNCATED if missing else Fidelity.LINE_ENDINGS_LOST, missing)


def _exact(chunk: bytes, body_start: int, size: int | None, length: int | None, tight: bool) -> Framed:
    if size is not None and size >= body_start:
        if size <= len(chunk) and (size == len(chunk) or chunk[size] in b"\r\n\v -<"):
            return Framed(chunk[:size], Fidelity.EXACT, 0)
        if size > len(chunk):
            raw = chunk.rstrip(b"\n") if tight else chunk
            return Framed(raw, Fidelity.TRUNCATED, size - len(raw))
    content = _without_blank_end(chunk)
    if length is None:
        end = _end_of_undeclared(chunk, body_start, tight)
        return Framed(chunk[:end], Fidelity.EXACT, 0)
    end = body_start + length
    if end <= len(chunk):
        # What stands behind the declared length belongs to the datagram, and a check will want to see it.
        if tight:
            surplus = content > end and chunk[end:content].strip(b" \t\r\n\v\0") != b""
            return Framed(chunk[: content if surplus else end], Fidelity.EXACT, 0)
        return Framed(chunk[: _end_of_cut_description(chunk, body_start, end)], Fidelity.EXACT, 0)
    raw = chunk[: max(content, body_start)]
    return Framed(raw, Fidelity.TRUNCATED, end - len(raw))


def _end_of_cut_description(chunk: bytes, body_start: int, end: int) -> int:
    """Where a session description ends that the declared length cuts inside a line; `end` where it does not.

    A program's own line begins on a line of its own, so the rest of a line that was begun is the message's, and so are
    lines of a description behind it.
    """
    if end <= body_start or _at_line_end(chunk, end) or not chunk.startswith(b"v=0", body_start):
        return end
    end = min(_line_end(chunk, end) + 1, len(chunk))
    rest = _DESCRIPTION_LINES.match(chunk, end)
    return rest.end() if rest is not None else end


def _end_without_carriage_returns(
    chunk: bytes, body_start: int, size: int | None, length: int | None, tight: bool
) -> tuple[int, int]:
    """Where a message ends whose line ends were changed, and how many bytes are missing."""
    content = max(_without_blank_end(chunk), body_start)
    if size is not None:
        for end, missing in (end_of_counted(chunk, 0, size), (min(size, len(chunk)), max(0, size - len(chunk)))):
            if end >= body_start and not missing and _at_line_end(chunk, end):
                return end, 0
    if length is None:
        return _end_of_undeclared(chunk, body_start, tight), 0
    end, missing = end_of_counted(chunk, body_start, length)
    if missing:
        # A last line end that was trimmed is no loss.
        return content, missing if missing > 2 else 0
    if not _at_line_end(chunk, end):
        plain = body_start + length
        end = plain if plain <= len(chunk) and _at_line_end(chunk, plain) else _line_end(chunk, end)
    return (max(end, content) if tight else end), 0


def _end_of_undeclared(chunk: bytes, body_start: int, tight: bool) -> int:
    """Where a body without Content-Length ends: with the chunk, or with the first blank line of a chatty log."""
    if tight:
        return max(_without_blank_end(chunk), body_start)
    if _CONTENT_TYPE.search(chunk, 0, body_start) is None:
        return body_start
    blank = _END_OF_HEADERS.search(chunk, body_start)
    return blank.start() + 1 if blank else max(_without_blank_end(chunk), body_start)


def _without_blank_end(chunk: bytes) -> int:
    """The offset behind the last line that is not blank, its line end included."""
    content = len(chunk.rstrip(b" \t\r\n\v\0"))
    return min(_line_end(chunk, content) + 1, len(chunk))


def _line_end(chunk: bytes, offset: int) -> int:
    newline = chunk.find(b"\n", offset)
    return len(chunk) if newline < 0 else newline


def _at_line_end(chunk: bytes, offset: int) -> bool:
    return offset == len(chunk) or chunk[offset - 1] == 10 or chunk[offset] in (10, 13)
