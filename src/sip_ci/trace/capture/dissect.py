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

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sip_ci.trace.capture.encapsulation import unwrap
from sip_ci.trace.capture.packets import (
    PROTOCOL_ICMPV6,
    PROTOCOL_UDP,
    Datagram,
    Fragment,
    IpPacket,
    Layer,
    MalformedPacketError,
    Segment,
    Unreachable,
)
from sip_ci.trace.capture.tunnels import carried_by
from sip_ci.trace.observation import Endpoint

DEPTH = 16
"""Headers inside one another (tunnels, tags, extension headers) that are followed."""

_EXTENSIONS = 16
"""IPv6 extension headers of one packet that are followed."""

_CUT_OFF = (dpkt.Error, struct.error, ValueError, IndexError)
"""What decoding raises where a header is cut off or contradicts itself."""


class _Ip(dpkt.ip.IP):  # type: ignore[misc]
    def unpack(self, buf: bytes) -> None:
        dpkt.Packet.unpack(self, buf)


class _Ip6(dpkt.ip6.IP6):  # type: ignore[misc]
    def unpack(self, buf: bytes) -> None:
        dpkt.Packet.unpack(self, buf)


class _Udp(dpkt.udp.UDP):  # type: ignore[misc]
    pass


class _Tcp(dpkt.tcp.TCP):  # type: ignore[misc]
    def unpack(self, buf: bytes) -> None:
        dpkt.Packet.unpack(self, buf)


def dissect(ethertype: int, data: bytes, wire: int) -> list[IpPacket]:
    """The IP packets in the payload of a frame, outermost first: a tunnel's own packet precedes what it carries.

    Raises:
        MalformedPacketError: a header is cut off or contradicts itself.
        UnreadPacketError: what the frame carries is hidden.
    """
    found: list[IpPacket] = []
    step: Layer | None = Layer(ethertype, data, wire)
    try:
        for _ in range(DEPTH):
            if step is None:
                break
            if step.ethertype not in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
                step = unwrap(step)
                continue
            packet = (_ipv4 if step.ethertype == ETHERTYPE_IPV4 else _ipv6)(step.data, step.wire)
            found.append(packet)
            if packet.fragment is not None:
                break
            step = _open(found)
    except _CUT_OFF as error:
        # Where there is an outer packet, that is sound; what it carries is not for us.
        if not found:
            raise MalformedPacketError(str(error)) from error
    return found


def opened(packet: IpPacket) -> list[IpPacket]:
    """A packet that was put together from fragments, and what it carries where it is a tunnel, as from `dissect`."""
    found = [packet]
    try:
        step = _open(found)
        if step is not None:
            found += dissect(*step)
    except _CUT_OFF:
        pass
    return found


def _open(found: list[IpPacket]) -> Layer | None:
    """What the last packet carries for other hosts; what it carries for the same ones takes its place."""
    for _ in range(DEPTH):
        step = carried_by(found[-1])
        if not isinstance(step, IpPacket):
            return step
        found[-1] = step
    return None


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
    # The length field of UDP-Lite is that of the checksum's coverage (RFC 3828 §3.1).
    if 8 <= header.ulen <= wire and packet.protocol == PROTOCOL_UDP:
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
    except _CUT_OFF:
        return None
    return Unreachable(data[0], data[1], ipv6, quoted)
