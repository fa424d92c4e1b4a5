"""`sip-ci analyze`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sip_ci.cli.main import exit_code_lines
from sip_ci.cli.options import all_settings

if TYPE_CHECKING:
    from pathlib import Path

    from sip_ci.service.embedded import EmbeddedServer

CONFIG_NAMES = (".sip-ci.yml", ".sip-ci.yaml", "pyproject.toml")
"""The files in which settings stand, named here so that nothing is loaded for looking at them; a test compares them."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog="\b\nExit codes:\n" + exit_code_lines())
@click.argument("paths", nargs=-1, metavar="[PATH|GLOB|FOLDER]...")
@all_settings
@click.option("--no-config", is_flag=True, help="Use no config file.")
@click.option("-q", "--quiet", is_flag=True, help="Say errors only, and write no text report unless --output asks.")
@click.option("-v", "--verbose", count=True, help="Say what is being done; twice for everything.")
@click.option("--debug", is_flag=True, help="Say everything, and show the traceback of an error.")
def analyze(*, no_config: bool, quiet: bool, verbose: int, debug: bool, **values: Any) -> int:
    """Diagnose traces: captures and logs, also compressed or in archives.

    Takes files, globs (quote them: 'traces/**/*.pcap') and folders. The API key of a server that wants one comes
    from the environment variable SIP_CI_API_KEY only.
    """
    # Imported here: a `--help` needs none of it.
    import os

    from sip_ci.service.head_start import head_start

    with head_start(values["server"], _configs(values["config"], use_config=not no_config), os.environ) as server:
        return _analyze(server, no_config=no_config, quiet=quiet, verbose=verbose, debug=debug, **values)


def _configs(named: str | None, *, use_config: bool) -> list[Path]:
    """The config files that there may be."""
    from pathlib import Path

    if not use_config or named:
        return [Path(named)] if use_config and named else []
    return [folder / name for folder in (Path.cwd(), *Path.cwd().parents) for name in CONFIG_NAMES]


def _analyze(
    started: EmbeddedServer | None, /, *, no_config: bool, quiet: bool, verbose: int, debug: bool, **values: Any
) -> int:
    import os
    from pathlib import Path

    from sip_ci.cli.logs import set_up_logging
    from sip_ci.cli.options import given_flags
    from sip_ci.config.sources import load_settings
    from sip_ci.publishing import failures_told

    environment = dict(os.environ)
    with failures_told(environment):
        settings = load_settings(
            given_flags(values), environment, Path.cwd(), config=values["config"], use_config=not no_config
        )
        level = settings.values.log_level.value
        if quiet:
            level = "error"
        if verbose:
            level = "info" if verbose == 1 else "debug"
        if debug or environment.get("RUNNER_DEBUG") == "1":
            level = "debug"
        set_up_logging(level)

        from sip_ci.pipeline import analyze as run_pipeline

        return run_pipeline(settings, environment, quiet=quiet, started=started)
