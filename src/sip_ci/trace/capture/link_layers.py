"""The link layers that are rare enough to be taken one frame at a time (https://www.tcpdump.org/linktypes.html)."""

from __future__ import annotations

import struct

from sip_ci.trace.capture.columns import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    LINK_ETHERNET,
    LINK_LOOPBACK,
    LINK_RAW,
    LOOPBACK_FAMILIES,
)
from sip_ci.trace.capture.packets import (
    ETHERTYPE_BRIDGED,
    ETHERTYPE_PPP,
    ETHERTYPE_PPPOE,
    Layer,
    MalformedPacketError,
    UnreadPacketError,
)
from sip_ci.trace.capture.wifi import layers_of_wifi, wifi_header_size

LINK_PPP = 9
LINK_PPP_HDLC = 50
LINK_PPP_ETHER = 51
LINK_ATM = 100
LINK_CISCO_HDLC = 104
LINK_WIFI = 105
LINK_ENC = 109
LINK_PFLOG = 117
LINK_WIFI_PRISM = 119
LINK_WIFI_RADIOTAP = 127
LINK_WIFI_AVS = 163
LINK_PPP_DIRECTED = 166
LINK_PPI = 192
LINK_MPLS = 219
LINK_IPNET = 226
LINK_NFLOG = 239
LINK_EXPORTED_PDU = 252
LINK_PKTAP = 258

_NESTED = 3
"""Link layers within link layers that are followed: PPI and PKTAP say which one they carry."""

_LLC = 0
"""An LLC frame, in the place of an Ethernet type."""

_PLAIN = {
    LINK_ETHERNET: (ETHERTYPE_BRIDGED, 0), LINK_PPP: (ETHERTYPE_PPP, 0), LINK_PPP_HDLC: (ETHERTYPE_PPP, 0),
    LINK_PPP_ETHER: (ETHERTYPE_PPPOE, 0), LINK_ATM: (_LLC, 0), LINK_CISCO_HDLC: (ETHERTYPE_PPP, 0),
    LINK_PPP_DIRECTED: (ETHERTYPE_PPP, 1), LINK_MPLS: (0x8847, 0), LINK_ENC: (-1, 12), LINK_IPNET: (-1, 24),
    **dict.fromkeys(LINK_RAW, (-1, 0)),
}  # fmt: skip
"""The Ethernet type of what a link layer is in front of (-1 for an IP packet of either version), and its size."""

_WIFI = frozenset({LINK_WIFI, LINK_WIFI_PRISM, LINK_WIFI_RADIOTAP, LINK_WIFI_AVS})
_WRAPPED = frozenset({LINK_PFLOG, LINK_PPI, LINK_NFLOG, LINK_PKTAP})

_NFLOG_PAYLOAD = 9
"""NFULA_PAYLOAD of Linux' nfnetlink_log.h."""
_NFLOG_ATTRIBUTES = 64


def understands(link: int) -> bool:
    """Whether `layers_of` knows a link layer."""
    return link in _PLAIN or link in _WIFI or link in _WRAPPED or link in LINK_LOOPBACK


def layers_of(link: int, data: bytes, wire: int, depth: int = 0) -> list[Layer]:
    """What a frame carries; several layers only where several frames were sent as one (A-MSDU).

    Raises:
        MalformedPacketError: a header is cut off or contradicts itself.
        UnreadPacketError: the frame is encrypted, or the like.
    """
    try:
        if link in _PLAIN:
            ethertype, size = _PLAIN[link]
            return [_ip(data[size:], wire - size) if ethertype < 0 else Layer(ethertype, data[size:], wire - size)]
        if link in _WIFI:
            size, flags = wifi_header_size(link, data)
            return layers_of_wifi(data[size:], wire - size, flags)
        if link in LINK_LOOPBACK:
            family: int = struct.unpack_from(">I", data)[0]
            family = family if family <= 0xFFFF else struct.unpack_from("<I", data)[0]
            return [Layer(LOOPBACK_FAMILIES.get(family, -1), data[4:], wire - 4)]
        if link == LINK_PFLOG:
            # OpenBSD's header begins with its length, which is padded to a word.
            size = (data[0] + 3) & ~3
            return [_ip(data[size:], wire - size)]
        if link == LINK_NFLOG:
            return _nflog(data, wire)
        if link in (LINK_PPI, LINK_PKTAP):
            return _nested(link, data, wire, depth)
    except (struct.error, IndexError) as error:
        raise MalformedPacketError(str(error)) from error
    raise UnreadPacketError(f"link-layer type {link}")


def _ip(data: bytes, wire: int) -> Layer:
    version = data[0] >> 4
    return Layer({4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}.get(version, -1), data, wire)


def _nested(link: int, data: bytes, wire: int, depth: int) -> list[Layer]:
    """PPI: version, flags, length, link type. Apple's PKTAP: length, kind of record (1 is a packet), link type."""
    if link == LINK_PPI:
        size, inner = struct.unpack_from("<2xHI", data)
    else:
        size, kind, inner = struct.unpack_from("<III", data)
        if kind != 1:
            return []
    if not 8 <= size <= len(data):
        raise MalformedPacketError("the header's length is beyond the packet")
    if depth >= _NESTED:
        raise UnreadPacketError("link layers nested too deeply")
    return layers_of(inner, data[size:], wire - size, depth + 1)


def _nflog(data: bytes, wire: int) -> list[Layer]:
    """Linux' netfilter log: attributes, one of which is the packet. Their numbers are in the machine's byte order."""
    family = data[0]
    order = "<" if struct.unpack_from("<H", data, 4)[0] <= len(data) else ">"
    place = 4
    for _ in range(_NFLOG_ATTRIBUTES):
        if place + 4 > len(data):
            break
        size, kind = struct.unpack_from(order + "HH", data, place)
        if size < 4:
            raise MalformedPacketError("an attribute is shorter than its header")
        if kind & 0x7FFF == _NFLOG_PAYLOAD:
            captured = data[place + 4 : place + size]
            return [Layer(LOOPBACK_FAMILIES.get(family, -1), captured, max(wire - place - 4, len(captured)))]
        place += (size + 3) & ~3
    return []
