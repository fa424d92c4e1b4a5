"""What tcpdump prints: the payload as text (`-A`), as hexadecimal digits (`-X`, `-x`), or decoded (`-v`).

The line above a packet has its time and addresses. `-A` prints the bytes of the headers before the payload, a dot for
each byte that cannot be printed, and LF for CRLF; hexadecimal digits are exact. TCP segments are joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from sip_ci.trace.logs.addresses import port_number
from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.segments import SegmentJoiner
from sip_ci.trace.logs.stamps import Stamp, find_stamp
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.start_line import looks_like_start_line
from sip_ci.trace.trace import TraceOrigin

_HEAD = re.compile(
    rb"(?:[ ]{0,8}[0-9]{1,9}  ?)?"
    rb"(?P<stamp>(?:[0-9]{4}-[0-9]{2}-[0-9]{2} )?[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6,9}|[0-9]{9,11}\.[0-9]{6,9}) "
    rb"(?:[a-z][a-z0-9._-]{0,31} (?:In|Out|M|B|P)  ?)?(?:[^\r\n]{0,200}? (?:ethertype )?IPv[46] [^\r\n]{0,80}?: |IP6? )"
    rb"(?:\([^\r\n]{0,300}\)(?: |\r?\n[ \t]{1,8}))?"
    rb"(?P<source>[^\s>]{1,255})\.(?P<source_port>[a-z0-9-]{1,32}) > "
    rb"(?P<destination>[^\s>]{1,255})\.(?P<destination_port>[a-z0-9-]{1,32}): (?P<rest>[^\r\n]{0,2000})\r?\n"
)
_LENGTH = re.compile(rb"length:? ([0-9]{1,5})")
_HEX_LINE = re.compile(rb"[ \t]{0,8}0x[0-9a-f]{4}:  ((?:[0-9a-f]{2,4} ?){1,8})")
_START = re.compile(
    rb"(?:[A-Z][A-Z]{1,15} (?:sips?|tel|urn|im|pres):[^\s]{1,2000} SIP/2\.0|SIP/2\.0 [1-6][0-9]{2} [^\r\n]{0,200})\r?\n"
)
_DECODED_START = re.compile(rb"\t(?=" + _START.pattern + rb")")
_SERVICES = {"sip": 5060, "sip-tls": 5061, "sips": 5061, "http": 80, "https": 443, "http-alt": 8080}
_LONGEST_HEADERS = 256
"""How many bytes of link, network and transport headers can come before a payload."""
_LONGEST_PACKET = 1 << 19


class TcpdumpLayout:
    """What tcpdump prints with `-A`, `-AA`, `-X`, `-XX`, `-x` or `-v` (tcpdump, `print-ascii.c`, `print-sip.c`)."""

    name = "tcpdump"
    # It shows what passed one point, but only what its filter let pass, and never the media as such.
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The packets that hold SIP, TCP segments joined to messages."""
        joiner = SegmentJoiner()
        found: list[Head] = []
        before: re.Match[bytes] | None = None
        for start, _ in lines_with(text, b" > "):
            match = _HEAD.match(text, start) or _HEAD.match(text, _line_above(text, start))
            if match is None or (before is not None and match.start() < before.end()):
                continue
            if before is not None:
                found += _messages(text, before, match.start(), joiner)
            before = match
        if before is not None:
            found += _messages(text, before, len(text), joiner)
        found += joiner.rest()
        found.sort(key=lambda head: head.start)
        yield from found


def _line_above(text: LogText, start: int) -> int:
    """Where the line above begins: `-v` writes the addresses in a second line."""
    return text.rfind(b"\n", max(0, start - 1024), max(0, start - 1)) + 1


def _messages(text: LogText, match: re.Match[bytes], end: int, joiner: SegmentJoiner) -> Iterator[Head]:
    block = text[match.end() : min(end, match.end() + _LONGEST_PACKET)]
    tcp = match["rest"].startswith(b"Flags [")
    head = Head(
        match.start(),
        match.end(),
        _stamp(match["stamp"]),
        source=_endpoint(match["source"], match["source_port"]),
        destination=_endpoint(match["destination"], match["destination_port"]),
        # WebSocket and TLS are TCP, too: the Via knows better.
        transport=Transport.UNKNOWN if tcp else Transport.UDP,
        end=end,
    )
    sizes = _LENGTH.findall(match["rest"])
    size = int(sizes[-1]) if sizes else None
    data = _from_hex(block, size, tcp=tcp)
    if data is not None:
        head = replace(head, fidelity=Fidelity.EXACT)
    else:
        found = _from_text(block, size, match["rest"])
        if found is None:
            return
        offset, data = found
        head = replace(head, payload=match.end() + offset, fidelity=Fidelity.LINE_ENDINGS_LOST)
    if tcp:
        yield from joiner.add(head, data)
    elif looks_like_start_line(data):
        yield replace(head, text=data)


def _from_hex(block: bytes, size: int | None, *, tcp: bool) -> bytes | None:
    """The payload from hexadecimal digits; None where there are none."""
    digits = b"".join(match[1] for match in _HEX_LINE.finditer(block)).replace(b" ", b"")
    if not digits:
        return None
    packet = bytes.fromhex(digits.decode("ascii")) if len(digits) % 2 == 0 else b""
    # The payload ends the packet, and the line above says how long it is.
    if size is not None and 0 < size <= len(packet):
        return packet[-size:]
    start = _START.search(packet)
    return packet[start.start() :] if start is not None and not tcp else packet[len(packet) :]


def _from_text(block: bytes, size: int | None, rest: bytes) -> tuple[int, bytes] | None:
    """The payload behind the headers that `-A` printed: (offset in the block, payload); None where there is none.

    The byte before the payload may be a letter, so what the head says of length or start line comes first.
    """
    offset = 0
    decoded = _DECODED_START.search(block)
    if decoded is not None:
        offset = _behind_decoded(block, decoded.start())
    printed = block[offset:]
    at = _counted_back(printed, size) if size else None
    if at is None or not looks_like_start_line(printed, at):
        told = rest.partition(b"SIP: ")[2].strip()
        if decoded is not None and not told:
            told = block[decoded.end() : next_line(block, decoded.end())].strip()
        start = _START.search(printed)
        at = start.start() if start is not None else at
        if told:
            at = printed.find(told)
        if at is not None and not 0 <= at <= _LONGEST_HEADERS:
            at = None
    if at is not None and (looks_like_start_line(printed, at) or decoded is None):
        return offset + at, printed[at:]
    if decoded is not None and not printed.strip():
        lines = block[decoded.end() : offset].split(b"\n")
        return decoded.start(), b"\n".join(line.removeprefix(b"\t") for line in lines)
    return None


def _behind_decoded(block: bytes, start: int) -> int:
    """The offset behind the lines that `-v` decoded, which begin with a tabulator."""
    offset = start
    while block.startswith(b"\t", offset):
        offset = next_line(block, offset)
    return offset


def _counted_back(printed: bytes, size: int) -> int | None:
    """Where the last `size` bytes of a packet begin in a text whose CRLF became LF."""
    left, at = size, len(printed)
    # What follows the last byte is the line end of tcpdump itself.
    if printed.endswith(b"\n"):
        at -= 1
    while left > 0 and at > 0:
        at -= 1
        left -= 2 if printed[at] == 10 else 1
    return at if left <= 0 else None


def _stamp(written: bytes) -> Stamp | None:
    if b":" in written:
        return find_stamp(written)
    return Stamp(float(written), absolute=True, resolution=10.0 ** -len(written.partition(b".")[2]))


def _endpoint(host: bytes, port: bytes) -> Endpoint:
    name = port.decode("latin-1")
    return Endpoint(host.decode("latin-1").lower(), _SERVICES.get(name) or port_number(name))


TCPDUMP = TcpdumpLayout()
