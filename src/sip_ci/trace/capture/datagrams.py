"""What UDP payloads are besides media: SIP, and messages and media that another protocol carries."""

from __future__ import annotations

import re
from collections.abc import Callable

from sip_ci.trace.capture.classify import sip_start
from sip_ci.trace.capture.endpoints import EndpointTable
from sip_ci.trace.capture.framing import Mark
from sip_ci.trace.capture.hep import TYPE_RTCP, TYPE_SIP, HepPacket, may_be_hep, parse_hep
from sip_ci.trace.capture.turn import TurnChannels, may_be_turn
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import NoticeKind

EmitMessage = Callable[[bytes, int, int, Mark, Transport, bool], None]
"""Takes a message, source and destination endpoint numbers, the packet, the transport, and whether it is cut."""

EmitMedia = Callable[[bytes, int, int, int, Mark], None]
"""Takes a payload, its bytes on the wire, source and destination endpoint numbers, and the packet."""

_VIA = re.compile(rb"\n(?:via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([a-z-]+)", re.IGNORECASE)
_TRANSPORTS = {
    b"UDP": Transport.UDP, b"TCP": Transport.TCP, b"TLS": Transport.TLS, b"WS": Transport.WS, b"WSS": Transport.WSS,
    b"SCTP": Transport.SCTP, b"TLS-SCTP": Transport.SCTP,
}  # fmt: skip

_PROTOCOL_UDP = 17
_PROTOCOL_SCTP = 132
_DEPTH = 2
"""HEP in TURN and the like."""


def via_transport(message: bytes) -> Transport:
    """The transport that the topmost Via names; `UNKNOWN` where none does."""
    match = _VIA.search(message)
    return _TRANSPORTS.get(match[1].upper(), Transport.UNKNOWN) if match else Transport.UNKNOWN


class DatagramReader:
    """Takes UDP payloads that may be something else than media."""

    def __init__(
        self,
        endpoints: EndpointTable,
        emit: EmitMessage,
        emit_media: EmitMedia,
        limits: Limits,
        notices: NoticeLog,
    ) -> None:
        self._endpoints = endpoints
        self._emit = emit
        self._emit_media = emit_media
        self._limits = limits
        self._notices = notices
        self._turn = TurnChannels()

    def take(
        self, payload: bytes, wire: int, source: int, destination: int, mark: Mark,
        *, rewritten: bool = False, depth: int = 0,
    ) -> bool:  # fmt: skip
        """Take a payload, and hand on the messages and media in it; False where it is none of ours.

        `rewritten` says that a program wrote the packet itself, and as UDP whatever carried the message.
        """
        if not payload:
            return False
        cut = len(payload) < wire
        start = sip_start(payload, cut=cut)
        if start >= 0:
            message = payload[start:] if start else payload
            transport = Transport.UDP
            if rewritten or self._is_unnamed(source) or self._is_unnamed(destination):
                named = via_transport(message)
                transport = transport if named is Transport.UNKNOWN else named
            self._emit(message, source, destination, mark, transport, cut)
            return True
        if depth >= _DEPTH:
            return False
        if may_be_hep(payload):
            packet = parse_hep(payload, wire, mark.time_ns, self._limits.message_bytes)
            if packet is not None:
                self._hep(packet, mark)
                return True
        if may_be_turn(payload):
            return self._relayed(payload, wire, source, destination, mark, depth)
        return False

    def hep_in_stream(self, payload: bytes, mark: Mark) -> None:
        """Take a HEP packet out of a TCP connection."""
        packet = parse_hep(payload, len(payload), mark.time_ns, self._limits.message_bytes)
        if packet is not None:
            self._hep(packet, mark)

    def _is_unnamed(self, number: int) -> bool:
        # Asterisk writes its own side as 0.0.0.0, port 0.
        endpoint = self._endpoints.endpoints[number]
        return not endpoint.port and endpoint.is_unnamed

    def _hep(self, packet: HepPacket, mark: Mark) -> None:
        source = self._endpoints.number(packet.source)
        destination = self._endpoints.number(packet.destination)
        mark = Mark(packet.time_ns, mark.frame, None)
        if packet.type == TYPE_RTCP:
            self._emit_media(packet.payload, packet.wire, source, destination, mark)
            return
        cut = len(packet.payload) < packet.wire
        start = sip_start(packet.payload, cut=cut) if packet.type == TYPE_SIP else -1
        if start < 0:
            self._notices.add(
                NoticeKind.SKIPPED_TEXT,
                f"HEP packets of type {packet.type} carry neither a SIP message nor RTCP",
                frame=mark.frame,
            )
            return
        message = packet.payload[start:]
        transport = {_PROTOCOL_UDP: Transport.UDP, _PROTOCOL_SCTP: Transport.SCTP}.get(packet.protocol)
        if transport is None:
            # TCP; TLS and WebSocket are said to be that too, or go by numbers of other protocols.
            named = via_transport(message)
            transport = named if named.reliable else Transport.TCP
        self._emit(message, source, destination, mark, transport, cut)

    def _relayed(self, payload: bytes, wire: int, source: int, destination: int, mark: Mark, depth: int) -> bool:
        """Take what goes through a TURN server: for the client's side, as if client and peer spoke directly."""
        relayed = self._turn.open(payload, wire, source, destination)
        if relayed is None:
            return False
        if relayed.peer is not None:
            peer = self._endpoints.number(relayed.peer)
            source, destination = (source, peer) if relayed.to_peer else (peer, destination)
        if not self.take(relayed.payload, relayed.wire, source, destination, mark, depth=depth + 1):
            self._emit_media(relayed.payload, relayed.wire, source, destination, mark)
        return True
