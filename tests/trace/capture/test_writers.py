"""Captures that servers write themselves: of a message they know the addresses, and write UDP around it."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from tests.support import calls
from tests.support.packets import (
    ALICE,
    ALICE6,
    BOB,
    BOB6,
    Address,
    Frame,
    ethernet,
    loopback,
    pcap,
    sip_request,
    sip_response,
    udp,
    udp_packet,
)

from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.reading import read_trace
from sip_ci.trace.trace import Trace
from sip_ci_server.engine.analysis import analyze

NOBODY = ("0.0.0.0", 0)


def over(transport: str, message: bytes | None = None) -> bytes:
    return (message or sip_request()).replace(b"SIP/2.0/UDP", b"SIP/2.0/" + transport.encode())


def written(source: Address, destination: Address, payload: bytes) -> bytes:
    """As Asterisk's `pjsip set logger pcap` and Kamailio's sipdump write it."""
    datagram = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload
    hosts = ip_address(source[0]).packed + ip_address(destination[0]).packed
    if ":" in source[0]:
        return bytes(12) + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(datagram), 17, 0) + hosts + datagram
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 128, 17, 0)
    return bytes(12) + b"\x08\x00" + head + hosts + datagram


def homer(source: Address, destination: Address, payload: bytes) -> bytes:
    """As Homer's web application exports it."""
    frame = ethernet(udp_packet(source, destination, payload))
    return bytes.fromhex("063d20121020025d69742012") + frame[12:]


def read(*frames: bytes, link: int = 1) -> Trace:
    return read_trace(pcap(frames, link=link), "x")


def transports(trace: Trace) -> list[Transport]:
    return [message.observation.transport for message in trace.messages]


@pytest.mark.parametrize("name", ["UDP", "TCP", "TLS", "WS", "WSS", "SCTP"])
@pytest.mark.parametrize(
    "make",
    [
        lambda message: written(ALICE, NOBODY, message),
        lambda message: written(NOBODY, BOB, message),
        lambda message: written(ALICE, BOB, message),
        lambda message: written(ALICE6, BOB6, message),
        lambda message: homer(ALICE, BOB, message),
    ],
    ids=["Asterisk receives", "Asterisk sends", "Kamailio", "Kamailio, IPv6", "Homer"],
)
def test_the_via_says_what_carried_the_message(make: object, name: str) -> None:
    assert callable(make)
    assert transports(read(make(over(name)))) == [Transport(name)]


def test_responses_too() -> None:
    assert transports(read(written(NOBODY, BOB, over("TLS", sip_response())))) == [Transport.TLS]


def test_the_own_side_stays_unnamed() -> None:
    seen = read(written(NOBODY, BOB, sip_request())).messages[0].observation
    assert seen.source is not None
    assert seen.source.is_unnamed
    assert seen.destination == Endpoint(*BOB)


@pytest.mark.parametrize("name", ["UDP", "TLS", "WSS"])
def test_a_healthy_call_in_asterisks_own_capture_has_no_faults(name: str) -> None:
    ladder = calls.Ladder()
    ladder.call(calls.ALICE, calls.BOB).answered()
    ladder.end(60.0)
    frames = []
    for message in ladder.trace().messages:
        seen = message.observation
        ends = [NOBODY if end in (None, calls.BOB) else (end.host, end.port) for end in (seen.source, seen.destination)]
        frames.append(Frame(written(ends[0], ends[1], over(name, message.raw)), seen.time or 0.0))
    trace = read_trace(pcap([*frames, Frame(written(ALICE, NOBODY, b"\r\n\r\n"), calls.START + 60.0)]), "x")
    assert len(trace.messages) == len(frames)
    assert calls.serious(analyze(trace, AnalysisContext()).findings) == []


def test_a_compact_via() -> None:
    message = over("tcp").replace(b"Via:", b"v :")
    assert transports(read(written(NOBODY, BOB, message))) == [Transport.TCP]


def test_a_via_that_names_nothing_known_changes_nothing() -> None:
    assert transports(read(written(NOBODY, BOB, over("SMOKE")))) == [Transport.UDP]


def test_what_was_captured_is_believed_whatever_the_via_says() -> None:
    """Loopback interfaces have no hardware addresses either; a wrong Via is a fault of the sender."""
    captured = udp_packet(ALICE, BOB, over("TCP"))
    frames = [ethernet(captured), bytes(12) + b"\x08\x00" + captured]
    assert transports(read(*frames)) == [Transport.UDP, Transport.UDP]
    assert transports(read(loopback(captured), link=0)) == [Transport.UDP]
    assert udp(ALICE, BOB, b"")
