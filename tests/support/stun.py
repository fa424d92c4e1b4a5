"""STUN messages from a few words.

    sent = binding(1.2, ALICE_MEDIA, BOB_MEDIA, "bfrag:afrag")
    ladder.media = replace(ladder.media, stun=(sent, answered(sent, 1.21)))

Times are seconds from the start of a trace made by `tests.support.calls`.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address
from itertools import count

from tests.support.calls import START, Ladder

from sip_ci.trace.media_table import StunDatagram
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.stun import COOKIE, StunClass, StunMethod

_numbers = count(1)


def attribute(number: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    return struct.pack(">HH", number, len(value)) + value + bytes(-len(value) % 4)


def address(number: int, end: Endpoint, transaction: bytes) -> bytes:
    """An attribute of the form of XOR-MAPPED-ADDRESS."""
    packed = ip_address(end.host).packed
    mask = COOKIE.to_bytes(4, "big") + transaction
    hidden = bytes(one ^ other for one, other in zip(packed, mask, strict=False))
    return attribute(number, struct.pack(">BBH", 0, 1 if len(packed) == 4 else 2, end.port ^ (COOKIE >> 16)) + hidden)


def message(method: int, kind: StunClass, transaction: bytes, attributes: bytes = b"") -> bytes:
    """A message as bytes."""
    number = (method & 0xF) | (method & 0x70) << 1 | (method & 0xF80) << 2 | (kind & 1) << 4 | (kind & 2) << 7
    return struct.pack(">HHI", number, len(attributes), COOKIE) + transaction + attributes


def sent(
    time: float, source: Endpoint, destination: Endpoint, method: StunMethod, attributes: bytes = b"",
    *, kind: StunClass = StunClass.REQUEST, transaction: bytes | None = None,
) -> StunDatagram:  # fmt: skip
    """A message at a time; every request has a transaction of its own unless one is given."""
    number = next(_numbers)
    data = message(method, kind, transaction or number.to_bytes(12, "big"), attributes)
    return StunDatagram(round((START + time) * 1e9), number, source, destination, data, whole=True)


def binding(
    time: float, source: Endpoint, destination: Endpoint, username: str, *, controls: bool = True
) -> StunDatagram:
    """A connectivity check."""
    return sent(
        time, source, destination, StunMethod.BINDING,
        attribute(0x0006, username.encode()) + attribute(0x802A if controls else 0x8029, bytes(7) + b"\x05")
        + attribute(0x0008, bytes(20)),
    )  # fmt: skip


def answered(request: StunDatagram, time: float, error: int | None = None, attributes: bytes = b"") -> StunDatagram:
    """The response to a request: success, or an error of that code."""
    if error is not None:
        attributes += attribute(0x0009, bytes((0, 0, error // 100, error % 100)) + b"Told")
    number = struct.unpack(">H", request.data[:2])[0]
    return sent(
        time, request.destination, request.source, StunMethod(number & 0xF), attributes,
        kind=StunClass.SUCCESS if error is None else StunClass.ERROR, transaction=request.data[8:20],
    )  # fmt: skip


def exchanged(ladder: Ladder, *datagrams: StunDatagram, until: float = 30.0) -> Ladder:
    """A ladder whose trace holds these messages, and goes on for a while."""
    ladder.media = replace(ladder.media, stun=tuple(sorted(datagrams, key=lambda item: item.time_ns)))
    pairs = {(item.source.host, item.destination.host) for item in datagrams}
    return ladder.know(host_pairs=ladder.facts.host_pairs | pairs, last_time=START + until)
