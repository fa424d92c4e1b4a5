"""Takes one packet apart: everything that `sip_ci.trace.capture.columns` leaves over.

dpkt decodes the headers, and no other module knows of it. Its classes are used for one header at a time: left to
themselves they decode all the way up, recurse as deep as a hostile packet is nested, and rebuild bytes instead of
slicing them. dpkt takes a while to import, and most captures need nothing of it: whoever calls imports this late.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import dpkt

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6, GTP_PORT
from sip_ci.trace.capture.packets import (
    ETHERTYPE_BRIDGED,
    ETHERTYPE_PPP,
    ETHERTYPE_PPPOE,
    ETHERTYPES_MPLS,
    ETHERTYPES_VLAN,
    LINK_ETHERNET,
    PPP_PROTOCOLS,
    PROTOCOL_GRE,
    PROTOCOL_ICMPV6,
    PROTOCOL_IPV4,
    PROTOCOL_IPV6,
    PROTOCOL_UDP,
    Datagram,
    Fragment,
    IpPacket,
    MalformedPacketError,
    Segment,
    Unreachable,
)
from sip_ci.trace.observation import Endpoint

_DEPTH = 8
"""Headers inside one another (tunnels, tags) that are followed."""

_EXTENSIONS = 16
"""IPv6 extension headers of one packet that are followed."""


class _Ip(dpkt.ip.IP):  # type: ignore[misc]
    def unpack(self, buf: bytes) -> None:
        dpkt.Packet.unpack(self, buf)


class _Ip6(dpkt.ip6.IP6):  # type: ignore[misc]
    def unpack(self, buf: bytes) -> None:
        dpkt.Packet.unpack(self, buf)


class _Gre(dpkt.gre.GRE):  # type: ignore[misc]
    def unpack(self, buf: bytes) -> None:
        dpkt.Packet.unpack(self, buf)


class _Udp(dpkt.udp.UDP):  # type: ignore[misc]
    pass


class _Tcp(dpkt.tcp.TCP):  # type: ignore[misc]
    def unpack(self, buf: bytes) -> None:
        dpkt.Packet.unpack(self, buf)


def dissect_link(link: int, data: bytes, wire: int) -> list[IpPacket]:
    """The IP packets of a link-layer frame of one of `UNDERSTOOD_LINKS`, outermost first.

    Raises:
        MalformedPacketError: a header is cut off or contradicts itself.
    """
    if link == LINK_ETHERNET:
        return dissect(ETHERTYPE_BRIDGED, data, wire)
    return dissect(ETHERTYPE_PPP, data, wire)


def dissect(ethertype: int, data: bytes, wire: int) -> list[IpPacket]:
    """The IP packets in the payload of a frame, outermost first: a tunnel's own packet precedes what it carries.

    Raises:
        MalformedPacketError: a header is cut off or contradicts itself.
    """
    found: list[IpPacket] = []
    try:
        for _ in range(_DEPTH):
            if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
                packet = _ipv4(data, wire) if ethertype == ETHERTYPE_IPV4 else _ipv6(data, wire)
                found.append(packet)
                if packet.fragment is not None:
                    break
                step = _tunnel(packet)
            else:
                step = _unwrap(ethertype, data, wire)
            if step is None:
                break
            ethertype, data, wire = step
    except (dpkt.Error, struct.error, ValueError, IndexError) as error:
        if found:
            # The outer packet is sound; what it carries is not for us.
            return found
        raise MalformedPacketError(str(error)) from error
    return found


def inner_packets(packet: IpPacket) -> list[IpPacket]:
    """What a tunnel carries, for a packet that was put together from fragments; empty where it is no tunnel."""
    step = _tunnel(packet)
    if step is None:
        return []
    try:
        return dissect(*step)
    except MalformedPacketError:
        return []


def _unwrap(ethertype: int, data: bytes, wire: int) -> tuple[int, bytes, int] | None:
    """Remove one header between the link layer and IP."""
    if ethertype == ETHERTYPE_BRIDGED:
        return struct.unpack_from(">H", data, 12)[0], data[14:], wire - 14
    if ethertype in ETHERTYPES_VLAN:
        return struct.unpack_from(">H", data, 2)[0], data[4:], wire - 4
    if ethertype in ETHERTYPES_MPLS:
        for _ in range(_DEPTH):
            label = dpkt.ethernet.MPLSlabel(data[:4])
            data, wire = data[4:], wire - 4
            if label.s:
                break
        # MPLS does not say what it carries; RFC 4928 §3 keeps the first nibbles 4 and 6 for IP.
        version = data[0] >> 4
        return {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}.get(version, -1), data, wire
    if ethertype == ETHERTYPE_PPPOE:
        # RFC 2516 §4: version and type, code, session, length.
        return ETHERTYPE_PPP, data[6:], wire - 6
    if ethertype == ETHERTYPE_PPP:
        if data[:2] in (b"\xff\x03", b"\x0f\x00"):
            # The address and control fields may be left out (RFC 1662 §3.2); Cisco HDLC has its own.
            data, wire = data[2:], wire - 2
        # RFC 1661 §2: the protocol field's low bit says that it has no second byte.
        size = 1 if data[0] & 1 else 2
        return PPP_PROTOCOLS.get(int.from_bytes(data[:size], "big"), -1), data[size:], wire - size
    return None


def _tunnel(packet: IpPacket) -> tuple[int, bytes, int] | None:
    """The type and bytes of what an IP packet carries, where that is IP or Ethernet again."""
    data, wire = packet.payload, packet.wire
    if packet.protocol == PROTOCOL_IPV4:
        return ETHERTYPE_IPV4, data, wire
    if packet.protocol == PROTOCOL_IPV6:
        return ETHERTYPE_IPV6, data, wire
    if packet.protocol == PROTOCOL_GRE and len(data) >= 4:
        header = _Gre(data)
        # Version 1 is that of PPTP (RFC 2637 §4.1); its header has two more fields.
        if header.v > 1:
            return None
        size = 4 + struct.calcsize("!" + "".join(header.opt_fields_fmts()[1]))
        return header.p, data[size:], wire - size
    if packet.protocol == PROTOCOL_UDP and len(data) >= 16:
        source, destination = struct.unpack_from(">HH", data)
        if GTP_PORT in (source, destination):
            return _gtp(data, wire)
    return None


def _gtp(data: bytes, wire: int) -> tuple[int, bytes, int] | None:
    """What a G-PDU of GTP-U carries (3GPP TS 29.281 §5.1)."""
    flags, kind = data[8], data[9]
    if flags >> 5 != 1 or not flags & 0x10 or kind != 0xFF:
        return None
    start = 16
    if flags & 0x07:
        start = 20
        following = data[19] if flags & 0x04 else 0
        for _ in range(_DEPTH):
            if not following:
                break
            size = data[start] * 4
            following = data[start + size - 1]
            start += max(size, 4)
    version = data[start] >> 4
    return {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}.get(version, -1), data[start:], wire - start


def _ipv4(data: bytes, wire: int) -> IpPacket:
    header: Any = _Ip(data)
    size = header.hl * 4
    if header.v != 4 or size < 20 or size > len(data):
        raise MalformedPacketError("no IPv4 header")
    length = header.len if header.len >= size else max(wire, size)
    fragment = None
    if header.mf or header.offset:
        fragment = Fragment(header.id, header.offset * 8, bool(header.mf))
    return IpPacket(
        str(IPv4Address(header.src)), str(IPv4Address(header.dst)), header.p, header.id,
        data[size:length], length - size, fragment,
    )  # fmt: skip


def _ipv6(data: bytes, wire: int) -> IpPacket:
    header: Any = _Ip6(data)
    if header.v != 6:
        raise MalformedPacketError("no IPv6 header")
    end = 40 + header.plen if header.plen else max(wire, 40)
    payload = data[40:end]
    left = end - 40
    following = header.nxt
    fragment = None
    for _ in range(_EXTENSIONS):
        if following not in (0, 43, 44, 51, 60):
            break
        extension: Any = dpkt.ip6.EXT_HDRS_CLS[following](payload)
        if following == 44:
            fragment = Fragment(extension.id, extension.frag_off * 8, bool(extension.m_flag))
        payload = payload[extension.length :]
        left -= extension.length
        following = extension.nxt
        if fragment is not None:
            break
    if fragment is not None and fragment.offset == 0 and not fragment.more:
        # An atomic fragment (RFC 6946) is a whole packet.
        fragment = None
    return IpPacket(
        str(IPv6Address(header.src)), str(IPv6Address(header.dst)), following, None, payload, max(left, len(payload)),
        fragment,
    )  # fmt: skip


def udp_datagram(packet: IpPacket) -> Datagram | None:
    """The UDP datagram of a packet; None where its header is cut off."""
    try:
        header: Any = _Udp(packet.payload)
    except dpkt.Error:
        return None
    wire = packet.wire
    if 8 <= header.ulen <= wire:
        wire = header.ulen
    return Datagram(
        Endpoint(packet.source, header.sport), Endpoint(packet.destination, header.dport),
        packet.payload[8:wire], wire - 8,
    )  # fmt: skip


def tcp_segment(packet: IpPacket) -> Segment | None:
    """The TCP segment of a packet; None where its header is cut off."""
    try:
        header: Any = _Tcp(packet.payload)
    except dpkt.Error:
        return None
    size = max((packet.payload[12] >> 4) * 4, 20)
    return Segment(
        Endpoint(packet.source, header.sport), Endpoint(packet.destination, header.dport), header.seq,
        packet.payload[13], packet.payload[size:], max(packet.wire - size, 0),
    )  # fmt: skip


def unreachable(packet: IpPacket) -> Unreachable | None:
    """The ICMP error of a packet, where it says that a destination could not be reached and quotes what was sent."""
    ipv6 = packet.protocol == PROTOCOL_ICMPV6
    data = packet.payload
    if len(data) < 8 or data[0] != (1 if ipv6 else 3):
        return None
    quote = data[8:]
    try:
        # The quoted header gives the length of the whole original; only its beginning is here.
        quoted = _ipv6(quote, len(quote)) if ipv6 else _ipv4(quote, len(quote))
    except (dpkt.Error, struct.error, ValueError, IndexError):
        return None
    return Unreachable(data[0], data[1], ipv6, quoted)
