"""Settings, and that the documentation has them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sip_ci.errors import ConfigError
from sip_ci_server import cli
from sip_ci_server.accounts.plans import Plan
from sip_ci_server.settings import ServerSettings, environment_name, load_settings

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "server.md"
KEY = "sips_" + "0123456789ab" * 3


def test_flags_win_over_the_environment_and_empty_means_unset() -> None:
    environ = {"SIP_CI_SERVER_PORT": "9000", "SIP_CI_SERVER_HOST": "", "SIP_CI_SERVER_ROOTS": "/a:/b", "PORT": "1"}
    settings = load_settings(environ, {"port": 9001, "workers": None})
    assert (settings.port, settings.host) == (9001, "127.0.0.1")
    assert settings.roots == (Path("/a"), Path("/b"))


def test_an_embedded_server_keeps_no_captures_unless_told() -> None:
    assert load_settings({}).captures_dir is not None
    assert load_settings({"SIP_CI_SERVER_CAPTURES_DIR": ""}).captures_dir is None
    assert load_settings({"SIP_CI_SERVER_LOCAL_KEY": KEY}).captures_dir is None
    assert load_settings({"SIP_CI_SERVER_LOCAL_KEY": KEY}, {"captures_dir": "c"}).captures_dir == Path("c")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("CAPTURE_BYTES", "-1"),
        ("CAPTURE_TTL", "nan"),
        ("ALLOW_HTTP", "perhaps"),
        ("FETCH_PORTS", "443,x"),
        ("LOG_LEVEL", "loud"),
        ("PUBLIC_URL", "sip-ci.example.com"),
        ("LOCAL_KEY", "secret-but-malformed"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_settings({f"SIP_CI_SERVER_{name}": value})
    assert f"SIP_CI_SERVER_{name}" in str(refused.value)
    assert "secret-but-malformed" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_wrong_flag_is_named_by_the_flag() -> None:
    with pytest.raises(ConfigError, match="--port"):
        load_settings({"SIP_CI_SERVER_PORT": "80"}, {"port": 70000})


def test_the_local_key_is_not_shown() -> None:
    assert KEY not in repr(load_settings({"SIP_CI_SERVER_LOCAL_KEY": KEY}))


def test_documentation_lists_every_setting_and_no_other() -> None:
    documented = set(re.findall(r"^\| `(SIP_CI_SERVER_[A-Z_]+)` \|", DOCUMENTATION.read_text(), re.MULTILINE))
    assert documented == {environment_name(field) for field in ServerSettings.model_fields}


def test_documentation_has_every_flag_of_serve() -> None:
    text = DOCUMENTATION.read_text()
    for parameter in cli.serve.params:
        for option in parameter.opts:
            assert f"`{option}`" in text


def test_plans_of_the_command_line_are_the_plans() -> None:
    assert tuple(plan.value for plan in Plan) == cli.PLANS
