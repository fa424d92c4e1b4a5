"""TLS handshakes by OpenSSL, cut into segments in all ways, and what is known of them without keys."""

from __future__ import annotations

import random
import ssl
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.packets import ethernet, pcap, sip_request, sip_response, tcp_packet
from tests.support.tls import (
    CLIENT,
    SERVER,
    Identity,
    Talk,
    client_context,
    make_identity,
    needs_openssl,
    server_context,
    server_says,
    talk,
)

from sip_ci.trace.limits import Limits
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.reading import read_trace
from sip_ci.trace.tls import TlsConnection, TlsOutcome, version_name
from sip_ci.trace.trace import NoticeKind, Trace

pytestmark = needs_openssl

LINES = [(True, sip_request()), (False, sip_response())]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("tls"))


def read(packets: list[bytes], limits: Limits | None = None) -> Trace:
    return read_trace(pcap(packets), "x", limits)


def one(packets: list[bytes]) -> TlsConnection:
    (connection,) = read(packets).facts.tls
    return connection


@pytest.mark.parametrize("size", [1, 5, 100, 1400, 60_000])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_whole_handshake(identity: Identity, version: str, size: int) -> None:
    client = client_context()
    client.set_alpn_protocols(["sip"])
    trace = read(talk(client, server_context(identity, version), LINES).packets(size))
    (found,) = trace.facts.tls
    assert found.outcome is TlsOutcome.ESTABLISHED
    assert (found.client, found.server) == (Endpoint(*CLIENT), Endpoint(*SERVER))
    assert found.client_hello is not None
    assert found.client_hello.server_name == "sip.example.com"
    assert found.client_hello.protocols == ("sip",)
    assert {0x0303, 0x0304} <= set(found.client_hello.versions)
    assert found.server_hello is not None
    assert version_name(found.server_hello.version) == f"TLS {version}"
    names = [certificate.dns_names for certificate in found.certificates]
    assert names == ([("sip.example.com",)] if version == "1.2" else [])
    assert found.ended_by_client is False
    assert not found.read
    assert trace.facts.tls_connections == ((found.client, found.server),)
    assert trace.messages == ()
    assert trace.notices == ()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_that_does_not_know_the_authority(identity: Identity, version: str) -> None:
    talked = talk(client_context(verify=True), server_context(identity, version))
    assert talked.errors
    found = one(talked.packets())
    assert found.outcome is TlsOutcome.REFUSED
    (alert,) = found.alerts
    assert alert.by_client
    assert alert.fatal
    assert alert.name == "unknown_ca"


@pytest.mark.parametrize(("size", "outcome"), [(19, TlsOutcome.REFUSED), (53, TlsOutcome.ESTABLISHED)])
def test_an_encrypted_alert_in_the_place_of_a_finished(identity: Identity, size: int, outcome: TlsOutcome) -> None:
    """OpenSSL sends its alert in the clear there; other clients encrypt it, as RFC 8446 §6 has it."""
    said = talk(client_context(), server_context(identity)).said[:2]
    last = b"\x14\x03\x03\x00\x01\x01" + b"\x17\x03\x03" + size.to_bytes(2, "big") + bytes(size)
    found = one(Talk([*said, (True, last)]).packets())
    assert found.outcome is outcome
    assert found.alerts == ()


def test_nothing_in_common(identity: Identity) -> None:
    client = client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    found = one(talk(client, server_context(identity, "1.3")).packets())
    assert found.outcome is TlsOutcome.REFUSED
    assert [(alert.name, alert.by_client) for alert in found.alerts] == [("protocol_version", False)]
    assert found.server_hello is None


def test_a_client_without_a_certificate(identity: Identity) -> None:
    server = server_context(identity, "1.2")
    server.verify_mode = ssl.CERT_REQUIRED
    found = one(talk(client_context(), server).packets())
    assert found.certificate_requested
    assert found.client_certificates == ()
    assert found.outcome is TlsOutcome.REFUSED
    assert not found.alerts[-1].by_client


def test_a_client_with_a_certificate(identity: Identity, tmp_path: Path) -> None:
    server, client = server_context(identity, "1.2"), client_context()
    own = make_identity(tmp_path, "phone.example.com")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(own.certificate)
    client.load_cert_chain(own.certificate, own.key)
    found = one(talk(client, server, LINES).packets())
    assert found.outcome is TlsOutcome.ESTABLISHED
    assert found.client_certificates is not None
    assert found.client_certificates[0].subject == "CN=phone.example.com"


def test_segments_in_any_order_and_twice(identity: Identity) -> None:
    packets = talk(client_context(), server_context(identity, "1.2"), LINES).packets(200)
    generator = random.Random(8446)
    for _ in range(10):
        rest = packets[3:-1] * 2
        generator.shuffle(rest)
        found = one([*packets[:3], *rest, packets[-1]])
        assert found.outcome is TlsOutcome.ESTABLISHED
        assert len(found.certificates) == 1


@pytest.mark.parametrize(
    ("kept", "end", "outcome"),
    [
        (1, "", TlsOutcome.UNANSWERED),
        (1, "FIN", TlsOutcome.CLOSED),
        (1, "RST", TlsOutcome.CLOSED),
        (2, "", TlsOutcome.UNFINISHED),
        (2, "RST", TlsOutcome.CLOSED),
    ],
)
def test_handshakes_that_stop(identity: Identity, kept: int, end: str, outcome: TlsOutcome) -> None:
    talked = talk(client_context(), server_context(identity, "1.2"))
    found = one(Talk(talked.said[:kept]).packets(end=end))
    assert found.outcome is outcome
    assert found.ended_with_reset is (end == "RST")


@pytest.mark.parametrize(("end_first", "outcome"), [(True, TlsOutcome.CLOSED), (False, TlsOutcome.REFUSED)])
def test_an_alert_about_the_end_that_the_other_side_made(
    identity: Identity, end_first: bool, outcome: TlsOutcome
) -> None:
    hello = talk(client_context(), server_context(identity, "1.2")).said[:1]
    packets = Talk([*hello, (True, b"\x15\x03\x01\x00\x02\x02\x32")]).packets()
    assert len(packets) == 5  # SYN, SYN, ClientHello, alert, FIN of the server
    if end_first:
        packets[-2:] = reversed(packets[-2:])
    found = one(packets)
    assert found.outcome is outcome
    assert len(found.alerts) == (not end_first)
    assert found.ended_by_client is False


def test_one_side_that_does_not_speak_tls(identity: Identity) -> None:
    talked = talk(client_context(), server_context(identity))
    found = one(server_says(talked, [b"SIP/2.0 400 Bad Request\r\n\r\n"]).packets())
    assert found.outcome is TlsOutcome.NOT_TLS
    assert found.plain.startswith(b"SIP/2.0 400")
    assert not found.plain_by_client

    alert = Talk([(True, sip_request()), (False, b"\x15\x03\x03\x00\x02\x02\x0a")])
    found = one(alert.packets())
    assert found.outcome is TlsOutcome.NOT_TLS
    assert found.plain_by_client
    assert found.plain.startswith(b"OPTIONS sip:")
    assert found.alerts[0].name == "unexpected_message"
    assert len(read(alert.packets()).messages) == 1


@pytest.mark.parametrize("dropped", range(3, 9))
def test_a_hole_makes_the_outcome_unknown_or_leaves_it(identity: Identity, dropped: int) -> None:
    packets = talk(client_context(), server_context(identity, "1.2"), LINES).packets(300)
    del packets[dropped]
    assert one(packets).outcome in (TlsOutcome.UNKNOWN, TlsOutcome.ESTABLISHED, TlsOutcome.CLOSED)


def test_a_connection_that_began_before_the_capture(identity: Identity) -> None:
    talked = talk(client_context(), server_context(identity), [*LINES, *LINES])
    found = one(Talk(talked.said[-4:]).packets(opened=False))
    assert found.client_hello is None
    assert (found.client, found.server) == (Endpoint(*CLIENT), Endpoint(*SERVER))


def test_ports_used_again(identity: Identity) -> None:
    first = talk(client_context(verify=True), server_context(identity, "1.2")).packets()
    second = talk(client_context(), server_context(identity, "1.2"), LINES).packets(start=5_000_000)
    outcomes = [item.outcome for item in read(first + second).facts.tls]
    assert outcomes == [TlsOutcome.REFUSED, TlsOutcome.ESTABLISHED]


def test_the_number_of_connections_is_bounded(identity: Identity) -> None:
    talked = talk(client_context(), server_context(identity))
    packets = [item for port in range(20) for item in talked.packets(client=("192.0.2.1", 30_000 + port))]
    trace = read(packets, Limits(tls_connections=5))
    assert len(trace.facts.tls) == 5
    assert NoticeKind.LIMIT in {notice.kind for notice in trace.notices}


@settings(max_examples=150)
@given(st.data())
def test_any_damage_is_survived(data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([b"\x16\x03\x01", b"\x15\x03\x03", b"\x17\x03\x03"]))
    noise = data.draw(st.binary(max_size=400))
    length = data.draw(st.integers(0, 0xFFFF)).to_bytes(2, "big")
    stream = (
        start + length + data.draw(st.sampled_from([b"\1\0\0\xc8\3\3", b"\2\0\1\0\3\3", b"\x0b\0\0\x90", b""])) + noise
    )
    size = data.draw(st.integers(1, 200))
    read(
        [
            ethernet(tcp_packet(CLIENT, SERVER, 1 + place, stream[place : place + size]))
            for place in range(0, len(stream), size)
        ]
    )
