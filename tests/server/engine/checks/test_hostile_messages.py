"""Messages that attack their reader, show secrets, or come from nobody in the call."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, BOB, CAROL, PROXY, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint, Transport

LAB = (Endpoint("10.0.0.1", 5060), Endpoint("10.0.0.2", 5060))
PUBLIC = (ALICE, BOB)
Path = tuple[Endpoint, Endpoint]


def severity(ladder: Ladder, check: str) -> Severity | None:
    finding = ladder.end(60.0).findings().get(check)
    return finding.severity if finding else None


@pytest.mark.parametrize(
    ("uri", "path", "transport", "expected"),
    [
        ("sip:bob:secret@example.com", PUBLIC, Transport.UDP, Severity.CRITICAL),
        ("sip:bob:secret@example.com", PUBLIC, Transport.TLS, Severity.MEDIUM),
        ("sip:bob:secret@example.com", LAB, Transport.UDP, Severity.LOW),
        ("sip:bob@example.com:5070", PUBLIC, Transport.UDP, None),
    ],
)
def test_a_password_in_a_uri(uri: str, path: Path, transport: Transport, expected: Severity | None) -> None:
    ladder = Ladder(transport=transport)
    ladder.call(*path, uri=uri).request("OPTIONS", 0.0, inside=False)
    finding = ladder.end(60.0).findings().get("sec-cred-leak")

    assert (finding.severity if finding else None) is expected
    assert "secret" not in str(finding)


@pytest.mark.parametrize(
    ("uri", "path", "expected"),
    [
        ("sip:bob%0d%0aX-Admin:yes@example.com", PUBLIC, Severity.HIGH),
        ("sip:bob%0Aa@example.com", LAB, Severity.LOW),
        ("sip:null-%00-null@example.com", PUBLIC, None),
        ("sip:100%25@example.com", PUBLIC, None),
    ],
)
def test_escaped_line_ends(uri: str, path: Path, expected: Severity | None) -> None:
    ladder = Ladder()
    ladder.call(*path, uri=uri).request("OPTIONS", 0.0, inside=False)

    assert severity(ladder, "sec-header-injection") is expected


@pytest.mark.parametrize(
    ("lines", "body", "path", "expected"),
    [
        ((), b"x" * 70_000, PUBLIC, Severity.MEDIUM),
        ((), b"x" * 70_000, LAB, Severity.LOW),
        (tuple(f"X-{number}: a" for number in range(250)), b"", PUBLIC, Severity.MEDIUM),
        ((), b"a=x\r\n" * 300, PUBLIC, None),
    ],
    ids=["bytes", "lab", "headers", "a long description"],
)
def test_large_messages(lines: tuple[str, ...], body: bytes, path: Path, expected: Severity | None) -> None:
    ladder = Ladder(transport=Transport.TCP)
    ladder.call(*path).request("OPTIONS", 0.0, *lines, body=body, inside=False)

    assert severity(ladder, "sec-oversize") is expected


@pytest.mark.parametrize(
    ("size", "path", "transport", "expected"),
    [
        (4000, PUBLIC, Transport.UDP, Severity.MEDIUM),
        (4000, LAB, Transport.UDP, Severity.LOW),
        (4000, PUBLIC, Transport.TCP, None),
        (100, PUBLIC, Transport.UDP, None),
    ],
)
def test_answers_that_amplify(size: int, path: Path, transport: Transport, expected: Severity | None) -> None:
    ladder = Ladder(transport=transport)
    call = ladder.call(*path)
    call.respond(call.request("OPTIONS", 0.0, inside=False), 200, 0.1, "X-Long: " + "a" * size)

    assert severity(ladder, "sec-amplification") is expected


# -- sec-unauth-bye -------------------------------------------------------------------------------------------------


def _ended_from(source: Endpoint, *, method: str = "BYE", status: int = 200, route: str = "") -> Severity | None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB)
    invite = call.invite(0.0, *([f"Record-Route: {route}"] if route else []))
    call.respond(invite, 200, 1.0)
    call.ack(invite, 1.1)
    call.respond(call.request(method, 5.0, way=(source, BOB)), status, 5.1)
    return severity(ladder, "sec-unauth-bye")


def test_a_stranger_ends_the_call() -> None:
    assert _ended_from(CAROL) is Severity.CRITICAL
    assert _ended_from(CAROL, status=481) is Severity.HIGH
    assert _ended_from(CAROL, method="INVITE", status=488) is Severity.MEDIUM


def test_parties_and_routes_are_no_strangers() -> None:
    assert _ended_from(ALICE) is None
    assert _ended_from(PROXY, route=f"<sip:{PROXY};lr>") is None


def test_names_may_stand_for_any_host() -> None:
    assert _ended_from(CAROL, route="<sip:proxy.example.com;lr>") is None


def test_a_second_address_in_a_lab_is_no_stranger() -> None:
    assert _ended_from(Endpoint("10.0.0.9", 5060)) is None
