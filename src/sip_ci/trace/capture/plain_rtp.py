"""RTP as nearly all of it is, taken from a batch with one look at each packet.

That is: UDP in an unfragmented IPv4 packet without options behind a link header of one length, with an RTP header
that has no padding, extension or contributing sources. Captures of calls consist of little else; whatever differs in
one bit is left to `sip_ci.trace.capture.columns` and `classify`, which take all packets, and would say the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.columns import ETHERTYPE_IPV4, LINK_COOKED, LINK_COOKED_2, LINK_ETHERNET, LINK_RAW
from sip_ci.trace.capture.contents import rtp_contents
from sip_ci.trace.capture.endpoints import EndpointTable
from sip_ci.trace.capture.media_rows import MediaRows
from sip_ci.trace.capture.records import RecordBatch, gather
from sip_ci.trace.media_table import MediaKind
from sip_ci.trace.numbering import PairNumbers

_HEADERS = np.dtype(
    [
        ("version_length", "u1"), ("service", "u1"), ("total", ">u2"), ("id", ">u2"), ("fragment", "<u2"),
        ("ttl", "u1"), ("protocol", "u1"), ("checksum", "V2"), ("hosts", "<u8"), ("ports", "<u4"), ("length", ">u2"),
        ("udp_checksum", "V2"), ("first", "u1"), ("second", "u1"), ("sequence", ">u2"), ("timestamp", ">u4"),
        ("ssrc", ">u4"), ("payload", "u1"), ("rest", "V3"),
    ]
)  # fmt: skip
"""The IPv4, UDP and RTP headers, and the first byte of the payload.

Hosts and ports are keys, whatever their byte order; so is `ssrc` no number here.
"""

_HEADER_BYTES = _HEADERS.itemsize - 4

_FRAGMENT = int.from_bytes(b"\x3f\xff", "little")
"""The flag and the offset of fragments, in the byte order of the column above."""
_UDP = 17
_FLOWS = 1 << 20


@dataclass(frozen=True, slots=True)
class _Link:
    """A link header of fixed length."""

    type_at: int | None
    """Where the Ethernet type stands; None where there is none."""
    network_at: int
    tag_at: int | None = None
    """Where the type of a VLAN tag stands."""


_LINKS: dict[int, tuple[_Link, ...]] = {
    LINK_ETHERNET: (_Link(12, 14), _Link(16, 18, tag_at=12)),
    LINK_COOKED: (_Link(14, 16),),
    LINK_COOKED_2: (_Link(0, 20),),
    **dict.fromkeys(LINK_RAW, (_Link(None, 0),)),
}
_TAGS = (0x8100, 0x88A8)
_TYPE = np.dtype([("value", ">u2")])


class PlainRtp:
    """Takes the plain RTP packets out of batches."""

    def __init__(self, endpoints: EndpointTable) -> None:
        self._endpoints = endpoints
        self._flows = PairNumbers(_FLOWS)
        self._source = np.zeros(0, np.int32)
        self._destination = np.zeros(0, np.int32)
        self.new_pairs: list[int] = []
        """(source << 32 | destination) of the flows that the last batch brought."""

    def take(self, batch: RecordBatch) -> tuple[MediaRows | None, npt.NDArray[np.int64] | None]:
        """The plain RTP packets as rows, and the places of all other packets; None stands for no row and for all."""
        self.new_pairs = []
        place = self._link(batch)
        if place is None:
            return None, None
        start = batch.offset + place.network_at
        header = gather(batch.buffer, start, _HEADERS)
        second = header["second"]
        total = header["total"]
        plain = (
            (header["first"] == 0x80)
            & (header["version_length"] == 0x45)
            & (header["protocol"] == _UDP)
            & ((header["fragment"] & _FRAGMENT) == 0)
            # Not what a sender, or a receiver, reports: RFC 5761 §4.
            & ((second < 192) | (second > 223))
            & (header["length"] == total - np.uint16(20))
            & (total >= _HEADER_BYTES)
            & (batch.captured >= place.network_at + _HEADER_BYTES)
        )
        if place.type_at is not None:
            plain &= gather(batch.buffer, batch.offset + place.type_at, _TYPE)["value"] == ETHERTYPE_IPV4
        if place.tag_at is not None:
            plain &= np.isin(gather(batch.buffer, batch.offset + place.tag_at, _TYPE)["value"], _TAGS)
        if not plain.all():
            taken = np.flatnonzero(plain)
            if not len(taken):
                return None, None
            header = header[taken]
        flow = self._flows.numbers(header["hosts"].astype(np.uint64), header["ports"].astype(np.uint64))
        if self._flows.refused and (flow < 0).any():
            # More flows than are kept apart here; all of them are taken elsewhere.
            plain[plain] = flow >= 0
            return self._taken(batch, plain, place, header[flow >= 0], flow[flow >= 0])
        return self._taken(batch, plain, place, header, flow)

    def _taken(
        self,
        batch: RecordBatch,
        plain: npt.NDArray[np.bool_],
        place: _Link,
        header: npt.NDArray[np.void],
        flow: npt.NDArray[np.int32],
    ) -> tuple[MediaRows | None, npt.NDArray[np.int64] | None]:
        others = np.flatnonzero(~plain)
        if len(others) == len(batch):
            return None, None
        if len(others):
            batch = batch.select(np.flatnonzero(plain))
        return self._rows(batch, place, header, flow), others

    def _link(self, batch: RecordBatch) -> _Link | None:
        """The link header of the batch, where all packets may have the same: that of a packet in its middle."""
        link = int(batch.link[0])
        if link not in _LINKS or (batch.link != link).any():
            return None
        candidates = _LINKS[link]
        if len(candidates) == 1:
            return candidates[0]
        types = gather(batch.buffer, batch.offset[len(batch) // 2 :][:1] + 12, _TYPE)["value"]
        return candidates[1] if int(types[0]) in _TAGS else candidates[0]

    def _rows(
        self, batch: RecordBatch, place: _Link, header: npt.NDArray[np.void], flow: npt.NDArray[np.int32]
    ) -> MediaRows:
        if len(self._flows) > len(self._source):
            self._name_flows()
        second = header["second"]
        total = header["total"].astype(np.uint16)
        payload_type = second & np.uint8(0x7F)
        contents = rtp_contents(
            batch.buffer, payload_type, header["payload"], batch.offset + (place.network_at + _HEADER_BYTES),
            total - np.uint16(_HEADER_BYTES), batch.captured >= total + np.int64(place.network_at),
        )  # fmt: skip
        return MediaRows(
            batch.time_ns, batch.frame, self._source[flow], self._destination[flow],
            np.full(len(batch), MediaKind.RTP, np.uint8), header["length"].astype(np.uint16) - np.uint16(8),
            payload_type, second >= 0x80, header["sequence"].astype(np.uint16),
            header["timestamp"].astype(np.uint32), header["ssrc"].astype(np.uint32), header["id"].astype(np.uint16),
            header["service"] >> np.uint8(2), contents,
        )  # fmt: skip

    def _name_flows(self) -> None:
        """Look up the endpoints of flows that are new."""
        begins = len(self._source)
        hosts = self._flows.first[begins:].byteswap()
        ports = self._flows.second[begins:].astype(np.uint32).byteswap()
        sides = [
            self._endpoints.numbers_v4(
                ((hosts >> np.uint64(shift)) & np.uint64(0xFFFFFFFF)).astype(np.uint32),
                ((ports >> np.uint32(shift // 2)) & np.uint32(0xFFFF)).astype(np.uint16),
            )
            for shift in (32, 0)
        ]
        self._source = np.concatenate((self._source, sides[0]))
        self._destination = np.concatenate((self._destination, sides[1]))
        self.new_pairs = hosts.tolist()
