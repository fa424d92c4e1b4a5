"""The qop of credentials beside what the challenge offers."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity

CHALLENGE = 'WWW-Authenticate: Digest realm="pbx", nonce="n1", algorithm=MD5'
WITH_QOP = ', qop=auth, nc=00000001, cnonce="c"'


def credentials(more: str, nonce: str = "n1") -> str:
    """Credentials made from a nonce, with more parameters."""
    return f'Authorization: Digest username="a", realm="pbx", nonce="{nonce}", uri="sip:b", response="d"{more}'


def answered(offer: str, used: str, *, status: int = 401, method: str = "REGISTER") -> Ladder:
    """A challenge, and a request with credentials that is answered with a status."""
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    first = call.request(method, 0.0, inside=False)
    call.respond(first, 401, 0.05, CHALLENGE + offer)
    second = call.request(method, 0.1, credentials(used), inside=False)
    call.respond(second, status, 0.15, *([CHALLENGE.replace("n1", "n2") + offer] if status == 401 else []))
    return ladder.end(60.0)


@pytest.mark.parametrize(
    ("offer", "used", "value"),
    [
        (', qop="auth,auth-int"', ', qop="auth,auth-int", nc=00000001, cnonce="c"', "auth,auth-int"),
        ("", WITH_QOP, "auth"),
        (', qop="auth"', ', qop=auth-int, nc=00000001, cnonce="c"', "auth-int"),
    ],
    ids=["list", "not-offered", "other"],
)
def test_a_qop_that_the_challenge_does_not_offer(offer: str, used: str, value: str) -> None:
    findings = answered(offer, used).findings()
    finding = findings["auth-qop-mismatch"]

    assert finding.severity is Severity.HIGH
    assert finding.root
    assert f"qop={value}" in finding.title
    assert [proof.message for proof in finding.evidence] == [1, 2]
    assert "auth-failed-credentials" not in findings or not findings["auth-failed-credentials"].root


def test_a_server_that_takes_it_makes_it_low() -> None:
    finding = answered("", WITH_QOP, status=200).findings()["auth-qop-mismatch"]

    assert finding.severity is Severity.LOW


@pytest.mark.parametrize(
    ("offer", "used"),
    [
        (', qop="auth,auth-int"', WITH_QOP),
        (', qop="auth, auth-int"', ', qop="AUTH", nc=00000001, cnonce="c"'),
        (', qop="auth"', ""),
        ("", ""),
    ],
    ids=["one-of-two", "quoted", "old-client", "neither"],
)
def test_credentials_that_fit_their_challenge(offer: str, used: str) -> None:
    assert "auth-qop-mismatch" not in answered(offer, used).findings()


def test_a_nonce_from_before_the_trace_is_not_judged() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    request = call.request("REGISTER", 0.0, credentials(WITH_QOP, "old"), inside=False)
    call.respond(request, 401, 0.05, CHALLENGE)

    assert "auth-qop-mismatch" not in ladder.end(60.0).findings()


def test_a_proxy_that_passes_the_credentials_on_is_not_told_twice() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    first = call.request("REGISTER", 0.0, inside=False)
    call.respond(first, 401, 0.05, CHALLENGE)
    second = call.request("REGISTER", 0.1, credentials(WITH_QOP), inside=False)
    call.respond(second, 403, 0.15)

    finding = ladder.end(60.0).findings()["auth-qop-mismatch"]
    assert finding.occurrences == 1
