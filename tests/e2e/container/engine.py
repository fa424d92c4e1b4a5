"""The Docker engine of this machine, as the container tests use it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

RUN_SECONDS = 180
BUILD_SECONDS = 900
SOCKET = Path("/var/run/docker.sock")


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has come to its end."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both streams, for messages of failed tests."""
        return f"{self.stdout}\n{self.stderr}"


def reason_without_engine() -> str:
    """Why no container can be run here, in one sentence; empty where one can."""
    if not shutil.which("docker"):
        return "not installed: docker"
    try:
        answer = docker("version", "--format", "{{.Server.Version}}", seconds=20)
    except subprocess.TimeoutExpired:
        return "the Docker engine does not answer in time"
    return "" if answer.exit_code == 0 else "no Docker engine answers"


def docker(*arguments: str, environment: Mapping[str, str] | None = None, seconds: float = RUN_SECONDS) -> Ended:
    """Runs the docker command to its end; `environment` is added to the environment of this process."""
    ended = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
        timeout=seconds,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def build(context: Path, tag: str, arguments: Mapping[str, str]) -> None:
    """Builds the image `tag` from the Dockerfile in `context`; raises RuntimeError with the log where that fails."""
    options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    # The network of the host: a build may need the name servers and mirrors of this machine.
    ended = docker("build", "--network", "host", "--tag", tag, *options, str(context), seconds=BUILD_SECONDS)
    if ended.exit_code:
        raise RuntimeError(f"the image could not be built:\n{ended.output}")


def run(image: str, *command: str, options: Iterable[str] = (), environment: Mapping[str, str] | None = None) -> Ended:
    """Runs a container of `image` to its end and removes it.

    The environment goes by name on the command line and by value through the process, so that no value of it
    appears in a list of processes.
    """
    names = [f"--env={name}" for name in environment or {}]
    return docker("run", "--rm", *names, *options, image, *command, environment=environment)
