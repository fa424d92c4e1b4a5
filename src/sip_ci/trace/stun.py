"""STUN messages (RFC 8489), with what ICE (RFC 8445) and TURN (RFC 8656) add to them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from sip_ci.trace.media_table import StunDatagram
from sip_ci.trace.observation import Endpoint

COOKIE = 0x2112A442
_MAGIC = COOKIE.to_bytes(4, "big")
_HEADER = 20
_ATTRIBUTES = 64
"""Attributes that are read of one message."""
_TEXT = 763
"""Bytes of the longest text attribute (RFC 8489 §14.8)."""

_USERNAME = 0x0006
_INTEGRITY = 0x0008
_ERROR = 0x0009
_LIFETIME = 0x000D
_PEER = 0x0012
_NONCE = 0x0015
_RELAYED = 0x0016
_INTEGRITY_SHA256 = 0x001C
_MAPPED = 0x0020
_USE_CANDIDATE = 0x0025
_SOFTWARE = 0x8022
_CONTROLLED = 0x8029
_CONTROLLING = 0x802A


class StunClass(IntEnum):
    """RFC 8489 §5."""

    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


class StunMethod(IntEnum):
    """The methods that checks ask about (RFC 8489 §18.2, RFC 8656 §17)."""

    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009

    @property
    def title(self) -> str:
        """As the RFCs write it."""
        return {
            StunMethod.CREATE_PERMISSION: "CreatePermission", StunMethod.CHANNEL_BIND: "ChannelBind",
        }.get(self, self.name.capitalize())  # fmt: skip


@dataclass(frozen=True, slots=True)
class StunMessage:
    """One message."""

    time_ns: int
    frame: int
    source: Endpoint
    destination: Endpoint
    method: int
    """A `StunMethod`, or a number that is none."""
    kind: StunClass
    transaction: bytes
    username: str | None = None
    error: int | None = None
    """The code of an error response, 300 to 699."""
    reason: str = ""
    lifetime: int | None = None
    """Seconds."""
    controlling: int | None = None
    """The tie-breaker of an agent that says it is controlling."""
    controlled: int | None = None
    nominates: bool = False
    """Whether it has USE-CANDIDATE."""
    signed: bool = False
    """Whether it has a message integrity."""
    nonce: bool = False
    mapped: Endpoint | None = None
    """Where the server saw the client (XOR-MAPPED-ADDRESS)."""
    relayed: Endpoint | None = None
    peer: Endpoint | None = None
    software: str = ""

    @property
    def time(self) -> float:
        """UNIX seconds."""
        return self.time_ns / 1e9


def parse_stun(datagram: StunDatagram) -> StunMessage | None:
    """Read a message; None where it is none, or has no magic cookie. What was cut off is as if it were not there."""
    data = datagram.data
    if len(data) < _HEADER or data[0] > 3 or data[4:8] != _MAGIC:
        return None
    kind, length = struct.unpack_from(">HH", data)
    method = (kind & 0x000F) | ((kind >> 1) & 0x0070) | ((kind >> 2) & 0x0F80)
    found = _attributes(data, min(_HEADER + length, len(data)))
    error, reason = _error(found.get(_ERROR, b""))
    return StunMessage(
        datagram.time_ns,
        datagram.frame,
        datagram.source,
        datagram.destination,
        method,
        StunClass(((kind >> 4) & 1) | ((kind >> 7) & 2)),
        data[8:20],
        username=_text(found[_USERNAME]) if _USERNAME in found else None,
        error=error,
        reason=reason,
        lifetime=_number(found.get(_LIFETIME, b""), 4),
        controlling=_number(found.get(_CONTROLLING, b""), 8),
        controlled=_number(found.get(_CONTROLLED, b""), 8),
        nominates=_USE_CANDIDATE in found,
        signed=_INTEGRITY in found or _INTEGRITY_SHA256 in found,
        nonce=_NONCE in found,
        mapped=_address(found.get(_MAPPED, b""), data),
        relayed=_address(found.get(_RELAYED, b""), data),
        peer=_address(found.get(_PEER, b""), data),
        software=_text(found.get(_SOFTWARE, b"")),
    )


def _attributes(data: bytes, end: int) -> dict[int, bytes]:
    """The first attribute of each type: further ones count for nothing (RFC 8489 §14)."""
    found: dict[int, bytes] = {}
    place = _HEADER
    for _ in range(_ATTRIBUTES):
        if place + 4 > end:
            break
        number, size = struct.unpack_from(">HH", data, place)
        if place + 4 + size > end:
            break
        found.setdefault(number, data[place + 4 : place + 4 + size])
        place += 4 + (size + 3 & ~3)
    return found


def _text(value: bytes) -> str:
    return value[:_TEXT].decode("utf-8", "replace").rstrip("\0")


def _number(value: bytes, size: int) -> int | None:
    return int.from_bytes(value, "big") if len(value) == size else None


def _error(value: bytes) -> tuple[int | None, str]:
    """RFC 8489 §14.8: the hundreds in three bits, the rest in a byte, then the reason."""
    if len(value) < 4:
        return None, ""
    return (value[2] & 7) * 100 + value[3], _text(value[4:])


def _address(value: bytes, message: bytes) -> Endpoint | None:
    """RFC 8489 §14.2: port and address are combined with the cookie and the transaction."""
    if len(value) not in (8, 20):
        return None
    port = int.from_bytes(value[2:4], "big") ^ (COOKIE >> 16)
    packed = bytes(one ^ other for one, other in zip(value[4:], message[4:20], strict=False))
    return Endpoint(str(IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)), port)
