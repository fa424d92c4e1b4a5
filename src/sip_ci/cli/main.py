"""The console script: picks the command, and turns whatever happens into the exit code that is documented for it.

Commands are imported when they are run, so that `sip-ci --help` answers at once.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from sip_ci import __version__
from sip_ci.errors import SipCiError
from sip_ci.trace.printable import printable

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143
EXIT_ERROR = 2

EXIT_CODES = {
    0: "passed: no finding at or above the threshold",
    1: "findings at or above the threshold",
    2: "usage, configuration, server or internal error",
    3: "no input found",
    EXIT_INTERRUPTED: "interrupted (Ctrl-C)",
    EXIT_TERMINATED: "terminated (SIGTERM, SIGHUP)",
}
"""What each exit code means."""

_COMMANDS = {
    "analyze": ("sip_ci.cli.analyze:analyze", "Diagnose traces, write reports, and gate the build."),
    "convert": ("sip_ci.cli.convert:convert", "Write traces as a transcript, a capture, JSON, or a ladder."),
    "checks": ("sip_ci.cli.checks:checks", "List the checks, or explain one."),
    "explain": ("sip_ci.cli.explain:explain", "Explain a symptom, a response code, a cause or a measure."),
    "config": ("sip_ci.cli.config:config", "Show and check the configuration."),
}


class _LazyGroup(click.Group):
    """Imports a command when it is run, not when it is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_target, short) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args and os.path.exists(args[0]):  # noqa: PTH110 - pathlib is not worth its import here
                raise click.UsageError(f"no command was named; write `sip-ci analyze {args[0]}`", ctx) from None
            import difflib

            if args and (near := difflib.get_close_matches(args[0].lower(), _COMMANDS, n=1)):
                raise click.UsageError(f"no such command '{args[0]}'; did you mean 'sip-ci {near[0]}'?", ctx) from None
            raise error

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            # Everybody who knows git or docker writes `sip-ci -v analyze` once.
            if command := next((item for item in given if item in _COMMANDS), None):
                raise click.UsageError(
                    f"options come after the command: `sip-ci {command} {error.option_name} …`", ctx
                ) from None
            raise


def exit_code_lines() -> str:
    """The exit codes as help text."""
    return "\n".join(f"  {code:<4}{meaning}" for code, meaning in EXIT_CODES.items())


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"sip-ci {__version__} (Python {sys.version.split()[0]})")
        ctx.exit()


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExit codes:\n" + exit_code_lines(),
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def cli() -> None:
    """Diagnose the SIP calls of your integration tests."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says when a disk, or a file, can take no more."""
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class _Terminated(BaseException):
    """Raised in the main thread when the process is asked to end, so that everything is cleaned up on the way out."""


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal must not interrupt the cleaning up that the first one began.
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise _Terminated


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with the documented exit code."""
    # A run is short, and nearly all that it makes lives to its end: looking for garbage often only makes it longer.
    gc.set_threshold(100_000, 50, 50)
    arguments = sys.argv[1:] if arguments is None else arguments
    _need_output()
    for number in _ENDING_SIGNALS:
        # `nohup` hands SIGHUP down as ignored, and means it.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)
    try:
        code = _run(arguments)
    except _Terminated:
        _leave(EXIT_TERMINATED)
    except KeyboardInterrupt:
        _leave(EXIT_INTERRUPTED)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_output()
    except OSError as error:
        _silence_output()
        code = _fail(f"standard output cannot be written: {error.strerror or error}")
    # The interpreter looks for garbage when it ends, among everything; nothing there needs to be found any more.
    gc.freeze()
    sys.exit(code)


def _need_output() -> None:
    """Go on without a closed standard error; a closed standard output is an error at once."""
    # Python has None in the place of a stream that was closed when it started, whatever its stubs say.
    streams: tuple[TextIO | None, TextIO | None] = (sys.stdout, sys.stderr)
    if streams[1] is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for the rest of the process
    if streams[0] is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        sys.exit(_fail("standard output is closed; send it to a file or to /dev/null"))


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        result: Any = cli.main(args=arguments, prog_name="sip-ci", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_ERROR
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "sip-ci"
        return _fail(f"{error.format_message()} (see `{command} --help`)")
    except click.ClickException as error:
        return _fail(error.format_message())
    except SipCiError as error:
        if debug:
            _show_traceback()
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        _silence_output()
        return EXIT_ERROR
    except OSError as error:
        if error.errno not in _FULL:
            return _fail_internally(error, debug=debug)
        _silence_output()
        return _fail(f"cannot write: {error.strerror}; make room, or write elsewhere")
    except Exception as error:  # noqa: BLE001 - the last net: no traceback ever reaches a user who did not ask
        return _fail_internally(error, debug=debug)
    return result if isinstance(result, int) else 0


def _fail_internally(error: Exception, *, debug: bool) -> int:
    if debug:
        _show_traceback()
    hint = "" if debug else "; run again with --debug for the details, and please report it"
    return _fail(f"internal error: {type(error).__name__}: {error}{hint}")


def _silence_output() -> None:
    """What is left in the buffer must not fail a second time at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int = EXIT_ERROR) -> int:
    # Line by line: an input's name may hold a line end, and what follows it must not begin a line of a CI log.
    first, *rest = message.splitlines() or [""]
    lines = [f"sip-ci: error: {printable(first)}", *(f"  {printable(line.strip())}" for line in rest)]
    print("\n".join(lines), file=sys.stderr)  # noqa: T201
    return code


def _show_traceback() -> None:
    import traceback

    traceback.print_exc()


def _leave(code: int) -> NoReturn:
    """Leave at once: threads that still wait for a server would keep the interpreter from ending."""
    print("sip-ci: interrupted" if code == EXIT_INTERRUPTED else "sip-ci: terminated", file=sys.stderr)  # noqa: T201
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)
