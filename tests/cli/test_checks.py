from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from sip_ci import catalogue
from sip_ci.catalogue import CheckInfo, parse_catalogue
from sip_ci.cli.checks import checks
from sip_ci.findings import Category, Severity

CHECKS = {
    info.id: info
    for info in (
        CheckInfo("sdp-ptime-mismatch", "Packet times differ", Severity.MEDIUM, Category.CODEC),
        CheckInfo(
            "ack-missing-2xx",
            "No ACK",
            Severity.CRITICAL,
            Category.SIGNALING,
            rfc="RFC 3261 §13.3.1.4",
            description="The callee repeats its answer.",
            recommendation="Mend the route.",
        ),
    )
}


@pytest.fixture(autouse=True)
def _catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "load_catalogue", lambda: CHECKS)


def test_the_list_has_the_worst_first() -> None:
    lines = CliRunner().invoke(checks).output.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["critical", "signaling", "ack-missing-2xx"],
        ["medium", "codec", "sdp-ptime-mismatch"],
    ]


def test_one_check_is_explained() -> None:
    output = CliRunner().invoke(checks, ["ack-missing-2xx"]).output
    info = CHECKS["ack-missing-2xx"]
    for text in (info.title, info.rfc, info.description, info.recommendation, info.address):
        assert text in output


def test_a_mistyped_id_has_a_suggestion() -> None:
    result = CliRunner().invoke(checks, ["ack-mising-2xx"])
    assert "'ack-missing-2xx'" in str(result.exception)


def test_json_can_be_read_back() -> None:
    output = CliRunner().invoke(checks, ["--json"]).output
    assert parse_catalogue(output) == CHECKS
    assert json.loads(output)
