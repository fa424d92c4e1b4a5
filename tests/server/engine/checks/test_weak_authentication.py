"""Authentication that protects too little: on the Internet a fault, in a lab at most low."""

from __future__ import annotations

import pytest
from tests.server.engine.checks.test_digest import challenge, credentials
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Transport

LAB = (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060))
PUBLIC = (ALICE, BOB)
NO_CONTACT = "Contact"


def registering(
    *tries: tuple[tuple[str, ...], int, tuple[str, ...]],
    path: tuple[Endpoint, ...] = PUBLIC,
    transport: Transport = Transport.UDP,
) -> Ladder:
    ladder = Ladder(transport=transport)
    call = ladder.call(*path)
    for number, (lines, status, answer) in enumerate(tries):
        request = call.request("REGISTER", 0.1 * number, *lines, inside=False)
        call.respond(request, status, 0.1 * number + 0.05, *answer)
    return ladder.end(60.0)


def severity(ladder: Ladder, check: str) -> Severity | None:
    finding = ladder.findings().get(check)
    return finding.severity if finding else None


BASIC = "Authorization: Basic YWxpY2U6c2VjcmV0"


@pytest.mark.parametrize(
    ("path", "transport", "expected"),
    [
        (PUBLIC, Transport.UDP, Severity.CRITICAL),
        (PUBLIC, Transport.TLS, Severity.MEDIUM),
        (LAB, Transport.UDP, Severity.LOW),
    ],
)
def test_a_password_in_clear(path: tuple[Endpoint, ...], transport: Transport, expected: Severity) -> None:
    ladder = registering(((BASIC,), 200, ()), path=path, transport=transport)
    finding = ladder.findings()["auth-basic"]

    assert finding.severity is expected
    assert "YWxpY2U6c2VjcmV0" not in str(finding)


def test_a_challenge_that_asks_for_a_password() -> None:
    assert severity(registering(((), 401, ('WWW-Authenticate: Basic realm="x"',))), "auth-basic") is Severity.MEDIUM


@pytest.mark.parametrize(("path", "expected"), [(PUBLIC, Severity.LOW), (LAB, Severity.INFO)])
def test_challenges_for_md5_without_qop(path: tuple[Endpoint, ...], expected: Severity) -> None:
    ladder = registering(((), 401, (challenge(),)), ((credentials(),), 200, ()), path=path)

    assert severity(ladder, "auth-md5-only") is expected
    assert severity(ladder, "sec-digest-no-qop") is expected


def test_strong_challenges() -> None:
    strong = challenge(more=', algorithm=SHA-256, qop="auth"')
    weak = challenge("n2", more=', algorithm=MD5, qop="auth"')
    findings = registering(((), 401, (strong, weak)), ((credentials("n2"),), 200, ())).findings()

    assert not {"auth-md5-only", "sec-digest-no-qop", "auth-basic"} & set(findings)


def _same_nonce(first: Endpoint, second: Endpoint, apart: float) -> Ladder:
    ladder = Ladder()
    for number, client in enumerate((first, second)):
        call = ladder.call(client, BOB)
        call.respond(call.request("REGISTER", number * apart, inside=False), 401, number * apart + 0.1, challenge())
    return ladder.end(200.0)


@pytest.mark.parametrize(("apart", "expected"), [(60.0, Severity.MEDIUM), (0.5, Severity.LOW)])
def test_one_nonce_for_two_clients(apart: float, expected: Severity) -> None:
    assert severity(_same_nonce(ALICE, PROXY, apart), "sec-digest-nonce-reuse") is expected


def test_one_nonce_for_two_calls_of_one_client() -> None:
    assert severity(_same_nonce(ALICE, ALICE, 60.0), "sec-digest-nonce-reuse") is None


# -- sec-open-registrar ---------------------------------------------------------------------------------------------

BOUND = (f"Contact: <sip:alice@{ALICE}>;expires=600",)


@pytest.mark.parametrize(
    ("path", "transport", "expected"),
    [
        (PUBLIC, Transport.UDP, Severity.CRITICAL),
        (PUBLIC, Transport.TLS, Severity.MEDIUM),
        ((ALICE, Endpoint("192.0.2.77", 5060)), Transport.UDP, Severity.MEDIUM),
        (LAB, Transport.UDP, Severity.LOW),
    ],
)
def test_a_registrar_that_asks_for_nothing(
    path: tuple[Endpoint, ...], transport: Transport, expected: Severity
) -> None:
    assert severity(registering(((), 200, BOUND), path=path, transport=transport), "sec-open-registrar") is expected


@pytest.mark.parametrize(
    "tries",
    [
        (((), 401, (challenge(),)), ((credentials(),), 200, BOUND)),
        (((credentials(),), 200, BOUND), ((), 200, BOUND)),
        (((NO_CONTACT,), 200, ()),),
        ((("Expires: 0",), 200, ()),),
        (((), 403, ()),),
    ],
    ids=["challenged", "known from before", "a query", "a sign-off", "refused"],
)
def test_registrars_that_are_not_open(tries: tuple[tuple[tuple[str, ...], int, tuple[str, ...]], ...]) -> None:
    assert severity(registering(*tries), "sec-open-registrar") is None


def test_behind_an_edge_proxy_nobody_knows() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    request = call.request("REGISTER", 0.0, inside=False, hops=(1,))
    call.respond(request, 200, 0.1, *BOUND, hops=(1,))

    assert severity(ladder.end(60.0), "sec-open-registrar") is None
