"""What a reader made of one input: messages, media, network facts, and what it could not understand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sip_ci.trace.media_table import MediaTable
from sip_ci.trace.message import SipMessage
from sip_ci.trace.notices import Notice as Notice
from sip_ci.trace.notices import NoticeKind as NoticeKind
from sip_ci.trace.observation import Clock, Endpoint, Transport
from sip_ci.trace.tls import DtlsHandshake, TlsConnection
from sip_ci.trace.web_socket import WebSocketHandshake


class TcpEventKind(StrEnum):
    """The events of a TCP connection that checks ask about."""

    SYN = "syn"
    SYN_ACK = "syn-ack"
    RST = "rst"
    FIN = "fin"


@dataclass(frozen=True, slots=True)
class TcpEvent:
    """One segment that opens, refuses or ends a connection."""

    kind: TcpEventKind
    time: float
    source: Endpoint
    destination: Endpoint
    frame: int


@dataclass(frozen=True, slots=True)
class IcmpError:
    """A destination-unreachable message and the datagram that it quotes (RFC 792, RFC 4443 §3.1)."""

    time: float
    reporter: str
    """The host that sent the ICMP message."""
    type: int
    code: int
    ipv6: bool
    source: Endpoint
    """Where the quoted datagram came from."""
    destination: Endpoint
    """Where the quoted datagram was going."""
    transport: Transport
    quoted: bytes
    """The first bytes of the quoted datagram's payload."""
    frame: int

    @property
    def is_port_unreachable(self) -> bool:
        """Whether nothing listens on the port (as against no route, or a firewall's refusal)."""
        return (self.type, self.code) == ((1, 4) if self.ipv6 else (3, 3))


@dataclass(frozen=True, slots=True)
class Facts:
    """What the capture says besides messages and media."""

    packets: int = 0
    """All packets of the capture, of whatever kind."""
    first_time: float | None = None
    last_time: float | None = None
    """Times of the first and last packet, of whatever kind; for a log, of the first and last dated line."""
    host_pairs: frozenset[tuple[str, str]] = frozenset()
    """(source host, destination host) of every IP packet seen."""
    tcp_events: tuple[TcpEvent, ...] = ()
    icmp_errors: tuple[IcmpError, ...] = ()
    dropped_packets: int = 0
    """What the capturing program says that it lost (pcapng interface statistics)."""
    truncated_packets: int = 0
    """Packets with fewer bytes captured than were on the wire."""
    tls_connections: tuple[tuple[Endpoint, Endpoint], ...] = ()
    """(client, server) of connections that carry TLS which could not be read."""
    tls: tuple[TlsConnection, ...] = ()
    """What the handshakes of all TLS connections say, in order of appearance."""
    dtls: tuple[DtlsHandshake, ...] = ()
    """The same of the DTLS handshakes on media ports."""
    web_sockets: tuple[WebSocketHandshake, ...] = ()
    """The HTTP requests for a WebSocket, with their answers."""
    clock_steps: int = 0
    """How often time went backwards by more than a second."""
    clock_resolution: float = 0.0
    """The coarsest step, in seconds, in which times were written: 1.0 for a log of whole seconds, 0.0 where unknown."""


class TraceOrigin(StrEnum):
    """Who wrote the trace, which decides what its silence means."""

    CAPTURE = "capture"
    """A packet capture: it shows what passed one point of the network, media included if it was not filtered."""
    LOG = "log"
    """A program's own log of both directions: a missing reply was not received. Never shows media."""
    TEXT = "text"
    """Messages copied together by a person: nothing can be said of what is missing."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One input, read."""

    name: str
    format: str
    """The name of the container or log layout, for example `pcapng` or `sipp`."""
    origin: TraceOrigin
    clock: Clock
    messages: Sequence[SipMessage]
    """In order of time where times are known, else in order of appearance; `message.index` is the place here."""
    media: MediaTable = field(default_factory=MediaTable.empty)
    facts: Facts = field(default_factory=Facts)
    notices: tuple[Notice, ...] = ()
