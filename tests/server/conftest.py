"""A server in the test's own process, with a stub in place of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.support.analysis_server import CAPTURE_LIMIT, Clock, ServerUnderTest, stub_engine

from sip_ci_server.accounts.administration import Administration
from sip_ci_server.accounts.plans import Quotas
from sip_ci_server.accounts.stored import StoredAccounts
from sip_ci_server.app import create_app
from sip_ci_server.fetching import Fetcher, FetchPolicy
from sip_ci_server.inputs import Inputs
from sip_ci_server.services import Services
from sip_ci_server.settings import ServerSettings
from sip_ci_server.storage.captures import CaptureStore
from sip_ci_server.storage.database import open_database
from sip_ci_server.workers import AnalysisRunner


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'accounts.db'}"


@pytest.fixture
def make_server(tmp_path: Path, database_url: str) -> Iterator[Callable[..., ServerUnderTest]]:
    executor = ThreadPoolExecutor(4)

    def make(*, capacity: int = 8, fetcher: Fetcher | None = None, **settings: object) -> ServerUnderTest:
        clock = Clock()
        options = ServerSettings.model_validate(
            {"database": database_url, "capture_bytes": CAPTURE_LIMIT, "roots": (tmp_path / "workspace",), **settings}
        )
        engine = open_database(database_url)
        store = CaptureStore(tmp_path / "captures", timedelta(hours=1), 1 << 20, clock)
        policy = FetchPolicy(allow_http=False, ports=(443,), maximum_bytes=CAPTURE_LIMIT, timeout=5)
        services = Services(
            settings=options,
            accounts=StoredAccounts(engine, Quotas.from_settings(options), clock),
            runner=AnalysisRunner(executor, capacity, stub_engine),
            inputs=Inputs(fetcher or Fetcher(policy), store, options.roots, options.capture_bytes),
            captures=store,
        )
        client = TestClient(create_app(services), base_url="http://sip-ci.test", raise_server_exceptions=True)
        return ServerUnderTest(client, Administration(engine, clock), services, clock, database_url)

    yield make
    executor.shutdown(wait=True)


@pytest.fixture
def server(make_server: Callable[..., ServerUnderTest]) -> ServerUnderTest:
    return make_server()
