from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sip_ci.config.options import OPTIONS, Kind, Place
from sip_ci.config.settings import FileSettings, OutputFormat, Settings
from sip_ci.config.sources import InvalidConfigError, load_settings
from sip_ci.errors import ConfigError, UsageError
from sip_ci.findings import Severity


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def load(
    folder: Path, text: str = "", *, environment: dict[str, str] | None = None, flags: dict[str, Any] | None = None
) -> Settings:
    if text:
        (folder / ".sip-ci.yml").write_text(text)
    return load_settings(flags or {}, environment or {}, folder)


def test_the_defaults(folder: Path) -> None:
    settings = load(folder)
    assert settings.values == FileSettings()
    assert settings.values.fail_on.threshold is Severity.HIGH
    assert settings.server_url is None
    assert settings.workspace == folder
    assert settings.origin("fail-on").label == "default"


def test_flags_win_over_variables_and_those_over_the_file(folder: Path) -> None:
    text = "fail-on: low\ncategory: file\nissue: file\n"
    environment = {"SIP_CI_CATEGORY": "variable", "SIP_CI_ISSUE": "variable"}
    settings = load(folder, text, environment=environment, flags={"issue": "flag"})
    assert settings.values.fail_on.threshold is Severity.LOW
    assert (settings.values.category, settings.values.issue) == ("variable", "flag")
    labels = [settings.origin(key).label for key in ("fail-on", "category", "issue")]
    assert labels == [".sip-ci.yml:1", "SIP_CI_CATEGORY", "--issue"]


def test_every_option_can_be_set_by_its_variable(folder: Path) -> None:
    samples = {
        "server": "https://sip.example",
        "fail-on": "never",
        "output": "json=a.json\n\n  sarif=b.sarif  \n",
        "timeout": "12.5",
        "max-input-bytes": "1000",
        "color": "always",
        "log-level": "debug",
    }
    for option in OPTIONS:
        if option.place is not Place.EVERYWHERE:
            continue
        text = samples.get(option.key, "false" if option.kind is Kind.BOOLEAN else "value")
        settings = load(folder, environment={option.variable: text})
        assert settings.values != FileSettings(), option.key
        assert settings.origin(option.key).label == option.variable


def test_lists_in_variables_have_one_item_per_line(folder: Path) -> None:
    settings = load(folder, environment={"SIP_CI_PATHS": "a b.pcap\n\r\n  c/*.log  \n"})
    assert settings.values.paths == ("a b.pcap", "c/*.log")


def test_empty_variables_count_as_unset(folder: Path) -> None:
    environment = {option.variable: " \n" for option in OPTIONS}
    settings = load(folder, "fail-on: low\n", environment=environment)
    assert settings.values.fail_on.threshold is Severity.LOW
    assert settings.api_key is None


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_true(folder: Path, text: str) -> None:
    assert load(folder, "annotations: false\n", environment={"SIP_CI_ANNOTATIONS": text}).values.annotations


@pytest.mark.parametrize("text", ["yes", "1", "on", "tRue"])
@pytest.mark.parametrize("name", ["SIP_CI_ANNOTATIONS", "SIP_CI_JOB_SUMMARY", "SIP_CI_ALLOW_HTTP"])
def test_other_booleans_are_errors_that_name_the_variable(folder: Path, name: str, text: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load(folder, environment={name: text})


def test_an_unknown_key_has_a_suggestion_and_a_place(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.sip-ci\.yml:2: .*'fial_on'.*'fail-on'"):
        load(folder, "timeout: 1\nfial_on: low\n")


def test_a_key_that_only_the_environment_may_have_is_told_so(folder: Path) -> None:
    with pytest.raises(ConfigError, match="SIP_CI_API_KEY"):
        load(folder, "api-key: sips_1\n")
    with pytest.raises(ConfigError, match="SIP_CI_ALLOW_HTTP"):
        load(folder, "allow-http: true\n")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("fail-on: bad", "fail-on"),
        ("paths: traces", "paths"),
        ("paths: ['']", "paths"),
        ("annotations: 'yes'", "annotations"),
        ("timeout: 0", "timeout"),
        ("timeout: .nan", "timeout"),
        ("timeout: soon", "timeout"),
        ("server: ftp://x", "server"),
        ("server: https://user:word@x", "server"),
        ("server: 'https://[::1'", "server"),
        ("server: https://x?y", "server"),
        ("output: [pdf=a]", "output"),
        ("output: ['sarif=']", "output"),
        ("version: 2", "version"),
        ("category: a b", "category"),
        ("issue: {a: b}", "issue"),
        ("max-input-bytes: 0", "max-input-bytes"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(folder: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(folder, f"# first line\n{text}\n")
    assert str(raised.value).startswith(f".sip-ci.yml:2: {key}:")
    assert "\n" not in str(raised.value)


def test_all_problems_are_known(folder: Path) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        load(folder, "fail-on: bad\ntimeout: 0\n", environment={"SIP_CI_COLOR": "red"})
    assert [problem.split(": ")[0] for problem in raised.value.problems] == [
        ".sip-ci.yml:1", ".sip-ci.yml:2", "SIP_CI_COLOR",
    ]  # fmt: skip


def test_unknown_keys_and_wrong_values_are_told_together(folder: Path) -> None:
    text = "timeout: 0\nfial-on: low\napi-key: x\ncolor: red\n"
    with pytest.raises(InvalidConfigError) as raised:
        load(folder, text, environment={"SIP_CI_ALLOW_HTTP": "maybe", "SIP_CI_ANNOTATIONS": "1"})
    places = [problem.split(": ")[0] for problem in raised.value.problems]
    assert places[:4] == [f".sip-ci.yml:{line}" for line in (1, 2, 3, 4)]
    assert set(places[4:]) == {"SIP_CI_ALLOW_HTTP", "SIP_CI_ANNOTATIONS"}


def test_a_mistyped_variable_is_warned_of(folder: Path) -> None:
    environment = {"SIP_CI_FIAL_ON": "low", "SIP_CI_SERVER_PORT": "1", "SIP_CI_INPUT_PATHS": "x", "SIP_CI_IMAGE": "i"}
    (warning,) = load(folder, environment=environment).warnings
    assert "SIP_CI_FIAL_ON" in warning
    assert "SIP_CI_FAIL_ON" in warning
    (warning,) = load(folder, environment={"SIP_CI_WHATEVER": "1"}).warnings
    assert "SIP_CI_WHATEVER" in warning


def test_the_case_of_a_choice_does_not_matter(folder: Path) -> None:
    settings = load(folder, "fail-on: HIGH\ncolor: Never\n", environment={"SIP_CI_LOG_LEVEL": "INFO"})
    assert (settings.values.fail_on, settings.values.color, settings.values.log_level) == ("high", "never", "info")


def test_the_key_is_never_shown(folder: Path) -> None:
    settings = load(folder, environment={"SIP_CI_API_KEY": "sips_secret"})
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sips_secret"
    assert "sips_secret" not in repr(settings)


def test_paths_of_a_file_start_at_its_folder(folder: Path) -> None:
    (folder / ".git").mkdir()
    inner = folder / "inner"
    inner.mkdir()
    (folder / ".sip-ci.yml").write_text("paths: [traces]\noutput: [sarif=out.sarif]\n")
    settings = load_settings({}, {}, inner)
    assert settings.base("paths") == folder
    assert settings.outputs[0].path == folder / "out.sarif"
    settings = load_settings({"output": ["sarif=out.sarif", "json=-"]}, {}, inner)
    assert [output.path for output in settings.outputs] == [inner / "out.sarif", None]
    assert settings.outputs[1].format is OutputFormat.JSON


def test_the_workspace_is_the_ci_systems(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("workspace").resolve()
    assert load(folder, environment={"GITHUB_WORKSPACE": str(other)}).workspace == other
    assert load(folder, environment={"CI_PROJECT_DIR": str(other)}).workspace == other
    assert load(folder, environment={"GITHUB_WORKSPACE": "/no/such/folder"}).workspace == folder


def test_a_named_config_file(folder: Path) -> None:
    (folder / "other.yml").write_text("fail-on: info\n")
    (folder / ".sip-ci.yml").write_text("fail-on: low\n")
    by_flag = load_settings({}, {}, folder, config="other.yml")
    by_variable = load_settings({}, {"SIP_CI_CONFIG": "other.yml"}, folder)
    none = load_settings({}, {}, folder, use_config=False)
    assert by_flag.values.fail_on.threshold is by_variable.values.fail_on.threshold is Severity.INFO
    assert none.values.fail_on.threshold is Severity.HIGH
    with pytest.raises(UsageError):
        load_settings({}, {}, folder, config="other.yml", use_config=False)
    with pytest.raises(ConfigError, match="absent"):
        load_settings({}, {}, folder, config="absent.yml")


def test_the_table_and_the_model_have_the_same_keys_and_defaults(folder: Path) -> None:
    fields = {field.alias: field for field in FileSettings.model_fields.values()}
    table = {option.key: option for option in OPTIONS if option.place is Place.EVERYWHERE}
    assert set(fields) - {"version"} == set(table)
    for key, option in table.items():
        default = fields[key].default
        if default not in (None, (), ""):
            assert str(getattr(default, "value", default)).removesuffix(".0").lower() == option.default, key
