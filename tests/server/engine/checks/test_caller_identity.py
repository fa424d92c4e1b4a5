"""PASSporTs: what they say beside what the call says."""

from __future__ import annotations

import base64
import json

import pytest
from tests.support.calls import ALICE, BOB, PROXY, START, Ladder, assert_healthy

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding
from sip_ci.trace.observation import Clock
from sip_ci.trace.trace import TraceOrigin

URL = "https://certificates.example.com/1.pem"
UUID = "123e4567-e89b-12d3-a456-426655440000"
CALLER, CALLEE = "+12155550112", "+12155550113"


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def identity(header: dict[str, object] | None = None, info: str = f";info=<{URL}>", **claims: object) -> str:
    """An Identity line with a good SHAKEN token, but for what is given; a claim of None is left out."""
    first = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL} | (header or {})
    payload: dict[str, object] = {
        "attest": "A", "dest": {"tn": [CALLEE[1:]]}, "iat": int(START), "orig": {"tn": CALLER[1:]}, "origid": UUID,
    }  # fmt: skip
    payload |= claims
    parts = [{name: value for name, value in part.items() if value is not None} for part in (first, payload)]
    token = ".".join([*map(_encoded, parts), "c2ln"])
    return f"Identity: {token}{info}" + "".join(f";{name}={first[name]}" for name in ("alg", "ppt") if first[name])


def ladder_of(*lines: str, status: int = 200, caller: str = CALLER, at: float = 1.0, **options: object) -> Ladder:
    ladder = Ladder(**options)  # type: ignore[arg-type]
    call = ladder.call(ALICE, BOB, caller=caller, callee=CALLEE, uri=f"sip:{CALLEE}@example.com")
    invite = call.invite(at, *lines)
    call.respond(invite, 180, at + 0.1)
    call.respond(invite, status, at + 1.0)
    call.ack(invite, at + 1.1)
    if status == 200:
        call.respond(call.bye(at + 5.0), 200, at + 5.1)
    return ladder.end(100.0)


def stir(ladder: Ladder) -> dict[str, WireFinding]:
    return {name: item for name, item in ladder.findings().items() if name.startswith("stir-")}


def test_a_good_token() -> None:
    assert stir(ladder_of(identity())) == {}
    assert_healthy(ladder_of(identity()))


@pytest.mark.parametrize(
    ("line", "check", "severity"),
    [
        (identity(info=""), "stir-identity-malformed", Severity.HIGH),
        (identity(iat=None), "stir-identity-malformed", Severity.HIGH),
        (identity(iat=str(int(START))), "stir-identity-malformed", Severity.HIGH),
        (identity(dest=None), "stir-identity-malformed", Severity.HIGH),
        (f"Identity: eyJhbGciOiJFUzI1NiJ9.c2ln;info=<{URL}>", "stir-identity-malformed", Severity.HIGH),
        (identity(orig={"tn": "12155559999"}), "stir-orig-mismatch", Severity.HIGH),
        (identity(dest={"tn": ["12155559999"]}), "stir-dest-mismatch", Severity.HIGH),
        (identity({"alg": "RS256"}), "stir-alg", Severity.HIGH),
        (identity({"ppt": "unheard-of"}), "stir-alg", Severity.LOW),
        (identity({"x5u": None}), "stir-x5u", Severity.HIGH),
        (identity({"x5u": "http://a.example/1"}, info=";info=<http://a.example/1>"), "stir-x5u", Severity.MEDIUM),
        (identity(info=";info=<https://other.example.com/1.pem>"), "stir-x5u", Severity.HIGH),
        (identity(attest="D"), "stir-attest", Severity.MEDIUM),
        (identity(attest=None), "stir-attest", Severity.MEDIUM),
        (identity(origid="gateway-7"), "stir-origid", Severity.LOW),
    ],
)  # fmt: skip
def test_faults_of_a_token(line: str, check: str, severity: Severity) -> None:
    findings = stir(ladder_of(line))

    assert set(findings) == {check}
    assert findings[check].severity is severity
    assert findings[check].evidence[0].text.startswith("Identity:")


@pytest.mark.parametrize(
    ("line", "caller"),
    [
        (identity(orig={"tn": "12155550112"}), "2155550112"),
        (identity(orig={"tn": "12155550112"}), "1-215-555-0112"),
        (identity(dest={"tn": ["12155559999"]}) + f", {identity({'ppt': 'div'}).removeprefix('Identity: ')}", CALLER),
        (identity(dest={"uri": ["sip:bob@example.com"]}), CALLER),
        (identity(attest=None, origid=None, header={"ppt": None}), CALLER),
        (f"Identity: ..c2ln;info=<{URL}>\r\nDate: Tue, 14 Nov 2023 22:13:21 GMT", CALLER),
        ("Identity: xK8sPq0mmLw;info=<u>", CALLER),
    ],
    ids=["without country code", "separators", "diverted", "a URI", "no SHAKEN", "compact", "masked"],
)
def test_tokens_that_are_fine_or_unreadable(line: str, caller: str) -> None:
    assert stir(ladder_of(line, caller=caller)) == {}


def test_an_anonymous_caller_is_named_by_the_asserted_identity() -> None:
    assert stir(ladder_of(identity(), f"P-Asserted-Identity: <sip:{CALLER}@example.com>", caller="anonymous")) == {}


@pytest.mark.parametrize(
    ("issued", "status", "check", "severity"),
    [
        (-30, 200, None, None),
        (-90, 403, "stir-iat-stale", Severity.HIGH),
        (-90, 200, "stir-iat-stale", Severity.MEDIUM),
        (-200_000, 200, "stir-iat-stale", Severity.LOW),
        (20, 200, "stir-clock-skew", Severity.LOW),
        (600, 200, "stir-clock-skew", Severity.MEDIUM),
    ],
)
def test_the_age_of_a_token(issued: int, status: int, check: str | None, severity: Severity | None) -> None:
    findings = stir(ladder_of(identity(iat=int(START) + issued), status=status))

    assert set(findings) == ({check} if check else set())
    assert check is None or findings[check].severity is severity


@pytest.mark.parametrize(
    "options", [{"origin": TraceOrigin.LOG}, {"clock": Clock.TIME_OF_DAY}, {"clock": Clock.ORDINAL}]
)
def test_without_a_date_nothing_is_old(options: dict[str, object]) -> None:
    assert stir(ladder_of(identity(iat=1_500_000_000), **options)) == {}


@pytest.mark.parametrize(("signed", "unsigned", "found"), [(3, 1, True), (0, 3, False), (1, 3, False)])
def test_calls_without_a_token(signed: int, unsigned: int, found: bool) -> None:
    ladder = Ladder()
    for number in range(signed + unsigned):
        call = ladder.call(ALICE, BOB, caller=CALLER, callee=CALLEE)
        call.invite(float(number), *([identity(iat=int(START) + number)] if number < signed else []))

    assert ("stir-identity-missing" in stir(ladder.end(10.0))) is found


def test_a_fault_is_told_once_for_all_hops() -> None:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, caller=CALLER, callee=CALLEE)
    call.invite(0.0, identity(attest="D"))

    assert stir(ladder.end(1.0))["stir-attest"].occurrences == 1
