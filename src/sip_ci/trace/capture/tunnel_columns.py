"""Opens the usual tunnels of a whole batch at once, where they carry UDP: carriers record little else.

VXLAN, Geneve, GTP-U, GRE, ERSPAN II, IP in IP, MPLS and PPPoE, one inside another. What they carry becomes a batch of
its own, of packets without link layer, which is read as any other. Everything else stays with
`sip_ci.trace.capture.slow_path`, and so do the same tunnels around TCP and fragments, which need their order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, ETHERTYPE_IPV6, HeaderColumns, behind_vlan_tags
from sip_ci.trace.capture.packets import (
    ETHERTYPE_BRIDGED,
    ETHERTYPE_PPPOE,
    ETHERTYPES_MPLS,
    PROTOCOL_GRE,
    PROTOCOL_IPV4,
    PROTOCOL_IPV6,
    PROTOCOL_UDP,
)
from sip_ci.trace.capture.records import PADDING, RecordBatch, gather
from sip_ci.trace.capture.udp_tunnels import PORT_GENEVE, PORT_GTP, PORTS_VXLAN, may_be_tunnel

_LINK_RAW = 101

_FEW = 32
"""Packets up to which the slow path is no slower."""

_STEPS = 10

_UNKNOWN = -1
_DONE = -2

_IPV4 = np.dtype(
    [
        ("version", "u1"), ("x", "V1"), ("total", ">u2"), ("y", "V2"), ("fragment", ">u2"), ("z", "V1"),
        ("protocol", "u1"),
    ]
)  # fmt: skip
_IPV6 = np.dtype([("version", "u1"), ("x", "V3"), ("length", ">u2"), ("protocol", "u1")])
_UDP = np.dtype([("source", ">u2"), ("destination", ">u2"), ("x", "V4")])
_BYTES = np.dtype([("first", "u1"), ("second", "u1"), ("type", ">u2")])
_SHORTS = np.dtype([("first", ">u2"), ("second", ">u2")])
_GTP_OPTIONS = np.dtype([("x", "V3"), ("following", "u1"), ("size", "u1")])
_LABEL = np.dtype([("value", ">u4")])

_GRE_HANDLED = (ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_BRIDGED, *ETHERTYPES_MPLS)
_GRE_ERSPAN = 0x88BE
_PPP = {0x0021: ETHERTYPE_IPV4, 0x0057: ETHERTYPE_IPV6}

Places = npt.NDArray[np.int64]


class _Peeler:
    """Some packets, and how far each was opened: what is next, and where."""

    def __init__(self, buffer: bytes, kind: Places, at: Places, end: Places) -> None:
        self.buffer = buffer
        self.kind = kind
        """An Ethernet type, or one of the two marks."""
        self.at = at
        self.end = end
        self._last = len(buffer) - PADDING

    def peel(self) -> None:
        """Open all until nothing more can be opened."""
        for _ in range(_STEPS):
            open_ = np.flatnonzero(self.kind >= 0)
            if not len(open_):
                return
            kinds = self.kind[open_]
            for kind in np.unique(kinds).tolist():
                places = open_[kinds == kind]
                if kind == ETHERTYPE_IPV4:
                    self._ipv4(places)
                elif kind == ETHERTYPE_IPV6:
                    self._ipv6(places)
                elif kind == ETHERTYPE_BRIDGED:
                    found, network = behind_vlan_tags(
                        self.buffer, np.minimum(self.at[places] + 12, self._last), self.end[places]
                    )
                    self._next(places, found.astype(np.int64), network)
                elif kind in ETHERTYPES_MPLS:
                    self._label(places)
                elif kind == ETHERTYPE_PPPOE:
                    self._pppoe(places)
                else:
                    self.kind[places] = _UNKNOWN
        self.kind[self.kind >= 0] = _UNKNOWN

    def _gather(self, at: Places, layout: np.dtype[Any]) -> npt.NDArray[Any]:
        return gather(self.buffer, np.minimum(at, self._last), layout)

    def _next(self, places: Places, kind: Places | int, at: Places) -> None:
        """What follows; where that is behind the packet's end, it is not known."""
        self.kind[places] = np.where(at < self.end[places], kind, _UNKNOWN)
        self.at[places] = at

    def _ipv4(self, places: Places) -> None:
        at = self.at[places]
        header = self._gather(at, _IPV4)
        size = (header["version"] & 0x0F).astype(np.int64) * 4
        total = header["total"].astype(np.int64)
        whole = (header["version"] >> 4 == 4) & (size >= 20) & ((header["fragment"] & 0x3FFF) == 0) & (total > size)
        self._network(places, whole, header["protocol"], at, at + size, at + total)

    def _ipv6(self, places: Places) -> None:
        at = self.at[places]
        header = self._gather(at, _IPV6)
        length = header["length"].astype(np.int64)
        whole = (header["version"] >> 4 == 6) & (length > 0)
        self._network(places, whole, header["protocol"], at, at + 40, at + 40 + length)

    def _network(
        self,
        places: Places,
        whole: npt.NDArray[np.bool_],
        protocol: npt.NDArray[np.uint8],
        start: Places,
        behind: Places,
        end: Places,
    ) -> None:
        """What an unfragmented IP packet carries, by its protocol."""
        self.end[places] = np.minimum(self.end[places], end)
        whole = whole & (behind + 8 <= self.end[places])
        self.kind[places] = _UNKNOWN
        for number, kind in ((PROTOCOL_IPV4, ETHERTYPE_IPV4), (PROTOCOL_IPV6, ETHERTYPE_IPV6)):
            inner = whole & (protocol == number)
            self._next(places[inner], kind, behind[inner])
        gre = whole & (protocol == PROTOCOL_GRE)
        if gre.any():
            self._gre(places[gre], behind[gre])
        udp = whole & (protocol == PROTOCOL_UDP)
        if udp.any():
            self._udp(places[udp], start[udp], behind[udp])

    def _gre(self, places: Places, at: Places) -> None:
        header = self._gather(at, _SHORTS)
        flags, kind = header["first"], header["second"].astype(np.int64)
        size = 4 + 4 * sum(((flags & flag) != 0).astype(np.int64) for flag in (0x8000, 0x2000, 0x1000))
        erspan = (kind == _GRE_ERSPAN) & ((flags & 0x1000) != 0)
        kind = np.where(erspan, ETHERTYPE_BRIDGED, kind)
        handled = ((flags & 0x4007) == 0) & np.isin(kind, _GRE_HANDLED)
        self._next(places, np.where(handled, kind, _UNKNOWN), at + size + np.where(erspan, 8, 0))

    def _udp(self, places: Places, start: Places, at: Places) -> None:
        ports = self._gather(at, _UDP)
        payload = at + 8
        source, destination = ports["source"], ports["destination"]
        tunnel = may_be_tunnel(
            self.buffer, source, destination, np.minimum(payload, self._last), self.end[places] - payload
        )
        self.kind[places[~tunnel]] = _DONE
        self.at[places[~tunnel]] = start[~tunnel]

        def on(*numbers: int) -> npt.NDArray[np.bool_]:
            return tunnel & (np.isin(source, numbers) | np.isin(destination, numbers))

        head = self._gather(payload, _BYTES)
        first = head["first"]
        gtp = on(PORT_GTP)
        vxlan = on(*PORTS_VXLAN) & ~gtp & ((first & 0x7F) == 0x08)
        geneve = on(PORT_GENEVE) & ~gtp & ~on(*PORTS_VXLAN)
        self._next(places[vxlan], ETHERTYPE_BRIDGED, payload[vxlan] + 8)
        size = 8 + (first & 0x3F).astype(np.int64) * 4
        self._next(places[geneve], head["type"].astype(np.int64)[geneve], (payload + size)[geneve])
        if gtp.any():
            self._gtp(places[gtp], payload[gtp], first[gtp])

    def _gtp(self, places: Places, at: Places, flags: npt.NDArray[np.uint8]) -> None:
        """With at most one extension header, as 5G networks have it."""
        options = self._gather(at + 8, _GTP_OPTIONS)
        extended = ((flags & 0x04) != 0) & (options["following"] != 0)
        size = np.where(extended, options["size"].astype(np.int64) * 4, 0)
        inner = at + 8 + np.where(flags & 0x07, 4, 0) + size
        last = self._gather(inner - 1, _BYTES)
        plain = ((flags & 0x10) != 0) & (~extended | ((size > 0) & (last["first"] == 0)))
        version = last["second"] >> 4
        kind = np.where(version == 4, ETHERTYPE_IPV4, np.where(version == 6, ETHERTYPE_IPV6, _UNKNOWN))
        self._next(places, np.where(plain, kind, _UNKNOWN).astype(np.int64), inner)

    def _label(self, places: Places) -> None:
        at = self.at[places] + 4
        bottom = (self._gather(at - 4, _LABEL)["value"] & 0x100) != 0
        header = self._gather(at, _IPV4)
        fits = header["total"].astype(np.int64) <= self.end[places] - at
        v4 = ((header["version"] & 0xF0) == 0x40) & ((header["version"] & 0x0F) >= 5) & fits
        v6 = header["version"] >> 4 == 6
        inner = np.where(v4, ETHERTYPE_IPV4, np.where(v6, ETHERTYPE_IPV6, _UNKNOWN))
        self._next(places, np.where(bottom, inner, ETHERTYPES_MPLS[0]).astype(np.int64), at)

    def _pppoe(self, places: Places) -> None:
        at = self.at[places]
        session = self._gather(at, _BYTES)["second"] == 0
        protocol = self._gather(at + 6, _SHORTS)["first"]
        kind = np.full(len(places), _UNKNOWN, np.int64)
        for number, meaning in _PPP.items():
            kind[session & (protocol == number)] = meaning
        self._next(places, kind, at + 8)


def peel_tunnels(batch: RecordBatch, headers: HeaderColumns) -> tuple[RecordBatch | None, Places]:
    """What usual tunnels of a batch carry, as packets of their own, and the places that are left to the slow path."""
    rows = headers.slow
    if len(rows) <= _FEW:
        return None, rows
    # The batch ends where the packets do; cut off headers are told by that.
    peeler = _Peeler(
        batch.buffer, headers.link.ethertype[rows].astype(np.int64), headers.link.offset[rows],
        batch.offset[rows] + batch.captured[rows],
    )  # fmt: skip
    peeler.peel()
    done = peeler.kind == _DONE
    if not done.any():
        return None, rows
    taken = rows[done]
    start = peeler.at[done]
    before = start - batch.offset[taken]
    inner = RecordBatch(
        batch.buffer, batch.frame[taken], start, batch.captured[taken] - before, batch.wire[taken] - before,
        batch.time_ns[taken], np.full(len(taken), _LINK_RAW, np.int32),
    )  # fmt: skip
    return inner, rows[~done]
