"""The symptoms that users name, and the answer to each."""

from __future__ import annotations

import pytest
from tests.support.calls import ALICE, Ladder

from sip_ci_server.engine.checks.registry import all_checks
from sip_ci_server.engine.issues import SYMPTOMS, relevance, symptom_of


@pytest.mark.parametrize(
    ("text", "symptom"),
    [
        ("one-way audio", "one-way-audio"), ("We have ONE_WAY  AUDIO since Monday", "one-way-audio"),
        ("no audio", "no-audio"), ("registration failing", "registration-failing"),
        ("calls_dropping", "calls-dropping"),
        ("something else", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_a_symptom_is_recognised_in_free_text(text: str | None, symptom: str | None) -> None:
    assert symptom_of(text) == symptom


def test_every_symptom_names_checks_that_exist() -> None:
    assert {check for checks in SYMPTOMS.values() for check in checks} <= set(all_checks())


def test_a_check_that_explains_the_symptom_comes_first() -> None:
    assert relevance("reg-failed", "registration failing") < relevance("media-one-way", "registration failing")
    assert relevance("reg-failed", None) == relevance("reg-failed", "?") == 1


def _verdict(ladder: Ladder, issue: str) -> tuple[str, str]:
    verdict = ladder.end(60.0).report(issue).meta.issue
    assert verdict is not None
    assert verdict.hint == issue
    return verdict.verdict, verdict.reason


def _registration(status: int) -> Ladder:
    ladder = Ladder()
    call = ladder.call()
    request = call.request("REGISTER", 0.0, inside=False)
    call.respond(request, status, 0.1, f"Contact: <sip:{ALICE}>;expires=3600")
    return ladder


def test_a_symptom_that_a_finding_explains_is_confirmed() -> None:
    verdict, reason = _verdict(_registration(500), "registration failing")

    assert verdict == "confirmed"
    assert "REGISTER failed with 500" in reason


def test_a_symptom_that_nothing_explains_is_refuted() -> None:
    assert _verdict(_registration(200), "registration failing")[0] == "refuted"


@pytest.mark.parametrize("issue", ["no audio", "registration failing", "dtmf failing", "the moon is full"])
def test_a_symptom_that_the_trace_cannot_show_is_not_observable(issue: str) -> None:
    ladder = Ladder()
    if issue == "no audio":
        ladder.call().answered()

    assert _verdict(ladder, issue)[0] == "not observable"


def test_no_hint_has_no_answer() -> None:
    assert _registration(200).report().meta.issue is None
