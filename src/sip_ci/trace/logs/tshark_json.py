"""Wireshark's decoding as JSON: `tshark -T json`, `-T jsonraw`, `-T ek`, with or without `-x`.

Where raw bytes are there (`sip_raw`, or the payload of UDP), messages are exact; else they are put together from the
decoded fields, and of a body only SDP comes back.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from sip_ci.trace.logs.addresses import port_number
from sip_ci.trace.logs.framing import declared_length, headers_end
from sip_ci.trace.logs.interface import Head, LogText
from sip_ci.trace.logs.stamps import Stamp
from sip_ci.trace.observation import Endpoint, Fidelity, Transport
from sip_ci.trace.start_line import looks_like_start_line
from sip_ci.trace.trace import TraceOrigin

Tree: TypeAlias = "list[tuple[str, object]]"
"""A JSON object with all its members in order: names repeat where a packet has a field several times."""

_PACKET = re.compile(rb'\{\s{0,64}(?:"_index"|"_source")')
_EK_PACKET = re.compile(rb'\{\s{0,8}"timestamp"\s{0,8}:\s{0,8}"?(?P<milliseconds>[0-9]{12,14})"?\s{0,8},')
_LONGEST_PACKET = 1 << 24
_SDP = {
    "version": "v", "owner": "o", "session_name": "s", "session_info": "i", "uri": "u", "email": "e", "phone": "p",
    "connection_info": "c", "bandwidth": "b", "time": "t", "repeat_time": "r", "timezone": "z", "encryption_key": "k",
    "session_attr": "a", "media": "m", "media_title": "i", "media_attr": "a",
}  # fmt: skip
_HEX = re.compile(r"(?:[0-9a-f]{2}:?)+")


class TsharkJsonLayout:
    """What tshark prints for `-T json` and `-T jsonraw`: an array of packets."""

    name = "tshark-json"
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The SIP layers of all packets."""
        yield from _heads(text, _PACKET)


class TsharkEkLayout:
    """What tshark prints for `-T ek`: for each packet a line for Elasticsearch, and one with the packet."""

    name = "tshark-ek"
    origin = TraceOrigin.TEXT
    tight = True
    terminator = None
    carriage_return = b""

    def heads(self, text: LogText) -> Iterator[Head]:
        """The SIP layers of all packets."""
        yield from _heads(text, _EK_PACKET)


def _heads(text: LogText, packet: re.Pattern[bytes]) -> Iterator[Head]:
    before = -1
    for match in packet.finditer(text):
        if before >= 0:
            yield from _packet_heads(text, before, match.start())
        before = match.start()
    if before >= 0:
        yield from _packet_heads(text, before, len(text))


def _packet_heads(text: LogText, start: int, end: int) -> Iterator[Head]:
    if end - start > _LONGEST_PACKET or text.find(b'"sip', start, end) < 0 or text.find(b'"layers"', start, end) < 0:
        return
    # Latin-1 keeps offsets; what was UTF-8 is put right where it is used.
    written = text[start:end].decode("latin-1")
    try:
        packet, length = json.JSONDecoder(object_pairs_hook=list).raw_decode(written)
    except (ValueError, RecursionError):
        return
    layers = _child(_child(packet, "_source") or packet, "layers")
    if layers is None:
        return
    source, destination, transport = _ends(layers)
    payload = start + max(_first_field(written), 0)
    for raw, fidelity in _messages(layers):
        yield Head(
            start,
            payload,
            _stamp(packet, layers),
            source=source,
            destination=destination,
            transport=transport,
            text=raw,
            fidelity=fidelity,
            end=start + length,
        )


def _first_field(written: str) -> int:
    return max(written.find('"sip'), 0)


def _messages(layers: Tree) -> Iterator[tuple[bytes, Fidelity]]:
    """The messages of a packet with what is known of their bytes."""
    exact = [raw for name, value in layers if name == "sip_raw" for raw in _bytes(value)]
    exact = [raw for raw in exact if looks_like_start_line(raw)]
    if not exact:
        payloads = [raw for name in ("udp", "tcp") for raw in _bytes(_value(_child(layers, name), "payload"))]
        # Of a connection, only what holds one whole message is taken as it is.
        exact = [raw for raw in payloads if _child(layers, "udp") is not None or _is_one_message(raw)]
        exact = [raw for raw in exact if looks_like_start_line(raw)]
    if exact:
        for raw in exact:
            yield raw, Fidelity.EXACT
        return
    for name, value in layers:
        if name == "sip" and isinstance(value, list):
            # Several messages of one TCP segment are several objects in one list.
            for fields in [value] if _is_tree(value) else [item for item in value if _is_tree(item)]:
                rebuilt = _rebuilt(fields, layers)
                if rebuilt is not None:
                    yield rebuilt, Fidelity.DECODED


def _is_one_message(data: bytes) -> bool:
    body = headers_end(data)
    return body is not None and body + (declared_length(data[:body]) or 0) == len(data)


def _rebuilt(fields: Tree, layers: Tree) -> bytes | None:
    start = _text(_value(fields, "Request-Line")) or _text(_value(fields, "Status-Line"))
    headers = _text(_value(fields, "msg_hdr"))
    if not start or not headers:
        return None
    # Some versions put the body behind the headers.
    headers, _, body = headers.partition("\r\n\r\n")
    sdp = _child(_child(fields, "sip.msg_body"), "sdp") or _child(fields, "sdp") or _child(layers, "sdp")
    return f"{start.rstrip()}\r\n{headers.rstrip()}\r\n\r\n{body or _sdp(sdp)}".encode("utf-8", "surrogatepass")


def _sdp(fields: Tree | None) -> str:
    lines: list[str] = []
    for name, value in fields or ():
        letter = _SDP.get(name.rpartition("sdp.")[2].rpartition("sdp_")[2])
        if letter is not None:
            lines += [f"{letter}={_text(item)}\r\n" for item in (value if isinstance(value, list) else [value])]
    return "".join(lines)


def _ends(layers: Tree) -> tuple[Endpoint | None, Endpoint | None, Transport]:
    network = _child(layers, "ip") or _child(layers, "ipv6")
    transport = Transport.UNKNOWN
    ports: Tree | None = None
    for name, kind in (("udp", Transport.UDP), ("tcp", Transport.UNKNOWN), ("sctp", Transport.SCTP)):
        if ports is None:
            ports = _child(layers, name)
            transport = kind if ports is not None else transport
    return _endpoint(network, ports, "src"), _endpoint(network, ports, "dst"), transport


def _endpoint(network: Tree | None, ports: Tree | None, side: str) -> Endpoint | None:
    host, port = _text(_value(network, side)), port_number(_text(_value(ports, f"{side}port")))
    if not host:
        # jsonraw has only the bytes of each field.
        raw = b"".join(_bytes(_value(network, f"{side}_raw"), shortest=4))
        host = str(ipaddress.ip_address(raw)) if len(raw) in (4, 16) else ""
        port = int.from_bytes(b"".join(_bytes(_value(ports, f"{side}port_raw"), shortest=2)), "big")
    return Endpoint(host.lower(), port if port <= 65535 else 0) if host else None


def _stamp(packet: Tree, layers: Tree) -> Stamp | None:
    written = _text(_value(_child(layers, "frame"), "time_epoch"))
    try:
        if written:
            digits = min(len(written.partition(".")[2]), 6)
            return Stamp(float(written), absolute=True, resolution=10.0**-digits)
        milliseconds = _text(dict(packet).get("timestamp"))
        return Stamp(int(milliseconds) / 1e3, absolute=True, resolution=1e-3) if milliseconds else None
    except ValueError:
        return None


def _is_tree(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], tuple)


def _child(tree: object, name: str) -> Tree | None:
    if not _is_tree(tree):
        return None
    return next((value for key, value in tree if key == name and _is_tree(value)), None)  # type: ignore[attr-defined]


def _value(tree: Tree | None, field: str) -> object:
    """A field by the last part of its name: `udp.srcport` in json, `udp_udp_srcport` in ek."""
    for name, value in tree or ():
        if name.endswith(field) and name[: -len(field)].rstrip("._") in _PREFIXES:
            return value
    return None


_PREFIXES = frozenset(
    f"{layer}{form}" for layer in ("frame", "ip", "ipv6", "udp", "tcp", "sctp", "sip") for form in ("", f"_{layer}")
)


def _text(value: object) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    if not isinstance(value, str):
        return ""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _bytes(value: object, *, shortest: int = 8) -> Sequence[bytes]:
    """Bytes from hexadecimal digits: a string, a list that begins with one, or a list of such lists."""
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return [raw for item in value for raw in _bytes(item, shortest=shortest)]
        return _bytes(value[0], shortest=shortest) if value else ()
    if not isinstance(value, str) or len(value) < 2 * shortest or _HEX.fullmatch(value) is None:
        return ()
    return (bytes.fromhex(value.replace(":", "")),)


TSHARK_JSON = TsharkJsonLayout()
TSHARK_EK = TsharkEkLayout()
