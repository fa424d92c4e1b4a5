"""Takes the frames that `sip_ci.trace.capture.columns` leaves over: one at a time, all the way to their payloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sip_ci.trace.capture import packets
from sip_ci.trace.capture.datagrams import DatagramReader
from sip_ci.trace.capture.endpoints import EndpointTable
from sip_ci.trace.capture.exported_pdu import DISSECTOR_LAYERS, ExportedPdu, parse_exported_pdu
from sip_ci.trace.capture.exported_streams import ExportedStreams
from sip_ci.trace.capture.facts import FactsBuilder
from sip_ci.trace.capture.fragments import FragmentReassembler
from sip_ci.trace.capture.framing import Mark
from sip_ci.trace.capture.link_layers import LINK_EXPORTED_PDU, layers_of, understands
from sip_ci.trace.capture.packets import IpPacket, Layer, MalformedPacketError, UnreadPacketError
from sip_ci.trace.capture.sctp import SctpReassembler
from sip_ci.trace.capture.tcp import FIN, RST, SYN, TcpReassembler
from sip_ci.trace.limits import Limits
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.observation import Transport
from sip_ci.trace.trace import NoticeKind

EmitMessage = Callable[[bytes, int, int, Mark, Transport, bool], None]
"""Takes a message, source and destination endpoint numbers, the packet, the transport, and whether it is cut."""


class SlowDatagram(NamedTuple):
    """A UDP payload that is no SIP message, and waits to be classified with others."""

    time_ns: int
    frame: int
    source: int
    destination: int
    ip_id: int
    payload: bytes
    wire: int


class SlowPath:
    """Frames one at a time: tunnels are opened, fragments put together, and what they carry is handed on."""

    def __init__(
        self,
        endpoints: EndpointTable,
        facts: FactsBuilder,
        tcp: TcpReassembler,
        emit: EmitMessage,
        limits: Limits,
        notices: NoticeLog,
    ) -> None:
        self._endpoints = endpoints
        self._facts = facts
        self._tcp = tcp
        self._notices = notices
        self._fragments = FragmentReassembler(limits, notices)
        self._sctp = SctpReassembler(emit, limits, notices)
        self._exported = ExportedStreams(emit, limits, notices)
        self._waiting: list[SlowDatagram] = []
        self._datagrams = DatagramReader(endpoints, emit, self._wait, limits, notices)

    def frame(self, link: int, ethertype: int, data: bytes, wire: int, frame: int, time_ns: int) -> None:
        """Take a frame: from its network layer on where `ethertype` is known, else (-1) from its link layer on."""
        try:
            if ethertype >= 0:
                layers = [Layer(ethertype, data, wire)]
            elif link == LINK_EXPORTED_PDU:
                self._exported_pdu(parse_exported_pdu(data), wire - len(data), frame, time_ns)
                return
            elif understands(link):
                layers = layers_of(link, data, wire)
            else:
                self._notices.add(
                    NoticeKind.UNKNOWN_LINK_TYPE, f"Packets of link-layer type {link} cannot be read", frame=frame
                )
                return
            for layer in layers:
                self._layer(layer, frame, time_ns)
        except MalformedPacketError:
            self._notices.add(NoticeKind.MALFORMED_PACKET, "Packets have damaged headers", frame=frame)
        except UnreadPacketError as error:
            self._unread(str(error), frame)

    def datagram(
        self, payload: bytes, wire: int, source: int, destination: int, mark: Mark, *, rewritten: bool = False
    ) -> bool:
        """Take a UDP payload that may be SIP or carry something; see `DatagramReader.take`."""
        return self._datagrams.take(payload, wire, source, destination, mark, rewritten=rewritten)

    def mirrored(self, packet: bytes, mark: Mark) -> None:
        """Take a HEP packet out of a TCP connection."""
        self._datagrams.hep_in_stream(packet, mark)

    def take_media(self) -> list[SlowDatagram]:
        """The UDP payloads that wait, which are forgotten here."""
        waiting = self._waiting
        self._waiting = []
        return waiting

    def finish(self) -> None:
        """The capture has ended."""
        self._fragments.finish()
        self._sctp.finish()
        self._exported.finish()

    def _layer(self, layer: Layer, frame: int, time_ns: int) -> None:
        if not packets.worth_dissecting(layer):
            return
        from sip_ci.trace.capture import dissect

        self._packets(dissect.dissect(*layer), frame, time_ns)

    def _packets(self, found: list[IpPacket], frame: int, time_ns: int) -> None:
        """Take the packets of one frame: a tunnel's own, and what it carries."""
        from sip_ci.trace.capture import dissect

        for _ in range(dissect.DEPTH):
            for packet in found:
                self._facts.pair(packet.source, packet.destination)
            if not found:
                return
            packet = found[-1]
            if packet.fragment is None:
                self._packet(packet, frame, time_ns)
                return
            whole = self._fragments.add(packet, frame, time_ns)
            if whole is None:
                return
            found = dissect.opened(whole)

    def _packet(self, packet: IpPacket, frame: int, time_ns: int) -> None:
        from sip_ci.trace.capture import dissect

        mark = Mark(time_ns, frame, packet.ip_id, packet.fragments)
        if packet.protocol in (packets.PROTOCOL_UDP, packets.PROTOCOL_UDP_LITE):
            datagram = dissect.udp_datagram(packet)
            if datagram is None or not datagram.payload:
                return
            source = self._endpoints.number(datagram.source)
            destination = self._endpoints.number(datagram.destination)
            if not self._datagrams.take(datagram.payload, datagram.wire, source, destination, mark):
                self._wait(datagram.payload, datagram.wire, source, destination, mark)
        elif packet.protocol == packets.PROTOCOL_TCP:
            self._tcp_segment(packet, mark)
        elif packet.protocol == packets.PROTOCOL_SCTP:
            source_port, destination_port = packets.endpoints_of(packet)
            self._sctp.packet(
                packet, self._endpoints.number(source_port), self._endpoints.number(destination_port), mark
            )
        elif packet.protocol in (packets.PROTOCOL_ICMP, packets.PROTOCOL_ICMPV6):
            error = dissect.unreachable(packet)
            if error is not None:
                self._facts.icmp(packet.source, error, time_ns, frame)
        elif packet.protocol in packets.UNREAD_PROTOCOLS:
            self._unread(packets.UNREAD_PROTOCOLS[packet.protocol], frame)

    def _tcp_segment(self, packet: IpPacket, mark: Mark) -> None:
        from sip_ci.trace.capture import dissect

        segment = dissect.tcp_segment(packet)
        if segment is None:
            return
        source = self._endpoints.number(segment.source)
        destination = self._endpoints.number(segment.destination)
        if segment.flags & (SYN | RST | FIN):
            self._facts.tcp_flags(
                segment.flags, mark.time_ns, segment.source, segment.destination,
                frozenset((source, destination)), mark.frame,
            )  # fmt: skip
        self._tcp.segment(source, destination, segment.sequence, segment.flags, segment.payload, segment.wire, mark)

    def _exported_pdu(self, pdu: ExportedPdu, missing: int, frame: int, time_ns: int) -> None:
        """Take what Wireshark exported: a protocol's data unit with the addresses that it had; see `ExportedPdu`."""
        mark = Mark(time_ns, frame, None)
        wire = len(pdu.payload) + max(missing, 0)
        if pdu.dissector in DISSECTOR_LAYERS:
            self._layer(Layer(DISSECTOR_LAYERS[pdu.dissector], pdu.payload, wire), frame, time_ns)
            return
        source, destination = self._endpoints.number(pdu.source), self._endpoints.number(pdu.destination)
        self._facts.pair(pdu.source.host, pdu.destination.host)
        if pdu.transport is Transport.TCP:
            self._exported.data(pdu.payload, source, destination, mark)
        elif pdu.transport is Transport.SCTP:
            self._sctp.message(pdu.payload, source, destination, mark, cut=missing > 0)
        elif not self._datagrams.take(pdu.payload, wire, source, destination, mark):
            if pdu.transport is Transport.UDP:
                self._wait(pdu.payload, wire, source, destination, mark)
            else:
                self._unread(f"{pdu.dissector or 'an unnamed protocol'} that Wireshark exported", frame)

    def _wait(self, payload: bytes, wire: int, source: int, destination: int, mark: Mark) -> None:
        self._waiting.append(
            SlowDatagram(mark.time_ns, mark.frame, source, destination, mark.ip_id or 0, payload, wire)
        )

    def _unread(self, what: str, frame: int) -> None:
        self._notices.add(
            NoticeKind.UNREAD_PROTOCOL, f"Packets of {what} are not read, and may carry SIP or media", frame=frame
        )
