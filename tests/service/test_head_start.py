"""The head start of the bundled server: only where the run will use it, and never left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from sip_ci.cli.analyze import CONFIG_NAMES
from sip_ci.config.documents import PYPROJECT, YAML_NAMES
from sip_ci.errors import ServiceError
from sip_ci.service.embedded import EmbeddedServer
from sip_ci.service.head_start import head_start


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened to servers, which are not really started."""
    events: list[str] = []
    monkeypatch.setattr(EmbeddedServer, "start", lambda self: events.append("start"))
    monkeypatch.setattr(EmbeddedServer, "stop", lambda self: events.append("stop"))
    return events


@pytest.mark.parametrize("flag", [None, "bundled"])
def test_the_bundled_server_gets_one(flag: str | None, started: list[str]) -> None:
    with head_start(flag, [], {"SIP_CI_SERVER": "bundled"}) as server:
        assert server is not None
    assert started[0] == "start"
    assert started[-1] == "stop"


@pytest.mark.parametrize(
    ("flag", "environment"),
    [
        ("hosted", {}),
        ("https://sip.example.com", {}),
        (None, {"SIP_CI_SERVER": "hosted"}),
        (None, {"SIP_CI_INPUT_SERVER": "https://sip.example.com"}),
        (None, {"SIP_CI_CONFIG": "other.yml"}),
    ],
)
def test_another_server_gets_none(flag: str | None, environment: dict[str, str], started: list[str]) -> None:
    with head_start(flag, [], environment) as server:
        assert server is None
    assert started == []


def test_a_config_that_speaks_of_a_server_gets_none(tmp_path: Path, started: list[str]) -> None:
    config = tmp_path / ".sip-ci.yml"
    config.write_text("server: hosted\n")
    with head_start(None, [tmp_path / "missing.yml", config], {}) as server:
        assert server is None
    assert started == []


def test_a_server_that_cannot_start_is_left_to_whoever_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: EmbeddedServer) -> None:
        raise ServiceError("no")

    monkeypatch.setattr(EmbeddedServer, "start", fail)
    with head_start(None, [], {}) as server:
        assert server is None


def test_all_configs_are_looked_at() -> None:
    assert set(CONFIG_NAMES) == {*YAML_NAMES, PYPROJECT}
