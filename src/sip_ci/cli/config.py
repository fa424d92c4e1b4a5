"""`sip-ci config`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sip_ci.cli.options import all_settings

if TYPE_CHECKING:
    from sip_ci.config.settings import Settings

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_HELP)
def config() -> None:
    """Show and check the configuration."""


@config.command(context_settings=_HELP)
@click.argument("paths", nargs=-1, metavar="[PATH|GLOB|FOLDER]...")
@all_settings
@click.option("--no-config", is_flag=True, help="Use no config file.")
def show(*, no_config: bool, **values: Any) -> None:
    """Show every setting of a run with these arguments, and where its value came from."""
    settings = _load(values, use_config=not no_config)
    _warn(settings)
    for key, value, origin in _rows(settings):
        click.echo(f"{key:<16} {value:<40} {origin}")


@config.command(context_settings=_HELP)
def schema() -> None:
    """Write the JSON schema of the config file."""
    import json

    from sip_ci.config.settings import config_schema

    click.echo(json.dumps(config_schema(), indent=2, ensure_ascii=False))


@config.command(context_settings=_HELP)
@click.argument("file", required=False)
def check(file: str | None) -> int:
    """Check the config file that is found, or FILE, and list everything that is wrong with it."""
    from sip_ci.config.sources import InvalidConfigError
    from sip_ci.errors import ConfigError

    try:
        settings = _load({"config": file}, use_config=True)
    except ConfigError as error:
        for problem in error.problems if isinstance(error, InvalidConfigError) else (str(error),):
            click.echo(f"sip-ci: error: {problem}", err=True)
        return error.exit_code
    _warn(settings)
    click.echo(f"{settings.config_file} is valid" if settings.config_file else "no config file was found")
    return 0


def _warn(settings: Settings) -> None:
    for warning in settings.warnings:
        click.echo(f"sip-ci: warning: {warning}", err=True)


def _load(values: dict[str, Any], *, use_config: bool) -> Settings:
    import os

    from sip_ci.cli.options import given_flags
    from sip_ci.config.sources import load_settings

    return load_settings(
        given_flags(values), dict(os.environ), Path.cwd(), config=values.get("config"), use_config=use_config
    )


def _rows(settings: Settings) -> list[tuple[str, str, str]]:
    from sip_ci.config.options import FILE_KEYS

    values = settings.values.model_dump(mode="json", by_alias=True)
    rows = [(key, _shown(values[key]), settings.origin(key).label) for key in FILE_KEYS]
    config_file = str(settings.config_file) if settings.config_file else "-"
    rows.append(("config", config_file, settings.origin("config").label))
    rows.append(("api-key", "set" if settings.api_key else "-", settings.origin("api-key").label))
    rows.append(("allow-http", _shown(settings.allow_http), settings.origin("allow-http").label))
    return rows


def _shown(value: Any) -> str:
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(str(item) for item in value)
        case _:
            return str(value)
