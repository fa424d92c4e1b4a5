"""The same traffic told otherwise, and what a diagnosis must keep of it.

A trace is changed as it was read (renamed, shifted, told in another order), as frames of its capture (copied, cut,
seen from one side, tagged, fragmented), or by writing it into another container. `judgement` is what is compared.
"""

from __future__ import annotations

import dataclasses
import re
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from tests.support import packets, transform
from tests.support.conversion import converted

from sip_ci.convert.forms import Form
from sip_ci.findings import Category
from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.analysis import analyze

MILLISECOND = 0.001
HOUR = 3600
_VLAN = (0x8100, 100)
_UDP = 17
_COOKIE = b"z9hG4bK"
_UDP_WORD = re.compile(rb"(?i)(SIP/2\.0/|;transport=)(udp)")
_TOKEN = re.compile(
    rb"(?i)(?:^|[\r\n;])(?:call-id[ \t]*:|i[ \t]*:|[ \t]*tag=|[ \t]*branch=z9hG4bK)[ \t]*([^\s;,>\"]{6,})"
)
_IPV4 = re.compile(rb"(?<![\d.])(\d{1,3}\.\d{1,3}\.\d{1,3})\.(\d{1,3})(?![\d.]*\d)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One finding, without what names this very trace."""

    check: str
    severity: str
    root: bool
    occurrences: int


def judgement(trace: Trace, *, hygiene: bool = False) -> Counter[Verdict]:
    """What is found, but for what is said of the recording itself."""
    return Counter(
        Verdict(finding.check, finding.severity.value, finding.root, finding.occurrences)
        for finding in analyze(trace, AnalysisContext()).findings
        if hygiene or finding.category is not Category.CAPTURE
    )


def checks(found: Iterable[Verdict]) -> set[str]:
    """The names of the checks among them."""
    return {verdict.check for verdict in found}


# -- As it was read ---------------------------------------------------------------------------------


def renamed(trace: Trace) -> Trace:
    """Other Call-IDs, tags, branches and IPv4 addresses, each of the same length, consistently."""
    tokens = {token for message in trace.messages for token in _TOKEN.findall(message.raw)}
    names = {token: _rotated(token) for token in sorted(tokens, key=len, reverse=True)}
    pattern = re.compile(b"|".join(map(re.escape, names))) if names else None

    def written(raw: bytes) -> bytes:
        if pattern is not None:
            raw = pattern.sub(lambda found: names[found[0]], raw)
        return _IPV4.sub(lambda found: found[1] + b"." + _other_octet(found[2]), raw)

    messages = tuple(
        SipMessage(
            written(message.raw), _moved(message.observation, _renamed_endpoint, 0), message.fidelity, message.index
        )
        for message in trace.messages
    )
    media = replace(
        trace.media,
        endpoints=tuple(map(_renamed_endpoint, trace.media.endpoints)),
        rtcp=tuple(_moved(item, _renamed_endpoint, 0) for item in trace.media.rtcp),
        stun=tuple(_moved(item, _renamed_endpoint, 0) for item in trace.media.stun),
    )
    pairs = frozenset((_renamed_host(left), _renamed_host(right)) for left, right in trace.facts.host_pairs)
    facts = replace(_moved(trace.facts, _renamed_endpoint, 0), host_pairs=pairs)
    return replace(trace, messages=messages, media=media, facts=facts)


def _rotated(token: bytes) -> bytes:
    """The token with its letters turned by one; digits stay, for an address may be part of it."""
    turned = bytearray()
    cookie = _COOKIE if token.startswith(_COOKIE) else b""
    for code in token[len(cookie) :]:
        if 97 <= code <= 122:
            code = 97 + (code - 96) % 26
        elif 65 <= code <= 90:
            code = 65 + (code - 64) % 26
        turned.append(code)
    return cookie + bytes(turned)


def _other_octet(octet: bytes) -> bytes:
    """Another last octet with as many digits; 0 and 255 mean something and stay."""
    number = int(octet)
    if number in (0, 255) or number > 255 or str(number).encode() != octet:
        return octet
    first, count = {1: (1, 9), 2: (10, 90), 3: (100, 155)}[len(octet)]
    return str(first + (number - first + 7) % count).encode()


def _renamed_host(host: str) -> str:
    return _IPV4.sub(lambda found: found[1] + b"." + _other_octet(found[2]), host.encode()).decode()


def _renamed_endpoint(endpoint: Endpoint) -> Endpoint:
    return Endpoint(_renamed_host(endpoint.host), endpoint.port)


def shifted(trace: Trace) -> Trace:
    """Everything an hour later."""
    messages = tuple(
        SipMessage(message.raw, _moved(message.observation, _same, HOUR), message.fidelity, message.index)
        for message in trace.messages
    )
    media = replace(
        trace.media,
        time_ns=trace.media.time_ns + HOUR * 10**9,
        rtcp=tuple(_moved(item, _same, HOUR) for item in trace.media.rtcp),
        stun=tuple(_moved(item, _same, HOUR) for item in trace.media.stun),
    )
    return replace(trace, messages=messages, media=media, facts=_moved(trace.facts, _same, HOUR))


def _same(endpoint: Endpoint) -> Endpoint:
    return endpoint


def _moved(value: Any, place: Any, seconds: int, name: str = "") -> Any:
    """A value of facts with its endpoints replaced and its times moved, however deep they lie."""
    if isinstance(value, Endpoint):
        return place(value)
    if isinstance(value, float) and (name == "time" or name.endswith("_time")):
        return value + seconds
    if name == "time_ns" and isinstance(value, int):
        return value + seconds * 10**9
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_moved(item, place, seconds) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {item.name: getattr(value, item.name) for item in dataclasses.fields(value) if item.init}
        return replace(value, **{key: _moved(item, place, seconds, key) for key, item in fields.items()})
    return value


def reordered(trace: Trace) -> Trace:
    """Messages that different hosts sent within a millisecond change places, as captures at other points show them.

    A message and the answer to it stay in order, and so do messages of one call.
    """
    messages = list(trace.messages)
    for place in range(len(messages) - 1):
        first, second = messages[place], messages[place + 1]
        times = first.observation.time, second.observation.time
        if None in times or first.call_id == second.call_id:
            continue
        if (times[1] or 0.0) - (times[0] or 0.0) < MILLISECOND:
            earlier, later = second.observation, first.observation
            messages[place] = SipMessage(second.raw, replace(earlier, time=times[0]), second.fidelity, place)
            messages[place + 1] = SipMessage(first.raw, replace(later, time=times[1]), first.fidelity, place + 1)
    return replace(trace, messages=tuple(messages))


def as_pcap(trace: Trace) -> bytes:
    """The trace as `sip-ci convert` writes a capture of it."""
    return converted(trace, Form.PCAP)[0]


def as_transcript(trace: Trace) -> bytes:
    """The trace as `sip-ci convert` writes a transcript of it."""
    return converted(trace, Form.SIP)[0]


def over_tcp(trace: Trace) -> bytes | None:
    """A capture of the same messages over TCP, each sent once; None where they are not UDP to begin with, or where a
    stream could not carry them.
    """
    if not trace.messages or not all(
        message.observation.transport is Transport.UDP and _fits_stream(message) for message in trace.messages
    ):
        return None
    sent: set[tuple[bytes, Endpoint | None, Endpoint | None]] = set()
    messages: list[SipMessage] = []
    for message in trace.messages:
        seen = message.observation
        same = (message.raw, seen.source, seen.destination)
        if same in sent:
            continue
        sent.add(same)
        messages.append(
            SipMessage(
                _UDP_WORD.sub(lambda found: found[1] + (b"TCP" if found[2].isupper() else b"tcp"), message.raw),
                replace(seen, transport=Transport.TCP, fragments=1),
                message.fidelity,
                len(messages),
            )
        )
    return as_pcap(replace(trace, messages=tuple(messages), media=trace.media.select(slice(0))))


def _fits_stream(message: SipMessage) -> bool:
    """Whether a stream can carry the message: it is between two hosts, and Content-Length says where it ends."""
    seen = message.observation
    if message.fidelity is not Fidelity.EXACT:
        return False
    is_whole = message.content_length == len(message.raw) - message.body_start
    return is_whole and seen.source is not None and seen.destination is not None and seen.source != seen.destination


# -- As frames --------------------------------------------------------------------------------------


def as_pcapng(capture: transform.Capture) -> bytes:
    """The same frames in a pcapng file with nanoseconds."""
    blocks = [packets.section(), packets.interface(capture.link_type, resolution=9)]
    for frame in capture.frames:
        ticks = round(frame.time * 1_000_000) * 1000
        blocks.append(packets.enhanced_packet(frame.data, ticks, wire=len(frame.data) + frame.cut_off))
    return b"".join(blocks)


def tagged(capture: transform.Capture) -> transform.Capture:
    """Every Ethernet frame in a VLAN."""
    return _each(capture, lambda data: data[:12] + struct.pack(">HH", *_VLAN) + data[12:])


def cooked(capture: transform.Capture) -> transform.Capture:
    """Ethernet frames as Linux writes them with `-i any`."""
    frames = tuple(
        replace(frame, data=struct.pack(">HHH8s", 0, 1, 6, frame.data[6:12]) + frame.data[12:])
        for frame in capture.frames
    )
    return transform.Capture(113, frames)


def fragmented(capture: transform.Capture) -> transform.Capture:
    """Every response over UDP and IPv4 in two fragments; a request in fragments is a finding of its own."""
    pieces: list[transform.Frame] = []
    for number, frame in enumerate(capture.frames):
        packet = frame.data[14:]
        whole = (
            frame.sip.startswith(b"SIP/2.0")
            and packet[:1] == b"\x45"
            and packet[9] == _UDP
            and not packet[6] & 0x3F
            and not packet[7]
        )
        if not whole or frame.cut_off or len(packet) < 100:
            pieces.append(frame)
            continue
        length = struct.unpack_from(">H", packet, 2)[0]
        half = (length - 20) // 16 * 8
        head, body = packet[:20], packet[20:length]
        for part, offset, more in ((body[:half], 0, 0x2000), (body[half:], half // 8, 0)):
            header = head[:2] + struct.pack(">HHH", 20 + len(part), number & 0xFFFF, more | offset) + head[8:]
            pieces.append(replace(frame, data=frame.data[:14] + header + part))
    return replace(capture, frames=tuple(pieces))


def _each(capture: transform.Capture, change: Any) -> transform.Capture:
    return replace(capture, frames=tuple(replace(frame, data=change(frame.data)) for frame in capture.frames))


def cut_before(capture: transform.Capture, place: int) -> transform.Capture:
    """The capture ends before one of its SIP messages, counted from 0."""
    return replace(capture, frames=capture.frames[: capture.sip_frames[place]])


def cut_behind(capture: transform.Capture, place: int) -> transform.Capture:
    """The capture begins behind one of its SIP messages, counted from 0."""
    return replace(capture, frames=capture.frames[capture.sip_frames[place] + 1 :])


def without_host(capture: transform.Capture, host: str) -> transform.Capture:
    """What one host sends is not there; `host` as bytes in hexadecimal."""
    return replace(capture, frames=tuple(frame for frame in capture.frames if frame.source != host))
