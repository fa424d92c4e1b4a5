"""When, where and by which way something was seen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple


class Clock(Enum):
    """What a time in a trace means."""

    ABSOLUTE = "absolute"
    """UNIX seconds."""
    TIME_OF_DAY = "time of day"
    """Seconds since the first midnight of the log; the date is unknown."""
    ORDINAL = "ordinal"
    """Only the order is known; times are absent."""


class Transport(StrEnum):
    """The transport protocol that carried a message."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"
    WS = "WS"
    WSS = "WSS"
    SCTP = "SCTP"
    UNKNOWN = "UNKNOWN"

    @property
    def reliable(self) -> bool:
        """Whether the transport itself repeats what was lost."""
        return self not in (Transport.UDP, Transport.UNKNOWN)


class Fidelity(Enum):
    """How close the bytes of a message are to those that were on the wire."""

    EXACT = "exact"
    LINE_ENDINGS_LOST = "line endings lost"
    """A log turned CRLF into LF, or the like: lengths cannot be trusted."""
    DECODED = "decoded"
    """Rebuilt from another program's decoding."""
    TRUNCATED = "truncated"
    """The end is missing: a snap length or a log's limit cut it."""


class Endpoint(NamedTuple):
    """A host and port; `0.0.0.0:0` and `local:0` stand for the writer of a log that does not name itself."""

    host: str
    port: int

    def __str__(self) -> str:
        """The usual spelling, with brackets around IPv6 addresses."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_unnamed(self) -> bool:
        """Whether this is a logger's own side, whose address is not in the trace."""
        return self.host in ("0.0.0.0", "::", "local")  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader found something."""

    frame: int | None = None
    """1-based packet number in a capture (the last packet, where several carried the message)."""
    line: int | None = None
    """1-based line of the message's start line in a text."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One message as seen at one point."""

    time: float | None
    """Seconds, by the trace's clock."""
    source: Endpoint | None
    destination: Endpoint | None
    transport: Transport
    position: Position
    copies: int = 1
    """How many identical copies were folded into this one."""
    ip_id: int | None = None
    """The IPv4 identification field, which tells a copy of a packet from a retransmission."""
    fragments: int = 1
    """The number of IP fragments that carried the message."""
    sent: bool | None = None
    """True where the writer of a log sent the message, False where it received it, None where unknown."""
    other_paths: tuple[tuple[Endpoint | None, Endpoint | None], ...] = ()
    """Source and destination of folded copies that were seen with other addresses: before or behind a NAT."""
