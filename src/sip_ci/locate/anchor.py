"""The anchor: the file in the repository that stands for findings without a better place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sip_ci.errors import ConfigError

_README_NAMES = ("README.md", "README.rst", "README.txt", "README", "readme.md")
_WORKFLOW_REFERENCE = re.compile(r"^[^/]+/[^/]+/(?P<path>\.github/workflows/[^@]+)@")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A file of the repository, and how it came to stand for findings."""

    path: str
    """Relative to the workspace, with forward slashes."""
    why: str


def find_anchor(
    workspace: Path, *, configured: Path | None, config_file: Path | None, environment: Mapping[str, str]
) -> Anchor | None:
    """Choose the anchor: what the user says, else the first that exists of config file, workflow, and README.

    Args:
        workspace: The repository's root, resolved.
        configured: The absolute path that the user gave.
        config_file: The config file in use.
        environment: Where GitHub says which workflow runs.

    Raises:
        ConfigError: The configured anchor is no file in the workspace.
    """
    if configured is not None:
        path = path_in_workspace(configured, workspace)
        if path is None:
            raise ConfigError(f"the anchor {configured} is no file in the workspace; name a file of the repository")
        return Anchor(path, "the configured anchor")
    for candidate, why in _candidates(workspace, config_file, environment):
        if path := path_in_workspace(candidate, workspace):
            return Anchor(path, why)
    return None


def _candidates(
    workspace: Path, config_file: Path | None, environment: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    if config_file is not None:
        yield config_file, "the config file"
    # owner/repository/.github/workflows/name.yml@refs/heads/main
    if match := _WORKFLOW_REFERENCE.match(environment.get("GITHUB_WORKFLOW_REF", "")):
        yield workspace / match["path"], "the workflow that runs"
    yield workspace / ".gitlab-ci.yml", "the pipeline that runs"
    for name in _README_NAMES:
        yield workspace / name, "the repository's README"


def path_in_workspace(path: Path, workspace: Path) -> str | None:
    """The path relative to the workspace with forward slashes, or None if it is no file in it.

    Links are followed first: a link that leads out of the workspace is not in it.
    """
    try:
        real = path.resolve()
        if not real.is_file() or not real.is_relative_to(workspace):
            return None
    except (OSError, ValueError):
        return None
    return real.relative_to(workspace).as_posix()
