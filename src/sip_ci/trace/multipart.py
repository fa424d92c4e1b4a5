"""The parts of a MIME multipart body (RFC 2046 §5.1), with their offsets; parts within parts are opened too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sip_ci.trace.message import canonical_name
from sip_ci.trace.start_line import decode
from sip_ci.trace.uri import split_parameters

_MAX_DEPTH = 4
_MAX_PARTS = 256
_MAX_BOUNDARY = 256


@dataclass(frozen=True, slots=True)
class BodyPart:
    """One part that is no multipart itself."""

    content_type: str
    """The media type in lower case, without parameters; `text/plain` where the part does not say."""
    body: bytes
    offset: int
    """Offset of the body's first byte, counted like the offset that was given for the whole."""


def body_parts(body: bytes, content_type: str, offset: int) -> list[BodyPart]:
    """The parts of a body whose Content-Type value is `content_type` and whose first byte stands at `offset`.

    At most 256 parts, and parts within parts to a depth of four; what lies beyond is left out.
    """
    parts: list[BodyPart] = []
    _collect(body, content_type, offset, _MAX_DEPTH, parts)
    return parts


def _collect(body: bytes, content_type: str, offset: int, depth: int, parts: list[BodyPart]) -> None:
    parameters = split_parameters(content_type.partition(";")[2])
    boundary = next((value for name, value in parameters if name == "boundary" and value), None)
    if boundary is None or len(boundary) > _MAX_BOUNDARY or depth == 0:
        return
    for start, end in _spans(body, b"--" + boundary.encode("utf-8")):
        if len(parts) >= _MAX_PARTS:
            return
        kind, body_start = _part_head(body, start, end)
        part = body[body_start:end]
        media_type = kind.partition(";")[0].strip().lower()
        if media_type.startswith("multipart/"):
            _collect(part, kind, offset + body_start, depth - 1, parts)
        else:
            parts.append(BodyPart(media_type or "text/plain", part, offset + body_start))


def _spans(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the parts between lines that begin with the delimiter."""
    start = -1
    found = 0
    position = body.find(delimiter)
    while position >= 0 and found <= _MAX_PARTS:
        if position == 0 or body[position - 1] in b"\r\n":
            if start >= 0:
                yield start, position
            found += 1
            behind = position + len(delimiter)
            if body[behind : behind + 2] == b"--":
                return
            line_end = body.find(b"\n", behind)
            if line_end < 0:
                return
            start = line_end + 1
        position = body.find(delimiter, position + len(delimiter))
    if start >= 0:
        yield start, len(body)


def _part_head(body: bytes, start: int, end: int) -> tuple[str, int]:
    """The Content-Type of a part, empty where it has none, and where its body begins."""
    kind = ""
    position = start
    while position < end:
        line_end = body.find(b"\n", position, end)
        next_line = end if line_end < 0 else line_end + 1
        line = body[position:next_line].strip()
        position = next_line
        if not line:
            break
        name, colon, value = line.partition(b":")
        if colon and canonical_name(name) == "content-type":
            kind = decode(value)
    return kind, position
