"""Puts exported data units of TCP connections together: each may hold a part of a message, or several."""

from __future__ import annotations

from collections.abc import Callable

from sip_ci.trace.capture.datagrams import via_transport
from sip_ci.trace.capture.framing import Mark, StreamFramer
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport

EmitMessage = Callable[[bytes, int, int, Mark, Transport, bool], None]
"""Takes a message, source and destination endpoint numbers, the packet, the transport, and whether it is cut."""


class ExportedStreams:
    """All connections whose decoded bytes were exported, in the order of their export."""

    def __init__(self, emit: EmitMessage, limits: Limits, notices: NoticeLog) -> None:
        self._emit = emit
        self._limits = limits
        self._notices = notices
        self._framers: dict[tuple[int, int], StreamFramer] = {}

    def data(self, data: bytes, source: int, destination: int, mark: Mark) -> None:
        """Take the next bytes from one endpoint (number) to another."""
        framer = self._framers.get((source, destination))
        if framer is None:
            if len(self._framers) >= self._limits.tcp_flows:
                self._framers.pop(next(iter(self._framers))).finish()
            framer = self._framers[(source, destination)] = self._framer(source, destination)
        framer.feed(data, mark)

    def finish(self) -> None:
        """The capture has ended."""
        for framer in self._framers.values():
            framer.finish()
        self._framers.clear()

    def _framer(self, source: int, destination: int) -> StreamFramer:
        def emit(raw: bytes, mark: Mark, transport: Transport, cut: bool) -> None:
            # What was exported may have been encrypted, which only the message itself still says.
            named = via_transport(raw)
            self._emit(raw, source, destination, mark, named if named.reliable else transport, cut)

        return StreamFramer(emit, self._limits, self._notices, patient=True)
