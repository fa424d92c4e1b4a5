"""Packets that were taken apart one at a time, and the numbers that name their protocols."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sip_ci.trace.observation import Endpoint

PROTOCOL_HOP_BY_HOP = 0
PROTOCOL_ICMP = 1
PROTOCOL_IPV4 = 4
PROTOCOL_TCP = 6
PROTOCOL_UDP = 17
PROTOCOL_IPV6 = 41
PROTOCOL_GRE = 47
PROTOCOL_ESP = 50
PROTOCOL_AH = 51
PROTOCOL_ICMPV6 = 58
PROTOCOL_ETHER_IP = 97
PROTOCOL_SCTP = 132
PROTOCOL_UDP_LITE = 136
PROTOCOL_MPLS = 137
PROTOCOL_ETHERNET = 143

UNREAD_PROTOCOLS = {33: "DCCP", PROTOCOL_ESP: "encrypted ESP", 115: "L2TP version 3"}
"""What may carry SIP and is not read here."""

ETHERTYPE_LLC = 0x05DC
"""At most this stands in the type field where it is the length of an LLC frame (IEEE 802.3 §3.2.6)."""
ETHERTYPE_BRIDGED = 0x6558
ETHERTYPES_MPLS = (0x8847, 0x8848)
ETHERTYPE_PPPOE = 0x8864
ETHERTYPES_VLAN = (0x8100, 0x88A8, 0x9100, 0x9200)
ETHERTYPE_PPP = 0x880B
ETHERTYPE_MACSEC = 0x88E5
ETHERTYPE_BACKBONE = 0x88E7
ETHERTYPE_VN_TAG = 0x8926
ETHERTYPE_NSH = 0x894F

UNDERSTOOD = frozenset(
    {
        ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_BRIDGED, ETHERTYPE_PPP, ETHERTYPE_PPPOE, ETHERTYPE_MACSEC,
        ETHERTYPE_BACKBONE, ETHERTYPE_VN_TAG, ETHERTYPE_NSH, *ETHERTYPES_MPLS, *ETHERTYPES_VLAN,
    }
)  # fmt: skip
"""The Ethernet types worth dissecting; ARP and the like are not."""

_LLC_HEADS = (b"\xaa\xaa\x03", b"\x06\x06\x03")
"""What LLC frames with IP begin with: SNAP, and IP's own service access point (RFC 1042)."""


class Layer(NamedTuple):
    """What some header carries."""

    ethertype: int
    """What it is; -1 where that is nothing we know."""
    data: bytes
    wire: int
    """Bytes on the wire."""


def worth_dissecting(layer: Layer) -> bool:
    """Whether there may be IP in it. Spanning tree and the like are told here, before dpkt is imported."""
    if 0 <= layer.ethertype <= ETHERTYPE_LLC:
        return layer.data[:3] in _LLC_HEADS
    return layer.ethertype in UNDERSTOOD


@dataclass(frozen=True, slots=True)
class Fragment:
    """What an IP header says of a part of a datagram (RFC 791 §3.2, RFC 8200 §4.5)."""

    id: int
    offset: int
    """Bytes."""
    more: bool


@dataclass(frozen=True, slots=True)
class IpPacket:
    """An IP packet, or a reassembled one."""

    source: str
    destination: str
    protocol: int
    ip_id: int | None
    """The identification of IPv4; None for IPv6."""
    payload: bytes
    """What is behind the IP headers, as far as it was captured."""
    wire: int
    """Bytes of the payload on the wire."""
    fragment: Fragment | None = None
    fragments: int = 1
    """How many fragments it was put together from."""

    @property
    def cut(self) -> bool:
        """Whether the capture has only the beginning."""
        return len(self.payload) < self.wire


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram."""

    source: Endpoint
    destination: Endpoint
    payload: bytes
    wire: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment."""

    source: Endpoint
    destination: Endpoint
    sequence: int
    flags: int
    payload: bytes
    wire: int


@dataclass(frozen=True, slots=True)
class Unreachable:
    """An ICMP destination-unreachable message (RFC 792; RFC 4443 §3.1)."""

    type: int
    code: int
    ipv6: bool
    quoted: IpPacket


class MalformedPacketError(ValueError):
    """The bytes are not what the header in front of them says."""


class UnreadPacketError(Exception):
    """A packet hides what it carries; the argument names what does that, as in "encrypted ESP"."""


def endpoints_of(packet: IpPacket) -> tuple[Endpoint, Endpoint]:
    """Source and destination of UDP, TCP or SCTP; port 0 where the ports are missing."""
    ports = (0, 0)
    if packet.protocol in (PROTOCOL_UDP, PROTOCOL_TCP, PROTOCOL_SCTP, PROTOCOL_UDP_LITE) and len(packet.payload) >= 4:
        ports = struct.unpack_from(">HH", packet.payload)
    return Endpoint(packet.source, ports[0]), Endpoint(packet.destination, ports[1])
