"""What verification services answer, and what becomes of their verdict."""

from __future__ import annotations

import pytest
from tests.server.engine.checks.test_caller_identity import CALLEE, CALLER, identity, ladder_of, stir
from tests.support.calls import ALICE, BOB, PROXY, START, Ladder

from sip_ci.findings import Severity
from sip_ci.trace.observation import Endpoint


@pytest.mark.parametrize("status", [428, 436, 437, 438, 608])
def test_refusals(status: int) -> None:
    findings = ladder_of(identity(), status=status).findings()

    assert findings[f"stir-resp-{status}"].severity is Severity.HIGH
    assert not {"final-400", "final-600"} & set(findings)


def test_a_refusal_that_a_proxy_passes_on_counts_once() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB)
    invite = call.invite(0.0)
    call.respond(invite, 428, 0.1)
    call.ack(invite, 0.2)

    assert ladder.end(60.0).findings()["stir-resp-428"].occurrences == 1


PASSED, FAILED = ";verstat=TN-Validation-Passed", ";verstat=TN-Validation-Failed"


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        (f"sip:{CALLER}{FAILED}@example.com;user=phone", True),
        (f"tel:{CALLER}{FAILED}", True),
        (f"tel:{CALLER}{PASSED}", False),
        (f"tel:{CALLER};verstat=No-TN-Validation", False),
        (f"tel:{CALLER}", False),
    ],
)
def test_a_verdict_of_the_verifier(uri: str, found: bool) -> None:
    assert ("stir-verstat-failed" in stir(ladder_of(f"P-Asserted-Identity: <{uri}>"))) is found


def _passed_on(*lines: str, source: Endpoint = ALICE) -> Severity | None:
    ladder = Ladder()
    ladder.call(source, PROXY, BOB, caller=CALLER).invite(0.0, *lines)
    finding = ladder.end(1.0).findings().get("stir-verstat-untrusted")
    return finding.severity if finding else None


def test_a_verdict_from_outside() -> None:
    verdict = f"P-Asserted-Identity: <tel:{CALLER}{PASSED}>"

    assert _passed_on(verdict) is Severity.MEDIUM
    assert _passed_on(verdict, source=Endpoint("10.0.0.1", 5060)) is Severity.LOW
    assert _passed_on(verdict, identity()) is None
    assert _passed_on(f"P-Asserted-Identity: <tel:{CALLER}>") is None


@pytest.mark.parametrize(("took", "found"), [(0.9, True), (0.1, False)])
def test_a_slow_signer(took: float, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, caller=CALLER, callee=CALLEE)
    first = call.invite(0.0, hops=(0,))
    signed = call.invite(took, identity(iat=int(START)), hops=(1,), number=first.number)
    signed.packets[0].raw = signed.packets[0].raw.replace(b"-2-", b"-1-")

    assert ("stir-slow" in stir(ladder.end(10.0))) is found


@pytest.mark.parametrize(("took", "found"), [(0.9, True), (0.1, False)])
def test_a_slow_authentication_service(took: float, found: bool) -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, BOB, caller=CALLER, callee=CALLEE)
    invite = call.invite(0.0)
    call.respond(invite, 302, took, identity())
    call.ack(invite, took + 0.1)

    assert ("stir-slow" in stir(ladder.end(10.0))) is found
