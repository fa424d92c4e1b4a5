"""`sip-ci checks`."""

from __future__ import annotations

import difflib
import re
import shutil
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sip_ci.errors import UsageError

if TYPE_CHECKING:
    from sip_ci.catalogue import CheckInfo


_SUGGESTIONS = 5
_INDENT = "  "
_NARROWEST = 40
_LIST_MARKER = re.compile(r"(?:[-*]|\d+\.)\s+")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("check_id", required=False, metavar="[ID]")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def checks(check_id: str | None, *, as_json: bool) -> None:
    """List the checks, or explain the one whose ID is given."""
    from sip_ci.catalogue import load_catalogue, write_catalogue

    catalogue = load_catalogue()
    if check_id is None:
        shown = sorted(catalogue.values(), key=lambda info: (info.severity.rank, info.category, info.id))
    elif check_id in catalogue:
        shown = [catalogue[check_id]]
    else:
        raise UsageError(f"there is no check '{check_id}'; {_suggestion(check_id, catalogue)}")
    if as_json:
        click.echo(write_catalogue(shown), nl=False)
    elif check_id is None:
        _list(shown)
    else:
        show_check(shown[0])


def _suggestion(check_id: str, catalogue: Iterable[str]) -> str:
    wanted = check_id.lower()
    near = sorted(known for known in catalogue if wanted and known.startswith(wanted))
    near = near or difflib.get_close_matches(wanted, catalogue, n=1, cutoff=0.5)
    if not near:
        return "`sip-ci checks` lists them all"
    named = ", ".join(f"'{known}'" for known in near[:_SUGGESTIONS])
    return f"did you mean {named}?"


def _list(shown: list[CheckInfo]) -> None:
    widest = max((len(info.id) for info in shown), default=0)
    for info in shown:
        click.echo(f"{info.severity.value:<9} {info.category.value:<15} {info.id:<{widest}}  {info.title}")


def show_check(info: CheckInfo) -> None:
    """Write all that is known of a check to standard output."""
    show_text(f"{info.id}: {info.title}")
    click.echo()
    click.echo(f"severity    {info.severity.value}")
    click.echo(f"category    {info.category.value}")
    click.echo(f"confidence  {info.confidence.value}")
    if info.rfc:
        click.echo(f"standard    {info.rfc}")
    click.echo(f"page        {info.address}")
    show_text(info.description, "What it finds")
    show_text(info.recommendation, "What to change")


def show_text(text: str, heading: str = "") -> None:
    """Write a text, wrapped to the terminal; below a heading it is indented. Nothing is written for no text."""
    width = max(_NARROWEST, shutil.get_terminal_size((100, 24)).columns)
    if not text:
        return
    if not heading:
        click.echo(textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False))
        return
    click.echo(f"\n{heading}\n")
    for line in text.strip().splitlines():
        click.echo(_wrapped(line, width))


def _wrapped(line: str, width: int) -> str:
    """A line of Markdown within the width; what continues a list's item stands below its text."""
    text = line.strip()
    indent = _INDENT + " " * (len(line) - len(line.lstrip()))
    marker = _LIST_MARKER.match(text)
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + " " * (marker.end() if marker else 0),
        break_long_words=False,
        break_on_hyphens=False,
    )
