"""A trace as a pcapng capture of its signalling: SIP messages, the TCP connections around them, and ICMP errors."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from itertools import chain, count
from operator import itemgetter

from sip_ci import __version__
from sip_ci.convert import pcapng
from sip_ci.convert.addresses import AddressBook
from sip_ci.convert.connections import Connections
from sip_ci.convert.frames import (
    LARGEST_DATAGRAM,
    TCP,
    UDP,
    Frame,
    Socket,
    datagram_frames,
    unreachable_frame,
)
from sip_ci.trace.message import SipMessage
from sip_ci.trace.observation import Clock, Endpoint, Fidelity, Observation, Position, Transport
from sip_ci.trace.trace import IcmpError, TcpEvent, Trace

_LONE_LINE_FEED = re.compile(rb"(?<!\r)\n")
_ORDINAL_STEP_US = 1_000
"""Between messages whose times are unknown."""
_LABELS_TOLD = 5

_Timed = tuple[int, Iterator[bytes]]


class CaptureWriter:
    """Writes the messages of one trace, and counts what had to be made up or left out."""

    def __init__(self, trace: Trace, messages: Sequence[SipMessage]) -> None:
        self._trace = trace
        self._messages = messages
        self._addresses = AddressBook()
        self._identifications = count(1)
        self._connections = Connections(self._identifications)
        self._restored = 0
        self._untimed = 0
        self._shown_as_tcp: dict[Transport, int] = {}
        self._unframed = 0
        self._too_large = 0

    def blocks(self, *, whole: bool) -> Iterator[bytes]:
        """The capture, piece by piece; `whole` says that the messages are all of the trace and as they were.

        Then connections are opened and ended as the trace tells, and ICMP errors are written as well.
        """
        self._addresses.reserve(_hosts(self._messages))
        yield pcapng.section(f"sip-ci {__version__}")
        timed: list[Iterator[_Timed]] = [self._message_blocks()]
        if whole:
            timed.append(_in_time((event.time, self._event_blocks(event)) for event in self._trace.facts.tcp_events))
            timed.append(_in_time((error.time, self._error_blocks(error)) for error in self._trace.facts.icmp_errors))
        # Frames are made as they are written: the state of a connection follows the order of the capture.
        yield from chain.from_iterable(map(itemgetter(1), heapq.merge(*timed, key=itemgetter(0))))

    def remarks(self) -> Iterator[str]:
        """What is not as it was, one sentence each, once the blocks are written."""
        media = self._trace.media
        if len(media):
            rtp = media.rtp_packets
            yield (
                f"{len(media):,} media packets ({rtp:,} of RTP) are left out: "
                "their payload is not kept, the capture holds the signalling"
            )
        if self._untimed:
            yield f"{self._untimed:,} messages have no time; each stands a millisecond behind the one before it"
        elif self._messages and self._trace.clock is Clock.TIME_OF_DAY:
            yield "the trace gives times of day only; they are written as of 1 January 1970"
        if self._restored:
            yield f"{self._restored:,} messages lost their line ends in the log; CRLF was put back"
        for transport, messages in self._shown_as_tcp.items():
            yield f"{messages:,} messages over {transport} are written as plain TCP; comments of the packets say so"
        if self._unframed:
            yield f"{self._unframed:,} messages are not as long as they say and are written as UDP, not as a stream"
        if self._too_large:
            yield f"{self._too_large:,} messages are too large for a UDP datagram and are written as TCP"
        invented = self._addresses.invented
        if invented:
            told = ", ".join(f"{address} for {label}" for label, address in list(invented.items())[:_LABELS_TOLD])
            more = f" and {len(invented) - _LABELS_TOLD:,} more" if len(invented) > _LABELS_TOLD else ""
            yield f"addresses that the trace does not give were made up: {told}{more}"

    # -- messages ---------------------------------------------------------------------------------------------------

    def _message_blocks(self) -> Iterator[_Timed]:
        last = -_ORDINAL_STEP_US
        for message in self._messages:
            time = message.observation.time
            if time is None:
                self._untimed += 1
                last += _ORDINAL_STEP_US
            else:
                last = max(round(time * 1e6), 0)
            yield last, self._one_message(message, last)

    def _one_message(self, message: SipMessage, time_us: int) -> Iterator[bytes]:
        comment = self._comment(message)
        for frame in self._frames(message):
            yield pcapng.packet(frame, time_us, comment)
            comment = ""

    def _frames(self, message: SipMessage) -> Iterator[Frame]:
        source, destination = self._addresses.sockets(message)
        raw = self._wire_form(message)
        transport = message.observation.transport
        if source == destination and len(raw) <= LARGEST_DATAGRAM:
            return iter(self._datagram(message, source, destination, raw))
        if not transport.reliable:
            if len(raw) <= LARGEST_DATAGRAM:
                return iter(self._datagram(message, source, destination, raw))
            self._too_large += 1
        elif transport is not Transport.WS and len(raw) <= LARGEST_DATAGRAM and not _is_framed(message, raw):
            self._unframed += 1
            return iter(self._datagram(message, source, destination, raw))
        connection = self._connections.for_message(source, destination, is_request=message.is_request)
        if transport is Transport.WS:
            return connection.websocket(source, raw)
        if transport in (Transport.TLS, Transport.WSS, Transport.SCTP):
            self._shown_as_tcp[transport] = self._shown_as_tcp.get(transport, 0) + 1
        return connection.data(source, raw)

    def _datagram(self, message: SipMessage, source: Socket, destination: Socket, raw: bytes) -> list[Frame]:
        observation = message.observation
        number = observation.ip_id if observation.ip_id is not None else next(self._identifications)
        return datagram_frames(
            source, destination, raw, identification=number, missing=_missing(message, raw),
            fragments=observation.fragments,
        )  # fmt: skip

    def _wire_form(self, message: SipMessage) -> bytes:
        """The bytes, with CRLF where a log made LF of it."""
        if message.fidelity is Fidelity.EXACT or not _LONE_LINE_FEED.search(message.raw):
            return message.raw
        self._restored += 1
        return _LONE_LINE_FEED.sub(b"\r\n", message.raw)

    def _comment(self, message: SipMessage) -> str:
        observation = message.observation
        place = _place(observation.position)
        return f"{observation.transport.value}, {f'{place} of ' if place else ''}{self._trace.name}"

    # -- what happened around them ----------------------------------------------------------------------------------

    def _event_blocks(self, event: TcpEvent) -> Iterator[bytes]:
        source, destination = self._addresses.pair(event.source, event.destination)
        if source == destination:
            return
        connection = self._connections.for_event(event.kind, source, destination)
        for frame in connection.event(event.kind, source):
            yield pcapng.packet(frame, round(event.time * 1e6), f"packet {event.frame} of {self._trace.name}")

    def _error_blocks(self, error: IcmpError) -> Iterator[bytes]:
        protocol = {Transport.UDP: UDP, Transport.TCP: TCP}.get(error.transport)
        reporter, _ = self._addresses.pair(Endpoint(error.reporter, 0), error.source)
        source, destination = self._addresses.pair(error.source, error.destination)
        if protocol is None or reporter.address.version != source.address.version:
            return
        frame = unreachable_frame(
            reporter.address, source, destination, protocol, error.quoted, type_=error.type, code=error.code,
            identification=next(self._identifications),
        )  # fmt: skip
        yield pcapng.packet(frame, round(error.time * 1e6), f"packet {error.frame} of {self._trace.name}")


def _in_time(blocks: Iterator[tuple[float, Iterator[bytes]]]) -> Iterator[_Timed]:
    return iter(sorted(((round(time * 1e6), block) for time, block in blocks), key=itemgetter(0)))


def _hosts(messages: Sequence[SipMessage]) -> Iterator[str]:
    observations: Iterator[Observation] = (message.observation for message in messages)
    return (end.host for seen in observations for end in (seen.source, seen.destination) if end is not None)


def _place(position: Position) -> str:
    if position.frame is not None:
        return f"packet {position.frame}"
    return f"line {position.line}" if position.line is not None else ""


def _is_framed(message: SipMessage, raw: bytes) -> bool:
    """Whether a stream's reader finds the end of a message by its Content-Length (RFC 3261 §18.3)."""
    body = len(raw) - _body_start(message, raw)
    length = message.content_length
    return message.fidelity is not Fidelity.TRUNCATED and (length == body or (length is None and not body))


def _missing(message: SipMessage, raw: bytes) -> int:
    """How many bytes a truncated message lacks, at least one; 0 for a whole one."""
    if message.fidelity is not Fidelity.TRUNCATED:
        return 0
    return max((message.content_length or 0) - (len(raw) - _body_start(message, raw)), 1)


def _body_start(message: SipMessage, raw: bytes) -> int:
    return message.body_start if raw is message.raw else SipMessage(raw, message.observation).body_start
