"""Data that goes through a TURN server (RFC 8656): between client and server it is wrapped."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from sip_ci.trace.observation import Endpoint

_COOKIE = 0x2112A442
_MAGIC = _COOKIE.to_bytes(4, "big")

_CHANNEL_BIND = 0x0009
_SEND = 0x0016
_DATA = 0x0017
_METHODS = (_CHANNEL_BIND, _SEND, _DATA)

_CHANNEL_NUMBER = 0x000C
_PEER = 0x0012
_CONTENT = 0x0013
_ATTRIBUTES = 32

_CHANNELS = 100_000
"""Bindings that are remembered."""


class Relayed(NamedTuple):
    """A datagram that a TURN server relays."""

    peer: Endpoint | None
    """The host behind the server; None where the binding of the channel was not captured."""
    to_peer: bool | None
    """Whether it goes there; None where that is not known."""
    payload: bytes
    wire: int


def may_be_turn(payload: bytes) -> bool:
    """Whether a payload begins as one that `TurnChannels` opens or learns from."""
    first = payload[0]
    if 0x40 <= first <= 0x4F:
        return len(payload) > 4
    return first == 0 and payload[4:8] == _MAGIC and payload[1] in _METHODS


class TurnChannels:
    """Opens what clients exchange with TURN servers, and remembers which channel is bound to which peer."""

    def __init__(self) -> None:
        self._peers: dict[tuple[int, int, int], Endpoint] = {}

    def open(self, payload: bytes, wire: int, source: int, destination: int) -> Relayed | None:
        """The datagram in a payload between two endpoints (numbers); None where it carries none."""
        try:
            if payload[0] == 0:
                return self._message(payload, wire, source, destination)
            return self._channel_data(payload, wire, source, destination)
        except (struct.error, ValueError, IndexError):
            return None

    def _channel_data(self, payload: bytes, wire: int, source: int, destination: int) -> Relayed | None:
        """RFC 8656 §12.4: channel, length, data; over UDP it need not be padded, but may be."""
        channel, length = struct.unpack_from(">HH", payload)
        if not length or wire - 4 - length not in (0, 1, 2, 3):
            return None
        for to_peer, key in ((True, (channel, source, destination)), (False, (channel, destination, source))):
            peer = self._peers.get(key)
            if peer is not None:
                return Relayed(peer, to_peer, payload[4 : 4 + length], length)
        return Relayed(None, None, payload[4 : 4 + length], length)

    def _message(self, payload: bytes, wire: int, source: int, destination: int) -> Relayed | None:
        kind, length = struct.unpack_from(">HH", payload)
        if kind not in _METHODS or length + 20 > wire:
            return None
        peer: Endpoint | None = None
        channel = 0
        content: bytes | None = None
        size = 0
        place = 20
        for _ in range(_ATTRIBUTES):
            if place + 4 > min(len(payload), 20 + length):
                break
            number, size_of = struct.unpack_from(">HH", payload, place)
            value = payload[place + 4 : place + 4 + size_of]
            if number == _PEER:
                peer = _address(value, payload[4:20])
            elif number == _CHANNEL_NUMBER:
                channel = struct.unpack_from(">H", value)[0]
            elif number == _CONTENT:
                content, size = value, size_of
            place += 4 + (size_of + 3 & ~3)
        if kind == _CHANNEL_BIND:
            if peer is not None and channel and len(self._peers) < _CHANNELS:
                self._peers[(channel, source, destination)] = peer
            return None
        return Relayed(peer, kind == _SEND, content, size) if content and peer is not None else None


def _address(value: bytes, mask: bytes) -> Endpoint:
    """XOR-PEER-ADDRESS has the form of XOR-MAPPED-ADDRESS (RFC 8489 §14.2); `mask` is cookie and transaction."""
    family, port = struct.unpack_from(">xBH", value)
    packed = bytes(a ^ b for a, b in zip(value[4:], mask, strict=False))
    host = str(IPv4Address(packed[:4])) if family == 1 else str(IPv6Address(packed[:16]))
    return Endpoint(host, port ^ (_COOKIE >> 16))
