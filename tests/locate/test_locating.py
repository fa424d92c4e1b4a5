from __future__ import annotations

from pathlib import Path

import pytest

from sip_ci.errors import ConfigError
from sip_ci.findings import Category, Confidence, Evidence, Finding, Severity
from sip_ci.locate.anchor import Anchor, find_anchor
from sip_ci.locate.locating import locate

ANCHOR = Anchor("README.md", "the repository's README")


def finding(*lines: int | None, name: str = "a.log") -> Finding:
    evidence = tuple(Evidence("text", "why", line=line) for line in lines)
    return Finding("check", Severity.HIGH, Category.MEDIA, "t", "d", "r", name, "f", evidence=evidence)


def test_a_text_in_the_workspace_is_the_place() -> None:
    (located,) = locate([finding(None, 17, 20)], {"a.log": "traces/a.log"}, ANCHOR)
    assert located.location is not None
    assert (located.location.path, located.location.start_line, located.location.end_line) == ("traces/a.log", 17, 17)
    assert located.location.confidence is Confidence.CERTAIN


@pytest.mark.parametrize("text_paths", [{}, {"a.log": ""}, {"b.log": "b.log"}])
def test_the_anchor_stands_for_what_is_no_text_in_the_workspace(text_paths: dict[str, str]) -> None:
    (located,) = locate([finding(17)], text_paths, ANCHOR)
    assert located.location is not None
    assert (located.location.path, located.location.start_line) == ("README.md", 1)


def test_evidence_without_a_line_goes_to_the_anchor() -> None:
    for item in (finding(), finding(None), finding(0)):
        (located,) = locate([item], {"a.log": "a.log"}, ANCHOR)
        assert located.location is not None
        assert located.location.path == "README.md"


def test_without_an_anchor_there_is_no_place() -> None:
    assert locate([finding()], {}, None)[0].location is None


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def anchor_of(workspace: Path, **environment: str) -> str | None:
    anchor = find_anchor(workspace, configured=None, config_file=None, environment=environment)
    return anchor.path if anchor else None


def test_the_order_of_anchors(workspace: Path) -> None:
    reference = "owner/repo/.github/workflows/ci.yml@refs/heads/main"
    assert anchor_of(workspace) is None
    (workspace / "README.rst").write_text("x")
    assert anchor_of(workspace, GITHUB_WORKFLOW_REF=reference) == "README.rst"
    (workspace / "README.md").write_text("x")
    assert anchor_of(workspace) == "README.md"
    (workspace / ".gitlab-ci.yml").write_text("x")
    assert anchor_of(workspace) == ".gitlab-ci.yml"
    workflow = workspace / ".github" / "workflows" / "ci.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("x")
    assert anchor_of(workspace, GITHUB_WORKFLOW_REF=reference) == ".github/workflows/ci.yml"
    config = workspace / ".sip-ci.yml"
    config.write_text("")
    chosen = find_anchor(workspace, configured=None, config_file=config, environment={"GITHUB_WORKFLOW_REF": reference})
    assert chosen is not None
    assert chosen.path == ".sip-ci.yml"
    chosen = find_anchor(workspace, configured=workspace / "README.md", config_file=config, environment={})
    assert chosen is not None
    assert chosen.path == "README.md"


def test_a_configured_anchor_must_be_a_file_of_the_repository(workspace: Path) -> None:
    (workspace / "link").symlink_to("/etc/passwd")
    for path in ("absent", "../elsewhere", "link", "."):
        with pytest.raises(ConfigError, match="anchor"):
            find_anchor(workspace, configured=workspace / path, config_file=None, environment={})


@pytest.mark.parametrize(
    "reference", ["", "x", "owner/repo/.github/workflows/../../../../etc/passwd@refs/heads/main", "a/b/c/d@e"]
)
def test_a_workflow_reference_leads_nowhere_else(workspace: Path, reference: str) -> None:
    assert anchor_of(workspace, GITHUB_WORKFLOW_REF=reference) is None


def test_a_config_file_elsewhere_is_no_anchor(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = tmp_path_factory.mktemp("elsewhere") / "c.yml"
    config.write_text("")
    assert find_anchor(workspace, configured=None, config_file=config, environment={}) is None
