"""The UDP ports of tunnels, and whether a datagram to or from one may be that tunnel's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.records import gather

PORT_L2TP = 1701
PORT_GTP = 2152
"""GTP-U (3GPP TS 29.281): packets of mobile phones inside UDP."""
PORT_TEREDO = 3544
PORT_ESP = 4500
PORTS_VXLAN = frozenset({4789, 4790, 8472})
"""The assigned ones, with and without the generic protocol extension, and the one that Linux took before."""
PORT_GENEVE = 6081
PORT_MPLS = 6635
PORT_SCTP = 9899
PORT_TZSP = 37008

TUNNEL_PORTS = frozenset(
    {PORT_GTP, PORT_L2TP, PORT_TEREDO, PORT_ESP, *PORTS_VXLAN, PORT_GENEVE, PORT_MPLS, PORT_SCTP, PORT_TZSP}
)

_IS_TUNNEL = np.zeros(1 << 16, np.bool_)
_IS_TUNNEL[sorted(TUNNEL_PORTS)] = True

_HEAD = np.dtype([("first", "u1"), ("second", "u1"), ("third", ">u2"), ("rest", "V4")])
_ESP = np.dtype([("index", ">u4"), ("sequence", ">u4"), ("inner", "u1"), ("rest", "V3"), ("length", ">u2")])
_TCP_OFFSET = np.dtype([("value", "u1")])

_ESP_TRAILER = 255 + 2 + 32
"""Bytes at most behind what ESP carries: padding, its length, the next header, the integrity check value."""

_GENEVE_TYPES = (0x6558, 0x0800, 0x86DD, 0x8847)


def may_be_tunnel(
    buffer: bytes,
    source: npt.NDArray[np.uint16],
    destination: npt.NDArray[np.uint16],
    payload: npt.NDArray[np.int64],
    captured: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """For each UDP datagram, by its ports, the offset of its payload and its length, whether to look for packets in it.

    Media uses the same ports; its first bytes differ from those of the tunnels, and mostly decide here already.
    """
    result: npt.NDArray[np.bool_] = _IS_TUNNEL[source] | _IS_TUNNEL[destination]
    rows = np.flatnonzero(result)
    if not len(rows):
        return result
    head = gather(buffer, payload[rows], _HEAD)
    first, second = head["first"], head["second"]
    sides = (source[rows].astype(np.int64), destination[rows].astype(np.int64))

    def on(*ports: int) -> npt.NDArray[np.bool_]:
        return np.isin(sides[0], ports) | np.isin(sides[1], ports)

    may = on(PORT_MPLS, PORT_SCTP) & (first < 0x80)
    # Version 1 of the protocol, and a packet in it (TS 29.281 §5.1, §6.1).
    may |= on(PORT_GTP) & (first >> 5 == 1) & (second == 0xFF)
    may |= on(*PORTS_VXLAN) & (((first & 0x7F) == 0x08) | ((first & 0xFE) == 0x0C))
    may |= on(PORT_GENEVE) & (first < 0x40) & np.isin(head["third"], _GENEVE_TYPES)
    may |= on(PORT_TZSP) & (first == 1) & (second <= 1)
    may |= on(PORT_L2TP) & (first < 0x80) & ((second & 0x0F) == 2)
    may |= on(PORT_TEREDO) & (first >> 4 == 6)
    esp = np.flatnonzero(on(PORT_ESP))
    if len(esp):
        may[esp] |= _may_be_open_esp(buffer, payload[rows[esp]], captured[rows[esp]])
    result[rows] = may & (captured[rows] >= 8)
    return result


def _may_be_open_esp(
    buffer: bytes, payload: npt.NDArray[np.int64], captured: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether ESP may be there without encryption: with an IP header, a UDP header whose length fits, or TCP."""
    head = gather(buffer, payload, _ESP)
    length = head["length"].astype(np.int64)
    room = captured - 8
    fits = (length >= 8) & (length <= room - 2) & (length >= room - _ESP_TRAILER)
    version = head["inner"] >> 4
    tcp = gather(buffer, payload + np.minimum(20, np.maximum(captured - 1, 0)), _TCP_OFFSET)["value"]
    may: npt.NDArray[np.bool_] = (
        (head["index"] != 0)
        & (captured >= 18)
        & (fits | (version == 4) | (version == 6) | ((tcp >> 4 >= 5) & ((tcp & 0x0E) == 0)))
    )
    return may
