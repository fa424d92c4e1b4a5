"""TLS handshakes that fail, certificates, versions and ports: each with what looks like it and is well."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.calls import ALICE, BOB, START, Ladder
from tests.support.certificates import certificate

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Endpoint, Transport
from sip_ci.trace.tls import Certificate, ClientHello, ServerHello, TlsAlert, TlsConnection, TlsOutcome
from sip_ci.trace.trace import Notice, NoticeKind, TcpEvent, TcpEventKind

CLIENT, SERVER = Endpoint(ALICE.host, 40_000), Endpoint(BOB.host, 5061)
LAB_CLIENT, LAB_SERVER = Endpoint("10.0.0.1", 40_000), Endpoint("10.0.0.2", 5061)
HELLO = ClientHello(START, 4, (0x0304, 0x0303), (0x1301, 0xC02F), "sip.example.com", (), bytes(32))
ANSWER = ServerHello(START + 0.1, 6, 0x0303, 0xC02F, "")
HEARD = frozenset({(SERVER.host, CLIENT.host), (LAB_SERVER.host, LAB_CLIENT.host)})
GOOD = certificate(hosts=["sip.example.com"])


def connection(outcome: TlsOutcome = TlsOutcome.ESTABLISHED, **fields: object) -> TlsConnection:
    plain = TlsConnection(CLIENT, SERVER, START, 4, outcome, HELLO, ANSWER, (GOOD,))
    return replace(plain, **fields)  # type: ignore[arg-type]


def alert(description: int, *, by_client: bool = False) -> TlsAlert:
    return TlsAlert(START + 0.2, 8, by_client, True, description)


def findings(*connections: TlsConnection, seconds: float = 60.0) -> dict[str, WireFinding]:
    ladder = Ladder().know(tls=connections, host_pairs=HEARD, first_time=START)
    return {
        check: finding
        for check, finding in ladder.end(seconds).findings().items()
        if check.startswith(("tls", "plain"))
    }


def refused(description: int, *, by_client: bool = False, **fields: object) -> TlsConnection:
    return connection(TlsOutcome.REFUSED, alerts=(alert(description, by_client=by_client),), **fields)


def test_a_healthy_connection_is_silent() -> None:
    assert findings(connection()) == {}
    assert findings(connection(server_hello=replace(ANSWER, version=0x0304), certificates=())) == {}


@pytest.mark.parametrize(("code", "name"), [(48, "unknown_ca"), (42, "bad_certificate"), (46, "certificate_unknown")])
def test_the_client_refuses_the_certificate(code: int, name: str) -> None:
    found = findings(refused(code, by_client=True))
    assert list(found) == ["tls-unknown-ca"]
    assert name in found["tls-unknown-ca"].title
    assert [proof.frame for proof in found["tls-unknown-ca"].evidence] == [4, 8]
    # The same words from the server are about the client's certificate.
    assert "tls-unknown-ca" not in findings(refused(code))


OLD = certificate(hosts=["sip.example.com"], not_after=START - 86_400.0)
EARLY = certificate(hosts=["sip.example.com"], not_before=START + 86_400.0)
OTHER = certificate(hosts=["pbx.example.org"])
OWN = certificate(hosts=["sip.example.com"], subject="sip.example.com", issuer="sip.example.com", not_after=START + 9e6)
WHY = [(OLD, "tls-cert-expired"), (EARLY, "tls-cert-not-yet-valid"), (OTHER, "tls-name-mismatch")]


@pytest.mark.parametrize(("shown", "why"), WHY)
def test_a_certificate_that_explains_its_refusal_is_the_one_finding(shown: Certificate, why: str) -> None:
    assert list(findings(refused(42, by_client=True, certificates=(shown,)))) == [why]
    left = connection(TlsOutcome.CLOSED, certificates=(shown,), ended_by_client=True, ended_time=START + 0.5)
    assert list(findings(left)) == [why]


def test_a_refusal_elsewhere_is_still_told() -> None:
    other = Endpoint("198.51.100.21", 5061)
    both = findings(refused(42, by_client=True, certificates=(OLD,)), refused(48, by_client=True, server=other))
    assert set(both) == {"tls-cert-expired", "tls-unknown-ca"}


def test_the_server_ends_after_a_certificate_of_its_own_that_is_old() -> None:
    left = connection(TlsOutcome.CLOSED, certificates=(OLD,), ended_by_client=False, ended_time=START + 0.5)
    assert set(findings(left)) == {"tls-cert-expired", "tls-close-mid-handshake"}


def test_a_client_that_leaves_a_self_signed_certificate() -> None:
    left = connection(TlsOutcome.CLOSED, certificates=(OWN,), ended_by_client=True, ended_time=START + 0.5)
    found = findings(left)
    assert list(found) == ["tls-close-mid-handshake"]
    assert "self-signed" in found["tls-close-mid-handshake"].detail
    assert findings(connection(certificates=(OWN,)))["tls-self-signed"].severity is Severity.MEDIUM


def test_an_encrypted_refusal_is_likely() -> None:
    tls13 = replace(ANSWER, version=0x0304)
    found = findings(connection(TlsOutcome.REFUSED, server_hello=tls13, certificates=()))
    assert found["tls-unknown-ca"].confidence.value == "likely"


@pytest.mark.parametrize("code", [40, 70, 71])
def test_nothing_in_common(code: int) -> None:
    found = findings(refused(code, server_hello=None, certificates=()))
    assert list(found) == ["tls-no-shared-cipher"]
    assert found["tls-no-shared-cipher"].severity is Severity.CRITICAL
    assert "TLS 1.3" in found["tls-no-shared-cipher"].detail


def test_a_client_without_a_certificate() -> None:
    asked = refused(40, certificate_requested=True, client_certificates=())
    assert list(findings(asked)) == ["tls-client-cert-required"]
    assert list(findings(refused(116, server_hello=None, certificates=()))) == ["tls-client-cert-required"]
    shown = refused(48, certificate_requested=True, client_certificates=(certificate(subject="phone"),))
    assert "phone" in findings(shown)["tls-client-cert-required"].detail
    # Asked, had none, and the server went on: that is a server that only prefers one.
    assert findings(connection(certificate_requested=True, client_certificates=())) == {}


def test_an_unknown_name() -> None:
    assert list(findings(refused(112, server_hello=None, certificates=()))) == ["tls-sni-unknown"]
    warned = connection(alerts=(replace(alert(112), fatal=False),))
    assert findings(warned) == {}


def test_a_server_that_says_nothing() -> None:
    silent = connection(TlsOutcome.UNANSWERED, server_hello=None, certificates=())
    assert list(findings(silent)) == ["tls-no-serverhello"]
    assert findings(silent, seconds=3.0) == {}, "the capture ended too early"
    unseen = replace(silent, server=Endpoint("198.51.100.99", 5061))
    assert findings(unseen) == {}, "that direction is not captured at all"
    closed = replace(
        silent, outcome=TlsOutcome.CLOSED, ended_by_client=True, ended_time=START + 10.0, ended_frame=9
    )  # fmt: skip
    assert list(findings(closed)) == ["tls-no-serverhello"]


def test_an_end_in_the_middle() -> None:
    reset = connection(TlsOutcome.CLOSED, ended_by_client=False, ended_with_reset=True, ended_time=START + 0.5)
    assert list(findings(reset)) == ["tls-close-mid-handshake"]
    finished = connection(ended_by_client=False, ended_with_reset=True, ended_time=START + 0.5)
    assert findings(finished) == {}


def test_tls_to_a_plain_port() -> None:
    plain = connection(
        TlsOutcome.NOT_TLS, server=BOB, server_hello=None, certificates=(), plain=b"SIP/2.0 400 Bad Request\r\n"
    )
    assert list(findings(plain)) == ["tls-on-plain-port"]
    closed = connection(
        TlsOutcome.CLOSED, server=BOB, server_hello=None, certificates=(), ended_by_client=False, ended_time=START + 0.1
    )
    assert list(findings(closed)) == ["tls-on-plain-port"]
    assert findings(connection(server=BOB)) == {}, "TLS on 5060 that works is TLS on 5060"


def test_plain_text_to_a_tls_port() -> None:
    plain = connection(
        TlsOutcome.NOT_TLS, client_hello=None, server_hello=None, certificates=(), alerts=(alert(10),),
        plain=b"OPTIONS sip:bob@example.com SIP/2", plain_by_client=True,
    )  # fmt: skip
    assert findings(plain)["plain-on-tls-port"].severity is Severity.CRITICAL
    web = replace(plain, plain=b"GET / HTTP/1.1\r\nHost: example.com")
    assert "plain-on-tls-port" not in findings(web)


@pytest.mark.parametrize(("answered", "closed", "found"), [(False, True, 1), (True, True, 0), (False, False, 0)])
def test_plain_text_to_5061_that_the_server_ends(answered: bool, closed: bool, found: int) -> None:
    server = Endpoint(BOB.host, 5061)
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call(ALICE, server)
    options = call.request("OPTIONS", 0.0, inside=False)
    if answered:
        call.respond(options, 200, 0.1)
    events = (TcpEvent(TcpEventKind.FIN, START + 0.2, server, ALICE, 3),) if closed else ()
    assert len({"plain-on-tls-port"} & set(ladder.know(tcp_events=events).end(9.0).findings())) == found


def test_what_becomes_of_plain_text_on_a_tls_port_is_its_effect() -> None:
    server = Endpoint(BOB.host, 5061)
    ladder = Ladder(transport=Transport.TCP)
    call = ladder.call(ALICE, server)
    invite = call.invite(0.0)
    assert invite is not None
    plain = connection(
        TlsOutcome.NOT_TLS, client=ALICE, server=server, client_hello=None, server_hello=None, certificates=(),
        plain=b"INVITE sip:bob@example.com SIP/2.0", plain_by_client=True, alerts=(alert(10),),
    )  # fmt: skip
    events = (TcpEvent(TcpEventKind.RST, START + 0.2, server, ALICE, 3),)
    told = ladder.know(tls=(plain,), tcp_events=events, host_pairs=HEARD).end(9.0).findings()
    assert told["plain-on-tls-port"].root
    assert told["plain-on-tls-port"].calls
    assert [check for check, finding in told.items() if finding.root] == ["plain-on-tls-port"]


@pytest.mark.parametrize(("version", "found"), [(0x0301, True), (0x0302, True), (0x0303, False), (0x0304, False)])
def test_versions(version: int, found: bool) -> None:
    old = connection(server_hello=replace(ANSWER, version=version))
    assert ("tls-version-obsolete" in findings(old)) is found
    lab = replace(old, client=LAB_CLIENT, server=LAB_SERVER)
    if found:
        assert findings(old)["tls-version-obsolete"].severity is Severity.HIGH
        assert findings(lab)["tls-version-obsolete"].severity is Severity.LOW


def test_validity() -> None:
    expired = certificate(hosts=["sip.example.com"], not_after=START - 86_400)
    stopped = refused(45, by_client=True, certificates=(expired,))
    assert findings(stopped)["tls-cert-expired"].severity is Severity.CRITICAL
    went_on = connection(certificates=(expired,))
    assert findings(went_on)["tls-cert-expired"].severity is Severity.MEDIUM
    lab = replace(went_on, client=LAB_CLIENT, server=LAB_SERVER)
    assert findings(lab)["tls-cert-expired"].severity is Severity.LOW
    ahead = certificate(hosts=["sip.example.com"], not_before=START + 100)
    assert "tls-cert-not-yet-valid" in findings(connection(certificates=(ahead,)))


def test_validity_that_ends_soon() -> None:
    soon = certificate(hosts=["sip.example.com"], not_after=START + 10 * 86_400)
    assert findings(connection(certificates=(soon,)))["tls-cert-soon"].severity is Severity.LOW
    for_this_run = certificate(hosts=["sip.example.com"], not_before=START - 60, not_after=START + 86_400)
    assert findings(connection(certificates=(for_this_run,))) == {}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"hosts": ["other.example.com"]}, True),
        ({"hosts": ["other.example.com"], "subject": "sip.example.com"}, True),
        ({"subject": "other.example.com"}, True),
        ({"subject": "sip.example.com"}, False),
        ({"hosts": ["SIP.Example.COM."]}, False),
        ({"hosts": ["*.example.com"]}, False),
        ({"hosts": ["*.com"]}, True),
        ({"uris": ["sip:sip.example.com"]}, False),
    ],
)
def test_names(fields: dict[str, object], found: bool) -> None:
    shown = connection(certificates=(certificate(**fields),))
    assert ("tls-name-mismatch" in findings(shown)) is found
    assert "tls-name-mismatch" not in findings(replace(shown, client_hello=replace(HELLO, server_name="")))


def test_self_signed_certificates() -> None:
    own = certificate(subject="pbx", issuer="pbx", hosts=["sip.example.com"])
    shown = connection(certificates=(own,))
    assert findings(shown)["tls-self-signed"].severity is Severity.MEDIUM
    assert findings(replace(shown, client=LAB_CLIENT, server=LAB_SERVER))["tls-self-signed"].severity is Severity.LOW
    assert list(findings(refused(48, by_client=True, certificates=(own,)))) == ["tls-unknown-ca"]


def test_other_services_are_left_alone() -> None:
    web = Endpoint(BOB.host, 443)
    assert findings(refused(48, by_client=True, server=web), refused(40, server=web, server_hello=None)) == {}
    by_name = replace(HELLO, protocols=("sip",))
    assert "tls-unknown-ca" in findings(refused(48, by_client=True, server=web, client_hello=by_name))


def test_keys_that_were_of_no_use() -> None:
    ladder = Ladder()
    assert "cap-not-decrypted" not in ladder.findings()
    ladder.notices = (Notice(NoticeKind.DECRYPTION, "tshark is not installed"),)
    assert "tshark" in ladder.findings()["cap-not-decrypted"].title
