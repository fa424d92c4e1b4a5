"""TURN: refused allocations, allocations that run out, refused permissions."""

from __future__ import annotations

import pytest
from tests.support.calls import Ladder
from tests.support.stun import address, answered, attribute, exchanged, sent

from sip_ci.findings import Severity
from sip_ci.trace.media_table import StunDatagram
from sip_ci.trace.observation import Endpoint
from sip_ci.trace.stun import StunMethod

CLIENT, SERVER = Endpoint("192.0.2.10", 50_000), Endpoint("203.0.113.5", 3478)
PEER, PRIVATE = Endpoint("198.51.100.77", 4000), Endpoint("10.1.2.3", 4000)
SIGNED = attribute(0x0006, b"user") + attribute(0x0015, b"nonce") + attribute(0x0008, bytes(20))


def asked(
    time: float, method: StunMethod, *, signed: bool = True, more: bytes = b"", port: int = 50_000
) -> StunDatagram:
    client = Endpoint(CLIENT.host, port)
    return sent(time, client, SERVER, method, more + (SIGNED if signed else b""))


def lifetime(seconds: int) -> bytes:
    return attribute(0x000D, seconds.to_bytes(4, "big"))


def allocated(time: float, seconds: int = 600, port: int = 50_000) -> list[StunDatagram]:
    """The usual three steps: asked for credentials, then given an allocation."""
    first, second = (
        asked(time, StunMethod.ALLOCATE, signed=False, port=port),
        asked(time + 0.1, StunMethod.ALLOCATE, port=port),
    )
    return [
        first,
        answered(first, time + 0.05, 401),
        second,
        answered(second, time + 0.15, attributes=lifetime(seconds)),
    ]


def found(*datagrams: StunDatagram, until: float = 2000.0) -> dict[str, Severity]:
    ladder = Ladder()
    ladder.call().answered()
    findings = exchanged(ladder, *datagrams, until=until).findings()
    return {name: item.severity for name, item in findings.items() if name.startswith("turn-")}


def refused(
    method: StunMethod, *codes: int, start: float = 1.0, more: bytes = b"", port: int = 50_000
) -> list[StunDatagram]:
    told = []
    for number, code in enumerate(codes):
        request = asked(start + number, method, more=more, port=port)
        told += [request, answered(request, start + number + 0.05, code)]
    return told


def test_a_healthy_allocation() -> None:
    assert found(*allocated(1.0)) == {}


@pytest.mark.parametrize("code", [401, 403, 441, 486, 508])
def test_an_allocation_that_is_refused(code: int) -> None:
    first = asked(0.5, StunMethod.ALLOCATE, signed=False)
    told = [first, answered(first, 0.55, 401), *refused(StunMethod.ALLOCATE, code)]
    assert found(*told) == {"turn-alloc-failed": Severity.HIGH}


def test_the_question_for_credentials_is_no_refusal() -> None:
    first = asked(0.5, StunMethod.ALLOCATE, signed=False)
    assert found(first, answered(first, 0.55, 401)) == {}


def test_stale_nonces() -> None:
    assert found(*refused(StunMethod.ALLOCATE, 438), *allocated(3.0)) == {}
    assert found(*refused(StunMethod.ALLOCATE, 438)) == {}
    assert found(*refused(StunMethod.ALLOCATE, 438, 438, 438, 438)) == {"turn-alloc-failed": Severity.HIGH}


def test_another_server_is_no_refusal() -> None:
    assert found(*refused(StunMethod.ALLOCATE, 300)) == {}


def test_a_second_allocation_of_the_same_host_is_low() -> None:
    told = found(*allocated(1.0), *refused(StunMethod.ALLOCATE, 486, port=50_001))
    assert told == {"turn-alloc-failed": Severity.LOW}


def test_a_capture_that_ends_with_the_refusal_says_nothing() -> None:
    assert found(*refused(StunMethod.ALLOCATE, 403, start=20.0), until=20.1) == {}


def test_many_clients_are_one_finding() -> None:
    ladder = Ladder()
    ladder.call().answered()
    told = [item for port in range(5) for item in refused(StunMethod.ALLOCATE, 508, port=50_000 + port)]
    finding = exchanged(ladder, *told, until=60.0).findings()["turn-alloc-failed"]
    assert "5 clients" in finding.detail
    assert "508" in finding.title


def test_an_allocation_that_runs_out() -> None:
    late = refused(StunMethod.CHANNEL_BIND, 437, start=650.0, more=address(0x0012, PEER, bytes(12)))
    assert found(*allocated(1.0), *late) == {"turn-refresh-missing": Severity.MEDIUM}


def test_an_allocation_that_is_refreshed_or_given_back() -> None:
    refresh = asked(500.0, StunMethod.REFRESH)
    kept = [*allocated(1.0), refresh, answered(refresh, 500.1, attributes=lifetime(600))]
    assert found(*kept, *refused(StunMethod.REFRESH, 437, start=700.0)) == {}
    gone = asked(20.0, StunMethod.REFRESH, more=lifetime(0))
    back = [*allocated(1.0), gone, answered(gone, 20.1, attributes=lifetime(0))]
    assert found(*back, *refused(StunMethod.REFRESH, 437, start=700.0)) == {}
    again = refused(StunMethod.REFRESH, 437, start=700.0, more=lifetime(0))
    assert found(*allocated(1.0), *again) == {}


@pytest.mark.parametrize(("peer", "severity"), [(PEER, Severity.MEDIUM), (PRIVATE, Severity.INFO)])
def test_a_permission_that_is_refused(peer: Endpoint, severity: Severity) -> None:
    method = StunMethod.CREATE_PERMISSION
    request, again = (
        sent(time, CLIENT, SERVER, method, address(0x0012, peer, name) + SIGNED, transaction=name)
        for time, name in ((5.0, b"w" * 12), (6.0, b"x" * 12))
    )
    told = [*allocated(1.0), request, answered(request, 5.1, 403)]
    assert found(*told) == {"turn-permission-missing": severity}
    assert found(*told, again, answered(again, 6.1)) == {}


def test_no_turn_is_not_checkable() -> None:
    ladder = Ladder()
    ladder.call().answered()
    report = exchanged(ladder, until=60.0).report()
    assert {"turn-alloc-failed", "turn-refresh-missing", "turn-permission-missing"} <= {
        item.check for item in report.not_checked
    }
