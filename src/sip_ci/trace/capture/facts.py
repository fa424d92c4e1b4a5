"""Gathers the `Facts` of a capture batch by batch."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

import numpy as np

from sip_ci.trace.capture.packets import PROTOCOL_TCP, PROTOCOL_UDP, Unreachable, endpoints_of
from sip_ci.trace.capture.records import RecordBatch
from sip_ci.trace.capture.tcp import ACK, FIN, RST, SIP_PORTS, SYN
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.trace import Facts, IcmpError, NoticeKind, TcpEvent, TcpEventKind

_SMALL_CAPTURE = 10_000
"""Packets up to which the events of every TCP connection are kept, not only those of SIP."""

_CLOCK_STEP_NS = 1_000_000_000

_QUOTED = 512
"""Bytes kept of a datagram that an ICMP message quotes."""

_TRANSPORTS = {PROTOCOL_UDP: Transport.UDP, PROTOCOL_TCP: Transport.TCP}


class FactsBuilder:
    """What a capture says besides messages and media."""

    def __init__(self, limits: Limits, notices: NoticeLog) -> None:
        self._limits = limits
        self._notices = notices
        self._packets = 0
        self._truncated = 0
        self._first_truncated = 0
        self._first_ns: int | None = None
        self._last_ns = 0
        self._lowest_ns = 0
        self._highest_ns = 0
        self._clock_steps = 0
        self._pairs_v4: set[int] = set()
        self._pairs_v6: set[bytes] = set()
        self._pairs: set[tuple[str, str]] = set()
        self._tcp_events: list[tuple[TcpEvent, frozenset[int]]] = []
        self._icmp_errors: list[IcmpError] = []

    def batch(self, batch: RecordBatch) -> None:
        """Count the packets of a batch."""
        self._packets += len(batch)
        cut = batch.captured < batch.wire
        truncated = int(cut.sum())
        if truncated and not self._truncated:
            self._first_truncated = int(batch.frame[np.argmax(cut)])
        self._truncated += truncated
        times = batch.time_ns
        if self._first_ns is None:
            self._first_ns = int(times[0])
            self._lowest_ns = self._highest_ns = self._first_ns
        elif int(times[0]) < self._last_ns - _CLOCK_STEP_NS:
            self._clock_steps += 1
        self._clock_steps += int((np.diff(times) < -_CLOCK_STEP_NS).sum())
        self._last_ns = int(times[-1])
        self._lowest_ns = min(self._lowest_ns, int(times.min()))
        self._highest_ns = max(self._highest_ns, int(times.max()))

    def pairs(self, pairs_v4: Iterable[int], pairs_v6: Iterable[bytes] = ()) -> None:
        """Note pairs of hosts: (source << 32 | destination) of IPv4, and 32 bytes of IPv6 without trailing zeros."""
        self._pairs_v4.update(pairs_v4)
        self._pairs_v6.update(pairs_v6)
        if len(self._pairs_v4) + len(self._pairs_v6) > self._limits.host_pairs:
            self._notices.add(NoticeKind.LIMIT, f"There are more than {self._limits.host_pairs} pairs of hosts")
            for pairs in (self._pairs_v4, self._pairs_v6):
                while len(pairs) > self._limits.host_pairs // 2:
                    pairs.pop()

    def pair(self, source: str, destination: str) -> None:
        """Note that a packet went from one host to another."""
        if len(self._pairs) < self._limits.host_pairs:
            self._pairs.add((source, destination))

    def tcp_flags(
        self, flags: int, time_ns: int, source: Endpoint, destination: Endpoint, connection: frozenset[int], frame: int
    ) -> None:
        """Note a segment with SYN, RST or FIN."""
        if len(self._tcp_events) >= self._limits.tcp_events:
            self._notices.add(
                NoticeKind.LIMIT, f"There are more than {self._limits.tcp_events} TCP connection events", frame=frame
            )
            return
        if flags & SYN:
            kind = TcpEventKind.SYN_ACK if flags & ACK else TcpEventKind.SYN
        elif flags & RST:
            kind = TcpEventKind.RST
        elif flags & FIN:
            kind = TcpEventKind.FIN
        else:
            return
        self._tcp_events.append((TcpEvent(kind, time_ns / 1e9, source, destination, frame), connection))

    def icmp(self, reporter: str, error: Unreachable, time_ns: int, frame: int) -> None:
        """Note a destination-unreachable message."""
        if len(self._icmp_errors) >= self._limits.icmp_errors:
            self._notices.add(
                NoticeKind.LIMIT, f"There are more than {self._limits.icmp_errors} ICMP errors", frame=frame
            )
            return
        source, destination = endpoints_of(error.quoted)
        header = {PROTOCOL_UDP: 8, PROTOCOL_TCP: 20}.get(error.quoted.protocol, 0)
        self._icmp_errors.append(
            IcmpError(
                time_ns / 1e9, reporter, error.type, error.code, error.ipv6, source, destination,
                _TRANSPORTS.get(error.quoted.protocol, Transport.UNKNOWN),
                error.quoted.payload[header : header + _QUOTED], frame,
            )
        )  # fmt: skip

    def facts(
        self, sip_connections: set[frozenset[int]], tls: Iterable[tuple[Endpoint, Endpoint]], dropped: int
    ) -> Facts:
        """Everything that was noted; `sip_connections` decides which TCP events matter in a large capture."""
        if self._truncated:
            self._notices.add(
                NoticeKind.SNAPLEN,
                "Packets were captured in part: raise the snap length of the capturing program",
                frame=self._first_truncated,
                count=self._truncated,
            )
        small = self._packets <= _SMALL_CAPTURE
        events = tuple(
            event
            for event, connection in self._tcp_events
            if small
            or connection in sip_connections
            or event.source.port in SIP_PORTS
            or event.destination.port in SIP_PORTS
        )
        for key in self._pairs_v4:
            self._pairs.add((str(IPv4Address(key >> 32)), str(IPv4Address(key & 0xFFFFFFFF))))
        for stripped in self._pairs_v6:
            packed = stripped.ljust(32, b"\0")
            self._pairs.add((str(IPv6Address(packed[:16])), str(IPv6Address(packed[16:]))))
        dated = self._first_ns is not None
        return Facts(
            packets=self._packets,
            first_time=self._lowest_ns / 1e9 if dated else None,
            last_time=self._highest_ns / 1e9 if dated else None,
            host_pairs=frozenset(self._pairs),
            tcp_events=events,
            icmp_errors=tuple(self._icmp_errors),
            dropped_packets=dropped,
            truncated_packets=self._truncated,
            tls_connections=tuple(tls),
            clock_steps=self._clock_steps,
        )
