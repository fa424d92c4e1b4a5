"""action.yml, the entry point, the image and the documentation say the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import sip_ci
from sip_ci.config.options import OPTIONS
from sip_ci.findings import Severity

ROOT = Path(__file__).parents[1]
ENTRYPOINT = ROOT / "entrypoint.sh"
PREFIX = "SIP_CI_INPUT_"
FILE_INPUTS = {"sarif-file": "sarif", "junit-file": "junit", "json-file": "json", "markdown-file": "markdown"}


@pytest.fixture(scope="module")
def action() -> dict[str, Any]:
    """The metadata of the action."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
    return loaded


def variable(name: str) -> str:
    """The variable by which an input reaches the entry point."""
    return PREFIX + name.upper().replace("-", "_")


def settings(environment: dict[str, str], tmp_path: Path, *arguments: str) -> dict[str, str]:
    """What the command line would see of the settings: the entry point is run with a command that prints them."""
    tool = tmp_path / "bin" / "sip-ci"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text('#!/bin/sh\nprintf "%s\\0" "$@"; printf "\\0"; env -0\n')
    tool.chmod(0o755)
    ended = subprocess.run(
        [str(ENTRYPOINT), *arguments],
        # A workspace of root, so that root stays root here.
        env={"PATH": f"{tool.parent}:/usr/bin:/bin", "GITHUB_WORKSPACE": "/", **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    printed = ended.stdout.removeprefix(f"::add-mask::{environment.get(variable('api-key'), '').strip()}\n")
    given, _, variables = printed.partition("\0\0")
    found = dict(pair.split("=", 1) for pair in variables.split("\0") if "=" in pair)
    return {"arguments": given.replace("\0", " "), **{k: v for k, v in found.items() if k.startswith("SIP_CI_")}}


def test_every_input_is_handed_over_and_nothing_else(action: dict[str, Any]) -> None:
    expected = {variable(name): f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}

    assert action["runs"]["env"] == expected


def test_no_input_has_a_default_of_its_own(action: dict[str, Any]) -> None:
    assert {entry["default"] for entry in action["inputs"].values()} == {""}
    assert not any(entry["required"] for entry in action["inputs"].values())


def test_every_input_is_an_option_of_the_command_line_or_a_report(action: dict[str, Any]) -> None:
    assert set(action["inputs"]) - set(FILE_INPUTS) <= {option.key for option in OPTIONS}


def test_every_input_reaches_the_setting_of_its_name(action: dict[str, Any], tmp_path: Path) -> None:
    plain = [name for name in action["inputs"] if name not in FILE_INPUTS]
    environment = {variable(name): f" value of {name}\n" for name in plain}

    seen = settings({"GITHUB_ACTIONS": "true", **environment}, tmp_path)

    by_key = {option.key: option.variable for option in OPTIONS}
    assert {name: seen[by_key[name]] for name in plain} == {name: f"value of {name}" for name in plain}
    assert not [name for name in seen if name.startswith(PREFIX)]
    assert seen["arguments"] == "analyze"


def test_inputs_that_are_not_given_leave_the_settings_alone(action: dict[str, Any], tmp_path: Path) -> None:
    environment = {variable(name): "" for name in action["inputs"]}

    seen = settings({"GITHUB_ACTIONS": "true", "SIP_CI_FAIL_ON": "low", **environment}, tmp_path)

    assert seen.keys() == {"arguments", "SIP_CI_FAIL_ON", "SIP_CI_OUTPUT"}
    assert seen["SIP_CI_FAIL_ON"] == "low"


def test_reports_have_default_places_and_named_ones(tmp_path: Path) -> None:
    default = settings({"GITHUB_ACTIONS": "true"}, tmp_path)["SIP_CI_OUTPUT"].splitlines()
    given = settings(
        {"GITHUB_ACTIONS": "true", **{variable(name): f"reports/{name}" for name in FILE_INPUTS}}, tmp_path
    )["SIP_CI_OUTPUT"].splitlines()

    assert [line.partition("=")[0] for line in default] == ["text", "sarif", "junit", "json"]
    assert given == ["text=-", *(f"{form}=reports/{name}" for name, form in FILE_INPUTS.items())]


def test_outside_of_github_the_settings_are_the_environment(tmp_path: Path) -> None:
    seen = settings({"SIP_CI_PATHS": "a.pcap", variable("paths"): "b.pcap"}, tmp_path)

    assert seen == {"arguments": "analyze", "SIP_CI_PATHS": "a.pcap"}


def test_arguments_go_to_the_command_line_as_they_are(tmp_path: Path) -> None:
    assert settings({}, tmp_path, "analyze", "a b.pcap", "$(id)")["arguments"] == "analyze a b.pcap $(id)"
    assert settings({}, tmp_path, "sip-ci", "checks")["arguments"] == "checks"


def test_the_marketplace_accepts_the_texts(action: dict[str, Any]) -> None:
    assert len(action["description"]) <= 125
    assert action["branding"].keys() == {"icon", "color"}
    for entry in (*action["inputs"].values(), *action["outputs"].values()):
        assert entry["description"].endswith(".")


def test_the_outputs_name_every_severity(action: dict[str, Any]) -> None:
    assert {f"{severity.value}-count" for severity in Severity} <= set(action["outputs"])


def test_the_documentation_lists_every_input_and_output(action: dict[str, Any]) -> None:
    text = (ROOT / "docs" / "ci" / "github.md").read_text()

    assert set(re.findall(r"(?m)^\| `([\w-]+)` \|", text.partition("## Outputs")[0])) == set(action["inputs"])
    assert set(re.findall(r"(?m)^\| `([\w-]+)` \|", text.partition("## Outputs")[2])) == set(action["outputs"])


def test_the_image_says_the_version_of_the_package() -> None:
    labels = re.findall(r'org\.opencontainers\.image\.version="([^"]+)"', (ROOT / "Dockerfile").read_text())

    assert labels == [sip_ci.__version__]
