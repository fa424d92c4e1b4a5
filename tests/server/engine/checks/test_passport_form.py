"""PASSporTs: header and token, numbers, and Date."""

from __future__ import annotations

import base64
import json

import pytest
from tests.support.calls import ALICE, BOB, PROXY, START, Ladder

from sip_ci.findings import Severity
from sip_ci.service.wire import WireFinding

URL = "https://certificates.example.com/1.pem"
TOKEN = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": URL}
CLAIMS = {
    "attest": "A", "dest": {"tn": ["12155550113"]}, "iat": int(START), "orig": {"tn": "12155550112"},
    "origid": "123e4567-e89b-12d3-a456-426655440000",
}  # fmt: skip
PARAMETERS = f";info=<{URL}>;alg=ES256;ppt=shaken"
SOON, LATER = "Date: Tue, 14 Nov 2023 22:13:30 GMT", "Date: Tue, 14 Nov 2023 22:23:20 GMT"


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def identity(token: dict[str, object] | None = None, parameters: str = PARAMETERS, **claims: object) -> str:
    """An Identity line with a good SHAKEN token, but for what is given; what is None is left out."""
    header = {name: value for name, value in (TOKEN | (token or {})).items() if value is not None}
    return f"Identity: {_encoded(header)}.{_encoded(CLAIMS | claims)}.c2ln{parameters}"


def findings(*lines: str, status: int = 200) -> dict[str, WireFinding]:
    ladder = Ladder()
    call = ladder.call(ALICE, PROXY, BOB, caller="+12155550112", callee="+12155550113")
    call.respond(call.invite(1.0, *lines), status, 2.0)
    names = ("stir-parameters", "stir-number-form", "stir-date")
    return {name: item for name, item in ladder.end(60.0).findings().items() if name in names}


def test_a_good_token() -> None:
    assert findings(identity(), SOON) == {}
    assert findings(identity()) == {}
    assert findings(identity(parameters=f';info=<{URL}>;ppt="shaken"')) == {}


@pytest.mark.parametrize(
    ("token", "parameters"),
    [
        ({"typ": None}, PARAMETERS),
        ({"typ": "JWT"}, PARAMETERS),
        ({}, f";info=<{URL}>;alg=ES384;ppt=shaken"),
        ({}, f";info=<{URL}>;alg=ES256"),
        ({}, f";info=<{URL}>;alg=ES256;ppt=div"),
        ({"ppt": None}, PARAMETERS),
    ],
)
def test_a_header_that_differs_from_its_token(token: dict[str, object], parameters: str) -> None:
    found = findings(identity(token, parameters))

    assert set(found) == {"stir-parameters"}
    assert found["stir-parameters"].severity is Severity.MEDIUM
    assert found["stir-parameters"].occurrences == 1


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ({"orig": {"tn": "+12155550112"}}, True),
        ({"dest": {"tn": ["1-215-555-0113"]}}, True),
        ({"dest": {"tn": ["911"]}}, False),
        ({"dest": {"tn": ["*67#"]}}, False),
        ({"dest": {"uri": ["sip:bob@example.com"]}}, False),
    ],
)
def test_how_numbers_are_written(claims: dict[str, object], found: bool) -> None:
    assert set(findings(identity(**claims))) == ({"stir-number-form"} if found else set())


@pytest.mark.parametrize(
    ("lines", "status", "severity"),
    [
        ((f"Identity: ..c2ln{PARAMETERS}",), 200, Severity.MEDIUM),
        ((f"Identity: ..c2ln{PARAMETERS}", LATER), 200, None),
        ((identity(), LATER), 200, Severity.LOW),
        ((identity(), LATER), 403, Severity.HIGH),
        ((identity(), "Date: yesterday"), 200, None),
    ],
)
def test_the_date_beside_a_token(lines: tuple[str, ...], status: int, severity: Severity | None) -> None:
    found = findings(*lines, status=status)

    assert (found["stir-date"].severity if "stir-date" in found else None) is severity
