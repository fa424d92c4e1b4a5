"""The page of the documentation that holds what `sip-ci explain` knows."""

from __future__ import annotations

from collections.abc import Iterable

from sip_ci.glossary import Topic
from sip_ci_server.engine.knowledge.pages import GENERATED

_SECTIONS = {
    "symptom": "Symptoms",
    "term": "Terms",
    "measure": "Measures",
    "codec": "Codecs",
    "provisional SIP response": "Provisional responses",
    "SIP response": "Responses",
    "Q.850 cause": "Q.850 causes",
    "TLS alert": "TLS alerts",
}
_CHECKS_NAMED = 6


def glossary_page(topics: Iterable[Topic]) -> str:
    """The Markdown page of all topics, by what they are."""
    by_kind: dict[str, list[Topic]] = {}
    for topic in topics:
        by_kind.setdefault(topic.kind, []).append(topic)
    parts = [
        GENERATED,
        "# Glossary",
        "What people look up, as `sip-ci explain` tells it: `sip-ci explain 488`, `sip-ci explain one-way-audio`.",
    ]
    for kind, heading in _SECTIONS.items():
        if kind in by_kind:
            parts.append(f"## {heading}")
            parts += [part for topic in by_kind.pop(kind) for part in _entry(topic)]
    assert not by_kind, f"no section for {sorted(by_kind)}"
    return "\n\n".join(parts) + "\n"


def _entry(topic: Topic) -> list[str]:
    parts = [f"### {topic.title}", topic.meaning.strip()]
    if topic.change:
        parts.append(f"**What to change.** {topic.change.strip()}")
    if topic.checks:
        named = ", ".join(f"[`{name}`](checks/{name}.md)" for name in topic.checks[:_CHECKS_NAMED])
        more = f" and {len(topic.checks) - _CHECKS_NAMED} more" if len(topic.checks) > _CHECKS_NAMED else ""
        parts.append(f"Checks: {named}{more}.")
    if topic.source:
        parts.append(f"Source: {topic.source}")
    return parts
