"""Puts TCP streams together from segments, one direction at a time, and hands them to framers."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from sip_ci.trace.capture.framing import StreamFramer, StreamKind
from sip_ci.trace.capture.marks import Mark
from sip_ci.trace.capture.tls_connections import TlsConnections
from sip_ci.trace.capture.tls_keys import KeyLog
from sip_ci.trace.capture.web_sockets import WebSockets
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.trace import NoticeKind

FIN = 0x01
SYN = 0x02
RST = 0x04
ACK = 0x10

_WINDOW = 16 << 20
"""A segment farther away than this many bytes belongs to another connection with the same ports."""

_FIRST = 32
"""Bytes of a stream's beginning that are kept to tell what it is."""

SIP_PORTS = range(5060, 5092)

EmitMessage = Callable[[bytes, int, int, Mark, Transport, bool], None]
"""Takes a message, source and destination endpoint numbers, the completing packet, transport, and whether it is cut."""

_Key = tuple[int, int]


class _Flow:
    """One direction of a connection. Positions are sequence numbers that do not wrap."""

    __slots__ = ("first", "framer", "held", "key", "latest", "next", "pending", "sequence")

    def __init__(self, key: _Key, framer: StreamFramer, sequence: int) -> None:
        self.key = key
        self.framer = framer
        self.first = b""
        """The first bytes that it carried."""
        self.sequence = sequence
        """The sequence number that position 0 stands for."""
        self.next = 0
        """Position of the next byte to hand on."""
        self.pending: list[tuple[int, int, int, bytes, Mark]] = []
        """Heap of (position, tie-break, bytes on the wire, bytes captured, packet) beyond `next`."""
        self.held = 0
        """Bytes in `pending`."""
        self.latest: Mark | None = None
        """The last packet among those whose bytes were handed on."""


class _Listener:
    """Passes on what one direction carries besides messages."""

    __slots__ = ("_key", "_tls", "_web_sockets")

    def __init__(self, key: _Key, tls: TlsConnections, web_sockets: WebSockets) -> None:
        self._key = key
        self._tls = tls
        self._web_sockets = web_sockets

    def tls(self, data: bytes, mark: Mark) -> bool:
        return self._tls.feed(self._key, data, mark)

    def tls_gap(self) -> None:
        self._tls.gap(self._key)

    def http_head(self, head: bytes, mark: Mark) -> None:
        self._web_sockets.head(self._key, head, mark)


class TcpReassembler:
    """All connections of a capture."""

    def __init__(
        self,
        emit: EmitMessage,
        endpoints: list[Endpoint],
        limits: Limits,
        notices: NoticeLog,
        keys: KeyLog | None = None,
    ) -> None:
        self._emit = emit
        self._endpoints = endpoints
        self._limits = limits
        self._notices = notices
        self._flows: dict[_Key, _Flow] = {}
        self._held = 0
        self._counter = 0
        self.sip_connections: set[frozenset[int]] = set()
        """The endpoint numbers of connections that carried SIP."""
        self.tls = TlsConnections(endpoints, limits, notices, keys if keys is not None else KeyLog())
        """The connections that carry TLS."""
        self.web_sockets = WebSockets(endpoints, limits)
        """The requests for WebSockets."""

    def segment(
        self, source: int, destination: int, sequence: int, flags: int, data: bytes, wire: int, mark: Mark
    ) -> None:
        """Take a segment; `wire` is its length in bytes on the wire, of which `data` are the captured ones."""
        key = (source, destination)
        flow = self._flows.get(key)
        if flags & SYN:
            if flow is not None:
                # Sent again, with or without the data that it may carry (RFC 9293 §3.4).
                if (flow.sequence - sequence - 1) & 0xFFFFFFFF == 0 and flow.next <= wire:
                    return
                self._flush(flow)
            self.tls.opened(key)
            # The SYN itself takes one sequence number (RFC 9293 §3.4).
            sequence = (sequence + 1) & 0xFFFFFFFF
            flow = self._open(key, sequence)
        if flags & (FIN | RST):
            self.tls.ended(key, mark, reset=bool(flags & RST))
        if not wire:
            return
        if flow is None:
            if wire == 1 and data == b"\0":
                # A probe of TCP's own keep-alive, with a byte that stands for none of the stream (RFC 9293 §3.8.4).
                return
            flow = self._open(key, sequence)
        if not flow.framer.wants:
            return
        position = flow.next + _signed(sequence - (flow.sequence + flow.next))
        if abs(position - flow.next) > _WINDOW:
            self._flush(flow)
            flow = self._open(key, sequence)
            position = 0
        if position > flow.next:
            self._counter += 1
            heapq.heappush(flow.pending, (position, self._counter, wire, data, mark))
            flow.held += len(data)
            self._held += len(data)
            if flow.held > self._limits.flow_bytes or len(flow.pending) > self._limits.flow_bytes // 256:
                self._skip_gap(flow)
        else:
            self._deliver(flow, position, wire, data, mark)
        self._drain(flow)
        if self._held > self._limits.reassembly_bytes:
            self._relieve()

    def ignores(self, source: int, destination: int) -> bool:
        """Whether the payload of this direction is known not to matter."""
        flow = self._flows.get((source, destination))
        return flow is not None and not flow.framer.wants

    def finish(self) -> None:
        """The capture has ended."""
        for flow in self._flows.values():
            self._flush(flow)
        self._flows.clear()

    def _open(self, key: _Key, sequence: int) -> _Flow:
        if len(self._flows) >= self._limits.tcp_flows and key not in self._flows:
            self._notices.add(NoticeKind.LIMIT, "Too many TCP connections at once; the oldest were given up")
            self._flush(self._flows.pop(next(iter(self._flows))))
        patient = any(self._endpoints[number].port in SIP_PORTS for number in key)

        def emit(raw: bytes, mark: Mark, transport: Transport, cut: bool) -> None:
            self.sip_connections.add(frozenset(key))
            self._emit(raw, key[0], key[1], mark, transport, cut)

        listener = _Listener(key, self.tls, self.web_sockets)
        framer = StreamFramer(emit, self._limits, self._notices, patient=patient, listener=listener)
        flow = _Flow(key, framer, sequence)
        self._flows[key] = flow
        return flow

    def _deliver(self, flow: _Flow, position: int, wire: int, data: bytes, mark: Mark) -> None:
        """Hand on what is new of a segment that begins at or before the next byte."""
        known = flow.next - position
        if known >= wire:
            return
        before = flow.framer.held
        if len(flow.first) < _FIRST:
            flow.first += data[known : known + _FIRST]
        if flow.latest is None or mark.frame > flow.latest.frame:
            flow.latest = mark
        # What had to wait for an earlier byte reaches the application when that byte does.
        flow.framer.feed(data[known:], flow.latest)
        flow.next = position + wire
        if len(data) < wire:
            self._note_gap(flow, mark.frame, "Segments of a TCP connection were captured in part")
            flow.framer.gap()
        self._held += flow.framer.held - before

    def _drain(self, flow: _Flow) -> None:
        """Hand on the waiting segments that are next by now."""
        while flow.pending and flow.pending[0][0] <= flow.next:
            position, _, wire, data, mark = heapq.heappop(flow.pending)
            flow.held -= len(data)
            self._held -= len(data)
            self._deliver(flow, position, wire, data, mark)

    def _skip_gap(self, flow: _Flow) -> None:
        """Stop waiting for the missing bytes in front of the first waiting segment."""
        self._note_gap(flow, flow.pending[0][4].frame, "Bytes of a TCP connection are missing")
        before = flow.framer.held
        flow.framer.gap()
        self._held += flow.framer.held - before
        flow.next = flow.pending[0][0]

    def _note_gap(self, flow: _Flow, frame: int, text: str) -> None:
        if flow.framer.kind in (StreamKind.SIP, StreamKind.WEBSOCKET):
            self._notices.add(NoticeKind.TCP_GAP, text, frame=frame)

    def _flush(self, flow: _Flow) -> None:
        while flow.pending:
            self._skip_gap(flow)
            self._drain(flow)
        self._held -= flow.framer.held
        if flow.framer.kind is not StreamKind.TLS and flow.first and _is_text(flow.first):
            self.tls.plain(flow.key, flow.first)
        flow.framer.finish()

    def _relieve(self) -> None:
        """Give up what is held of the oldest connections until there is room again."""
        self._notices.add(NoticeKind.LIMIT, "Too many unfinished TCP connections; the oldest were given up")
        for flow in self._flows.values():
            while flow.pending:
                self._skip_gap(flow)
                self._drain(flow)
            self._held -= flow.framer.held
            flow.framer.gap()
            if self._held < self._limits.reassembly_bytes // 2:
                break


def _is_text(data: bytes) -> bool:
    return all(32 <= byte < 127 or byte in b"\r\n\t" for byte in data)


def _signed(difference: int) -> int:
    """A difference of sequence numbers as the nearest step, forwards or backwards."""
    return (difference + 0x80000000) % 0x100000000 - 0x80000000
