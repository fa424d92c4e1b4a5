"""What the routes work with, put together once at start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from sip_ci.trace.limits import Limits
from sip_ci_server.accounts.interface import Accounts
from sip_ci_server.api.telemetry import Telemetry
from sip_ci_server.fetching import Fetcher, FetchPolicy
from sip_ci_server.inputs import Inputs
from sip_ci_server.settings import ServerSettings
from sip_ci_server.storage.captures import CaptureStore
from sip_ci_server.workers import AnalysisRunner, ProcessWorkers, analyze_in_worker


@dataclass(frozen=True, slots=True)
class Services:
    """The rooms behind the API."""

    settings: ServerSettings
    accounts: Accounts
    runner: AnalysisRunner
    inputs: Inputs
    captures: CaptureStore | None
    telemetry: Telemetry = field(default_factory=Telemetry)


def open_services(settings: ServerSettings, workers: ProcessWorkers) -> Services:
    """Open accounts, captures and whatever else the settings name.

    Raises:
        ConfigError, ServiceError: in one line, if something cannot be opened.
    """
    captures = None
    if settings.captures_dir is not None:
        captures = CaptureStore(
            settings.captures_dir, timedelta(seconds=settings.capture_ttl), settings.capture_store_bytes
        )
    limits = Limits(input_bytes=settings.capture_bytes)
    policy = FetchPolicy(
        allow_http=settings.allow_http,
        ports=settings.fetch_ports,
        maximum_bytes=settings.capture_bytes,
        timeout=settings.fetch_timeout,
    )
    return Services(
        settings=settings,
        accounts=open_accounts(settings),
        runner=AnalysisRunner(workers, settings.workers + settings.queue, partial(analyze_in_worker, limits=limits)),
        inputs=Inputs(Fetcher(policy), captures, settings.roots, settings.capture_bytes),
        captures=captures,
    )


def open_accounts(settings: ServerSettings) -> Accounts:
    """Open the accounts: one key in memory for an embedded server, else the database.

    Raises:
        ConfigError, ServiceError: if the database cannot be used.
    """
    if settings.local_key is not None:
        from sip_ci_server.accounts.local import LocalAccounts

        return LocalAccounts(settings.local_key.get_secret_value())
    from sip_ci_server.accounts.plans import Quotas
    from sip_ci_server.accounts.stored import StoredAccounts
    from sip_ci_server.storage.database import open_database

    return StoredAccounts(open_database(settings.database), Quotas.from_settings(settings))
