"""Writes what is made from the code: the catalogue and pages of checks, the glossary, the requirements, the schemas."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "server")]

from sip_ci.catalogue import write_catalogue  # noqa: E402 - the checkout comes before an installed copy
from sip_ci.config.settings import config_schema  # noqa: E402
from sip_ci.convert.json_models import json_schema as trace_schema  # noqa: E402
from sip_ci.glossary import write_glossary  # noqa: E402
from sip_ci.report.json_models import json_schema  # noqa: E402
from sip_ci_server.engine.checks.registry import all_checks  # noqa: E402
from sip_ci_server.engine.knowledge.conformance_page import conformance_page  # noqa: E402
from sip_ci_server.engine.knowledge.glossary_page import glossary_page  # noqa: E402
from sip_ci_server.engine.knowledge.pages import card, index, page  # noqa: E402
from sip_ci_server.engine.knowledge.texts import text_of  # noqa: E402
from sip_ci_server.engine.knowledge.topics import topics  # noqa: E402

CATALOGUE = Path("src/sip_ci/catalogue.json")
GLOSSARY = Path("src/sip_ci/glossary.json")
GLOSSARY_PAGE = Path("docs/glossary.md")
PAGES = Path("docs/checks")
CONFORMANCE = Path("docs/conformance.md")
SCHEMAS: dict[Path, Callable[[], dict[str, Any]]] = {
    Path("docs/schemas/config.schema.json"): config_schema,
    Path("docs/schemas/report.schema.json"): json_schema,
    Path("docs/schemas/trace.schema.json"): trace_schema,
}


def generated_files() -> Iterator[tuple[Path, str]]:
    """Every generated file, by its path below the root of the checkout, with the text that it should have."""
    checks = [(check, text_of(check.id)) for check in all_checks().values()]
    yield CATALOGUE, write_catalogue(card(check, text) for check, text in checks)
    known = topics(check.id for check, _ in checks)
    yield GLOSSARY, write_glossary(known)
    yield GLOSSARY_PAGE, glossary_page(known)
    yield PAGES / "index.md", index(checks)
    for check, text in checks:
        yield PAGES / f"{check.id}.md", page(check, text)
    yield CONFORMANCE, conformance_page()
    for path, schema in SCHEMAS.items():
        yield path, json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def stale_files(root: Path = ROOT) -> dict[Path, str | None]:
    """The generated files that differ from what they should hold, with that text; None for pages of no check."""
    wanted = dict(generated_files())
    stale: dict[Path, str | None] = {path: text for path, text in wanted.items() if not _holds(root / path, text)}
    for found in (root / PAGES).glob("*.md"):
        path = found.relative_to(root)
        if path not in wanted:
            stale[path] = None
    return stale


def write(root: Path = ROOT) -> list[Path]:
    """Bring every generated file up to date, remove pages of checks that are gone, and return what changed."""
    stale = stale_files(root)
    for path, text in stale.items():
        target = root / path
        if text is None:
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return sorted(stale)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` only say which of them are not current (exit code 1)."""
    if arguments not in ([], ["--check"]):
        print("usage: scripts/generate [--check]", file=sys.stderr)
        return 2
    if arguments:
        stale = sorted(stale_files())
        for path in stale:
            print(f"{path} is not current; run scripts/generate", file=sys.stderr)
        return 1 if stale else 0
    for path in write():
        print(f"written: {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
