"""Puts finished reports where they were asked for, whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sip_ci.errors import UsageError
from sip_ci.whole_file import whole_file

STANDARD_OUTPUT = "-"


def write_report(text: str, destination: str, workspace: Path) -> None:
    """Write a report as UTF-8 to a file, or to standard output where the destination is `-`.

    A relative destination is taken from the workspace. The file appears at once and whole: a reader never sees half a
    report, and a run that fails leaves the old one. Missing folders are made. Destinations inside the workspace may not
    lead out of it through a symbolic link, which a pull request could have planted.

    Raises UsageError where the file cannot be written.
    """
    # A character that UTF-8 has no bytes for must not lose the report; renderers leave none, this is the last net.
    content = text.encode("utf-8", errors="replace")
    if destination == STANDARD_OUTPUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    target = workspace / destination
    try:
        _refuse_escape(target, destination, workspace)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as stream:
            stream.write(content)
    except OSError as error:
        raise UsageError(f"cannot write the report {destination}: {error.strerror or error}") from error
    except RuntimeError as error:
        # Python 3.11 and 3.12 say so where symbolic links go round in a circle.
        raise UsageError(f"cannot write the report {destination}: {error}") from error


def _refuse_escape(target: Path, destination: str, workspace: Path) -> None:
    """Raise UsageError if the target looks as if it were in the workspace but a symbolic link leads out of it."""
    lexical = Path(os.path.abspath(target))  # noqa: PTH100 - `resolve` would follow the very links that are looked for
    inside = lexical.is_relative_to(os.path.abspath(workspace))  # noqa: PTH100
    if inside and not target.resolve().is_relative_to(workspace.resolve()):
        raise UsageError(f"cannot write the report {destination}: a symbolic link leads out of the workspace")
