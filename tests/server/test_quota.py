"""Quota is exact, whoever asks at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.analysis_server import Clock, ServerUnderTest

from sip_ci_server.accounts.local import LocalAccounts
from sip_ci_server.accounts.plans import Plan, Quotas
from sip_ci_server.accounts.secrets import new_key
from sip_ci_server.accounts.stored import StoredAccounts
from sip_ci_server.storage.database import open_database

SPENDER = """
import sys
from sip_ci_server.accounts.stored import StoredAccounts
from sip_ci_server.accounts.plans import Quotas
from sip_ci_server.storage.database import open_database
accounts = StoredAccounts(open_database(sys.argv[1]), Quotas(100, 100, 300))
principal = accounts.identify(sys.argv[2]).principal
granted = 0
for turn in range(60):
    reservation = accounts.reserve(principal)
    if reservation.granted and turn % 3 == 0:
        accounts.release(principal, reservation)
    elif reservation.granted:
        granted += 1
print(granted)
"""


def key_of(headers: dict[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")


def test_threads_of_one_server(make_server: Callable[..., ServerUnderTest]) -> None:
    server = make_server(pro_daily=10, capacity=100)
    headers = server.key_for("ann")

    def post(trace: str) -> int:
        return server.client.post("/v1/analyze", headers=headers, json={"trace": trace}).status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(post, ["a", "unreadable"] * 20))
    # A refused request may hold the last place for a moment, so some may be told 429; never are more granted.
    assert statuses[::2].count(200) <= 10
    while post("a") == 200:
        statuses.append(200)
    assert statuses.count(200) == 10


def test_processes_on_one_database(server: ServerUnderTest) -> None:
    key = key_of(server.key_for("ann"))
    children = [
        subprocess.Popen(
            [sys.executable, "-c", SPENDER, server.database, key], stdout=subprocess.PIPE, env=child_environment()
        )
        for _ in range(4)
    ]
    granted = 0
    for child in children:
        output, _ = child.communicate(timeout=120)
        assert child.returncode == 0
        granted += int(output)
    accounts = StoredAccounts(open_database(server.database), Quotas(100, 100, 300))
    identity = accounts.identify(key)
    assert identity is not None
    assert identity.usage.used == granted <= 100
    (entry,) = accounts.keys(identity.principal)
    assert entry.calls_today == entry.calls_total == granted
    more = 0
    while accounts.reserve(identity.principal).granted:
        more += 1
    assert granted + more == 100


def child_environment() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    return {"PYTHONPATH": f"{root / 'src'}:{root / 'server'}", "PATH": "/usr/bin:/bin"}


def test_team_pool_is_shared_and_nobody_pays_for_a_refusal(make_server: Callable[..., ServerUnderTest]) -> None:
    server = make_server(team_user_daily=4, team_daily=6)
    ann, bob = (server.key_for(name, Plan.TEAMS, "voice") for name in ("ann", "bob"))
    carl = server.key_for("carl", Plan.TEAMS, "other")

    def spend(headers: dict[str, str], wanted: int) -> int:
        responses = [server.client.post("/v1/analyze", headers=headers, json={"trace": "a"}) for _ in range(wanted)]
        return sum(response.status_code == 200 for response in responses)

    assert spend(ann, 9) == 4
    response = server.client.get("/v1/keys", headers=bob)
    assert response.headers["x-ratelimit-limit"] == "4"
    assert response.headers["x-ratelimit-remaining"] == "2"
    assert spend(bob, 9) == 2
    identity = server.services.accounts.identify(key_of(bob))
    assert identity is not None
    assert identity.usage.used == 2
    assert spend(carl, 1) == 1


def test_day_ends_at_midnight_utc(make_server: Callable[..., ServerUnderTest]) -> None:
    server = make_server(pro_daily=1)
    key = key_of(server.key_for("ann"))
    accounts = server.services.accounts
    identity = accounts.identify(key)
    assert identity is not None
    reservation = accounts.reserve(identity.principal)
    assert reservation.granted
    assert not accounts.reserve(identity.principal).granted
    server.clock.advance(timedelta(hours=1))
    assert accounts.reserve(identity.principal).granted
    # What was counted yesterday is given back to yesterday.
    assert accounts.release(identity.principal, reservation).used == 1
    (entry,) = accounts.keys(identity.principal)
    assert (entry.calls_today, entry.calls_total) == (1, 1)


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_any_limit_holds(make_server: Callable[..., ServerUnderTest], limit: int) -> None:
    server = make_server(pro_daily=limit)
    identity = server.services.accounts.identify(key_of(server.key_for("ann")))
    assert identity is not None
    assert sum(server.services.accounts.reserve(identity.principal).granted for _ in range(limit + 3)) == limit


def test_local_accounts_behave_like_stored_ones() -> None:
    clock = Clock()
    key = new_key()
    accounts = LocalAccounts(key, limit=2, clock=clock)
    assert accounts.identify(new_key()) is None
    assert accounts.identify("") is None
    identity = accounts.identify(key)
    assert identity is not None
    first = accounts.reserve(identity.principal)
    assert first.granted
    assert accounts.reserve(identity.principal).granted
    assert not accounts.reserve(identity.principal).granted
    assert accounts.release(identity.principal, first).remaining == 1
    clock.advance(timedelta(hours=2))
    (entry,) = accounts.keys(identity.principal)
    assert (entry.calls_today, entry.calls_total) == (0, 1)
    assert accounts.release(identity.principal, first).used == 0
