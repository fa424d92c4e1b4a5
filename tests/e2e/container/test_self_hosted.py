"""The self-hosted server of the examples, and jobs that use it."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from tests.e2e.container import engine
from tests.e2e.container.conftest import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("docker-compose"), reason="not installed: docker-compose")


@pytest.fixture(scope="session")
def docker_compose_command() -> str:
    """Debian's docker-compose is a program of its own."""
    return "docker-compose"


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    """The file that the documentation tells users to start."""
    return str(ROOT / "examples" / "self-hosted" / "compose.yml")


@pytest.fixture(scope="session")
def docker_setup(image: str) -> Iterator[list[str]]:
    """Starts the server from the image under test, on a port that the system chooses."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SIP_CI_IMAGE", image)
        environment.setenv("SIP_CI_PORT", "0")
        yield ["up --detach"]


@pytest.fixture(scope="session")
def server(docker_services: Any, docker_ip: str) -> str:
    """The address of the server on this machine, once it is ready."""
    url = f"http://{docker_ip}:{docker_services.port_for('server', 8080)}"

    def ready() -> bool:
        try:
            with urlopen(f"{url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    docker_services.wait_until_responsive(check=ready, timeout=30, pause=0.2)
    return url


@pytest.fixture(scope="session")
def container(server: str, docker_compose_project_name: str) -> str:
    """The name of the container in which the server runs."""
    listed = engine.docker(
        "ps",
        "--quiet",
        f"--filter=label=com.docker.compose.project={docker_compose_project_name}",
        "--filter=label=com.docker.compose.service=server",
    )
    return listed.stdout.strip()


@pytest.fixture(scope="session")
def key(container: str) -> str:
    """A key of a user who may use the interface."""
    added = engine.docker("exec", container, "sip-ci-server", "users", "add", "ci", "--plan", "pro")
    assert added.exit_code == 0, added.output
    created = engine.docker("exec", container, "sip-ci-server", "keys", "create", "--user", "ci", "--name", "pipeline")
    assert created.exit_code == 0, created.output
    found = re.search(r"sips_[0-9a-f]{36}", created.stdout)
    assert found, created.output
    return found[0]


def analyse(image: str, folder: Path, container: str, trace: Path, key: str) -> engine.Ended:
    """Runs the client in a container on the network of the server."""
    folder.chmod(0o777)
    shutil.copy(trace, folder)
    networks = engine.docker(
        "inspect", "--format", "{{range $n, $_ := .NetworkSettings.Networks}}{{$n}}{{end}}", container
    )
    options = [f"--network={networks.stdout.strip()}", f"--volume={folder}:/calls", "--workdir=/calls"]
    return engine.run(
        image,
        "analyze",
        trace.name,
        "--output=json=report.json",
        options=[*options, f"--user={os.getuid()}:{os.getgid()}"],
        environment={"SIP_CI_SERVER": "http://server:8080", "SIP_CI_API_KEY": key, "SIP_CI_ALLOW_HTTP": "true"},
    )


@pytest.mark.parametrize("name", ["ack-missing.log", "ack-missing.pcap"])
def test_a_trace_is_diagnosed_by_the_server(
    image: str, tmp_path: Path, container: str, traces: Path, key: str, name: str
) -> None:
    ended = analyse(image, tmp_path, container, traces / name, key)

    assert ended.exit_code == 1, ended.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert "ack-missing-2xx" in {finding["check"] for finding in report["findings"]}


def test_a_wrong_key_is_an_error_that_does_not_repeat_it(
    image: str, tmp_path: Path, container: str, traces: Path
) -> None:
    wrong = "sips_" + "0" * 36
    ended = analyse(image, tmp_path, container, traces / "healthy-call.log", wrong)

    assert ended.exit_code == 2, ended.output
    assert wrong not in ended.output
    assert not (tmp_path / "report.json").exists()
