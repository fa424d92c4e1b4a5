"""SIP over SCTP (RFC 4168): puts user messages together from DATA chunks. Checksums are not verified."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sip_ci.trace.capture.classify import sip_start
from sip_ci.trace.capture.framing import Mark
from sip_ci.trace.capture.packets import IpPacket
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import NoticeKind

_DATA = 0
_I_DATA = 64

_END = 0x01
_BEGIN = 0x02

_HEADER = 12
_CHUNKS = 4096
"""Chunks of one packet that are looked at."""
_REMEMBERED = 4096
"""Transmission sequence numbers of a direction that are remembered, to tell what was sent again."""

EmitMessage = Callable[[bytes, int, int, Mark, Transport, bool], None]
"""Takes a message, source and destination endpoint numbers, the packet, the transport, and whether it is cut."""

_Key = tuple[int, int, int]


@dataclass(slots=True)
class _Run:
    """Consecutive fragments of one user message."""

    first: int
    """Transmission sequence number."""
    last: int
    begins: bool
    ends: bool
    pieces: deque[bytes]
    size: int
    mark: Mark
    """The packet that was seen last."""


class _Flow:
    """One direction of an association."""

    __slots__ = ("by_first", "by_last", "held", "order", "seen")

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.order: deque[int] = deque()
        self.by_first: dict[int, _Run] = {}
        self.by_last: dict[int, _Run] = {}
        self.held = 0

    def is_new(self, number: int) -> bool:
        """Whether a transmission sequence number was not there before."""
        if number in self.seen:
            return False
        self.seen.add(number)
        self.order.append(number)
        if len(self.order) > _REMEMBERED:
            self.seen.discard(self.order.popleft())
        return True


def is_sctp(data: bytes, wire: int) -> bool:
    """Whether bytes that nothing else tells to be an SCTP packet consist of a header and whole chunks."""
    place = _HEADER
    for _ in range(_CHUNKS):
        if place + 4 > len(data):
            break
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if length < 4 or place + length > wire:
            return False
        place += (length + 3) & ~3
    return place > _HEADER and place >= len(data)


class SctpReassembler:
    """All associations of a capture."""

    def __init__(self, emit: EmitMessage, limits: Limits, notices: NoticeLog) -> None:
        self._emit = emit
        self._limits = limits
        self._notices = notices
        self._flows: dict[_Key, _Flow] = {}
        self._held = 0

    def packet(self, packet: IpPacket, source: int, destination: int, mark: Mark) -> None:
        """Take a packet (RFC 9260 §3); what it says of itself and cannot be ends the look at it."""
        data = packet.payload
        if len(data) < _HEADER:
            return
        # The tag is that of one direction of one association, whichever of a host's addresses it uses.
        key: _Key = struct.unpack_from(">HHI", data)
        place = _HEADER
        for _ in range(_CHUNKS):
            if place + 4 > len(data):
                return
            kind, flags, length = struct.unpack_from(">BBH", data, place)
            if length < 4:
                return
            if kind in (_DATA, _I_DATA):
                head = 16 if kind == _DATA else 20
                if length > head and place + head < len(data):
                    number: int = struct.unpack_from(">I", data, place + 4)[0]
                    content = data[place + head : place + length]
                    cut = len(content) < length - head
                    self._chunk(key, number, flags, content, source, destination, mark, cut=cut)
            place += (length + 3) & ~3

    def message(self, data: bytes, source: int, destination: int, mark: Mark, *, cut: bool) -> None:
        """Take a whole user message; it is handed on where it is SIP."""
        start = sip_start(data, cut=cut)
        if start >= 0:
            self._emit(data[start:], source, destination, mark, Transport.SCTP, cut)

    def finish(self) -> None:
        """The capture has ended."""
        for key in list(self._flows):
            self._drop(key)

    def _chunk(
        self, key: _Key, number: int, flags: int, data: bytes, source: int, destination: int, mark: Mark, *, cut: bool
    ) -> None:
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= self._limits.tcp_flows:
                self._drop(next(iter(self._flows)))
            flow = self._flows[key] = _Flow()
        if not flow.is_new(number):
            return
        begins, ends = bool(flags & _BEGIN), bool(flags & _END)
        if begins and ends:
            self.message(data, source, destination, mark, cut=cut)
            return
        run = _Run(number, number, begins, ends, deque([data]), len(data), mark)
        run = self._joined(flow, run)
        self._held += len(data)
        flow.held += len(data)
        if run.begins and (run.ends or cut):
            self._remove(flow, run)
            self.message(b"".join(run.pieces), source, destination, run.mark, cut=cut)
        elif run.size > self._limits.message_bytes or flow.held > self._limits.flow_bytes:
            self._notices.add(NoticeKind.LIMIT, "Too many unfinished SCTP messages", frame=mark.frame)
            self._drop(key)
        elif self._held > self._limits.reassembly_bytes:
            self._notices.add(NoticeKind.LIMIT, "Too many unfinished SCTP messages", frame=mark.frame)
            self._drop(next(iter(self._flows)))

    def _joined(self, flow: _Flow, run: _Run) -> _Run:
        """Join a run of one fragment with its neighbours, where these are parts of the same message."""
        before = flow.by_last.get((run.first - 1) & 0xFFFFFFFF)
        if before is not None and not run.begins and not before.ends:
            del flow.by_last[before.last]
            before.pieces.extend(run.pieces)
            before.last, before.ends, before.mark = run.last, run.ends, run.mark
            before.size += run.size
            run = before
        after = flow.by_first.get((run.last + 1) & 0xFFFFFFFF)
        if after is not None and not run.ends and not after.begins:
            # The shorter run moves, so that the work stays near linear whatever the order of arrival.
            del flow.by_first[after.first]
            mark = run.mark
            if run.first in flow.by_first:
                del flow.by_first[run.first]
            if len(run.pieces) <= len(after.pieces):
                after.pieces.extendleft(reversed(run.pieces))
                after.first, after.begins = run.first, run.begins
                after.size += run.size
                run = after
            else:
                del flow.by_last[after.last]
                run.pieces.extend(after.pieces)
                run.last, run.ends = after.last, after.ends
                run.size += after.size
            run.mark = mark
        flow.by_first[run.first] = run
        flow.by_last[run.last] = run
        return run

    def _remove(self, flow: _Flow, run: _Run) -> None:
        flow.by_first.pop(run.first, None)
        flow.by_last.pop(run.last, None)
        flow.held -= run.size
        self._held -= run.size

    def _drop(self, key: _Key) -> None:
        flow = self._flows.pop(key)
        self._held -= flow.held
        for run in flow.by_first.values():
            if sip_start(b"".join(run.pieces)) >= 0:
                self._notices.add(
                    NoticeKind.MISSING_FRAGMENTS, "Parts of a SIP message in SCTP are missing", frame=run.mark.frame
                )
