"""What IP packets carry that is a packet or a frame again."""

from __future__ import annotations

import struct

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sip_ci.trace.capture.esp import opened_esp, opened_udp_esp
from sip_ci.trace.capture.packets import (
    ETHERTYPE_BRIDGED,
    ETHERTYPE_NSH,
    ETHERTYPE_PPP,
    PROTOCOL_AH,
    PROTOCOL_ESP,
    PROTOCOL_ETHER_IP,
    PROTOCOL_ETHERNET,
    PROTOCOL_GRE,
    PROTOCOL_IPV4,
    PROTOCOL_IPV6,
    PROTOCOL_MPLS,
    PROTOCOL_SCTP,
    PROTOCOL_UDP,
    IpPacket,
    Layer,
)
from sip_ci.trace.capture.sctp import is_sctp
from sip_ci.trace.capture.udp_tunnels import (
    PORT_ESP,
    PORT_GENEVE,
    PORT_GTP,
    PORT_L2TP,
    PORT_MPLS,
    PORT_SCTP,
    PORT_TEREDO,
    PORT_TZSP,
    PORTS_VXLAN,
    TUNNEL_PORTS,
)
from sip_ci.trace.capture.wifi import layers_of_wifi

_IP_VERSIONS = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}

_EXTENSIONS = (0, 43, 60, 135, 139, 140)
"""IPv6 extension headers with a length in units of eight bytes: hop-by-hop, routing, destination, and mobility's."""

_GRE_BRIDGED = 0x6558
_GRE_ERSPAN = 0x88BE
_GRE_ERSPAN_3 = 0x22EB
_GRE_WCCP = 0x883E

_GTP_EXTENSIONS = 16
_TZSP_TAGS = 64


def carried_by(packet: IpPacket) -> IpPacket | Layer | None:
    """What a packet carries: a packet of the same hosts, or something of others; None where it is no tunnel.

    Raises:
        struct.error, IndexError: a header is cut off.
    """
    data, wire = packet.payload, packet.wire
    protocol = packet.protocol
    if protocol == PROTOCOL_UDP:
        source, destination = struct.unpack_from(">HH", data)
        if source in TUNNEL_PORTS or destination in TUNNEL_PORTS:
            return _in_udp(packet, {source, destination})
        return None
    if protocol == PROTOCOL_IPV4:
        return Layer(ETHERTYPE_IPV4, data, wire)
    if protocol == PROTOCOL_IPV6:
        return Layer(ETHERTYPE_IPV6, data, wire)
    if protocol == PROTOCOL_GRE:
        return _gre(data, wire)
    if protocol == PROTOCOL_ESP:
        return opened_esp(packet)
    if protocol == PROTOCOL_AH:
        # RFC 4302 §2.2: the length is in words, less two.
        return _same_hosts(packet, data[0], (data[1] + 2) * 4)
    if protocol in _EXTENSIONS and packet.ip_id is None:
        return _same_hosts(packet, data[0], (data[1] + 1) * 8)
    if protocol == PROTOCOL_MPLS:
        return Layer(0x8847, data, wire)
    if protocol == PROTOCOL_ETHERNET:
        return Layer(ETHERTYPE_BRIDGED, data, wire)
    if protocol == PROTOCOL_ETHER_IP and data[0] >> 4 == 3:
        # RFC 3378 §3.
        return Layer(ETHERTYPE_BRIDGED, data[2:], wire - 2)
    return None


def _same_hosts(packet: IpPacket, protocol: int, size: int) -> IpPacket:
    return IpPacket(
        packet.source, packet.destination, protocol, packet.ip_id, packet.payload[size:], max(packet.wire - size, 0),
        fragments=packet.fragments,
    )  # fmt: skip


def _gre(data: bytes, wire: int) -> Layer | None:
    """Generic routing encapsulation (RFC 2784, RFC 2890), in version 1 that of PPTP (RFC 2637 §4.1)."""
    flags, protocol = struct.unpack_from(">HH", data)
    version = flags & 0x07
    if version > 1 or flags & 0x4000:
        return None
    size = 4 + 4 * (bool(flags & 0x8000) + bool(flags & 0x2000) + bool(flags & 0x1000))
    if version == 1:
        size += 4 if flags & 0x0080 else 0
    data, wire = data[size:], wire - size
    if protocol == _GRE_ERSPAN:
        # Cisco's mirror: type I has no header, and no sequence number by which to tell.
        if flags & 0x1000:
            data, wire = data[8:], wire - 8
        return Layer(ETHERTYPE_BRIDGED, data, wire)
    if protocol == _GRE_ERSPAN_3:
        size = 20 if data[11] & 1 else 12
        return Layer(ETHERTYPE_BRIDGED, data[size:], wire - size)
    if protocol == _GRE_WCCP:
        # Version 2 of the cache protocol has a header of its own in front of IP.
        return Layer(ETHERTYPE_IPV4, data, wire) if data[0] >> 4 == 4 else Layer(ETHERTYPE_IPV4, data[4:], wire - 4)
    return Layer(protocol, data, wire)


def _in_udp(packet: IpPacket, ports: set[int]) -> IpPacket | Layer | None:
    """What a datagram to or from a tunnel's port carries, where its first bytes are that tunnel's."""
    data, wire = packet.payload[8:], packet.wire - 8
    if PORT_GTP in ports:
        return _gtp(data, wire)
    if not ports.isdisjoint(PORTS_VXLAN):
        return _vxlan(data, wire)
    if PORT_GENEVE in ports:
        return _geneve(data, wire)
    if PORT_ESP in ports:
        return opened_udp_esp(packet)
    if PORT_TZSP in ports:
        return _tzsp(data, wire)
    if PORT_L2TP in ports:
        return _l2tp(data, wire)
    if PORT_MPLS in ports:
        return Layer(0x8847, data, wire)
    if PORT_TEREDO in ports and data[0] >> 4 == 6 and struct.unpack_from(">H", data, 4)[0] + 40 == wire:
        return Layer(ETHERTYPE_IPV6, data, wire)
    if PORT_SCTP in ports and is_sctp(data, wire):
        # RFC 6951 §5.3.
        return IpPacket(packet.source, packet.destination, PROTOCOL_SCTP, packet.ip_id, data, wire)
    return None


def _gtp(data: bytes, wire: int) -> Layer | None:
    """What a G-PDU of GTP-U carries (3GPP TS 29.281 §5.1)."""
    flags, kind = data[0], data[1]
    if flags >> 5 != 1 or not flags & 0x10 or kind != 0xFF:
        return None
    start = 8
    if flags & 0x07:
        start = 12
        following = data[11] if flags & 0x04 else 0
        for _ in range(_GTP_EXTENSIONS):
            if not following:
                break
            size = data[start] * 4
            if not size:
                return None
            following = data[start + size - 1]
            start += size
    return Layer(_IP_VERSIONS.get(data[start] >> 4, ETHERTYPE_BRIDGED), data[start:], wire - start)


def _vxlan(data: bytes, wire: int) -> Layer | None:
    """VXLAN (RFC 7348 §5), its group policy option, and its generic protocol extension."""
    flags = data[0]
    if flags & 0x7F == 0x08 and data[7] == 0:
        return Layer(ETHERTYPE_BRIDGED, data[8:], wire - 8)
    if flags & 0xFE == 0x0C:
        following = {1: ETHERTYPE_IPV4, 2: ETHERTYPE_IPV6, 3: ETHERTYPE_BRIDGED, 4: ETHERTYPE_NSH, 5: 0x8847}
        return Layer(following.get(data[3], -1), data[8:], wire - 8)
    return None


def _geneve(data: bytes, wire: int) -> Layer | None:
    """RFC 8926 §3.4."""
    if data[0] >> 6:
        return None
    size = 8 + (data[0] & 0x3F) * 4
    return Layer(struct.unpack_from(">H", data, 2)[0], data[size:], wire - size)


def _tzsp(data: bytes, wire: int) -> Layer | None:
    """The mirror of MikroTik routers and wireless probes: version, type, protocol, tagged fields, frame."""
    if data[0] != 1 or data[1] not in (0, 1):
        return None
    protocol = struct.unpack_from(">H", data, 2)[0]
    place = 4
    for _ in range(_TZSP_TAGS):
        tag = data[place]
        place += 1
        if tag == 1:
            break
        if tag:
            place += 1 + data[place]
    data, wire = data[place:], wire - place
    if protocol == 1:
        return Layer(ETHERTYPE_BRIDGED, data, wire)
    if protocol == 0x12:
        return next(iter(layers_of_wifi(data, wire, 0)), None)
    return None


def _l2tp(data: bytes, wire: int) -> Layer | None:
    """A data message of version 2 (RFC 2661 §3.1): PPP behind a header with optional fields."""
    flags = struct.unpack_from(">H", data)[0]
    if flags & 0x8000 or flags & 0x000F != 2:
        return None
    size = 6 + (2 if flags & 0x4000 else 0) + (4 if flags & 0x0800 else 0)
    if flags & 0x0200:
        size += 2 + int(struct.unpack_from(">H", data, size)[0])
    return Layer(ETHERTYPE_PPP, data[size:], wire - size)
