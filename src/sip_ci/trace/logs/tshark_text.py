"""Wireshark's decoding as text: `tshark -V`, `tshark -O sip`, "Export packet dissections as plain text".

The bytes are not there: messages are put together again from what was decoded. Header lines are as they were; of a
body only SDP comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import port_number
from sip_ci.trace.logs.anchors import line_start, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import Stamp, find_month_stamp
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

_ANCHOR = b"Session Initiation Protocol ("
_START = re.compile(rb"(?P<indent>[> \tv|+-]{0,16})(?:Request-Line|Status-Line): (?P<start>[^\r\n]{1,8000})")
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9.!%*_+`'~-]{0,63}(?: ?\([a-z]\))?[ \t]*:")
_SDP_LINE = re.compile(rb"[^\r\n(]{0,80}\((?P<letter>[a-z])\): ?(?P<value>[^\r\n]{0,8000})")
_ADDRESSES = re.compile(
    rb"Internet Protocol Version [46], Src: (?:[^\s,]{1,255} \()?(?P<source>[^\s,()]{1,255})\)?, "
    rb"Dst: (?:[^\s,]{1,255} \()?(?P<destination>[^\s,()]{1,255})\)?"
)
_PORTS = re.compile(
    rb"(?P<protocol>User Datagram|Transmission Control|Stream Control Transmission) Protocol, "
    rb"Src Port: (?:[^\s,(]{1,64} \()?(?P<source>[0-9]{1,5})\)?, "
    rb"Dst Port: (?:[^\s,(]{1,64} \()?(?P<destination>[0-9]{1,5})"
)
_FRAME = re.compile(rb"^[> \tv|+-]{0,8}Frame [0-9]{1,12}:", re.MULTILINE)
_EPOCH = re.compile(rb"Epoch (?:Arrival )?Time: ([0-9]{9,11}\.[0-9]{1,9})")
_ARRIVAL = re.compile(rb"Arrival Time: ([^\r\n]{20,64})")
_TRANSPORTS = {b"User Datagram": Transport.UDP, b"Stream Control Transmission": Transport.SCTP}
_MARGIN = b"> \tv|+-"
"""What stands before the lines: blanks, and the marks of a tree in text copied from a window."""
_LONGEST_HEADERS = 1 << 16
"""How far above the SIP layer the frame's first line is looked for, in bytes."""
_LONGEST_MESSAGE = 1 << 20


class TsharkTextLayout:
    """What tshark prints for `-V` or `-O sip` (Wireshark, `packet-sip.c`, `packet-sdp.c`)."""

    name = "tshark"
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The SIP layers of all frames."""
        offset = text.find(_ANCHOR)
        frame = b""
        behind = 0
        while offset >= 0:
            following = text.find(_ANCHOR, offset + 1)
            end = len(text) if following < 0 else following
            # A frame may hold several messages, and names its addresses once.
            frame = _frame_lines(text[max(behind, offset - _LONGEST_HEADERS) : offset]) or frame
            head = _head(text, offset, min(end, offset + _LONGEST_MESSAGE), frame)
            if head is not None:
                yield head
            behind, offset = offset, following


def _frame_lines(above: bytes) -> bytes:
    """The lines of the last frame that begins in a text; nothing where none does."""
    start = -1
    for match in _FRAME.finditer(above):
        start = match.start()
    return above[start:] if start >= 0 else b""


def _head(text: LogText, anchor: int, end: int, frame: bytes) -> Head | None:
    layer = line_start(text, anchor)
    if layer is None:
        return None
    first = next_line(text, anchor)
    match = _START.match(text, first)
    if match is None:
        return None
    message, behind = _message(text, match, end)
    addresses, ports = _ADDRESSES.search(frame), _PORTS.search(frame)
    return Head(
        max(text.rfind(b"Frame ", max(0, layer - len(frame) - 16), layer), 0) if frame else layer,
        first,
        _stamp(frame),
        source=_endpoint(addresses, ports, "source"),
        destination=_endpoint(addresses, ports, "destination"),
        transport=_TRANSPORTS.get(ports["protocol"], Transport.UNKNOWN) if ports else Transport.UNKNOWN,
        text=message,
        fidelity=Fidelity.DECODED,
        end=behind,
    )


def _message(text: LogText, start: re.Match[bytes], end: int) -> tuple[bytes, int]:
    """The message of one SIP layer, and the offset behind it."""
    margin = len(start["indent"])
    message, body = [start["start"].rstrip(b"\r")], [b""]
    lines = message
    # How deep headers, and the lines of SDP, stand; what the dissector took out of them stands deeper.
    depth_of_lines = 0
    offset = next_line(text, start.end())
    while offset < end:
        behind = next_line(text, offset)
        line = text[offset : min(behind, end)].rstrip(b"\r\n")
        content = line.lstrip(_MARGIN).removeprefix(b"[truncated]").lstrip(b" ")
        depth = len(line) - len(line.lstrip(_MARGIN))
        if content and depth < margin:
            break
        if content.startswith(b"Message Header") and depth == margin:
            depth_of_lines = -1
        elif content.startswith(b"Message Body") and depth == margin:
            lines, depth_of_lines = body, -1
        elif depth > margin and content and not content.startswith(b"["):
            written = _written(content, of_body=lines is body)
            if written is not None and depth_of_lines in (-1, depth):
                depth_of_lines = depth
                lines.append(written)
        offset = behind
    return b"\r\n".join([*message, *body, b""]) if len(body) > 1 else b"\r\n".join([*message, b"", b""]), offset


def _written(content: bytes, *, of_body: bool) -> bytes | None:
    """A header line, or a line of SDP, as it was in the message; None for what the dissector adds."""
    if not of_body:
        return content if _HEADER.match(content) is not None else None
    line = _SDP_LINE.fullmatch(content)
    return line["letter"] + b"=" + line["value"] if line is not None else None


def _stamp(frame: bytes) -> Stamp | None:
    epoch = _EPOCH.search(frame)
    if epoch is not None:
        return Stamp(float(epoch[1]), absolute=True, resolution=10.0 ** -min(len(epoch[1].partition(b".")[2]), 6))
    arrival = _ARRIVAL.search(frame)
    return find_month_stamp(arrival[1]) if arrival is not None else None


def _endpoint(addresses: re.Match[bytes] | None, ports: re.Match[bytes] | None, side: str) -> Endpoint | None:
    if addresses is None:
        return None
    return Endpoint(addresses[side].decode("latin-1").lower(), port_number(ports[side].decode()) if ports else 0)


TSHARK_TEXT = TsharkTextLayout()
