"""Whether a test machine kept time while it sent: a healthy call that a busy machine interrupted is not healthy."""

from __future__ import annotations

import socket
import struct
from itertools import pairwise
from pathlib import Path

_PCAP_HEADER, _RECORD_HEADER, _ETHERNET_HEADER = 24, 16, 14
_UDP = 17


def departures(capture: Path, host: str, port: int) -> list[float]:
    """When the datagrams from an IPv4 address and port were recorded on an Ethernet interface, in seconds."""
    data = capture.read_bytes()
    address = socket.inet_aton(host)
    place, found = _PCAP_HEADER, []
    while place + _RECORD_HEADER <= len(data):
        seconds, microseconds, length, _ = struct.unpack_from("<IIII", data, place)
        packet = data[place + _RECORD_HEADER + _ETHERNET_HEADER : place + _RECORD_HEADER + length]
        place += _RECORD_HEADER + length
        if len(packet) < 28 or packet[9] != _UDP or packet[12:16] != address:
            continue
        header = (packet[0] & 0x0F) * 4
        if struct.unpack_from(">H", packet, header)[0] == port:
            found.append(seconds + microseconds / 1e6)
    return found


def longest_pause(times: list[float]) -> float:
    """The longest time between two of them, in seconds; 0 for fewer than two."""
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)
