"""The image under test, and the runner that uses it as GitHub does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.container import engine
from tests.e2e.container.github_runner import GithubRunner

ROOT = Path(__file__).parents[3]
BUILT_IMAGE = "sip-ci:under-test"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs an engine, and skips it where none answers."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    needing = [item for item in here if "image" in getattr(item, "fixturenames", ())]
    reason = engine.reason_without_engine() if needing else ""
    for item in needing:
        item.add_marker(pytest.mark.docker)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """The image of this checkout; SIP_CI_IMAGE names one that was built before.

    SIP_CI_PYTHON_IMAGE names the base image on a machine that cannot pull the public one.
    """
    given = os.environ.get("SIP_CI_IMAGE")
    if given:
        yield given
        return
    base = os.environ.get("SIP_CI_PYTHON_IMAGE")
    engine.build(ROOT, BUILT_IMAGE, {"PYTHON_IMAGE": base} if base else {})
    yield BUILT_IMAGE
    engine.docker("image", "rm", "--force", BUILT_IMAGE)


@pytest.fixture(scope="session")
def traces() -> Path:
    """The calls that the project recorded."""
    return ROOT / "examples" / "traces"


@pytest.fixture
def runner(image: str, tmp_path: Path) -> GithubRunner:
    """A runner with an empty workspace."""
    return GithubRunner(ROOT / "action.yml", image, tmp_path)
