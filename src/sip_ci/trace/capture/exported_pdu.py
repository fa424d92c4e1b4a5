"""Data units that Wireshark and its relatives export (link-layer type 252): a protocol's bytes behind tagged values.

That is how decrypted TLS is passed on: `tshark -U "OSI layer 7"`, `File > Export PDUs` and proxies write it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sip_ci.trace.capture.packets import ETHERTYPE_BRIDGED, MalformedPacketError
from sip_ci.trace.observation import Endpoint, Transport

DISSECTOR_LAYERS = {
    "eth": ETHERTYPE_BRIDGED, "eth_withoutfcs": ETHERTYPE_BRIDGED, "eth_maybefcs": ETHERTYPE_BRIDGED,
    "ip": ETHERTYPE_IPV4, "ipv6": ETHERTYPE_IPV6,
}  # fmt: skip
"""Names of dissectors for what is a frame or packet again, with its Ethernet type."""

_TAGS = 64
_DISSECTOR, _HEURISTIC, _TABLE = 12, 13, 14
_ADDRESSES = {20: 0, 21: 1, 22: 0, 23: 1}
_PORT_TYPE = 24
_PORTS = {25: 0, 26: 1}
_PORT_TYPES = {1: Transport.SCTP, 2: Transport.TCP, 3: Transport.UDP}


@dataclass(frozen=True, slots=True)
class ExportedPdu:
    """A protocol's data unit, and where it was seen."""

    dissector: str
    """The name of the dissector for it, for example `sip`; of a heuristic one, or of a table, where there is none."""
    source: Endpoint
    destination: Endpoint
    transport: Transport
    """By the kind of its ports: UDP, TCP (also where TLS was in between), SCTP, or unknown."""
    payload: bytes


def parse_exported_pdu(data: bytes) -> ExportedPdu:
    """Read the tags, which are numbers and lengths in network byte order, each value padded to a word.

    Raises:
        MalformedPacketError: they do not end.
    """
    names: dict[int, str] = {}
    hosts = ["0.0.0.0", "0.0.0.0"]  # noqa: S104 - what stands for a missing address, not bound
    ports = [0, 0]
    transport = Transport.UNKNOWN
    place = 0
    try:
        for _ in range(_TAGS):
            tag, length = struct.unpack_from(">HH", data, place)
            value = data[place + 4 : place + 4 + length]
            # Some writers count the padding, some do not.
            place += 4 + (length + 3 & ~3)
            if tag == 0:
                host, other = hosts
                name = names.get(_DISSECTOR) or names.get(_HEURISTIC) or names.get(_TABLE) or ""
                return ExportedPdu(name, Endpoint(host, ports[0]), Endpoint(other, ports[1]), transport, data[place:])
            if tag in (_DISSECTOR, _HEURISTIC, _TABLE):
                names[tag] = value.rstrip(b"\0").decode("ascii", "replace")[:64]
            elif tag in _ADDRESSES:
                hosts[_ADDRESSES[tag]] = str(ip_address(value))
            elif tag in _PORTS:
                ports[_PORTS[tag]] = struct.unpack(">I", value)[0] & 0xFFFF
            elif tag == _PORT_TYPE:
                transport = _PORT_TYPES.get(struct.unpack(">I", value)[0], Transport.UNKNOWN)
    except (struct.error, ValueError) as error:
        raise MalformedPacketError(str(error)) from error
    raise MalformedPacketError("the tags do not end")
