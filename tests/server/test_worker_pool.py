"""Processes that analyse: one that crashes or hangs costs nobody else anything."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sip_ci.service.wire import AnalysisContext, AnalysisResponse
from sip_ci_server.worker_process import WorkerCrashedError, WorkerTimeoutError
from sip_ci_server.workers import AnalysisRunner, OverloadedError, ProcessWorkers

OPTIONS = (
    "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\n"
    "To: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


class UnpicklableError(Exception):
    def __init__(self, first: str, second: threading.Lock) -> None:
        super().__init__(first, second)


def double(number: int) -> int:
    return 2 * number


def process_id(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def fail(text: str) -> None:
    raise ValueError(text)


def fail_unpicklably() -> None:
    raise UnpicklableError("cannot travel", threading.Lock())


def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    os._exit(3)


@pytest.fixture
def workers() -> Iterator[ProcessWorkers]:
    pool = ProcessWorkers(2, timeout=30)
    yield pool
    pool.shutdown(wait=False, cancel_futures=True)


def test_values_and_exceptions_come_back(workers: ProcessWorkers) -> None:
    assert [future.result() for future in [workers.submit(double, number) for number in range(20)]] == [
        2 * number for number in range(20)
    ]
    with pytest.raises(ValueError, match="the text"):
        workers.submit(fail, "the text").result()
    with pytest.raises(RuntimeError, match="UnpicklableError"):
        workers.submit(fail_unpicklably).result()
    assert workers.submit(double, 4).result() == 8


@pytest.mark.parametrize("end", [crash, leave])
def test_a_crash_fails_its_own_call_only(workers: ProcessWorkers, end) -> None:
    bystander = workers.submit(process_id, 0.5)
    crashed = workers.submit(end)
    with pytest.raises(WorkerCrashedError):
        crashed.result()
    assert bystander.result() > 0
    assert [workers.submit(double, 1).result() for _ in range(4)] == [2] * 4


def test_a_call_that_takes_too_long_is_ended() -> None:
    pool = ProcessWorkers(1, timeout=3)
    try:
        first = pool.submit(process_id, 0).result()
        with pytest.raises(WorkerTimeoutError):
            pool.submit(process_id, 60).result()
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        assert pool.submit(process_id, 0).result() != first
    finally:
        pool.shutdown(wait=False)


def test_shutdown_reaps_in_the_middle_of_a_call(workers: ProcessWorkers) -> None:
    workers.submit(double, 1).result()
    running = workers.submit(process_id, 60)
    time.sleep(0.1)
    pids = workers.pids
    assert pids
    workers.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(WorkerCrashedError):
        running.result(timeout=5)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(RuntimeError):
        workers.submit(double, 1)


def test_the_real_engine_answers_from_a_worker(workers: ProcessWorkers, tmp_path: Path) -> None:
    runner = AnalysisRunner(workers, capacity=4)
    file = tmp_path / "options.txt"
    file.write_text(OPTIONS, newline="")
    for source in (OPTIONS, file):
        raw = asyncio.run(runner.run(source, "options", AnalysisContext(issue="no-audio")))
        response = AnalysisResponse.model_validate_json(raw)
        assert response.meta.trace.messages == 1
        assert response.meta.issue is not None
    for unreadable in ("hello, world", "\0\1\2"):
        with pytest.raises(Exception, match="expected a pcap") as refused:
            asyncio.run(runner.run(unreadable, "x", AnalysisContext()))
        assert type(refused.value).__name__ == "UnreadableInputError"


def test_the_runner_refuses_more_than_its_capacity() -> None:
    release = threading.Event()

    def wait(source: Path | str, name: str, context: AnalysisContext) -> bytes:
        release.wait(10)
        return b"done"

    async def scenario() -> None:
        with ThreadPoolExecutor(1) as executor:
            runner = AnalysisRunner(executor, capacity=2, function=wait)
            waiting = [asyncio.create_task(runner.run("a", "a", AnalysisContext())) for _ in range(2)]
            await asyncio.sleep(0)
            assert not runner.available
            with pytest.raises(OverloadedError):
                await runner.run("a", "a", AnalysisContext())
            release.set()
            assert await asyncio.gather(*waiting) == [b"done", b"done"]
            assert runner.available
            await runner.close(grace=0)
            with pytest.raises(OverloadedError):
                await runner.run("a", "a", AnalysisContext())

    asyncio.run(scenario())
