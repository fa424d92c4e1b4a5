"""The knowledge is data that people edit by hand: what the loader would take in silence is an error here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

import sip_ci_server.engine.knowledge as knowledge

FOLDER = Path(knowledge.__file__).parent
FILES = sorted(FOLDER.rglob("*.yml"))


def _repeated(node: yaml.Node) -> list[str]:
    """The keys that stand twice in one mapping, of which the loader would keep the last."""
    found: list[str] = []
    if isinstance(node, yaml.MappingNode):
        counts = Counter(key.value for key, _ in node.value)
        found += [f"{key} (line {node.start_mark.line + 1})" for key, count in counts.items() if count > 1]
    for child in node.value if isinstance(node.value, list) else ():
        for part in child if isinstance(child, tuple) else (child,):
            found += _repeated(part)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_key_stands_twice(path: Path) -> None:
    assert _repeated(yaml.compose(path.read_text(encoding="utf-8"))) == []


def test_a_repeated_key_is_seen() -> None:
    assert _repeated(yaml.compose("a: {b: [1], b: [2]}\n")) == ["b (line 1)"]
