"""Config files as text: finds the one that applies, and reads it into values with their lines.

YAML is read node by node: a duplicate key is refused (PyYAML keeps the last one silently), every key knows its
line, and a file that is huge, deeply nested, or grows by aliases is refused before it costs memory.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sip_ci.errors import ConfigError

YAML_NAMES = (".sip-ci.yml", ".sip-ci.yaml")
PYPROJECT = "pyproject.toml"
MAXIMUM_BYTES = 1024 * 1024
_MAXIMUM_NODES = 10_000
_MAXIMUM_DEPTH = 20
_PLAIN_TAGS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_VCS_FOLDERS = (".git", ".hg", ".svn")


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a config file."""

    value: Any
    line: int
    """1-based; 0 where it is unknown."""


@dataclass(frozen=True, slots=True)
class Document:
    """A config file, read but not yet judged."""

    path: Path
    label: str
    """The path as people write it: relative to the current directory where it lies below."""
    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Discovery:
    """The config file that applies, and what to say about others beside it."""

    path: Path | None
    warning: str = ""


def discover(start: Path) -> Discovery:
    """Find the nearest config file, from `start` up to the root of the version control system.

    Outside a checkout only `start` itself is searched: a file in a shared parent folder is nobody's config.
    """
    for folder in _folders_to_root(start):
        found = [folder / name for name in YAML_NAMES if (folder / name).is_file()]
        pyproject = folder / PYPROJECT
        if pyproject.is_file() and _has_table(pyproject):
            found.append(pyproject)
        if found:
            ignored = ", ".join(path.name for path in found[1:])
            return Discovery(found[0], f"{found[0].name} is used; {ignored} beside it is not" if ignored else "")
    return Discovery(None)


def _folders_to_root(start: Path) -> tuple[Path, ...]:
    passed: list[Path] = []
    for folder in (start, *start.parents):
        passed.append(folder)
        if any((folder / name).exists() for name in _VCS_FOLDERS):
            return tuple(passed)
    return (start,)


def _has_table(path: Path) -> bool:
    # A pyproject.toml that other tools use must not stop this one: its errors are theirs, unless the table is there.
    try:
        return re.search(r"^\s*\[\s*tool\s*\.\s*[\"']?sip-ci[\"']?\s*\]", _read(path), re.MULTILINE) is not None
    except ConfigError:
        return False


def read_document(path: Path, directory: Path) -> Document:
    """Read one config file.

    Raises:
        ConfigError: The file cannot be read, is not YAML or TOML, or repeats a key.
    """
    label = str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)
    text = _read(path, label)
    entries = _read_toml(text, label) if path.suffix == ".toml" else _read_yaml(text, label)
    return Document(path, label, entries)


def _read(path: Path, label: str = "") -> str:
    label = label or path.name
    try:
        with path.open("rb") as file:
            data = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"config file {label} does not exist") from None
    except OSError as error:
        raise ConfigError(f"config file {label} cannot be read: {error.strerror or error}") from None
    if len(data) > MAXIMUM_BYTES:
        raise ConfigError(f"config file {label} is larger than {MAXIMUM_BYTES} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{label}:{line}: is not UTF-8 text") from None


def _read_toml(text: str, label: str) -> dict[str, Entry]:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{label}: is not valid TOML: {error}") from None
    tool = content.get("tool", {})
    table = tool.get("sip-ci", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{label}: [tool.sip-ci] must be a table")
    lines = dict(_toml_lines(text))
    return {key: Entry(value, lines.get(key, 0)) for key, value in table.items()}


def _toml_lines(text: str) -> Iterator[tuple[str, int]]:
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = re.fullmatch(r"\[\s*tool\s*\.\s*[\"']?sip-ci[\"']?\s*\]\s*(#.*)?", stripped) is not None
        elif inside and (match := re.match(r"[\"']?([A-Za-z0-9_-]+)[\"']?\s*=", stripped)):
            yield match[1], number


def _read_yaml(text: str, label: str) -> dict[str, Entry]:
    try:
        loader = yaml.SafeLoader(text)
        return _YamlReader(loader, label).entries(loader.get_single_node())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(f"{label}:{line}: is not valid YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{label}: is not valid YAML: {reason}") from None
    except RecursionError:
        raise ConfigError(f"{label}: is nested too deeply") from None


class _YamlReader:
    """Turns YAML nodes into plain values, within a budget that aliases cannot get around."""

    def __init__(self, loader: yaml.SafeLoader, label: str) -> None:
        self._loader = loader
        self._label = label
        self._budget = _MAXIMUM_NODES

    def entries(self, node: yaml.Node | None) -> dict[str, Entry]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"):
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{self._at(node)} must hold keys and values, such as `fail-on: high`")
        return {key: Entry(self._value(value, 1), line) for key, value, line in self._pairs(node)}

    def _pairs(self, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, int]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"{self._at(key_node)} a key must be text")
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in seen:
                raise ConfigError(f"{self._at(key_node)} duplicate key '{key}'; it is already on line {seen[key]}")
            seen[key] = line
            yield key, value_node, line

    def _value(self, node: yaml.Node, depth: int) -> Any:
        self._budget -= 1
        if self._budget < 0 or depth > _MAXIMUM_DEPTH:
            raise ConfigError(f"{self._at(node)} holds too many or too deeply nested values")
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
            raise ConfigError(f"{self._at(node)} the tag {node.tag} is not allowed")
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return {key: self._value(value, depth + 1) for key, value, _line in self._pairs(node)}
        return self._loader.construct_object(node, deep=True)

    def _at(self, node: yaml.Node) -> str:
        return f"{self._label}:{node.start_mark.line + 1}:"
