"""ICE in session descriptions, and the checks of its candidates."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, Ladder, sdp

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint

CREDENTIALS = "a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg"
CANDIDATE = "a=candidate:1 1 UDP 2130706431 {} {} typ host"


def ice(end: Endpoint, port: int, *lines: str) -> bytes:
    return sdp(end, media="\r\n".join([f"m=audio {port} RTP/AVP 0", *lines]))


def full(end: Endpoint, port: int) -> bytes:
    return ice(end, port, CREDENTIALS, CANDIDATE.format(end.host, port))


def offered(*lines: str, ends: tuple[Endpoint, Endpoint] = (ALICE, BOB)) -> Ladder:
    ladder = Ladder()
    call = ladder.call(*ends)
    call.respond(call.invite(0.0, offer=ice(ends[0], 40_000, *lines)), 488, 0.5)
    return ladder


def test_credentials_without_candidates() -> None:
    finding = offered(CREDENTIALS).findings()["ice-no-candidates"]
    assert finding.severity is Severity.HIGH
    assert "8hhY" in finding.evidence[0].text


def test_candidates_that_are_there_or_come_later() -> None:
    assert "ice-no-candidates" not in offered(CREDENTIALS, CANDIDATE.format("192.0.2.10", 40_000)).findings()
    assert "ice-no-candidates" not in offered(CREDENTIALS, "a=ice-options:trickle").findings()
    assert "ice-no-candidates" not in offered("a=sendrecv").findings()
    nowhere = "m=audio 9 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\n" + CREDENTIALS
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0, offer=sdp(ALICE, media=nowhere)), 488, 0.5)
    assert "ice-no-candidates" not in ladder.findings()


def test_names_of_the_local_network() -> None:
    hidden = CANDIDATE.format("5e3c7f1a-0000-4000-8000-000000000001.local", 40_000)
    assert offered(CREDENTIALS, hidden).findings()["ice-mdns-only"].severity is Severity.MEDIUM
    lab = (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060))
    assert offered(CREDENTIALS, hidden, ends=lab).findings()["ice-mdns-only"].severity is Severity.LOW
    public = "a=candidate:2 1 UDP 1694498815 192.0.2.10 40000 typ srflx raddr 0.0.0.0 rport 0"
    assert "ice-mdns-only" not in offered(CREDENTIALS, hidden, public).findings()
    assert "ice-mdns-only" not in offered(CREDENTIALS, hidden, "a=ice-options:trickle").findings()


def test_candidates_without_credentials() -> None:
    finding = offered(CANDIDATE.format("192.0.2.10", 40_000)).findings()["ice-credentials-missing"]
    assert finding.severity is Severity.HIGH
    assert "ice-ufrag" in finding.title
    body = full(ALICE, 40_000).replace(CREDENTIALS.encode() + b"\r\n", b"")
    body = body.replace(b"t=0 0\r\n", b"t=0 0\r\n" + CREDENTIALS.encode() + b"\r\n")
    ladder = Ladder()
    call = ladder.call()
    call.respond(call.invite(0.0, offer=body), 488, 0.5)
    assert "ice-credentials-missing" not in ladder.findings()


def test_short_credentials() -> None:
    candidate = CANDIDATE.format("192.0.2.10", 40_000)
    finding = offered("a=ice-ufrag:ab", "a=ice-pwd:asd88fgpdd777uzjYhagZg", candidate).findings()["ice-pwd-short"]
    assert (finding.severity, "ice-ufrag" in finding.title) == (Severity.MEDIUM, True)
    short = offered("a=ice-ufrag:8hhY", "a=ice-pwd:tooshort", candidate).findings()["ice-pwd-short"]
    assert "tooshort" not in short.evidence[0].text
    assert "ice-pwd-short" not in offered(CREDENTIALS, candidate).findings()
    assert "ice-pwd-short" not in offered("a=ice-ufrag:8hhY", "a=ice-pwd:XXXXXXXX", candidate).findings()


def test_a_candidate_that_cannot_be_read() -> None:
    candidate = CANDIDATE.format("192.0.2.10", 40_000)
    broken = "a=candidate:2 1 UDP high 192.0.2.10 40000 typ host"
    finding = offered(CREDENTIALS, candidate, broken).findings()["ice-candidate-malformed"]
    assert (finding.severity, finding.evidence[0].text) == (Severity.LOW, broken)
    extended = candidate + " generation 0 network-cost 999"
    assert "ice-candidate-malformed" not in offered(CREDENTIALS, extended).findings()


def test_the_address_was_changed_and_the_candidates_were_not() -> None:
    finding = offered(CREDENTIALS, CANDIDATE.format("192.0.2.99", 40_000)).findings()["ice-mismatch"]
    assert finding.severity is Severity.MEDIUM
    assert len(finding.evidence) == 2


@pytest.mark.parametrize(
    "lines",
    [
        [CREDENTIALS, CANDIDATE.format("192.0.2.99", 40_000), CANDIDATE.format("192.0.2.10", 40_000)],
        [CREDENTIALS, CANDIDATE.format("192.0.2.99", 40_000), "a=ice-options:trickle ice2"],
        [CREDENTIALS, CANDIDATE.format("client.local", 40_000)],
    ],
    ids=["among them", "more to come", "a name"],
)
def test_addresses_that_fit(lines: list[str]) -> None:
    assert "ice-mismatch" not in offered(*lines).findings()


def test_the_answer_says_that_it_does_not_fit() -> None:
    ladder = Ladder()
    call = ladder.call()
    invite = call.invite(0.0, offer=full(ALICE, 40_000))
    call.respond(invite, 200, 1.0, body=ice(BOB, 42_000, CREDENTIALS, "a=ice-mismatch"))
    assert ladder.findings()["ice-mismatch"].evidence[0].text == "a=ice-mismatch"
