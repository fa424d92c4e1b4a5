"""The GitLab example, run by gitlab-ci-local in the image."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.e2e.container.conftest import ROOT

RUNNER = "gitlab-ci-local"
HELPER_VARIABLE = "SIP_CI_GITLAB_HELPER_IMAGE"
EXAMPLE = ROOT / "examples" / "gitlab" / ".gitlab-ci.yml"

pytestmark = [
    pytest.mark.skipif(not shutil.which(RUNNER), reason=f"not installed: {RUNNER}"),
    pytest.mark.skipif(not os.environ.get(HELPER_VARIABLE), reason=f"{HELPER_VARIABLE} names no image with rsync"),
]


@pytest.fixture
def project(tmp_path: Path, image: str) -> Path:
    """A repository with the example's job, which uses the image under test."""
    text, count = re.subn(r"(?m)^(\s+SIP_CI_IMAGE:).*$", rf"\1 {image}", EXAMPLE.read_text())
    assert count == 1
    (tmp_path / ".gitlab-ci.yml").write_text(text)
    (tmp_path / "traces").mkdir()
    return tmp_path


def run_job(project: Path) -> subprocess.CompletedProcess[str]:
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", "-C", str(project)]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "calls"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return subprocess.run(
        [RUNNER, "--helper-image", os.environ[HELPER_VARIABLE], "--pull-policy", "if-not-present", "sip-ci"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def cases(project: Path) -> ElementTree.Element:
    """The JUnit report among the artifacts."""
    found = list(project.glob("**/sip-ci-results/junit.xml"))
    assert found, sorted(path.name for path in project.rglob("*"))
    return ElementTree.parse(found[0]).getroot()


def test_a_healthy_call_passes_the_job(project: Path, traces: Path) -> None:
    shutil.copy(traces / "healthy-call.log", project / "traces")

    ended = run_job(project)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert not cases(project).findall(".//failure")


def test_a_broken_call_fails_the_job_and_leaves_its_report(project: Path, traces: Path) -> None:
    shutil.copy(traces / "ack-missing.log", project / "traces")

    ended = run_job(project)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert any(
        "ack-missing-2xx" in str(case.attrib)
        for case in cases(project).iter("testcase")
        if case.find("failure") is not None
    )
