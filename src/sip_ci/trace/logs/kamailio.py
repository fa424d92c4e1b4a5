"""Kamailio's and OpenSIPS's own log, where the routing script writes messages: `xlog("[$rm] from $si:$sp\\n$mb")`.

What stands before the message is up to the script: an address behind `from` or `to`, or two around an arrow, is used.
Times are those of syslog, to the second, or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip_ci.trace.logs.addresses import endpoint, transport_named
from sip_ci.trace.logs.anchors import line_start, next_line
from sip_ci.trace.logs.framing import MAXIMUM_MESSAGE
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import find_stamp
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import TraceOrigin

_LEVEL = rb"(?:DBG|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|CRITICAL|ALERT|BUG)"
_LINE = re.compile(
    rb"(?P<before>[^\r\n]{0,128}?)(?:"
    rb"(?:kamailio|opensips|ser)(?:\[[0-9]{1,10}\])?: (?:" + _LEVEL + rb":)?"
    rb"|(?<![0-9])[0-9]{1,4}\([0-9]{1,10}\) " + _LEVEL + rb":"
    rb"|[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9:]{8} \[[0-9]{1,10}\] (?:" + _LEVEL + rb":)?"
    rb"|" + _LEVEL + rb": (?:\{[^}\r\n]{0,300}\} )?<script>:"
    rb")(?P<words>[^\r\n]{0,2000})"
)
_START = re.compile(
    rb"(?:[A-Z][A-Z]{1,15} (?:sips?|tel|urn|im|pres):[^\s]{1,2000} SIP/2\.0|SIP/2\.0 [1-6][0-9]{2} [^\r\n]{0,200})"
    rb"(?=\r?\n)"
)
_VERSION = re.compile(rb"SIP/2\.0(?= [1-6][0-9]{2} |\r?\n)")
_ADDRESS = (
    rb"(?:(?:udp|tcp|tls|wss?|sctp):)?(?:\[[0-9a-fA-F:.]{2,45}\]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}):[0-9]{1,5}(?![0-9.])"
)
_FROM = re.compile(rb"(?i)(?:\bfrom\b|\bsrc\b|\bsource\b)[^\r\n]{0,24}?(" + _ADDRESS + rb")")
_TO = re.compile(rb"(?i)(?:\bto\b|\bdst\b|\bdestination\b)[^\r\n]{0,24}?(" + _ADDRESS + rb")")
_ARROW = re.compile(rb"(" + _ADDRESS + rb") ?[-=]{1,3}> ?(" + _ADDRESS + rb")")
_TRANSPORT = re.compile(rb"(udp|tcp|tls|wss?|sctp):")


class KamailioLayout:
    """A log of Kamailio or OpenSIPS into which the routing script writes messages."""

    name = "kamailio"
    # The script decides which messages it writes.
    origin = TraceOrigin.TEXT
    tight = False
    terminator = re.compile(
        rb"\n(?=[^\r\n]{0,128}?(?:(?:kamailio|opensips|ser)(?:\[[0-9]{1,10}\])?: |[0-9]{1,4}\([0-9]{1,10}\) "
        + _LEVEL
        + rb":|"
        + _LEVEL
        + rb": (?:\{[^}\r\n]{0,300}\} )?<script>:)|[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9:]{8} \[[0-9]{1,10}\] )"
    )
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The lines of the log with a message behind or below them."""
        before = -1
        for version in _VERSION.finditer(text):
            line = line_start(text, version.start())
            if line is None or line <= before:
                continue
            match = _LINE.match(text, line)
            if match is not None:
                start = _START.search(text, match.start("words"), next_line(text, line))
                if start is not None:
                    before = line
                    yield _glued(self, text, match, start.start())
                continue
            above = line_start(text, line - 1) if line else None
            match = _LINE.match(text, above) if above is not None and above > before else None
            if match is not None:
                before = line
                yield _head(match, line)


def _head(match: re.Match[bytes], payload: int, message: bytes | None = None, end: int | None = None) -> Head:
    source, destination, remote, sent, transport = _ends(match["words"])
    return Head(
        match.start(),
        payload,
        find_stamp(match[0][: match.start("words") - match.start()]),
        sent=sent,
        source=source,
        destination=destination,
        remote=remote,
        transport=transport,
        text=message,
        fidelity=None if message is None else Fidelity.EXACT,
        end=end,
    )


def _glued(layout: KamailioLayout, text: LogText, match: re.Match[bytes], start: int) -> Head:
    """The head of a message that begins in the same line."""
    end = layout.terminator.search(text, start, start + MAXIMUM_MESSAGE)
    return _head(match, match.start(), text[start : end.start() + 1 if end is not None else start + MAXIMUM_MESSAGE])


def _ends(words: bytes) -> tuple[Endpoint | None, Endpoint | None, Endpoint | None, bool | None, Transport]:
    """Source, destination, remote, direction and transport, as far as a script's own words tell them."""
    words = words.partition(b"SIP/2.0")[0]
    arrow, source, destination = _ARROW.search(words), _FROM.search(words), _TO.search(words)
    if arrow is not None:
        return _endpoint(arrow[1]), _endpoint(arrow[2]), None, None, _transport(arrow[1])
    if source is not None and destination is not None:
        return _endpoint(source[1]), _endpoint(destination[1]), None, None, _transport(source[1])
    if source is not None:
        return None, None, _endpoint(source[1]), False, _transport(source[1])
    if destination is not None:
        return None, None, _endpoint(destination[1]), True, _transport(destination[1])
    return None, None, None, None, Transport.UNKNOWN


def _endpoint(written: bytes) -> Endpoint:
    return endpoint(_TRANSPORT.sub(b"", written, count=1))


def _transport(written: bytes) -> Transport:
    match = _TRANSPORT.match(written)
    return transport_named(match[1].decode()) if match is not None else Transport.UNKNOWN


KAMAILIO = KamailioLayout()
