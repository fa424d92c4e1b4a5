"""The notation of SIPSymposium's demonstration: `14:23:45.118 PBX→Carrier INVITE sip:… SIP/2.0`, headers below.

Ends are names. `200 OK retransmit #2 (1s)` repeats the response above; a remark in brackets is no message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.anchors import lines_with, next_line
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Endpoint, Fidelity
from sip_ci.trace.trace import TraceOrigin

_ARROW = "→".encode()
_HEAD = re.compile(
    rb"(?P<stamp>[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3,6}) (?P<source>[^\r\n\xe2]{1,64}?) ?"
    + _ARROW
    + rb" ?(?P<destination>[^\s]{1,64}) (?P<start>[^\r\n]{3,8000}?)[ \t]*\r?(?:\n|\Z)"
)
_REQUEST = re.compile(rb"[A-Z]{2,16} (?:sips?|tel|urn):[^\s]{1,4000}(?P<version> SIP/2\.0)?")
_RESPONSE = re.compile(rb"(?:SIP/2\.0 )?(?P<code>[1-6][0-9]{2}) (?P<reason>[^\r\n]{1,200})")
_REPEAT = re.compile(rb"(?P<start>[^\r\n]{3,4000}?),? (?:retransmit|retransmission) #[0-9]{1,3}\b[^\r\n]{0,80}")
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9.!%*_+`'~-]{0,63}[ \t]*:")
_LONGEST = 1 << 18


class SipSymposiumLayout:
    """The text of SIPSymposium's demonstration page."""

    name = "sipsymposium"
    # It was written or shortened by a person.
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines with a time and an arrow between two names."""
        matches: list[re.Match[bytes]] = []
        for start, _ in lines_with(text, _ARROW):
            match = _HEAD.match(text, start)
            if match is not None:
                matches.append(match)
        written: dict[tuple[bytes, bytes, bytes], bytes] = {}
        for index, match in enumerate(matches):
            end = matches[index + 1].start() if index + 1 < len(matches) else len(text)
            repeat = _REPEAT.fullmatch(match["start"])
            line = _start_line(repeat["start"] if repeat is not None else match["start"])
            if line is None:
                continue
            key = (match["source"], match["destination"], line)
            headers = _headers(text[match.end() : min(end, match.end() + _LONGEST)])
            if repeat is not None and not headers:
                headers = written.get(key, b"")
            written.setdefault(key, headers)
            yield Head(
                match.start(),
                match.start(),
                find_stamp(match["stamp"]),
                source=_named(match["source"]),
                destination=_named(match["destination"]),
                text=line + b"\r\n" + headers,
                # A person left headers out, so none can be called missing.
                fidelity=Fidelity.TRUNCATED if b"\r\n\r\n" not in headers else Fidelity.DECODED,
                end=end,
            )


def _start_line(written: bytes) -> bytes | None:
    request = _REQUEST.fullmatch(written)
    if request is not None:
        return written if request["version"] else written + b" SIP/2.0"
    response = _RESPONSE.fullmatch(written)
    return b"SIP/2.0 " + response["code"] + b" " + response["reason"] if response is not None else None


def _headers(block: bytes) -> bytes:
    """The header lines, and a body behind a blank line if it is SDP; remarks and blank lines are left out."""
    headers: list[bytes] = []
    body: list[bytes] = []
    offset = 0
    while offset < len(block):
        behind = next_line(block, offset)
        line = block[offset:behind].strip()
        offset = behind
        if body or line.startswith(b"v=0"):
            if line[1:2] == b"=":
                body.append(line)
        elif _HEADER.match(line) is not None and not line.startswith(b"["):
            headers.append(line)
    text = b"".join(line + b"\r\n" for line in headers)
    return text + b"\r\n" + b"".join(line + b"\r\n" for line in body) if body else text


def _named(name: bytes) -> Endpoint:
    return Endpoint(name.decode("utf-8", "replace").strip().lower(), 0)


SIPSYMPOSIUM = SipSymposiumLayout()
