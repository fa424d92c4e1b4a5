"""Makes the calls of the live tests: several at a time where the tests run one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from tests.e2e.live.catalogue import Case

_WORKERS = 6

Recording = tuple[Path, Path | None]
"""The capture and the log of one call."""


class Recordings:
    """The calls of this run, each made once."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor, cases: list[Case]) -> None:
        self._folder = folder
        self._pool = pool
        self._calls = {case.name: self._place(case) for case in cases}

    def _place(self, case: Case) -> Future[Recording]:
        folder = self._folder / case.name
        folder.mkdir()
        return self._pool.submit(case.record, folder)

    def of(self, case: Case) -> Recording:
        """The call of this case, which is made now where it was not made ahead."""
        if case.name not in self._calls:
            self._calls[case.name] = self._place(case)
        # The analyses begin when the calls are over, so that they do not disturb the timing of media.
        wait(self._calls.values())
        return self._calls[case.name].result()


@pytest.fixture(scope="session")
def recordings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recordings]:
    """The calls that this session's tests ask for. Workers of xdist do not know which tests are theirs: none ahead."""
    ahead: dict[str, Case] = {}
    if "PYTEST_XDIST_WORKER" not in os.environ:
        for item in request.session.items:
            callspec = getattr(item, "callspec", None)
            case = callspec.params.get("case") if callspec else None
            if isinstance(case, Case):
                ahead[case.name] = case
    with ThreadPoolExecutor(_WORKERS) as pool:
        yield Recordings(tmp_path_factory.mktemp("calls"), pool, list(ahead.values()))
