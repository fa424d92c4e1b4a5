"""One process that runs functions, one at a time, and can be ended in the middle of one."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing import connection, forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any

# Workers are forked by a fork server: a process without threads that has imported the engine already. It starts
# while the API is still being imported, a crashed worker is replaced in milliseconds, and no process that has
# threads or an event loop is ever forked.
_CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")


class WorkerCrashedError(Exception):
    """Raised when the process ended before it had an answer."""


class WorkerTimeoutError(Exception):
    """Raised when the process was ended because it took too long."""


def preload(modules: Sequence[str]) -> None:
    """Start the fork server, which imports `modules` in the background. Call it early; it returns at once."""
    # The arrays are small, and threads of a linear algebra library do not survive a fork.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _CONTEXT.set_forkserver_preload([f"{__package__}.preloading", *modules, __name__])
    forkserver.ensure_running()


class WorkerProcess:
    """A process that serves calls; started when it is first needed, and again after it ended."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._closed = False

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], timeout: float) -> Any:
        """Run `function(*arguments)` in the process and return its value.

        Raises:
            WorkerCrashedError: if the process ended meanwhile.
            WorkerTimeoutError: if there was no answer within `timeout` seconds; the process has been ended.
            Exception: whatever the function raised.
        """
        pipe = self.start()
        try:
            pipe.send((function, arguments))
            if not pipe.poll(timeout):
                self.kill()
                raise WorkerTimeoutError(f"the analysis took more than {timeout:g} seconds")
            succeeded, value = pipe.recv()
        except (EOFError, OSError):
            self.kill()
            raise WorkerCrashedError("the process that analysed the input ended unexpectedly") from None
        if succeeded:
            return value
        raise value

    def start(self) -> Connection:
        """Start the process if it is not running, and return the connection to it."""
        with self._lock:
            if self._closed:
                raise WorkerCrashedError("the server is shutting down")
            if self._connection is None:
                ours, theirs = _CONTEXT.Pipe()
                process = _CONTEXT.Process(target=_serve, args=(theirs,), name="sip-ci-worker", daemon=True)
                process.start()
                theirs.close()
                self._process, self._connection = process, ours
            return self._connection

    def kill(self) -> None:
        """End the process at once, if it runs, and reap it."""
        with self._lock:
            process, self._process, self._connection = self._process, None, None
        if process is not None:
            process.kill()
            process.join(timeout=1)

    def close(self) -> None:
        """End the process for good."""
        self._closed = True
        self.kill()

    @property
    def pid(self) -> int | None:
        """The id of the process, or None where none runs."""
        process = self._process
        return process.pid if process else None


def _serve(pipe: Connection) -> None:
    """Answer calls until the server goes away."""
    # Ctrl-C in a terminal reaches every process of the group; the server decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    gc.enable()
    threading.Thread(target=_end_with_server, daemon=True).start()
    while True:
        try:
            function, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[bool, Any] = (True, function(*arguments))
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
            answer = (False, error)
        _answer(pipe, answer)


def _answer(pipe: Connection, answer: tuple[bool, Any]) -> None:
    try:
        pipe.send(answer)
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:  # noqa: BLE001 - an exception that cannot be pickled
        pipe.send((False, RuntimeError(f"{type(answer[1]).__name__}: {answer[1]} ({error})")))


def _end_with_server() -> None:
    """End this process when the server ends, in the middle of an analysis too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(0)
