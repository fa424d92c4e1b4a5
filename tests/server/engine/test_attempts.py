"""Challenges and retries become attempts (RFC 3261 §22)."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Ladder
from tests.support.messages import message_of, request

from sip_ci_server.engine.attempts import credentials_of, parse_credentials


def test_credentials_are_parsed_whatever_their_spacing_and_quoting() -> None:
    parsed = parse_credentials('DIGEST  Username="al\\"ice" ,realm = "a, b",nonce=n,qop=auth , NC=00000001')

    assert parsed.scheme == "digest"
    assert (parsed.get("realm"), parsed.get("nonce"), parsed.get("nc"), parsed.get("qop")) == (
        "a, b", "n", "00000001", "auth",
    )  # fmt: skip
    assert parsed.get("opaque") == ""


@pytest.mark.parametrize("value", ["", "Digest", "Digest ,,,=", 'Digest realm="open', "=" * 10_000])
def test_malformed_credentials_have_what_can_be_read(value: str) -> None:
    assert parse_credentials(value).get("nonce") == ""


def test_a_digest_without_response_is_no_credentials_but_another_scheme_is() -> None:
    assert credentials_of(message_of(request('Authorization: Digest username="a", response=""'))) == []
    assert len(credentials_of(message_of(request("Authorization: Bearer abc")))) == 1
    assert len(credentials_of(message_of(request('Proxy-Authorization: Digest response="x"')))) == 1


def test_a_request_and_its_retries_are_one_attempt_and_the_next_request_another() -> None:
    ladder = Ladder()
    call = ladder.call()
    for time, status in ((0.0, 401), (0.1, 401), (0.2, 200), (30.0, 200)):
        call.respond(call.request("REGISTER", time, inside=False), status, time + 0.05)
    attempts = ladder.model().attempts

    assert [len(attempt.transactions) for attempt in attempts] == [3, 1]
    assert [len(attempt.challenged) for attempt in attempts] == [2, 0]
    assert attempts[0].last.success is not None


def test_each_hop_and_each_method_is_an_attempt_of_its_own() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    call.respond(call.invite(0.0), 401, 0.1)
    call.respond(call.request("MESSAGE", 1.0, inside=False, way=(ALICE, CAROL)), 401, 1.1)

    assert [attempt.first.method for attempt in ladder.model().attempts] == ["INVITE", "INVITE", "MESSAGE"]


def test_a_cancel_cannot_be_challenged() -> None:
    ladder = Ladder()
    call = ladder.call()
    call.cancel(call.invite(0.0), 1.0)

    assert [attempt.first.method for attempt in ladder.model().attempts] == ["INVITE"]
