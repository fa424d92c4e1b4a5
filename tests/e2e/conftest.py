"""Makes the calls that the tests of a run ask for: all at once where the tests run one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.e2e.live.case import Case
from tests.e2e.live.recordings import Recordings
from tests.support.capture import reason_without_tcpdump
from tests.support.network import reason_without_namespaces
from tests.support.requirements import require_for_live_calls
from tests.support.sipp import reason_without_sipp

_WORKERS = 16
"""Calls at the same time: most of them wait most of the time."""


@pytest.fixture(scope="session")
def live_tools() -> None:
    """What every live test needs. The right to capture comes with that to make namespaces."""
    require_for_live_calls(reason_without_sipp(), reason_without_tcpdump(), reason_without_namespaces())


@pytest.fixture(scope="session")
def recordings(
    live_tools: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recordings]:
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
