"""Packets that were taken apart one at a time, and the numbers that name their protocols."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sip_ci.trace.observation import Endpoint

PROTOCOL_ICMP = 1
PROTOCOL_IPV4 = 4
PROTOCOL_TCP = 6
PROTOCOL_UDP = 17
PROTOCOL_IPV6 = 41
PROTOCOL_GRE = 47
PROTOCOL_ICMPV6 = 58

UNREAD_PROTOCOLS = {50: "ESP", 132: "SCTP"}
"""What may carry SIP and is not read here."""

LINK_PPP = 9
LINK_PPP_HDLC = 50
LINK_ETHERNET = 1

ETHERTYPE_BRIDGED = 0x6558
ETHERTYPES_MPLS = (0x8847, 0x8848)
ETHERTYPE_PPPOE = 0x8864
ETHERTYPES_VLAN = (0x8100, 0x88A8, 0x9100, 0x9200)
ETHERTYPE_PPP = 0x880B
PPP_PROTOCOLS = {0x0021: ETHERTYPE_IPV4, 0x0057: ETHERTYPE_IPV6, 0x0281: 0x8847}

UNDERSTOOD = frozenset(
    {ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_BRIDGED, ETHERTYPE_PPPOE, *ETHERTYPES_MPLS, *ETHERTYPES_VLAN}
)
"""The Ethernet types worth dissecting; ARP and the like are not."""

UNDERSTOOD_LINKS = frozenset({LINK_ETHERNET, LINK_PPP, LINK_PPP_HDLC})


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


def endpoints_of(packet: IpPacket) -> tuple[Endpoint, Endpoint]:
    """Source and destination of UDP or TCP; port 0 where the ports are missing."""
    ports = (0, 0)
    if packet.protocol in (PROTOCOL_UDP, PROTOCOL_TCP) and len(packet.payload) >= 4:
        ports = struct.unpack_from(">HH", packet.payload)
    return Endpoint(packet.source, ports[0]), Endpoint(packet.destination, ports[1])
