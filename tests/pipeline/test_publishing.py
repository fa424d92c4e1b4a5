from __future__ import annotations

import pytest

from sip_ci.config.settings import ColorChoice
from sip_ci.publishing import use_colour, version_control

AUTO = ColorChoice.AUTO


@pytest.mark.parametrize(
    ("choice", "environment", "expected"),
    [
        (AUTO, {"FORCE_COLOR": "1"}, True),
        (AUTO, {"FORCE_COLOR": "0"}, False),
        (AUTO, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (AUTO, {"CLICOLOR_FORCE": "1"}, True),
        (AUTO, {"NO_COLOR": ""}, False),
        (AUTO, {"GITHUB_ACTIONS": "true"}, True),
        (AUTO, {"GITLAB_CI": "true"}, True),
        (AUTO, {"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}, False),
        (AUTO, {}, False),
        (ColorChoice.ALWAYS, {"NO_COLOR": "1"}, True),
        (ColorChoice.NEVER, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_who_decides_over_colour(choice: ColorChoice, environment: dict[str, str], expected: bool) -> None:
    assert use_colour(choice, environment, to_terminal=True) is expected


def test_files_are_never_coloured() -> None:
    assert not use_colour(ColorChoice.ALWAYS, {"FORCE_COLOR": "1"}, to_terminal=False)


def test_the_revision_under_test() -> None:
    github = version_control(
        {
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_SHA": "abc",
            "GITHUB_REF_NAME": "main",
        }
    )
    assert github is not None
    assert (github.repository_uri, github.revision, github.branch) == ("https://github.com/o/r", "abc", "main")
    gitlab = version_control({"CI_PROJECT_URL": "https://gitlab.example/o/r", "CI_COMMIT_SHA": "abc"})
    assert gitlab is not None
    assert gitlab.repository_uri == "https://gitlab.example/o/r"
    assert version_control({}) is None
    assert version_control({"GITHUB_SERVER_URL": "javascript:x", "GITHUB_REPOSITORY": "o/r"}) is None
