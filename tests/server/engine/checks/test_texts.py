"""What people are told of a check: there for every check, complete, and fit for every report."""

from __future__ import annotations

import inspect
import re
from importlib import resources

import pytest
from pydantic import ValidationError

from sip_ci.findings import Category, Severity
from sip_ci.report.sarif_rules import rule
from sip_ci_server.engine.checks import finals
from sip_ci_server.engine.checks.registry import Check, all_checks
from sip_ci_server.engine.knowledge.pages import card, page, title_of
from sip_ci_server.engine.knowledge.texts import PLATFORM_NAMES, CheckText, response_codes, text_of

CHECKS = list(all_checks().values())
KNOWLEDGE = resources.files("sip_ci_server.engine.knowledge")
SHORT_DESCRIPTION_LIMIT = FULL_DESCRIPTION_LIMIT = 1024
"""Characters that GitHub takes of a SARIF rule's descriptions."""
COMMON_PLATFORMS = {"asterisk", "freeswitch", "kamailio"}
TITLE_LIMIT = 80
"""Characters of a title beside the values of the case."""
NO_ADVICE = {"A", "An", "It", "That", "The", "There", "They", "This", "With"}
"""Words with which a description begins, and no recommendation."""
FOR_ANY_PLATFORM = {
    "final-413",
    "final-414",
    "final-493",
    "final-494",
    "final-505",
    "final-513",
    "final-580",
    "final-600",
    "final-607",
}
"""Outcomes that no setting of a PBX or proxy brings about or cures."""

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)


def prose_of(text: CheckText) -> list[str]:
    parts = [text.summary, text.description, text.impact, text.recommendation, *text.platforms.values(), *text.sources]
    return [*parts, text.mild] if text.mild else parts


@every_check
def test_every_check_has_texts(check: Check) -> None:
    text = text_of(check.id)
    assert all(part.strip() for part in prose_of(text))
    for part in (text.summary, text.description, text.impact, text.recommendation, *text.platforms.values()):
        assert part.rstrip().endswith((".", ")", "`")), part
    assert text.impact.rstrip().endswith(".")
    assert text.sources


@every_check
def test_texts_are_plain_prose(check: Check) -> None:
    for part in prose_of(text_of(check.id)):
        assert "\n" not in part.strip(), "one paragraph each"
        assert not re.search(r"(^|\s)#+\s", part), "no headings"
        assert part.count("`") % 2 == 0, "a code span is not closed"
        assert "{" not in re.sub(r"`[^`]*`", "", part), "no templates: a text speaks of every case"


@every_check
def test_texts_are_written_out(check: Check) -> None:
    text = text_of(check.id)
    for part in prose_of(text):
        assert "  " not in part.strip(), "two blanks"
        assert not re.search(r"\(s\)|\betc\.", part), part
    assert text.recommendation.split()[0] not in NO_ADVICE, "says what to do, beginning with it"
    assert len(re.sub(r"\{\w+\}", "", check.title)) <= TITLE_LIMIT, "a title is read at a glance"
    assert not check.title.endswith(".")


@every_check
def test_a_check_that_can_be_mild_says_what_that_means(check: Check) -> None:
    """What a caller suffers is not said of a case that is only low or info."""
    lowered = re.search(r"Severity\.(LOW|INFO)\b|_severity\(", inspect.getsource(check.run))
    if check.severity.at_least(Severity.MEDIUM) and lowered and not check.id.startswith("final-"):
        text = text_of(check.id)
        assert text.mild.strip().endswith(".")
        assert text.mild.strip() != text.impact.strip()


@every_check
def test_advice_names_settings_of_the_common_platforms(check: Check) -> None:
    text = text_of(check.id)
    assert set(text.platforms) <= set(PLATFORM_NAMES)
    if check.category is Category.CAPTURE or check.id.startswith("kpi-") or check.id in FOR_ANY_PLATFORM:
        return
    assert set(text.platforms) >= COMMON_PLATFORMS
    assert any("`" in advice for advice in text.platforms.values()), "no setting is named"


@every_check
def test_sources_hold_the_clause_that_the_check_rests_on(check: Check) -> None:
    if not check.rfc or check.id.startswith("final-"):
        return
    sources = " ".join(text_of(check.id).sources)
    for document in re.findall(r"RFC \d+", check.rfc):
        assert document in sources


@every_check
def test_rules_fit_the_limits_of_sarif(check: Check) -> None:
    info = card(check, text_of(check.id))
    made = rule(info, ())
    assert 0 < len(made.short_description.text) <= SHORT_DESCRIPTION_LIMIT
    assert 0 < len(made.full_description.text) <= FULL_DESCRIPTION_LIMIT
    assert made.full_description.text == info.description, "the description is cut"
    assert info.description.endswith(text_of(check.id).impact.strip()), "the whole description, with the impact"


def test_titles_tell_checks_apart() -> None:
    titles = [title_of(text_of(check.id)) for check in CHECKS]
    assert len(set(titles)) == len(titles)


def test_no_text_is_left_of_a_check_that_is_gone() -> None:
    written = {entry.name.removesuffix(".yml") for entry in (KNOWLEDGE / "checks").iterdir()}
    assert written == {check.id for check in CHECKS if not check.id.startswith("final-")}
    assert set(response_codes()) == set(finals.SEVERITIES)


def test_a_final_response_is_explained_by_its_code() -> None:
    text = text_of("final-404")
    assert "404" in text.summary
    assert text.sources == (response_codes()[404].source,)


def test_a_misspelt_key_is_an_error() -> None:
    raw = {"summary": "a", "description": "a", "impact": "a.", "recommendation": "a"}
    CheckText.model_validate(raw)
    with pytest.raises(ValidationError):
        CheckText.model_validate({**raw, "sumary": "a"})


def test_a_check_without_texts_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        text_of("no-such-check")


@pytest.mark.parametrize("check", ["nat-sdp-private", "sdp-ptime-mismatch"])
def test_the_faults_of_the_first_users_name_the_settings(check: str) -> None:
    wanted = {
        "nat-sdp-private": {
            "asterisk": ("external_media_address", "local_net", "rtp_symmetric"),
            "freeswitch": ("ext-rtp-ip",),
        },
        "sdp-ptime-mismatch": {
            "asterisk": ("allow=ulaw:20", "use_ptime"),
            "freeswitch": ("PCMU@20i", "rtp-autofix-timing"),
        },
    }[check]
    for platform, settings in wanted.items():
        for setting in settings:
            assert setting in text_of(check).platforms[platform]


def test_a_page_holds_everything_that_the_texts_say() -> None:
    check = all_checks()["sdp-ptime-mismatch"]
    text = text_of(check.id)
    made = page(check, text)
    for part in prose_of(text)[1:]:
        assert part.strip() in made
    for fact in (f"`{check.id}`", check.severity, check.category, check.rfc):
        assert fact in made
    for name in text.platforms:
        assert f"**{PLATFORM_NAMES[name]}**" in made
