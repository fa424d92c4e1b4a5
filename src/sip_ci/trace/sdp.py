"""Session descriptions (RFC 8866), read tolerantly: what does not parse is left out and named in `defects`."""

from __future__ import annotations

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.message import SipMessage
from sip_ci.trace.multipart import body_parts
from sip_ci.trace.payload_types import STATIC_PAYLOAD_TYPES, Encoding
from sip_ci.trace.session_description import Connection, Direction, MediaDescription, SdpLine, SessionDescription
from sip_ci.trace.start_line import decode

__all__ = [
    "MAX_LINES",
    "Connection",
    "Direction",
    "MediaDescription",
    "SdpLine",
    "SessionDescription",
    "parse_sdp",
    "sdp_of",
]

MAX_LINES = 10_000
"""Further lines of a description are not read."""


def sdp_of(message: SipMessage) -> SessionDescription | None:
    """The session description in a message's body, multipart bodies included; None where there is none."""
    content_type = message.content_type
    body = message.body
    # A description without a Content-Type is one all the same; `trace.defects` says what is missing.
    if content_type == "application/sdp" or (not content_type and body.startswith(b"v=0")):
        return parse_sdp(body, message.body_start) if body.strip() else None
    if content_type.startswith("multipart/"):
        for part in body_parts(body, message.header("content-type") or "", message.body_start):
            if part.content_type == "application/sdp":
                return parse_sdp(part.body, part.offset)
    return None


def parse_sdp(body: bytes, offset: int = 0) -> SessionDescription:
    """Parse a session description whose first byte stands at `offset` of the message."""
    lines, defects = _lines_of(body, offset)
    session_lines: list[SdpLine] = []
    blocks: list[list[SdpLine]] = []
    for line in lines:
        if line.type == "m":
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
        else:
            session_lines.append(line)
    connection = _connection(session_lines, defects)
    session_attributes = tuple(line for line in session_lines if line.type == "a")
    direction = _direction(session_attributes)
    media: list[MediaDescription] = []
    for index, block in enumerate(blocks):
        parsed = _media(index, block, connection, direction, session_attributes, defects)
        if parsed is not None:
            media.append(parsed)
    origin = next((line.value for line in session_lines if line.type == "o"), "")
    fields = origin.split()
    return SessionDescription(
        origin,
        fields[1] if len(fields) > 1 else "",
        fields[2] if len(fields) > 2 else "",
        connection,
        direction,
        tuple(media),
        tuple(lines),
        tuple(defects),
    )


def _lines_of(body: bytes, offset: int) -> tuple[list[SdpLine], list[tuple[SdpLine, str]]]:
    lines: list[SdpLine] = []
    defects: list[tuple[SdpLine, str]] = []
    position = 0
    newline = b"\n" if b"\n" in body else b"\r"
    for raw in body.split(newline, MAX_LINES)[:MAX_LINES]:
        text = decode(raw.rstrip(b"\r"))
        if text.strip():
            letter, equals, value = text.partition("=")
            line = SdpLine(letter.strip(), value.strip() if equals else text, offset + position)
            if equals and len(letter) == 1:
                lines.append(line)
            else:
                defects.append((line, "not of the form <letter>=<value>"))
        position += len(raw) + 1
    return lines, defects


def _connection(lines: list[SdpLine], defects: list[tuple[SdpLine, str]]) -> Connection | None:
    for line in lines:
        if line.type == "c":
            fields = line.value.split()
            if len(fields) == 3:
                return Connection(fields[0], fields[1].upper(), fields[2].partition("/")[0].lower(), line)
            defects.append((line, "a connection line has three fields: network, address type, address"))
    return None


def _direction(attributes: tuple[SdpLine, ...]) -> Direction | None:
    for line in attributes:
        value = line.value.strip().lower()
        if value in Direction._value2member_map_:
            return Direction(value)
    return None


def _media(
    index: int,
    block: list[SdpLine],
    session_connection: Connection | None,
    session_direction: Direction | None,
    session_attributes: tuple[SdpLine, ...],
    defects: list[tuple[SdpLine, str]],
) -> MediaDescription | None:
    line = block[0]
    fields = line.value.split()
    port = parse_digits(fields[1].partition("/")[0], 65535) if len(fields) > 1 else None
    if len(fields) < 3 or port is None:
        defects.append((line, "a media line has a medium, a port up to 65535, a protocol and formats"))
        return None
    attributes = tuple(entry for entry in block[1:] if entry.type == "a")
    connection = _connection(block[1:], defects) or session_connection
    direction = _direction(attributes) or session_direction or Direction.SENDRECV
    formats = tuple(fields[3:])
    return MediaDescription(
        index, fields[0].lower(), port, fields[2], formats, line, connection, direction,
        _encodings(formats, attributes, fields[0].lower(), defects), attributes, session_attributes,
    )  # fmt: skip


def _encodings(
    formats: tuple[str, ...], attributes: tuple[SdpLine, ...], media: str, defects: list[tuple[SdpLine, str]]
) -> dict[int, Encoding]:
    encodings: dict[int, Encoding] = {}
    if media not in ("audio", "video", "text"):
        return encodings
    for format_ in formats:
        number = parse_digits(format_, 127)
        static = STATIC_PAYLOAD_TYPES.get(number) if number is not None else None
        if number is not None and static is not None:
            encodings[number] = static
    for line in attributes:
        name, _, value = line.value.partition(":")
        if name.strip().lower() != "rtpmap":
            continue
        type_text, _, mapping = value.strip().partition(" ")
        payload_type = parse_digits(type_text, 127)
        parts = mapping.strip().split("/", 3)
        if payload_type is None or len(parts) < 2:
            defects.append((line, "an rtpmap has a payload type and <encoding>/<clock rate>"))
            continue
        clock = parse_digits(parts[1].strip(), 10_000_000)
        if not clock:
            defects.append((line, "the clock rate of an rtpmap is a positive number"))
            continue
        channels = (parse_digits(parts[2].strip(), 99) if len(parts) > 2 else None) or 1
        encodings[payload_type] = Encoding(parts[0].strip(), clock, channels)
    return encodings
