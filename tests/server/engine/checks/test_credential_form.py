"""Parameters of credentials that must not be quoted."""

from __future__ import annotations

from tests.support.calls import ALICE, PROXY, Ladder

from sip_ci.findings import Severity

CHALLENGE = 'WWW-Authenticate: Digest realm="x", nonce="{}", algorithm=MD5, qop="auth"'
OWN = "To: <sip:alice@example.com>"


def _registers(algorithm: str, last: int, qop: str = "auth") -> Ladder:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY)
    first = call.request("REGISTER", 0.0, OWN, "Contact: <sip:alice@192.0.2.10>", inside=False)
    call.respond(first, 401, 0.1, CHALLENGE.format("n1"))
    credentials = (
        f'Authorization: Digest username="alice", realm="x", nonce="n1", uri="sip:bob@example.com",'
        f' response="6629fae49393a05397450978507c4ef1", algorithm={algorithm}, cnonce="c", qop={qop}, nc=00000001'
    )
    again = call.request("REGISTER", 0.2, OWN, "Contact: <sip:alice@192.0.2.10>", credentials, inside=False)
    call.respond(again, last, 0.3, *([CHALLENGE.format("n2")] if last == 401 else []))
    return ladder.end(60.0)


def test_a_quoted_algorithm_that_is_refused() -> None:
    found = _registers('"MD5"', 401).findings()

    assert found["auth-parameter-quoted"].severity is Severity.MEDIUM
    assert found["auth-parameter-quoted"].root
    assert "auth-failed-credentials" not in found


def test_a_bare_algorithm_and_an_accepted_one_and_a_quoted_qop() -> None:
    assert "auth-parameter-quoted" not in _registers("MD5", 401).findings()
    assert "auth-parameter-quoted" not in _registers('"MD5"', 200).findings()
    assert "auth-parameter-quoted" not in _registers("MD5", 401, '"auth"').findings()


def test_a_server_that_has_read_the_credentials() -> None:
    """403 says that the password is wrong; one that accepts such quotes once refuses others for something else."""
    assert "auth-parameter-quoted" not in _registers('"MD5"', 403).findings()

    ladder = _registers('"MD5"', 401)
    call = ladder.call(ALICE, PROXY)
    credentials = 'Authorization: Digest username="alice", realm="x", nonce="n1", response="00", algorithm="MD5"'
    call.respond(call.request("OPTIONS", 5.0, credentials, inside=False), 200, 5.1)
    assert "auth-parameter-quoted" not in ladder.end(60.0).findings()
