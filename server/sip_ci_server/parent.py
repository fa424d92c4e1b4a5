"""Ends the server when the process that started it is gone, however that one ended."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import select
import shutil
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

from sip_ci.errors import ConfigError

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # prctl(2)
_POLL_SECONDS = 0.25
_PATIENCE_SECONDS = 2.0
_NEEDS_POLL_SECONDS = 0.002


def die_with_parent(scratch: Path | None = None) -> None:
    """Watch the parent from now on. Call it from the main thread, as early as possible.

    `scratch` is a folder that the parent made for this server, and that is removed when the parent cannot do so.

    Three signs are watched, because none is enough: the kernel's parent-death signal (Linux; immediate, but it is
    sent when the *thread* that started this process ends), the parent's id (everywhere; polled), and the end of
    standard input where that is a pipe (also when the parent was gone before this process asked).
    """
    parent = os.getppid()
    check_now = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature is given
        check_now.set()

    # Only a hint to look at the parent's id: a thread of the parent that ends must not end this server.
    signal.signal(signal.SIGUSR1, on_signal)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)
    threading.Thread(target=_watch_parent, args=(parent, check_now, scratch), name="parent-watch", daemon=True).start()
    if _stdin_is_a_pipe():
        threading.Thread(target=_watch_stdin, args=(scratch,), name="stdin-watch", daemon=True).start()


def await_needs(file: Path) -> dict[str, Any]:
    """What the parent says it needs, by the names of the options of `serve`, as soon as it has said so.

    Whoever waits for a parent that never speaks ends with it.

    Raises:
        ConfigError: the file cannot be read, or holds no JSON object.
    """
    while not file.exists():
        time.sleep(_NEEDS_POLL_SECONDS)
    try:
        needs = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"--needs: {file} cannot be read: {error}") from None
    if not isinstance(needs, dict):
        raise ConfigError(f"--needs: {file} holds no JSON object")
    return needs


def _watch_parent(parent: int, check_now: threading.Event, scratch: Path | None) -> None:
    while os.getppid() == parent:
        check_now.wait(_POLL_SECONDS)
        check_now.clear()
    _end("the parent process is gone", scratch)


def _watch_stdin(scratch: Path | None) -> None:
    try:
        # Readiness first: a read of standard input would hold its lock at the end of the interpreter.
        while True:
            select.select([0], [], [])
            if not os.read(0, 4096):
                break
    except OSError:
        pass
    _end("standard input was closed", scratch)


def _stdin_is_a_pipe() -> bool:
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _end(reason: str, scratch: Path | None) -> None:
    logger.info("ending: %s", reason)
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_PATIENCE_SECONDS)
    os._exit(0)
