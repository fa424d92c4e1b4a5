"""Where engine work runs: a pool of processes behind `concurrent.futures.Executor`.

The standard library's process pool fails every pending call when one process dies, and cannot end a call that takes
too long. Here each process is its own: a hostile capture costs one worker, for as long as it takes to fork another.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.limits import Limits
from sip_ci_server.worker_process import WorkerCrashedError, WorkerProcess

P = ParamSpec("P")
T = TypeVar("T")

ENGINE_MODULE = "sip_ci_server.analysis_job"


class ProcessWorkers(Executor):
    """Runs each call in a process that runs nothing else meanwhile."""

    def __init__(self, count: int, timeout: float) -> None:
        self._timeout = timeout
        self._workers = [WorkerProcess() for _ in range(count)]
        self._idle: queue.SimpleQueue[WorkerProcess] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        # One thread for each process waits for its answer, so that the executor's own queue is the queue.
        self._threads = ThreadPoolExecutor(max_workers=count, thread_name_prefix="worker")

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn(*args)` in a free process, or in the next one that is."""
        if kwargs:
            raise TypeError("calls to workers take positional arguments only")
        return self._threads.submit(self._run, fn, args)

    def warm_up(self) -> None:
        """Start all processes in the background."""
        for worker in self._workers:
            threading.Thread(target=_start_quietly, args=(worker,), daemon=True).start()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; end the processes after the running calls, or at once if not told to wait."""
        if not wait:
            for worker in self._workers:
                worker.close()
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        for worker in self._workers:
            worker.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the processes that run."""
        return tuple(worker.pid for worker in self._workers if worker.pid is not None)

    def _run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        worker = self._idle.get()
        try:
            return worker.call(function, arguments, self._timeout)
        finally:
            self._idle.put(worker)


def _start_quietly(worker: WorkerProcess) -> None:
    try:
        worker.start()
    except (OSError, EOFError, WorkerCrashedError):
        return  # The first call tries again, and reports.


def analyze_in_worker(source: Path | str, name: str, context: AnalysisContext, limits: Limits | None = None) -> bytes:
    """Call `analysis_job.analyze_input` in a process that may load the engine."""
    # Imported in the worker only: the API never loads the engine.
    from sip_ci_server.analysis_job import analyze_input

    return analyze_input(source, name, context, limits)


class OverloadedError(Exception):
    """Raised when too many analyses are waiting, or the server is shutting down."""


class AnalysisRunner:
    """Runs analyses for the API, and refuses more than can wait."""

    def __init__(
        self,
        executor: Executor,
        capacity: int,
        function: Callable[[Path | str, str, AnalysisContext], bytes] = analyze_in_worker,
    ) -> None:
        self._executor = executor
        self._capacity = capacity
        """How many analyses may run and wait together."""
        self._function = function
        self.closing = False
        """Whether the server is shutting down."""
        self.pending = 0
        """How many analyses run or wait."""

    @property
    def available(self) -> bool:
        """Whether one more analysis would be taken."""
        return not self.closing and self.pending < self._capacity

    async def run(self, source: Path | str, name: str, context: AnalysisContext) -> bytes:
        """Analyse one input in a worker and return the JSON of its AnalysisResponse.

        Raises:
            OverloadedError: if the queue is full or the server is shutting down.
            WorkerCrashedError, WorkerTimeoutError: from the worker.
            Exception: whatever the engine raised.
        """
        if self.closing:
            raise OverloadedError("the server is shutting down")
        if self.pending >= self._capacity:
            raise OverloadedError("too many analyses are waiting")
        self.pending += 1
        try:
            return await asyncio.wrap_future(self._executor.submit(self._function, source, name, context))
        except RuntimeError as error:
            if self.closing:
                raise OverloadedError("the server is shutting down") from error
            raise
        finally:
            self.pending -= 1

    async def close(self, grace: float) -> None:
        """Refuse new analyses, give the running ones `grace` seconds, then end the workers."""
        self.closing = True
        deadline = asyncio.get_running_loop().time() + grace
        while self.pending and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(self._executor.shutdown, False, cancel_futures=True)
