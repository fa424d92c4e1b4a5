"""Several challenges in one response."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, PROXY, Ladder

from sip_ci.findings import Severity


def challenged(*challenges: str, path: tuple[object, ...] = (ALICE, BOB), header: str = "WWW-Authenticate") -> Ladder:
    ladder = Ladder()
    call = ladder.call(*path)  # type: ignore[arg-type]
    register = call.request("REGISTER", 0.0, inside=False)
    lines = [f'X-Any: 1\r\n{header}: Digest realm="{one}' for one in challenges]
    call.respond(register, 401, 0.1, *lines)
    return ladder.end(10.0)


def test_one_realm_and_algorithm_twice() -> None:
    ladder = challenged('a", nonce="1", qop="auth"', 'a", nonce="2", algorithm=MD5, qop="auth"')
    finding = ladder.findings()["auth-challenge-repeated"]

    assert finding.severity is Severity.LOW
    assert finding.evidence[0].text.startswith("WWW-Authenticate:")


@pytest.mark.parametrize(
    "challenges",
    [
        ('a", nonce="1", algorithm=SHA-256, qop="auth"', 'a", nonce="1", algorithm=MD5, qop="auth"'),
        ('a", nonce="1", qop="auth"', 'b", nonce="2", qop="auth"'),
        ('a", nonce="1", qop="auth"',),
    ],
    ids=["two algorithms", "two realms", "one"],
)
def test_challenges_that_differ(challenges: tuple[str, ...]) -> None:
    assert "auth-challenge-repeated" not in challenged(*challenges).findings()


def test_challenges_that_a_proxy_may_have_joined() -> None:
    twice = ('a", nonce="1", qop="auth"', 'a", nonce="2", qop="auth"')

    assert "auth-challenge-repeated" not in challenged(*twice, path=(ALICE, PROXY, BOB)).findings()
