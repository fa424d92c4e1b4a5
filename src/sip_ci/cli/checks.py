"""`sip-ci checks`."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import click

from sip_ci.errors import UsageError

if TYPE_CHECKING:
    from sip_ci.catalogue import CheckInfo


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
        near = difflib.get_close_matches(check_id, catalogue, n=1, cutoff=0.5)
        hint = f"; did you mean '{near[0]}'?" if near else "; `sip-ci checks` lists them all"
        raise UsageError(f"there is no check '{check_id}'{hint}")
    if as_json:
        click.echo(write_catalogue(shown), nl=False)
    elif check_id is None:
        _list(shown)
    else:
        _explain(shown[0])


def _list(shown: list[CheckInfo]) -> None:
    widest = max((len(info.id) for info in shown), default=0)
    for info in shown:
        click.echo(f"{info.severity.value:<9} {info.category.value:<15} {info.id:<{widest}}  {info.title}")


def _explain(info: CheckInfo) -> None:
    click.echo(f"{info.id}: {info.title}\n")
    click.echo(f"severity    {info.severity.value}")
    click.echo(f"category    {info.category.value}")
    click.echo(f"confidence  {info.confidence.value}")
    if info.rfc:
        click.echo(f"standard    {info.rfc}")
    click.echo(f"page        {info.address}")
    for heading, text in (("What it finds", info.description), ("What to change", info.recommendation)):
        if text:
            click.echo(f"\n{heading}\n")
            click.echo("\n".join(f"  {line}".rstrip() for line in text.strip().splitlines()))
