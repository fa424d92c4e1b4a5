"""What is generated from the code is current, the same each time, and part of what is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sip_ci.catalogue import load_catalogue, parse_catalogue
from sip_ci_server.engine.checks.registry import all_checks

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "scripts" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.path.copy()
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


def test_every_generated_file_is_current(generate: ModuleType) -> None:
    assert sorted(map(str, generate.stale_files())) == [], "run scripts/generate"


def test_the_same_code_gives_the_same_files(generate: ModuleType) -> None:
    first, second = list(generate.generated_files()), list(generate.generated_files())
    assert first == second
    assert [path for path, _ in first if path.is_absolute()] == []
    assert all(text.endswith("\n") and "\r" not in text for _, text in first)


def test_the_catalogue_holds_every_check_as_the_registry_knows_it() -> None:
    catalogue, checks = load_catalogue(), all_checks()
    assert list(catalogue) == list(checks)
    for check in checks.values():
        info = catalogue[check.id]
        assert (info.severity, info.category, info.confidence, info.rfc) == (
            check.severity,
            check.category,
            check.confidence,
            check.rfc,
        )
        assert "{" not in info.title


def test_every_check_has_a_page_and_a_row(generate: ModuleType) -> None:
    pages = ROOT / "docs" / "checks"
    index = (pages / "index.md").read_text(encoding="utf-8")
    for check in all_checks():
        assert (pages / f"{check}.md").is_file()
        assert f"({check}.md)" in index


def test_a_missing_an_edited_and_a_leftover_file_are_found_and_mended(generate: ModuleType, tmp_path: Path) -> None:
    count = len(generate.write(tmp_path))
    assert count == len(list(generate.generated_files()))
    assert generate.write(tmp_path) == []
    (tmp_path / generate.CATALOGUE).unlink()
    edited = tmp_path / generate.PAGES / "final-404.md"
    edited.write_text("edited", encoding="utf-8")
    leftover = tmp_path / generate.PAGES / "check-that-is-gone.md"
    leftover.write_text("left", encoding="utf-8")
    assert {path.name for path in generate.stale_files(tmp_path)} == {"catalogue.json", edited.name, leftover.name}
    assert {path.name for path in generate.write(tmp_path)} == {"catalogue.json", edited.name, leftover.name}
    assert not leftover.exists()
    assert edited.read_text(encoding="utf-8") != "edited"
    assert parse_catalogue((tmp_path / generate.CATALOGUE).read_text(encoding="utf-8")) == load_catalogue()


def test_checking_says_what_to_do_and_writes_nothing(
    generate: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert generate.main(["--check"]) == 0
    monkeypatch.setattr(generate, "generated_files", lambda: iter([(Path("docs/checks/index.md"), "newer\n")]))
    before = (ROOT / "docs/checks/index.md").read_bytes()
    assert generate.main(["--check"]) == 1
    captured = capsys.readouterr()
    assert "docs/checks/index.md" in captured.err
    assert captured.out == ""
    assert (ROOT / "docs/checks/index.md").read_bytes() == before


def test_a_wrong_argument_is_a_mistake_of_use(generate: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--chekc"]) == 2
    assert "usage" in capsys.readouterr().err
