"""Whether a test machine kept time while it sent: a healthy call that a busy machine interrupted is not healthy."""

from __future__ import annotations

import socket
import struct
from itertools import pairwise
from pathlib import Path

_PCAP_HEADER, _RECORD_HEADER, _ETHERNET_HEADER = 24, 16, 14
_UDP = 17
_SIP_PORT = 5060
_STILL = 0.2
"""Seconds in which a sender sent nothing."""
_BACKLOG = 7
"""Packets that it sent at once behind that."""
_AT_ONCE = 0.05
"""Seconds that those took."""


def was_held_up(capture: Path, *hosts: str) -> bool:
    """Whether a sender stood still and then sent all at once what it had not sent, in a capture of Ethernet frames."""
    return any(_caught_up(_departures(capture, host)) for host in hosts if ":" not in host)


def _departures(capture: Path, host: str) -> list[float]:
    """When the datagrams of media from an IPv4 address were recorded, in seconds."""
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
        if struct.unpack_from(">H", packet, header)[0] != _SIP_PORT:
            found.append(seconds + microseconds / 1e6)
    return found


def _caught_up(times: list[float]) -> bool:
    return any(
        later - earlier >= _STILL and number + _BACKLOG < len(times) and times[number + _BACKLOG] - later < _AT_ONCE
        for number, (earlier, later) in enumerate(pairwise(times), start=1)
    )
