"""A session description as values (RFC 8866); `sip_ci.trace.sdp` reads them from bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile

from sip_ci.trace.digits import parse_digits
from sip_ci.trace.ice import Candidate, parse_candidate
from sip_ci.trace.payload_types import Encoding


class Direction(StrEnum):
    """The direction attribute of a stream, as the describing side sees it (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether the describing side sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the describing side receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class SdpLine:
    """One line of a session description."""

    type: str
    """The letter before the equals sign."""
    value: str
    offset: int
    """Offset of the line's first byte in the SIP message (or in the bytes given to `parse_sdp`)."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection line: `c=IN IP4 192.0.2.1` (RFC 8866 §5.7)."""

    network: str
    address_type: str
    address: str
    line: SdpLine

    @property
    def is_zero(self) -> bool:
        """Whether the address is the null address that RFC 2543 used for hold."""
        return self.address in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class MediaDescription:
    """One m-line with the lines below it (RFC 8866 §5.14)."""

    index: int
    """0-based place among the m-lines of the description, malformed ones counted: offers and answers match by it."""
    media: str
    """`audio`, `video`, `image`, `application` …, in lower case."""
    port: int
    """0 means rejected or disabled (RFC 3264 §6)."""
    protocol: str
    formats: tuple[str, ...]
    line: SdpLine
    connection: Connection | None
    """The media level line, or else the session level one."""
    direction: Direction
    encodings: dict[int, Encoding]
    """What each RTP payload type means, from rtpmap or the static table; types without a meaning are absent."""
    attributes: tuple[SdpLine, ...]
    """The a-lines of this medium, with values such as `ptime:20`."""
    session_attributes: tuple[SdpLine, ...] = field(default=(), repr=False)

    @property
    def is_rtp(self) -> bool:
        """Whether the transport profile is one of RTP's."""
        return "RTP/" in self.protocol.upper()

    def attribute(self, name: str, *, inherit: bool = False) -> str | None:
        """The value of the first attribute of this name (empty for a flag), optionally that of the session."""
        line = self.attribute_line(name, inherit=inherit)
        return line.value.partition(":")[2].strip() if line else None

    def attribute_line(self, name: str, *, inherit: bool = False) -> SdpLine | None:
        """The line of the first attribute of this name."""
        for line in (*self.attributes, *(self.session_attributes if inherit else ())):
            if line.value.partition(":")[0].strip().lower() == name:
                return line
        return None

    def attribute_values(self, name: str) -> list[str]:
        """The values of all attributes of this name."""
        return [
            line.value.partition(":")[2].strip()
            for line in self.attributes
            if line.value.partition(":")[0].strip().lower() == name
        ]

    @property
    def ptime(self) -> float | None:
        """The packet time in milliseconds that the describing side wants to receive (RFC 8866 §6.4)."""
        return _milliseconds(self.attribute("ptime"))

    @property
    def maxptime(self) -> float | None:
        """The longest packet time in milliseconds that the describing side can receive (RFC 8866 §6.5)."""
        return _milliseconds(self.attribute("maxptime"))

    def fmtp(self, payload_type: int) -> str | None:
        """The format parameters of a payload type as written (RFC 8866 §6.15); None where there are none."""
        for value in self.attribute_values("fmtp"):
            number, _, parameters = value.partition(" ")
            if parse_digits(number, 127) == payload_type:
                return parameters.strip()
        return None

    @property
    def speech_encodings(self) -> tuple[Encoding, ...]:
        """The encodings that carry the conversation, in order of preference: no tones, noise or redundancy."""
        return tuple(encoding for _, encoding in self._encodings_in_order() if encoding.is_speech)

    @property
    def telephone_event(self) -> tuple[int, ...]:
        """The payload types of DTMF events (RFC 4733), in order of preference."""
        return tuple(
            number for number, encoding in self._encodings_in_order() if encoding.name.upper() == "TELEPHONE-EVENT"
        )

    def _encodings_in_order(self) -> list[tuple[int, Encoding]]:
        numbers = (parse_digits(format_, 127) for format_ in self.formats)
        return [(number, self.encodings[number]) for number in numbers if number in self.encodings]

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The ICE candidates in order; malformed ones are left out."""
        parsed = (parse_candidate(value) for value in self.attribute_values("candidate"))
        return tuple(candidate for candidate in parsed if candidate is not None)

    @property
    def rtcp_mux(self) -> bool:
        """Whether RTP and RTCP share the port (RFC 5761)."""
        return self.attribute_line("rtcp-mux") is not None

    @property
    def rtcp_port(self) -> int:
        """The port of RTCP: `a=rtcp` (RFC 3605), else the RTP port where muxed, else the next one."""
        declared = (self.attribute("rtcp") or "").split(" ")[0]
        port = parse_digits(declared, 65535)
        if port is not None:
            return port
        return self.port if self.rtcp_mux else self.port + 1


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole session description."""

    origin: str
    session_id: str
    session_version: str
    connection: Connection | None
    direction: Direction | None
    media: tuple[MediaDescription, ...]
    lines: tuple[SdpLine, ...]
    defects: tuple[tuple[SdpLine, str], ...]
    """Lines that could not be understood, each with what is wrong."""

    def attribute_values(self, name: str) -> list[str]:
        """The values of all session level attributes of this name, such as `group` or `fingerprint`."""
        pairs = (line.value.partition(":") for line in self.session_lines if line.type == "a")
        return [value.strip() for key, _, value in pairs if key.strip().lower() == name]

    @property
    def session_lines(self) -> tuple[SdpLine, ...]:
        """The lines of the session level."""
        return tuple(takewhile(lambda line: line.type != "m", self.lines))

    @property
    def audio(self) -> MediaDescription | None:
        """The first audio description."""
        return next((media for media in self.media if media.media == "audio"), None)


def _milliseconds(value: str | None) -> float | None:
    if value is None or not (len(value) <= 16 and value.isascii() and value.replace(".", "", 1).isdigit()):
        return None
    number = float(value)
    return number if 0 < number <= 10_000 else None
