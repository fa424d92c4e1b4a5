"""The headers between the link layer and IP: tags, labels, LLC, PPP. One header is removed at a time."""

from __future__ import annotations

import struct

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from sip_ci.trace.capture.packets import (
    ETHERTYPE_BACKBONE,
    ETHERTYPE_BRIDGED,
    ETHERTYPE_LLC,
    ETHERTYPE_MACSEC,
    ETHERTYPE_NSH,
    ETHERTYPE_PPP,
    ETHERTYPE_PPPOE,
    ETHERTYPE_VN_TAG,
    ETHERTYPES_MPLS,
    ETHERTYPES_VLAN,
    UNDERSTOOD,
    Layer,
    UnreadPacketError,
    worth_dissecting,
)

_LABELS = 16
"""Labels of one MPLS stack that are followed."""

_PPP_PROTOCOLS = {0x0021: ETHERTYPE_IPV4, 0x0057: ETHERTYPE_IPV6, 0x0281: 0x8847, 0x0283: 0x8848}
_PPP_BRIDGED = 0x0031
_PPP_HIDDEN = {0x0053: "encrypted PPP", 0x00FD: "compressed PPP", 0x003D: "multilink PPP"}

# RFC 2684 §5.2: the organization of IEEE 802.1, and its types for Ethernet frames with and without their checksum.
_BRIDGED_ORGANIZATION = b"\x00\x80\xc2"
_BRIDGED_TYPES = (0x0001, 0x0007)

_NSH_PROTOCOLS = {1: ETHERTYPE_IPV4, 2: ETHERTYPE_IPV6, 3: ETHERTYPE_BRIDGED, 5: 0x8847}


def unwrap(layer: Layer) -> Layer | None:
    """What is behind one header; None where it is nothing we know.

    Raises:
        UnreadPacketError: it is hidden.
        struct.error, IndexError: the header is cut off.
    """
    ethertype, data, wire = layer
    if ethertype == ETHERTYPE_BRIDGED:
        return Layer(_short(data, 12), data[14:], wire - 14)
    if ethertype in ETHERTYPES_VLAN:
        return Layer(_short(data, 2), data[4:], wire - 4)
    if ethertype in ETHERTYPES_MPLS:
        return _behind_labels(data, wire)
    if ethertype == ETHERTYPE_PPPOE:
        # RFC 2516 §4: version and type, code (0 in a session), session, length.
        return Layer(ETHERTYPE_PPP, data[6:], wire - 6) if data[1] == 0 else None
    if ethertype == ETHERTYPE_PPP:
        return _behind_ppp(data, wire)
    if 0 <= ethertype <= ETHERTYPE_LLC:
        return _behind_llc(data, wire)
    if ethertype == ETHERTYPE_BACKBONE:
        # IEEE 802.1ah: a service tag of four bytes, and the customer's whole frame.
        return Layer(ETHERTYPE_BRIDGED, data[4:], wire - 4)
    if ethertype == ETHERTYPE_VN_TAG:
        return Layer(_short(data, 4), data[6:], wire - 6)
    if ethertype == ETHERTYPE_NSH:
        # RFC 8300 §2.2: the length is in words, in the low six bits of the second byte.
        size = (data[1] & 0x3F) * 4
        return Layer(_NSH_PROTOCOLS.get(data[3], -1), data[size:], wire - size) if size >= 8 else None
    if ethertype == ETHERTYPE_MACSEC:
        # IEEE 802.1AE §9.5: the bits E and C of the tag say that what follows is encrypted.
        if data[0] & 0x0C:
            raise UnreadPacketError("encrypted MACsec")
        size = 14 if data[0] & 0x20 else 6
        return Layer(_short(data, size), data[size + 2 :], wire - size - 2)
    return None


def _short(data: bytes, offset: int) -> int:
    value: int = struct.unpack_from(">H", data, offset)[0]
    return value


def _behind_labels(data: bytes, wire: int) -> Layer | None:
    """What an MPLS label stack (RFC 3032 §2.1) is in front of: it does not say so itself."""
    for _ in range(_LABELS):
        bottom = data[2] & 1
        data, wire = data[4:], wire - 4
        if bottom:
            break
    else:
        return None
    version = data[0] >> 4
    # RFC 4928 §3 keeps the first nibbles 4 and 6 for IP, but the address of an Ethernet frame may begin with them.
    if version == 4 and data[0] & 0x0F >= 5 and _short(data, 2) <= wire:
        return Layer(ETHERTYPE_IPV4, data, wire)
    if version == 6 and _short(data, 4) + 40 <= wire:
        return Layer(ETHERTYPE_IPV6, data, wire)
    if version == 0 and _is_ethernet(data[4:], wire - 4):
        # A pseudowire with the control word of RFC 4385 §3.
        return Layer(ETHERTYPE_BRIDGED, data[4:], wire - 4)
    if _is_ethernet(data, wire):
        return Layer(ETHERTYPE_BRIDGED, data, wire)
    return None


def _is_ethernet(data: bytes, wire: int) -> bool:
    if len(data) < 18:
        return False
    ethertype = _short(data, 12)
    if ethertype <= ETHERTYPE_LLC:
        return worth_dissecting(Layer(ethertype, data[14:], wire - 14))
    return ethertype in UNDERSTOOD


def _behind_ppp(data: bytes, wire: int) -> Layer | None:
    if data[:2] in (b"\x0f\x00", b"\x8f\x00"):
        # Cisco's HDLC has an Ethernet type behind its address (unicast or broadcast).
        return Layer(_short(data, 2), data[4:], wire - 4)
    if data[:2] == b"\xff\x03":
        # The address and control fields may be left out (RFC 1662 §3.2).
        data, wire = data[2:], wire - 2
    # RFC 1661 §2: the protocol field's low bit says that it has no second byte.
    size = 1 if data[0] & 1 else 2
    protocol = int.from_bytes(data[:size], "big")
    if protocol in _PPP_HIDDEN:
        raise UnreadPacketError(_PPP_HIDDEN[protocol])
    data, wire = data[size:], wire - size
    if protocol == _PPP_BRIDGED:
        # RFC 3518 §4.2: flags, the type of the other side (1 is Ethernet), and the frame.
        return Layer(ETHERTYPE_BRIDGED, data[2:], wire - 2) if data[1] == 1 else None
    return Layer(_PPP_PROTOCOLS.get(protocol, -1), data, wire)


def _behind_llc(data: bytes, wire: int) -> Layer | None:
    if data[:3] == b"\x06\x06\x03":
        return Layer(ETHERTYPE_IPV4, data[3:], wire - 3)
    if data[:3] != b"\xaa\xaa\x03":
        return None
    kind = _short(data, 6)
    if data[3:6] == _BRIDGED_ORGANIZATION:
        # Two bytes of padding align the frame.
        return Layer(ETHERTYPE_BRIDGED, data[10:], wire - 10) if kind in _BRIDGED_TYPES else None
    if data[3:6] in (b"\0\0\0", b"\0\0\xf8"):
        return Layer(kind, data[8:], wire - 8)
    return None
