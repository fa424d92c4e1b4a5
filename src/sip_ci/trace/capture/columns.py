"""Link, network and transport headers of a whole batch of packets at once.

What is understood here are the packets that captures of calls consist of: UDP and TCP in unfragmented IPv4 and
IPv6 without extension headers, behind Ethernet (with VLAN tags), Linux cooked, raw IP and loopback headers.
Everything else is left to `sip_ci.trace.capture.dissect`, one packet at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sip_ci.trace.capture.endpoints import EndpointTable
from sip_ci.trace.capture.records import RecordBatch, gather
from sip_ci.trace.capture.udp_tunnels import may_be_tunnel

LINK_NULL = 0
LINK_ETHERNET = 1
LINK_RAW = frozenset({12, 14, 101, 228, 229})
LINK_LOOP = 108
LINK_LOOPBACK = frozenset({LINK_NULL, LINK_LOOP})
LINK_COOKED = 113
LINK_COOKED_2 = 276

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
_VLAN_TYPES = (0x8100, 0x88A8, 0x9100, 0x9200)
_VLAN_TAGS = 4

PROTOCOL_TCP = 6
PROTOCOL_UDP = 17

# The address family of IPv6 differs between the systems that write loopback captures.
LOOPBACK_FAMILIES = {2: ETHERTYPE_IPV4, 10: ETHERTYPE_IPV6, 24: ETHERTYPE_IPV6, 28: ETHERTYPE_IPV6, 30: ETHERTYPE_IPV6}

_U2 = np.dtype([("value", ">u2")])
_U4 = np.dtype([("value", ">u4")])
_IPV4 = np.dtype(
    [
        ("version_length", "u1"), ("service", "u1"), ("total", ">u2"), ("id", ">u2"), ("fragment", ">u2"),
        ("ttl", "u1"), ("protocol", "u1"), ("checksum", ">u2"), ("source", ">u4"), ("destination", ">u4"),
    ]
)  # fmt: skip
_IPV6 = np.dtype(
    [
        ("version", "u1"), ("label", "u1"), ("flow", "V2"), ("length", ">u2"), ("next", "u1"), ("hops", "u1"),
        ("source", "V16"), ("destination", "V16"),
    ]
)  # fmt: skip
_UDP = np.dtype([("source", ">u2"), ("destination", ">u2"), ("length", ">u2"), ("checksum", ">u2")])
_TCP = np.dtype(
    [
        ("source", ">u2"), ("destination", ">u2"), ("sequence", ">u4"), ("acknowledged", ">u4"),
        ("offset", "u1"), ("flags", "u1"), ("window", ">u2"), ("checksum", ">u2"), ("urgent", ">u2"),
    ]
)  # fmt: skip

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LinkColumns:
    """Where the network layer starts; one element for each packet of the batch."""

    ethertype: npt.NDArray[np.int32]
    """What is there, as an Ethernet type; -1 where the link layer is none that this module knows."""
    offset: Indices


@dataclass(frozen=True, slots=True, eq=False)
class TransportColumns:
    """UDP datagrams or TCP segments; one element for each, in the order of the capture."""

    row: Indices
    """The packet's place in the batch."""
    source: npt.NDArray[np.int32]
    """Endpoint number."""
    destination: npt.NDArray[np.int32]
    ip_id: npt.NDArray[np.int32]
    """The IPv4 identification; -1 for IPv6."""
    dscp: npt.NDArray[np.uint8]
    """Differentiated services codepoint (RFC 2474 §3)."""
    payload: Indices
    """Offset of the payload in the batch's buffer."""
    captured: Indices
    """Bytes of the payload in the file."""
    wire: Indices
    """Bytes of the payload on the wire."""
    sequence: npt.NDArray[np.uint32]
    """TCP sequence number; 0 for UDP."""
    flags: npt.NDArray[np.uint8]
    """TCP flags; 0 for UDP."""


@dataclass(frozen=True, slots=True, eq=False)
class HeaderColumns:
    """A batch, taken apart."""

    link: LinkColumns
    udp: TransportColumns
    tcp: TransportColumns
    slow: Indices
    """Places of the packets that may matter and are not understood here."""
    pairs_v4: npt.NDArray[np.uint64]
    """Distinct (source << 32 | destination) of the IPv4 packets, fragments and all protocols included."""
    pairs_v6: npt.NDArray[np.bytes_]
    """Distinct source and destination of the IPv6 packets, 32 bytes each (trailing zeros stripped by numpy)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Network:
    """Plain packets of one IP version."""

    row: Indices
    protocol: npt.NDArray[np.uint8]
    transport: Indices
    captured_end: Indices
    wire_end: Indices
    ip_id: npt.NDArray[np.int32]
    dscp: npt.NDArray[np.uint8]
    source: npt.NDArray[np.uint32] | npt.NDArray[np.void]
    destination: npt.NDArray[np.uint32] | npt.NDArray[np.void]


def decode_link(batch: RecordBatch) -> LinkColumns:
    """Find the network layer behind the link layers that this module knows."""
    ethertype = np.full(len(batch), -1, np.int32)
    offset = batch.offset.copy()
    for link in np.unique(batch.link).tolist():
        rows = np.flatnonzero(batch.link == link)
        start = batch.offset[rows]
        end = start + batch.captured[rows]
        if link == LINK_ETHERNET:
            kind, network = behind_vlan_tags(batch.buffer, start + 12, end)
        elif link == LINK_COOKED:
            kind, network = behind_vlan_tags(batch.buffer, start + 14, end)
        elif link == LINK_COOKED_2:
            kind = _ethertype(batch.buffer, start, end)
            network = start + 20
        elif link in LINK_RAW:
            version = _bytes(batch.buffer)[start] >> 4
            kind = np.where(version == 4, ETHERTYPE_IPV4, np.where(version == 6, ETHERTYPE_IPV6, 0)).astype(np.int32)
            network = start
        elif link in LINK_LOOPBACK:
            family = gather(batch.buffer, start, _U4)["value"].astype(np.int64)
            # The family is in the byte order of the machine that captured; its number is small either way.
            family = np.where(family > 0xFFFF, family >> 24, family)
            kind = np.zeros(len(rows), np.int32)
            for number, meaning in LOOPBACK_FAMILIES.items():
                kind[family == number] = meaning
            network = start + 4
        else:
            continue
        ethertype[rows] = np.where(network < end, kind, 0)
        offset[rows] = network
    return LinkColumns(ethertype, offset)


def _bytes(buffer: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(buffer, np.uint8)


def _ethertype(buffer: bytes, where: Indices, end: Indices) -> npt.NDArray[np.int32]:
    inside = where + 2 <= end
    return np.where(inside, gather(buffer, np.where(inside, where, 0), _U2)["value"].astype(np.int32), 0)


def behind_vlan_tags(buffer: bytes, where: Indices, end: Indices) -> tuple[npt.NDArray[np.int32], Indices]:
    """The type and the start of what follows the type field at `where`, tags skipped (IEEE 802.1Q)."""
    kind = _ethertype(buffer, where, end)
    network = where + 2
    for _ in range(_VLAN_TAGS):
        tagged = np.flatnonzero(np.isin(kind, _VLAN_TYPES))
        if not len(tagged):
            break
        kind[tagged] = _ethertype(buffer, network[tagged] + 2, end[tagged])
        network[tagged] += 4
    return kind, network


def decode_headers(batch: RecordBatch, endpoints: EndpointTable) -> HeaderColumns:
    """Take a batch apart."""
    link = decode_link(batch)
    slow = [np.flatnonzero((link.ethertype != ETHERTYPE_IPV4) & (link.ethertype != ETHERTYPE_IPV6))]
    v4, odd_v4, pairs_v4 = _ipv4(batch, link)
    v6, odd_v6, pairs_v6 = _ipv6(batch, link)
    slow += [odd_v4, odd_v6]
    udp = []
    for network in (v4, v6):
        datagrams, tunnels = _udp(batch, network, endpoints)
        udp.append(datagrams)
        slow.append(tunnels)
    tcp = [_tcp(batch, network, endpoints) for network in (v4, v6)]
    return HeaderColumns(link, _merge(udp), _merge(tcp), np.sort(np.concatenate(slow)), pairs_v4, pairs_v6)


def _ipv4(batch: RecordBatch, link: LinkColumns) -> tuple[_Network, Indices, npt.NDArray[np.uint64]]:
    rows = np.flatnonzero(link.ethertype == ETHERTYPE_IPV4)
    start = link.offset[rows]
    end = batch.offset[rows] + batch.captured[rows]
    record_wire_end = batch.offset[rows] + batch.wire[rows]
    header = gather(batch.buffer, start, _IPV4)
    length = (header["version_length"] & 0x0F).astype(np.int64) * 4
    valid = (header["version_length"] >> 4 == 4) & (length >= 20) & (start + length <= end)
    total = header["total"].astype(np.int64)
    # A total length of zero stands in packets that the network card has yet to cut into segments.
    wire_end = np.where(total >= length, start + total, record_wire_end)
    # Set flags: more fragments, or an offset.
    whole = (header["fragment"] & 0x3FFF) == 0
    transport = (header["protocol"] == PROTOCOL_UDP) | (header["protocol"] == PROTOCOL_TCP)
    plain = valid & whole & transport
    pairs = np.unique(
        (header["source"][valid].astype(np.uint64) << np.uint64(32)) | header["destination"][valid].astype(np.uint64)
    )
    network = _Network(
        rows[plain],
        header["protocol"][plain],
        (start + length)[plain],
        np.minimum(end, wire_end)[plain],
        wire_end[plain],
        header["id"][plain].astype(np.int32),
        header["service"][plain] >> np.uint8(2),
        header["source"][plain].astype(np.uint32),
        header["destination"][plain].astype(np.uint32),
    )
    return network, rows[valid & ~plain], pairs


def _ipv6(batch: RecordBatch, link: LinkColumns) -> tuple[_Network, Indices, npt.NDArray[np.bytes_]]:
    rows = np.flatnonzero(link.ethertype == ETHERTYPE_IPV6)
    start = link.offset[rows]
    end = batch.offset[rows] + batch.captured[rows]
    record_wire_end = batch.offset[rows] + batch.wire[rows]
    header = gather(batch.buffer, start, _IPV6)
    valid = (header["version"] >> 4 == 6) & (start + 40 <= end)
    length = header["length"].astype(np.int64)
    wire_end = np.where(length > 0, start + 40 + length, record_wire_end)
    plain = valid & ((header["next"] == PROTOCOL_UDP) | (header["next"] == PROTOCOL_TCP))
    addresses = np.empty(int(valid.sum()), [("source", "V16"), ("destination", "V16")])
    addresses["source"] = header["source"][valid]
    addresses["destination"] = header["destination"][valid]
    pairs = np.unique(addresses.view("S32").reshape(-1))
    network = _Network(
        rows[plain],
        header["next"][plain],
        (start + 40)[plain],
        np.minimum(end, wire_end)[plain],
        wire_end[plain],
        np.full(int(plain.sum()), -1, np.int32),
        # The traffic class begins behind the four bits of the version (RFC 8200 §3).
        ((header["version"][plain] & 0x0F) << 2) | (header["label"][plain] >> 6),
        header["source"][plain],
        header["destination"][plain],
    )
    return network, rows[valid & ~plain], pairs


def _numbers(
    network: _Network,
    mask: npt.NDArray[np.bool_],
    ports: npt.NDArray[np.uint16],
    *,
    source: bool,
    endpoints: EndpointTable,
) -> npt.NDArray[np.int32]:
    hosts = (network.source if source else network.destination)[mask]
    if hosts.dtype.kind == "V":
        return endpoints.numbers_v6(hosts, ports)  # type: ignore[arg-type]
    return endpoints.numbers_v4(hosts, ports)  # type: ignore[arg-type]


def _udp(batch: RecordBatch, network: _Network, endpoints: EndpointTable) -> tuple[TransportColumns, Indices]:
    """The datagrams, and the places of those that carry packets themselves."""
    mask = (network.protocol == PROTOCOL_UDP) & (network.transport + 8 <= network.captured_end)
    start = network.transport[mask]
    header = gather(batch.buffer, start, _UDP)
    tunnel = may_be_tunnel(
        batch.buffer, header["source"], header["destination"], start + 8, network.captured_end[mask] - start - 8
    )
    tunnels = network.row[mask][tunnel]
    if len(tunnels):
        mask[mask] = ~tunnel
        start = start[~tunnel]
        header = header[~tunnel]
    declared = header["length"].astype(np.int64)
    ip_wire = network.wire_end[mask] - start
    # A UDP length that cannot be (too small, or beyond the IP packet) is not believed.
    wire = np.where((declared >= 8) & (declared <= ip_wire), declared, ip_wire) - 8
    captured = np.minimum(wire, network.captured_end[mask] - start - 8)
    datagrams = TransportColumns(
        network.row[mask],
        _numbers(network, mask, header["source"], source=True, endpoints=endpoints),
        _numbers(network, mask, header["destination"], source=False, endpoints=endpoints),
        network.ip_id[mask],
        network.dscp[mask],
        start + 8,
        captured,
        wire,
        np.zeros(len(start), np.uint32),
        np.zeros(len(start), np.uint8),
    )
    return datagrams, tunnels


def _tcp(batch: RecordBatch, network: _Network, endpoints: EndpointTable) -> TransportColumns:
    mask = (network.protocol == PROTOCOL_TCP) & (network.transport + 20 <= network.captured_end)
    start = network.transport[mask]
    header = gather(batch.buffer, start, _TCP)
    payload = start + np.maximum((header["offset"] >> 4).astype(np.int64) * 4, 20)
    captured_end = network.captured_end[mask]
    return TransportColumns(
        network.row[mask],
        _numbers(network, mask, header["source"], source=True, endpoints=endpoints),
        _numbers(network, mask, header["destination"], source=False, endpoints=endpoints),
        network.ip_id[mask],
        network.dscp[mask],
        payload,
        np.maximum(captured_end - payload, 0),
        np.maximum(network.wire_end[mask] - payload, 0),
        header["sequence"].astype(np.uint32),
        header["flags"].astype(np.uint8),
    )


def _merge(parts: list[TransportColumns]) -> TransportColumns:
    filled = [part for part in parts if len(part.row)]
    if len(filled) <= 1:
        return filled[0] if filled else parts[0]
    order = np.argsort(np.concatenate([part.row for part in filled]), kind="stable")
    return TransportColumns(
        *(np.concatenate([getattr(part, name) for part in filled])[order] for name in TransportColumns.__slots__)
    )
