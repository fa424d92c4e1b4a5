"""`sip-ci explain`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sip_ci.errors import UsageError

if TYPE_CHECKING:
    from sip_ci.glossary import Topic

_CODE = re.compile(r"(?<![0-9])[1-6][0-9]{2}(?![0-9])")


def _listing(topics: Iterable[Topic]) -> dict[str, str]:
    """The names of all topics by what they are; numbers in their order."""
    kinds: dict[str, list[str]] = {}
    for topic in topics:
        kinds.setdefault(topic.kind, []).append(topic.name)
    order = sorted(kinds, key=lambda kind: (any(name[-1].isdigit() for name in kinds[kind]), kind))
    return {kind: ", ".join(sorted(kinds[kind], key=_in_order)) for kind in order}


def _in_order(name: str) -> tuple[int, str]:
    number = re.search(r"[0-9]+$", name)
    return (int(number[0]), name) if number and number.start() != 1 else (0, name)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, metavar="[WORD]...")
def explain(*, words: tuple[str, ...]) -> None:
    """Explain a symptom, response code, Q.850 cause, TLS alert, measure or check.

    For example: one-way-audio, 488, q850-38, tls-48, mos, ack-missing-2xx. Without a word, what can be asked is listed.
    """
    from sip_ci.catalogue import load_catalogue
    from sip_ci.cli.checks import show_check, show_text
    from sip_ci.glossary import find_topics, load_glossary, near_topics

    if not words:
        for kind, names in _listing(load_glossary().values()).items():
            show_text(names, kind)
        return
    wanted = " ".join(words)
    catalogue = load_catalogue()
    topics = find_topics(wanted)
    word = wanted.strip().lower()
    # A response code that a check of its own finds, such as 488 by sdp-488, also in a sentence.
    endings = () if topics and len(words) == 1 else tuple(f"-{code}" for code in _CODE.findall(word))
    checks = [info for name, info in catalogue.items() if name == word or (endings and name.endswith(endings))]
    if not topics and not checks:
        near = near_topics(wanted, catalogue)
        hint = f"did you mean {', '.join(map(repr, near))}?" if near else "`sip-ci checks` lists the checks"
        raise UsageError(f"there is nothing on '{wanted}'; {hint}")
    for number, topic in enumerate(topics):
        if number:
            click.echo()
        show_text(f"{topic.title} ({topic.kind})")
        show_text(topic.meaning, "What it means")
        show_text(topic.change, "What to change")
        if topic.checks:
            titles = [f"- {name}: {catalogue[name].title}" for name in topic.checks if name in catalogue]
            show_text("\n".join(titles), "Checks that find it, or what leads to it")
        if topic.source:
            click.echo(f"\nsource  {topic.source}")
    for number, check in enumerate(checks):
        if topics or number:
            click.echo()
        show_check(check)
