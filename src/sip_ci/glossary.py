"""What people look up: response codes, causes, TLS alerts, symptoms and measures, beside the checks.

The file `glossary.json` beside this module is generated from the analysis server's knowledge.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files

_GLOSSARY_FILE = "glossary.json"
_SUGGESTIONS = 5
_SHORTEST_PHRASE = 3


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that can be explained."""

    name: str
    """What it is looked up by: `488`, `q850-38`, `tls-48`, `one-way-audio`, `mos`."""
    title: str
    kind: str
    """What it is, in a few words: `SIP response`, `Q.850 cause` …"""
    meaning: str
    change: str = ""
    """What to change; Markdown."""
    words: tuple[str, ...] = ()
    """Other names, in lower case."""
    checks: tuple[str, ...] = ()
    """The checks that find it, or what leads to it."""
    source: str = ""


@cache
def load_glossary() -> dict[str, Topic]:
    """All topics by name."""
    entries = json.loads(files("sip_ci").joinpath(_GLOSSARY_FILE).read_text(encoding="utf-8"))["topics"]
    topics = (Topic(**{**entry, "words": tuple(entry["words"]), "checks": tuple(entry["checks"])}) for entry in entries)
    return {topic.name: topic for topic in topics}


def write_glossary(topics: Iterable[Topic]) -> str:
    """The text of the file `glossary.json`."""
    entries = [asdict(topic) for topic in sorted(topics, key=lambda topic: topic.name)]
    return json.dumps({"version": 1, "topics": entries}, indent=1, ensure_ascii=False) + "\n"


def find_topics(wanted: str) -> list[Topic]:
    """The topics that a word or a sentence names; several where it is a number that stands for several things."""
    text = _normal(wanted)
    glossary = load_glossary()
    if text in glossary:
        return [glossary[text]]
    named = [topic for topic in glossary.values() if text in map(_normal, topic.words)]
    if named:
        return named
    if f"q850-{text}" in glossary:
        return [glossary[f"q850-{text}"]]
    return _mentioned(text)


def _mentioned(text: str) -> list[Topic]:
    """The topics whose longest phrases stand in a sentence, as `488` in "calls fail with 488"."""
    found: dict[str, list[Topic]] = {}
    for topic in load_glossary().values():
        for phrase in {topic.name, *map(_normal, topic.words)}:
            if len(phrase) >= _SHORTEST_PHRASE and f"-{phrase}-" in f"-{text}-":
                found.setdefault(phrase, []).append(topic)
    longest = [phrase for phrase in found if not any(phrase in other for other in found if other != phrase)]
    topics = {topic.name: topic for phrase in longest for topic in found[phrase]}
    return list(topics.values())


def near_topics(wanted: str, others: Iterable[str] = ()) -> list[str]:
    """Names that resemble a word, best first; `others` are further names that could be meant."""
    text = _normal(wanted)
    names = [*load_glossary(), *others]
    starting = sorted(name for name in names if text and name.startswith(text))
    return (starting or difflib.get_close_matches(text, names, n=_SUGGESTIONS, cutoff=0.5))[:_SUGGESTIONS]


def _normal(text: str) -> str:
    return "-".join(text.lower().replace("_", " ").replace("-", " ").replace(".", "").split())
