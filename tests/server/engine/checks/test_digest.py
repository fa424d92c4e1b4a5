"""Digest authentication that cannot work."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder, assert_healthy

from sip_ci.findings import Severity
from sip_ci.trace.observation import Fidelity

REALM = "pbx.example.com"


def challenge(nonce: str = "n1", *, realm: str = REALM, name: str = "WWW-Authenticate", more: str = "") -> str:
    return f'{name}: Digest realm="{realm}", nonce="{nonce}"{more}'


def credentials(
    nonce: str = "n1",
    *,
    realm: str = REALM,
    name: str = "Authorization",
    uri: str = "sip:bob@example.com",
    more: str = "",
) -> str:
    return f'{name}: Digest username="alice", realm="{realm}", nonce="{nonce}", uri="{uri}", response="d"{more}'


def exchange(*tries: tuple[tuple[str, ...], int, tuple[str, ...]], method: str = "REGISTER") -> Ladder:
    """One attempt: each try has the request's lines, the status, and the response's lines."""
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    for number, (lines, status, answer) in enumerate(tries):
        request = call.request(method, 0.1 * number, *lines, inside=False)
        call.respond(request, status, 0.1 * number + 0.05, *answer)
    return ladder.end(60.0)


# -- auth-challenge-missing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer", "header"),
    [
        (401, (), "WWW-Authenticate"),
        (407, (), "Proxy-Authenticate"),
        (401, (challenge(name="Proxy-Authenticate"),), "WWW-Authenticate"),
    ],
)
def test_a_challenge_without_its_header(status: int, answer: tuple[str, ...], header: str) -> None:
    findings = exchange(((), status, answer), method="SUBSCRIBE").findings()
    finding = findings["auth-challenge-missing"]

    assert finding.severity is Severity.HIGH
    assert header in finding.title
    assert [proof.message for proof in finding.evidence] == [0, 1]
    assert "auth-no-credentials" not in findings


def test_a_challenge_with_its_header_is_healthy() -> None:
    assert "auth-challenge-missing" not in exchange(((), 401, (challenge(),))).findings()


def test_a_try_that_succeeds_all_the_same() -> None:
    findings = exchange(((), 401, ()), ((credentials(),), 200, ())).findings()

    assert findings["auth-challenge-missing"].severity is Severity.LOW


def test_a_message_that_was_cut_says_nothing_of_its_headers() -> None:
    ladder = exchange(((), 401, ()))
    for packet in ladder.packets:
        packet.fidelity = Fidelity.TRUNCATED

    assert "auth-challenge-missing" not in ladder.findings()


def test_a_proxy_that_passes_the_response_on_is_not_blamed() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    call.respond(call.request("REGISTER", 0.0, inside=False), 401, 0.1)

    finding = ladder.end(60.0).findings()["auth-challenge-missing"]
    assert finding.occurrences == 1
    assert str(BOB) in finding.detail


# -- auth-stale-loop ------------------------------------------------------------------------------------------------

STALE = ", stale=true"


def _stale(times: int) -> Ladder:
    tries: list[tuple[tuple[str, ...], int, tuple[str, ...]]] = [((), 401, (challenge("n0"),))]
    tries += [((credentials(f"n{n}"),), 401, (challenge(f"n{n + 1}", more=STALE),)) for n in range(times)]
    return exchange(*tries, ((credentials(f"n{times}"),), 200, ()))


def test_nonces_that_are_stale_at_once() -> None:
    finding = _stale(2).findings()["auth-stale-loop"]

    assert finding.severity is Severity.MEDIUM
    assert [proof.message for proof in finding.evidence] == [2, 3]


def test_one_stale_nonce_is_how_it_works() -> None:
    assert "auth-stale-loop" not in _stale(1).findings()


def test_a_nonce_of_an_earlier_registration_may_be_stale() -> None:
    ladder = exchange(
        ((credentials("old"),), 401, (challenge("n1", more=STALE),)),
        ((credentials("n1"),), 200, ()),
        ((credentials("n1"),), 401, (challenge("n2", more=STALE),)),
        ((credentials("n2"),), 200, ()),
    )

    assert_healthy(ladder)


# -- auth-realm-mismatch --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "severity"), [(401, Severity.HIGH), (403, Severity.HIGH), (200, Severity.LOW)])
def test_credentials_for_another_realm(status: int, severity: Severity) -> None:
    findings = exchange(
        ((), 401, (challenge("n1"),)), ((credentials("n1", realm="asterisk"),), status, (challenge("n2"),))
    ).findings()
    finding = findings["auth-realm-mismatch"]

    assert finding.severity is severity
    assert "'asterisk'" in finding.title
    assert REALM in finding.title
    assert finding.evidence[0].message == 2
    assert "auth-failed-credentials" not in findings


def test_credentials_for_each_realm_on_the_way_are_healthy() -> None:
    ladder = exchange(
        ((), 407, (challenge("p1", realm="edge", name="Proxy-Authenticate"),)),
        ((credentials("p1", realm="edge", name="Proxy-Authorization"),), 401, (challenge("n1"),)),
        ((credentials("p1", realm="edge", name="Proxy-Authorization"), credentials("n1")), 200, ()),
    )

    assert not {"auth-realm-mismatch", "auth-wrong-header"} & set(ladder.findings())


# -- auth-wrong-header ----------------------------------------------------------------------------------------------


def test_a_proxys_challenge_answered_as_if_it_were_the_registrars() -> None:
    findings = exchange(
        ((), 407, (challenge("n1", name="Proxy-Authenticate"),)),
        ((credentials("n1"),), 407, (challenge("n2", name="Proxy-Authenticate"),)),
    ).findings()

    assert findings["auth-wrong-header"].severity is Severity.HIGH
    assert findings["auth-wrong-header"].evidence[0].message == 2


def test_the_other_header_does_no_harm_where_it_is_taken() -> None:
    ladder = exchange(((), 407, (challenge("n1", name="Proxy-Authenticate"),)), ((credentials("n1"),), 200, ()))

    assert "auth-wrong-header" not in ladder.findings()


# -- auth-credentials-incomplete and auth-qop-nc-error --------------------------------------------------------------


@pytest.mark.parametrize(("status", "severity"), [(400, Severity.HIGH), (200, Severity.LOW)])
def test_credentials_without_a_uri(status: int, severity: Severity) -> None:
    line = f'Authorization: Digest username="alice", realm="{REALM}", nonce="n1", response="d"'
    finding = exchange(((), 401, (challenge("n1"),)), ((line,), status, ())).findings()["auth-credentials-incomplete"]

    assert finding.severity is severity
    assert "uri" in finding.title


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (', qop=auth, nc=00000001, cnonce="c"', False),
        (', qop=auth, cnonce="c"', True),
        (", qop=auth, nc=00000001", True),
        ("", False),
    ],
)
def test_qop_needs_a_counter_and_a_client_nonce(more: str, found: bool) -> None:
    ladder = exchange(
        ((), 401, (challenge("n1", more=', qop="auth"'),)),
        ((credentials("n1", more=more),), 401, (challenge("n2", more=', qop="auth"'),)),
    )

    assert ("auth-qop-nc-error" in ladder.findings()) is found


@pytest.mark.parametrize(("second", "found"), [("00000001", True), ("00000002", False)])
def test_a_counter_that_stands_still(second: str, found: bool) -> None:
    def counted(value: str) -> str:
        return credentials("n1", more=f', qop=auth, nc={value}, cnonce="c"')

    ladder = exchange(
        ((), 401, (challenge("n1", more=', qop="auth"'),)),
        ((counted("00000001"),), 200, ()),
        ((counted(second),), 200, ()),
    )
    finding = ladder.findings().get("auth-qop-nc-error")

    assert (finding is not None) is found
    assert finding is None or finding.severity is Severity.LOW


def test_a_retransmission_and_a_forwarded_copy_are_the_same_request() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    request = call.request("REGISTER", 0.0, credentials("n1", more=', qop=auth, nc=00000001, cnonce="c"'), inside=False)
    ladder.again(request, 0.5)
    call.respond(request, 200, 0.7)

    assert "auth-qop-nc-error" not in ladder.end(60.0).findings()


# -- auth-cseq-not-incremented --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "found"), [(1, True), (2, False)])
def test_a_request_sent_again_with_credentials(number: int, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.request("REGISTER", 0.0, inside=False, number=1), 401, 0.1, challenge())
    call.respond(call.request("REGISTER", 0.2, credentials(), inside=False, number=number), 200, 0.3)
    finding = ladder.end(60.0).findings().get("auth-cseq-not-incremented")

    assert (finding is not None) is found
    assert finding is None or (finding.severity, finding.evidence[1].message) == (Severity.LOW, 2)


# -- auth-uri-mismatch ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "status", "found"),
    [
        ("sip:bob@example.com", 401, False),
        ("sip:bob@example.com:5060;transport=udp", 401, False),
        ("sip:bob@10.0.0.1", 401, True),
        ("sip:bob@10.0.0.1", 200, False),
    ],
)
def test_a_digest_for_another_uri(uri: str, status: int, found: bool) -> None:
    ladder = exchange(((), 401, (challenge(),)), ((credentials(uri=uri),), status, (challenge("n2"),)))

    assert ("auth-uri-mismatch" in ladder.findings()) is found


@pytest.mark.parametrize("same_server", [True, False])
def test_a_server_that_does_not_compare_refused_for_another_reason(same_server: bool) -> None:
    other = "sip:bob@192.0.2.99"
    ladder = exchange(((), 401, (challenge(),)), ((credentials(uri=other),), 401, (challenge("n2"),)))
    later = ladder.call(ALICE, BOB if same_server else PROXY)
    request = later.request("REGISTER", 20.0, credentials("n3", uri=other), inside=False)
    later.respond(request, 200, 20.1)

    assert ("auth-uri-mismatch" in ladder.end(60.0).findings()) is not same_server


# -- auth-algorithm-unsupported -------------------------------------------------------------------------------------

SHA = ", algorithm=SHA-256"


def test_a_client_that_knows_md5_alone() -> None:
    findings = exchange(
        ((), 401, (challenge(more=SHA),)), ((credentials(),), 401, (challenge("n2", more=SHA),))
    ).findings()

    assert findings["auth-algorithm-unsupported"].severity is Severity.HIGH
    assert "auth-failed-credentials" not in findings


def test_a_client_that_stays_silent() -> None:
    findings = exchange(((), 401, (challenge(more=SHA),))).findings()

    assert "SHA-256" in findings["auth-algorithm-unsupported"].title
    assert "auth-no-credentials" not in findings


@pytest.mark.parametrize(
    "tries",
    [
        (((), 401, (challenge(more=SHA),)), ((credentials(more=SHA),), 200, ())),
        (((), 401, (challenge(more=SHA), challenge("n2"))), ((credentials("n2"),), 200, ())),
        (
            ((), 401, (challenge(more=", algorithm=AKAv1-MD5"),)),
            ((credentials(more=", algorithm=AKAv1-MD5"),), 200, ()),
        ),
    ],
)
def test_algorithms_that_both_know(tries: tuple[tuple[tuple[str, ...], int, tuple[str, ...]], ...]) -> None:
    assert_healthy(exchange(*tries))
