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
        CheckInfo(
            "ack-missing-non2xx",
            "No ACK for a refusal",
            Severity.LOW,
            Category.SIGNALING,
            description="The callee repeats its answer. " * 20,
            recommendation="- SIPp: " + "Mend the route. " * 20,
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
        ["low", "signaling", "ack-missing-non2xx"],
    ]


def test_one_check_is_explained() -> None:
    output = CliRunner().invoke(checks, ["ack-missing-2xx"]).output
    info = CHECKS["ack-missing-2xx"]
    for text in (info.title, info.rfc, info.description, info.recommendation, info.address):
        assert text in output


def test_a_mistyped_id_has_a_suggestion() -> None:
    result = CliRunner().invoke(checks, ["ack-mising-2xx"])
    assert "'ack-missing-2xx'" in str(result.exception)


@pytest.mark.parametrize(
    ("wanted", "suggested"),
    [("ack-missing", ["ack-missing-2xx", "ack-missing-non2xx"]), ("SDP-PTIME-mismatch", ["sdp-ptime-mismatch"])],
)
def test_the_beginning_of_an_id_suggests_all_that_begin_so(wanted: str, suggested: list[str]) -> None:
    message = str(CliRunner().invoke(checks, [wanted]).exception)
    assert [info for info in sorted(CHECKS) if f"'{info}'" in message] == suggested


def test_an_explanation_keeps_within_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    output = CliRunner().invoke(checks, ["ack-missing-non2xx"]).output
    text = [line for line in output.splitlines() if not line.startswith("page")]
    assert max(map(len, text)) <= 60
    assert output.split().count("Mend") == 20
    (first,) = [index for index, line in enumerate(text) if "- SIPp" in line]
    assert all(line.startswith("    ") for line in text[first + 1 :])


def test_json_can_be_read_back() -> None:
    output = CliRunner().invoke(checks, ["--json"]).output
    assert parse_catalogue(output) == CHECKS
    assert json.loads(output)
