"""The first line of a SIP message: a request line or a status line (RFC 3261 §7.1, §7.2)."""

from __future__ import annotations

from functools import lru_cache
from mmap import mmap
from typing import NamedTuple

MAX_START_LINE = 65_535
"""Longer first lines, in bytes, are no start line: no datagram could have carried them."""

MAX_METHOD = 64
"""Longer methods, in bytes, are not recognised: text in a log has to be told from a message."""

_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~"
_CACHED_LENGTH = 512

_Buffer = bytes | bytearray | mmap


class StartLine(NamedTuple):
    """A start line, read tolerantly: runs of white space separate, and trailing white space is ignored."""

    method: str
    """Empty for a status line."""
    uri: str
    """The Request-URI as written, white space within it included; empty for a status line."""
    status: int | None
    """The status code, also one that is out of range; None for a request line."""
    reason: str
    version: str
    """What stood behind `SIP/`, for example `2.0`."""


def looks_like_start_line(data: _Buffer, offset: int = 0) -> bool:
    """Whether a SIP message could begin at `offset`. Looks at one line of bounded length."""
    return is_usual_start_line(data, offset) or _is_start_line(data, offset)


def is_usual_start_line(data: _Buffer, offset: int) -> bool:
    """Whether a start line of the usual form stands at `offset`; most have it, and this look is short."""
    if data[offset : offset + 8] == b"SIP/2.0 ":
        return data[offset + 8 : offset + 11].isdigit() and data[offset + 11 : offset + 12] == b" "
    end = data.find(b"\r\n", offset, offset + _CACHED_LENGTH)
    blank = data.find(b" ", offset, offset + MAX_METHOD)
    return (
        offset < blank < end - 8
        and data[end - 8 : end] == b" SIP/2.0"
        and data[offset:blank].isalpha()
        and data.find(b"\n", blank, end) < 0
    )


def _is_start_line(data: _Buffer, offset: int) -> bool:
    line = _line_at(data, offset)
    return line is not None and _split(line) is not None


def parse_start_line(data: _Buffer, offset: int = 0) -> StartLine | None:
    """The start line at `offset`, or None where there is none. Takes time linear in the length of the line."""
    line = _line_at(data, offset)
    if line is None:
        return None
    return _parse_cached(line) if len(line) <= _CACHED_LENGTH else _parse(line)


def _line_at(data: _Buffer, offset: int) -> bytes | None:
    end = data.find(b"\n", offset, offset + MAX_START_LINE)
    if end < 0:
        if len(data) - offset > MAX_START_LINE:
            end = data.find(b"\r", offset, offset + MAX_START_LINE)
            if end < 0:
                return None
        else:
            end = len(data)
    line = bytes(data[offset:end]).rstrip(b" \t\r")
    # A bare CR ends the line where a sender uses it for all of them.
    carriage_return = line.find(b"\r")
    return line if carriage_return < 0 else line[:carriage_return].rstrip(b" \t")


def _first_blank(line: bytes) -> int:
    space, tab = line.find(b" "), line.find(b"\t")
    return space if tab < 0 or 0 <= space < tab else tab


def _is_version(word: bytes) -> bool:
    major, dot, minor = word[4:].partition(b".")
    return word.startswith(b"SIP/") and bool(dot) and major.isdigit() and minor.isdigit()


def _split(line: bytes) -> tuple[bytes, bytes, bytes] | None:
    """The three parts of a start line, white space around them removed; None where it is none."""
    blank = _first_blank(line)
    if line.startswith(b"SIP/"):
        if blank < 0 or not _is_version(line[:blank]):
            return None
        rest = line[blank:].lstrip(b" \t")
        after = _first_blank(rest)
        code, reason = (rest, b"") if after < 0 else (rest[:after], rest[after + 1 :])
        return (line[:blank], code, reason) if code.isdigit() and len(code) <= 10 else None
    if not 0 < blank <= MAX_METHOD or line[:blank].strip(_TOKEN):
        return None
    last = max(line.rfind(b" "), line.rfind(b"\t"))
    if last <= blank or not _is_version(line[last + 1 :]):
        return None
    return line[:blank], line[blank:last].strip(b" \t"), line[last + 1 :]


def _parse(line: bytes) -> StartLine | None:
    parts = _split(line)
    if parts is None:
        return None
    if line.startswith(b"SIP/"):
        version, code, reason = parts
        return StartLine("", "", int(code), decode(reason), decode(version[4:]))
    return StartLine(decode(parts[0]), decode(parts[1]), None, "", decode(parts[2][4:]))


_parse_cached = lru_cache(maxsize=16_384)(_parse)


def decode(raw: bytes) -> str:
    """UTF-8 where it is, Latin-1 byte for byte where it is not: nothing is lost, nothing raises."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
