"""Data frames of wireless networks (IEEE 802.11), and the headers that capturing programs put in front of them."""

from __future__ import annotations

import struct

from sip_ci.trace.capture.packets import Layer, MalformedPacketError, UnreadPacketError

_LINK_PRISM = 119
_LINK_RADIOTAP = 127
_LINK_AVS = 163

_FLAG_PADDED = 0x20
"""Radiotap: the header is padded to a word."""
_FLAG_BAD_CHECKSUM = 0x40

_AVS_MAGIC = 0x80211000
_LLC = 0
_SUBFRAMES = 64
"""Frames in an aggregate that are followed."""


def wifi_header_size(link: int, data: bytes) -> tuple[int, int]:
    """The size in bytes of what stands in front of the 802.11 header, and the flags of radiotap (0 elsewhere).

    Raises:
        MalformedPacketError: it is longer than the packet.
        struct.error: it is cut off.
    """
    size = flags = 0
    if link == _LINK_RADIOTAP:
        size = struct.unpack_from("<H", data, 2)[0]
        flags = _radiotap_flags(data[:size])
    elif link == _LINK_AVS or (link == _LINK_PRISM and struct.unpack_from(">I", data)[0] & 0xFFFFF000 == _AVS_MAGIC):
        size = struct.unpack_from(">I", data, 4)[0]
    elif link == _LINK_PRISM:
        # In the byte order of the machine that captured.
        size = struct.unpack_from("<I", data, 4)[0]
        size = size if size <= 0xFFFF else struct.unpack_from(">I", data, 4)[0]
    if size > len(data):
        raise MalformedPacketError("the radio header is longer than the packet")
    return size, flags


def _radiotap_flags(header: bytes) -> int:
    """The field of that name; the fields in front of it are the time stamp and more words of the present-bitmap."""
    place = 4
    first = present = struct.unpack_from("<I", header, place)[0]
    place += 4
    while present & 0x80000000:
        present = struct.unpack_from("<I", header, place)[0]
        place += 4
    if not first & 0x02:
        return 0
    if first & 0x01:
        place = (place + 7 & ~7) + 8
    return header[place] if place < len(header) else 0


def layers_of_wifi(data: bytes, wire: int, flags: int) -> list[Layer]:
    """What a frame carries (IEEE 802.11-2020 §9.3.2); nothing where it is no data frame.

    Raises:
        UnreadPacketError: it is encrypted, a part of a frame, or was received with errors.
        IndexError: its header is cut off.
    """
    control, more = data[0], data[1]
    if control & 0x0F != 0x08 or control & 0x40:
        # Management, control, extension; or data without data.
        return []
    if flags & _FLAG_BAD_CHECKSUM:
        raise UnreadPacketError("802.11 with a wrong checksum")
    if more & 0x40:
        raise UnreadPacketError("encrypted 802.11")
    if more & 0x04 or data[22] & 0x0F:
        raise UnreadPacketError("802.11 in fragments")
    size = 30 if more & 0x03 == 0x03 else 24
    aggregate = False
    if control & 0x80:
        aggregate = bool(data[size] & 0x80)
        # Quality of service; and with the order bit, four bytes of high-throughput control.
        size += 6 if more & 0x80 else 2
    if flags & _FLAG_PADDED:
        size = size + 3 & ~3
    data, wire = data[size:], wire - size
    if not aggregate:
        return [Layer(_LLC, data, wire)]
    layers = []
    for _ in range(_SUBFRAMES):
        # Destination, source, length (§9.3.2.2.2); all but the last are padded to words.
        if len(data) < 14:
            break
        length = int.from_bytes(data[12:14], "big")
        layers.append(Layer(_LLC, data[14 : 14 + length], length))
        data = data[14 + length + (-(14 + length) % 4) :]
    return layers
