from __future__ import annotations

from pathlib import Path

import pytest

from sip_ci.config.documents import discover, read_document
from sip_ci.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def read(folder: Path, text: str | bytes, name: str = ".sip-ci.yml") -> dict[str, tuple[object, int]]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return {key: (entry.value, entry.line) for key, entry in read_document(path, folder).entries.items()}


def test_yaml_values_know_their_lines(folder: Path) -> None:
    assert read(folder, "# c\nfail-on: low\npaths:\n  - a\n  - b\ntimeout: 5\n") == {
        "fail-on": ("low", 2),
        "paths": (["a", "b"], 3),
        "timeout": (5, 6),
    }


def test_toml_values_know_their_lines(folder: Path) -> None:
    text = '[project]\nname = "x"\n[tool.sip-ci] # c\nfail-on = "low"\n\npaths = ["a"]\n[tool.other]\nserver = "y"\n'
    assert read(folder, text, "pyproject.toml") == {"fail-on": ("low", 4), "paths": (["a"], 6)}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "\ufeff"])
def test_an_empty_file_says_nothing(folder: Path, text: str) -> None:
    assert read(folder, text) == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", ":3:"),
        ("fail-on: [\n", ":2:"),
        ("- a\n", ":1:"),
        ("a: 1\n? [x]\n: 2\n", ":2:"),
        ("a: !!python/object/apply:os.system [x]\n", ":1:"),
        ("a: 1\n\tb: 2\n", ":2:"),
        ("a: 1\n---\nb: 2\n", ":2:"),
        ("a: 2026-99-99\n", ""),
        (b"a: \xff\n", ":1:"),
        ("a: \x00\n", ""),
        ("x: &a [*a]\n", ""),
        ("a: " + "[" * 5000, ""),
        ("a: " + "[" * 100 + "]" * 100, ":1:"),
    ],
    ids=range(13),
)
def test_a_file_that_cannot_be_used_is_named_with_the_line(folder: Path, text: str | bytes, place: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(folder, text)
    assert f".sip-ci.yml{place}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_aliases_cannot_grow_without_bound(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 15)]
    with pytest.raises(ConfigError, match="too many"):
        read(folder, "\n".join(lines))


def test_a_huge_file_is_not_read(folder: Path) -> None:
    with pytest.raises(ConfigError, match="larger"):
        read(folder, b"#" * (1024 * 1024 + 1))


def test_broken_toml_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match="TOML"):
        read(folder, "[tool.sip-ci]\na = \n", "pyproject.toml")


def test_a_missing_file_is_an_error(folder: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_document(folder / "absent.yml", folder)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_document(folder, folder)


def test_the_nearest_file_up_to_the_checkouts_root_applies(folder: Path) -> None:
    (folder / ".sip-ci.yml").write_text("")
    inner = folder / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    assert discover(inner).path is None
    (folder / "repo" / ".git").mkdir()
    assert discover(inner).path is None
    (folder / "repo" / "pyproject.toml").write_text("[tool.sip-ci]\n")
    assert discover(inner).path == folder / "repo" / "pyproject.toml"
    (folder / "repo" / "a" / "pyproject.toml").write_text("[tool.ruff]\n")
    assert discover(inner).path == folder / "repo" / "pyproject.toml"
    (folder / "repo" / "a" / ".sip-ci.yaml").write_text("")
    assert discover(inner).path == folder / "repo" / "a" / ".sip-ci.yaml"


def test_two_files_side_by_side_give_a_warning(folder: Path) -> None:
    (folder / ".sip-ci.yml").write_text("")
    assert discover(folder).warning == ""
    (folder / ".sip-ci.yaml").write_text("")
    found = discover(folder)
    assert found.path == folder / ".sip-ci.yml"
    assert ".sip-ci.yaml" in found.warning
