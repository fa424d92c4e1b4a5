"""The command `sip-ci-server`: serve, users, keys."""

from __future__ import annotations

import gc
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sip_ci import __version__
from sip_ci.errors import ConfigError, SipCiError

if TYPE_CHECKING:
    from sip_ci_server.accounts.administration import Administration

PLANS = ("free", "pro", "teams", "local")
"""The values of `accounts.plans.Plan`, named here so that `--help` need not import it; a test compares them."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sip-ci-server")
def main() -> None:
    """The analysis server of sip-ci: the API of the hosted service, on your own machine."""


@main.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 lets the system choose.  [default: 8080]")
@click.option("--database", metavar="URL", help="SQLAlchemy URL: SQLite or PostgreSQL.")
@click.option("--workers", type=int, help="Processes that analyse.")
@click.option("--queue", type=int, help="Analyses that may wait for a worker.")
@click.option("--analysis-timeout", type=float, metavar="SECONDS", help="What one analysis may take.")
@click.option("--captures-dir", metavar="DIR", help="Folder of uploaded captures; empty turns uploads off.")
@click.option("--capture-bytes", type=int, metavar="BYTES", help="Largest capture.")
@click.option("--capture-ttl", type=float, metavar="SECONDS", help="How long uploaded captures are kept.")
@click.option(
    "--root", "roots", multiple=True, metavar="DIR", help="Folder below which file: URLs are read; repeatable."
)
@click.option("--public-url", metavar="URL", help="The server's address as clients see it.")
@click.option("--allow-http/--no-allow-http", default=None, help="Whether pcap_url may be http:.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="What is logged.")
@click.option("--port-file", type=click.Path(path_type=Path, dir_okay=False), help="File that is given the port.")
@click.option("--die-with-parent", is_flag=True, help="End when the process that started this one ends.")
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to remove when --die-with-parent ends the server.",
)
@click.option(
    "--needs",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON file of further options, which is waited for: for a parent that starts the server early.",
)
def serve(
    port_file: Path | None,
    die_with_parent: bool,
    scratch: Path | None,
    needs: Path | None,
    roots: tuple[str, ...],
    **flags: object,
) -> None:
    """Serve the API until SIGTERM or Ctrl-C. Every setting is also SIP_CI_SERVER_<NAME> in the environment."""
    # What is imported from here on stays; collecting garbage among it takes a sixth of the time to start.
    gc.disable()
    if die_with_parent:
        from sip_ci_server.parent import die_with_parent as watch

        watch(scratch)
    # The engine loads in another process while this one loads the API.
    from sip_ci_server.worker_process import preload
    from sip_ci_server.workers import ENGINE_MODULE

    preload([ENGINE_MODULE])
    from sip_ci_server.settings import load_settings

    if needs is not None:
        from sip_ci_server.parent import await_needs

        # Loaded while the parent finds out what it needs.
        import_module("sip_ci_server.serve")
        told = await_needs(needs)
        roots = tuple(told.pop("root", ()))
        flags |= told
    settings = load_settings(os.environ, {**flags, "roots": roots or None})
    logging.basicConfig(
        level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # No child, worker or helper, needs the key.
    os.environ.pop("SIP_CI_SERVER_LOCAL_KEY", None)
    from sip_ci_server.serve import serve as serve_until_told

    serve_until_told(settings, port_file)


@main.group()
def users() -> None:
    """Make and list users."""


@users.command("add")
@click.argument("name")
@click.option("--plan", type=click.Choice(PLANS), required=True, help="What the user may use.")
@click.option("--team", help="The team whose pool the user shares; made if it is new (plan teams).")
def add_user(name: str, plan: str, team: str | None) -> None:
    """Make the user NAME."""
    from sip_ci_server.accounts.plans import Plan

    _administration(may_create=True).add_user(name, Plan(plan), team)
    click.echo(f"user {name} added with plan {plan}")


@users.command("list")
def list_users() -> None:
    """List all users: name, plan, team, creation."""
    for user in _administration(announced=True).users():
        click.echo("\t".join((user.name, user.plan.value, user.team or "-", user.created_at)))


@main.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command("create")
@click.option("--user", required=True, help="Whose key it is.")
@click.option("--name", required=True, metavar="LABEL", help="What the key is for.")
def create_key(user: str, name: str) -> None:
    """Make a key and print it: on standard output, once; it cannot be shown again."""
    click.echo(_administration().create_key(user, name))


@keys.command("list")
@click.option("--user", help="Only this user's keys.")
def list_keys(user: str | None) -> None:
    """List keys: id, prefix, user, label, analyses today and in all, last use, revocation."""
    for owned in _administration(announced=True).keys(user):
        key = owned.key
        used = f"{key.calls_today}\t{key.calls_total}\t{key.last_used_at or '-'}"
        state = f"revoked {key.revoked_at}" if key.revoked_at else "active"
        click.echo(f"{key.id}\t{key.prefix}\t{owned.user}\t{key.name}\t{used}\t{state}")


@keys.command("revoke")
@click.argument("key")
def revoke_key(key: str) -> None:
    """Revoke KEY, named by its id or its prefix. It is refused from the next request on."""
    revoked = _administration().revoke_key(key)
    click.echo(f"key {revoked.prefix} ({revoked.name}) revoked")


def _administration(*, may_create: bool = False, announced: bool = False) -> Administration:
    """Open the accounts of the configured database; where `announced`, or where it is new, say which one that is.

    Raises:
        ConfigError: The database is a SQLite file that does not exist, and the command is not one that begins it.
    """
    from sip_ci_server.accounts.administration import Administration
    from sip_ci_server.settings import load_settings
    from sip_ci_server.storage.database import open_database

    environment = {name: value for name, value in os.environ.items() if name != "SIP_CI_SERVER_LOCAL_KEY"}
    url = load_settings(environment).database
    file = _sqlite_file(url)
    if file is not None and not may_create and not file.exists():
        raise ConfigError(
            f"there is no database {file}: go to the server's folder, or name its database in SIP_CI_SERVER_DATABASE; "
            "`users add` makes a new one"
        )
    is_new = file is not None and not file.exists()
    engine = open_database(url)
    if announced or is_new:
        click.echo(f"{'new database' if is_new else 'database'}: {file or engine.url.render_as_string()}", err=True)
    return Administration(engine)


def _sqlite_file(url: str) -> Path | None:
    """Return the file of a SQLite database; None for any other database, and for what is no database URL at all."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    name = parsed.database
    if parsed.get_backend_name() != "sqlite" or name in (None, "", ":memory:") or name.startswith("file:"):
        return None
    return Path(name).absolute()


def run() -> None:
    """Run the command; every failure is one line on standard error and exit code 2."""
    try:
        main(standalone_mode=False)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        _fail(error.format_message())
    except SipCiError as error:
        _fail(str(error))
    except Exception as error:
        logging.getLogger(__name__).debug("unexpected failure", exc_info=True)
        _fail(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def _fail(text: str) -> None:
    click.echo(f"sip-ci-server: {text}", err=True)
    sys.exit(2)
