"""`sip-ci explain`."""

from __future__ import annotations

import click

from sip_ci.errors import UsageError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
def explain(*, words: tuple[str, ...]) -> None:
    """Explain a symptom, response code, Q.850 cause, TLS alert, measure or check.

    For example: one-way-audio, 488, q850-38, tls-48, mos, ack-missing-2xx.
    """
    from sip_ci.catalogue import load_catalogue
    from sip_ci.cli.checks import show_check, show_text
    from sip_ci.glossary import find_topics, near_topics

    wanted = " ".join(words)
    catalogue = load_catalogue()
    topics = find_topics(wanted)
    word = wanted.strip().lower()
    # A response code that a check of its own finds, such as 488 by sdp-488.
    checks = [info for name, info in catalogue.items() if name == word or (not topics and name.endswith(f"-{word}"))]
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
