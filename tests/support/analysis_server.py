"""What tests of the server share: a stub in place of the engine, a clock, and a server in the test's own process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.testclient import TestClient

from sip_ci.service.wire import AnalysisContext, AnalysisResponse, Meta, TraceMeta
from sip_ci_server.accounts.administration import Administration
from sip_ci_server.accounts.plans import Plan
from sip_ci_server.services import Services
from sip_ci_server.worker_process import WorkerCrashedError, WorkerTimeoutError

CAPTURE_LIMIT = 4096


class UnreadableInputError(Exception):
    """Named like the worker's, which is how the API recognises it."""


def stub_engine(source: Path | str, name: str, context: AnalysisContext) -> bytes:
    """Answer what the input asks for."""
    text = source if isinstance(source, str) else source.read_bytes().decode("latin-1")
    if "unreadable" in text:
        raise UnreadableInputError("nothing known; expected a capture")
    if "crash" in text:
        raise WorkerCrashedError("the process ended")
    if "timeout" in text:
        raise WorkerTimeoutError("took too long")
    if "bug" in text:
        raise KeyError("secret detail of the engine")
    if "slow" in text:
        time.sleep(0.5)
    return AnalysisResponse(meta=Meta(trace=TraceMeta(messages=len(text), format=name))).model_dump_json().encode()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 4, 16, 23, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@dataclass
class ServerUnderTest:
    client: TestClient
    administration: Administration
    services: Services
    clock: Clock
    database: str

    def key_for(self, name: str, plan: Plan = Plan.PRO, team: str | None = None) -> dict[str, str]:
        """Make a user with a key, and return the headers of a request with it."""
        self.administration.add_user(name, plan, team)
        return {"Authorization": f"Bearer {self.administration.create_key(name, 'test')}"}
