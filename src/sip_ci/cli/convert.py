"""`sip-ci convert`."""

from __future__ import annotations

import click

_FORMS = ("sip", "pcap", "json", "mermaid", "ladder")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATH|GLOB|FOLDER|-]...")
@click.option(
    "--to",
    "form",
    type=click.Choice(_FORMS, case_sensitive=False),
    required=True,
    help="sip: a transcript. pcap: a capture for Wireshark. json: everything that was read. "
    "mermaid: a diagram for each call, in Markdown. ladder: the same as text.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE|FOLDER/",
    default="-",
    help="Where to write; a folder takes one file for each input.  [default: standard output]",
)
@click.option("--call", "calls", metavar="CALL-ID", multiple=True, help="Only this call. May be given several times.")
@click.option("--redact", is_flag=True, help="Mask identities and secrets.")
@click.option("-q", "--quiet", is_flag=True, help="Say errors only.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def convert(
    paths: tuple[str, ...], *, form: str, output: str, calls: tuple[str, ...], redact: bool, quiet: bool, debug: bool
) -> int:
    """Write what was read in another form: captures and logs, also compressed.

    What could not be read, and what the form made necessary to leave out or to make up, is told on standard error.
    """
    # Imported here: a `--help` needs none of it.
    import os
    from pathlib import Path

    from sip_ci.cli.logs import set_up_logging
    from sip_ci.conversion import Request
    from sip_ci.conversion import convert as run_conversion
    from sip_ci.convert.forms import Form

    set_up_logging("debug" if debug else "error" if quiet else "info")
    return run_conversion(Request(paths, Form(form), output, calls, redact), Path.cwd(), dict(os.environ))
