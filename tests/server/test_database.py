"""Opening the database."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sip_ci.errors import ConfigError, ServiceError, UsageError
from sip_ci_server.accounts.administration import Administration
from sip_ci_server.accounts.plans import Plan
from sip_ci_server.storage.database import open_database
from sip_ci_server.storage.models import SCHEMA_VERSION


def test_tables_survive_and_keys_are_only_hashes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    Administration(open_database(url)).add_user("ann", Plan.PRO)
    key = Administration(open_database(url)).create_key("ann", "ci")
    assert [user.name for user in Administration(open_database(url)).users()] == ["ann"]
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert key[:13].encode() in stored
    assert key.encode() not in stored
    assert key[13:].encode() not in stored


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    open_database(f"sqlite:///{path}").dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = ?", (SCHEMA_VERSION + 1,))
    with pytest.raises(ServiceError, match="newer"):
        open_database(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://localhost/x", "oracle://x", "sqlite+nodriver:///x"])
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigError):
        open_database(url)


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database, " * 100)
    for path in ("missing/folder/a.db", "text.db"):
        with pytest.raises(ServiceError) as refused:
            open_database(f"sqlite:///{tmp_path / path}")
        assert "\n" not in str(refused.value)


def test_servers_that_start_together_make_one_set_of_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(open_database, [url] * 8))
    Administration(engines[0]).add_user("ann", Plan.PRO)
    assert len(Administration(engines[7]).users()) == 1


def test_operator_mistakes_are_named(tmp_path: Path) -> None:
    administration = Administration(open_database(f"sqlite:///{tmp_path / 'a.db'}"))
    administration.add_user("ann", Plan.PRO)
    for mistake in (
        lambda: administration.add_user("ann", Plan.PRO),
        lambda: administration.add_user("", Plan.PRO),
        lambda: administration.add_user("a\nb", Plan.PRO),
        lambda: administration.add_user("bob", Plan.PRO, "team"),
        lambda: administration.create_key("nobody", "ci"),
        lambda: administration.keys("nobody"),
        lambda: administration.revoke_key("sips_00000000"),
    ):
        with pytest.raises(UsageError):
            mistake()
