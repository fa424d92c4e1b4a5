"""DTLS handshakes on media ports, made message by message: fragments, repetitions, alerts, certificates."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.certificates import encoded
from tests.support.packets import Address, ethernet, pcap, udp_packet

from sip_ci.trace.observation import Endpoint
from sip_ci.trace.reading import read_trace
from sip_ci.trace.tls import DtlsHandshake, TlsOutcome

CLIENT: Address = ("192.0.2.1", 40_000)
SERVER: Address = ("198.51.100.2", 42_000)

USE_SRTP = struct.pack(">HHHHB", 14, 5, 2, 1, 0)
CLIENT_HELLO = (
    b"\xfe\xfd" + bytes(32) + b"\0" + b"\0" + b"\0\4\xc0\x2b\xc0\x2f" + b"\1\0" + struct.pack(">H", 9) + USE_SRTP
)
SERVER_HELLO = b"\xfe\xfd" + bytes(32) + b"\0" + b"\xc0\x2b" + b"\0"
CERTIFICATE = encoded(subject="WebRTC", issuer="WebRTC")
CERTIFICATES = (len(CERTIFICATE) + 3).to_bytes(3, "big") + len(CERTIFICATE).to_bytes(3, "big") + CERTIFICATE


def handshake(kind: int, body: bytes, number: int, size: int = 100_000) -> list[bytes]:
    """A message in records of at most `size` bytes of it."""
    return [
        record(
            22,
            bytes([kind]) + len(body).to_bytes(3, "big") + number.to_bytes(2, "big") + place.to_bytes(3, "big")
            + len(body[place : place + size]).to_bytes(3, "big") + body[place : place + size],
        )
        for place in range(0, len(body), size)
    ]  # fmt: skip


def record(kind: int, fragment: bytes, epoch: int = 0) -> bytes:
    return bytes([kind]) + b"\xfe\xfd" + struct.pack(">H6sH", epoch, bytes(6), len(fragment)) + fragment


def read(*datagrams: tuple[bool, bytes]) -> DtlsHandshake:
    packets = [
        ethernet(udp_packet(*((CLIENT, SERVER) if by_client else (SERVER, CLIENT)), data))
        for by_client, data in datagrams
    ]
    (found,) = read_trace(pcap(packets), "x").facts.dtls
    return found


HELLO = [(True, item) for item in handshake(1, CLIENT_HELLO, 0)]
ANSWER = [
    (False, b"".join(handshake(2, SERVER_HELLO, 0))),
    *((False, item) for item in handshake(11, CERTIFICATES, 1, 200)),
]
FINISHED = [(True, record(22, bytes(40), 1)), (False, record(22, bytes(40), 1))]


def test_a_whole_handshake() -> None:
    found = read(*HELLO, *ANSWER, (True, b"".join(handshake(11, CERTIFICATES, 1))), *FINISHED)
    assert found.outcome is TlsOutcome.ESTABLISHED
    assert (found.client, found.server) == (Endpoint(*CLIENT), Endpoint(*SERVER))
    assert found.srtp_profiles == (1,)
    assert found.server_hello is not None
    assert found.server_hello.version == 0xFEFD
    assert [item.encoded for item in found.certificates] == [CERTIFICATE]
    assert found.client_certificates is not None
    assert found.client_certificates[0].subject == "CN=WebRTC"
    assert found.client_hellos == 1


def test_fragments_in_any_order_twice_and_in_other_sizes() -> None:
    pieces = [(False, item) for size in (70, 130) for item in handshake(11, CERTIFICATES, 1, size)]
    found = read(*HELLO, *reversed(pieces), *pieces)
    assert [item.encoded for item in found.certificates] == [CERTIFICATE]


def test_a_client_that_gets_no_answer() -> None:
    found = read(*HELLO * 4)
    assert (found.outcome, found.client_hellos) == (TlsOutcome.UNANSWERED, 4)
    assert read(*HELLO, *ANSWER).outcome is TlsOutcome.UNFINISHED


def test_an_alert() -> None:
    found = read(*HELLO, *ANSWER, (True, record(21, b"\x02\x2a")))
    assert found.outcome is TlsOutcome.REFUSED
    assert [(alert.name, alert.by_client) for alert in found.alerts] == [("bad_certificate", True)]


def test_a_cookie_first() -> None:
    verify = (False, b"".join(handshake(3, b"\xfe\xff\4abcd", 0)))
    again = [(True, item) for item in handshake(1, CLIENT_HELLO, 1)]
    answer = [(False, item) for item in handshake(2, SERVER_HELLO, 1)]
    found = read(*HELLO, verify, *again, *answer, *FINISHED)
    assert (found.outcome, found.client_hellos) == (TlsOutcome.ESTABLISHED, 2)
    assert found.server_hello is not None


def test_data_alone_is_no_handshake() -> None:
    packets = [ethernet(udp_packet(CLIENT, SERVER, record(23, bytes(30), 1)))]
    assert read_trace(pcap(packets), "x").facts.dtls == ()


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=120)), min_size=1, max_size=5), st.integers(0, 0xFFFFFF))
def test_any_damage_is_survived(noise: list[tuple[bool, bytes]], size: int) -> None:
    head = b"\x16\xfe\xfd" + bytes(8)
    packets = [
        ethernet(
            udp_packet(
                CLIENT if by_client else SERVER,
                SERVER if by_client else CLIENT,
                head + struct.pack(">H", len(data) + 4) + b"\x0b" + size.to_bytes(3, "big") + data,
            )
        )
        for by_client, data in noise
    ]
    assert read_trace(pcap(packets), "x").format == "pcap"


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_datagrams_that_are_cut(cut: int) -> None:
    read_trace(pcap([ethernet(udp_packet(CLIENT, SERVER, HELLO[0][1][:-cut]))]), "x")
